"""Who is in a group, and whose work in it must end. Every method expects that the policy was asked already."""

from __future__ import annotations

from collegium.db import Database, UnitOfWork
from collegium.domain.identity import Revocation
from collegium.services.members.models import EndingHolder, MemberOut, MemberPage, RevocationList, RevocationOut
from collegium.services.paging import name_cursor, read_name_cursor, split_page

_KIND = "m"


class MemberService:
    """Reads only: who is a member is the identity provider's, or the catalog's, to say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, group: str, limit: int, cursor: str | None) -> MemberPage:
        """Members by name. Raises InvalidInput for a cursor that is not ours."""
        after = read_name_cursor(_KIND, cursor) if cursor else ""

        def look(uow: UnitOfWork) -> MemberPage:
            found = uow.memberships.people(group, after, limit + 1)
            found, following = split_page(found, limit, lambda p: name_cursor(_KIND, p.name))
            items = [
                MemberOut(name=p.name, display_name=p.display_name, role=p.role, standing=p.standing) for p in found
            ]
            return MemberPage(items=items, next_cursor=following)

        return await self._database.reading(look)

    async def revocations(self, group: str) -> RevocationList:
        """Whose servers and jobs are to end, or were ended, and why."""
        found = await self._database.reading(lambda uow: uow.revocations.of_group(group))
        return RevocationList(items=[revocation_out(r) for r in found])


def revocation_out(r: Revocation) -> RevocationOut:
    """One revocation."""
    return RevocationOut(
        id=r.id,
        group=r.group,
        user=r.user,
        reason=r.reason,
        noticed_at=r.noticed_at,
        due_at=r.due_at,
        ended_at=r.ended_at,
        outcome=r.outcome,
        holders=[EndingHolder.model_validate(h) for h in r.holders],
    )
