"""Invitations and who used them. A use is counted before the provider is asked, so that no race gives a place twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.domain.groups import Role
from collegium.domain.invitations import Invitation

_i, _u = t.invitations.c, t.invitation_uses.c
TAKEN, DONE = "taken", "done"


class Invitations:
    """Rows of ``invitations`` and ``invitation_uses``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, invitation: Invitation) -> None:
        """A new one, not used yet."""
        self._c.execute(
            sa.insert(t.invitations).values(
                id=invitation.id,
                group_name=invitation.group,
                role=invitation.role.value,
                token_hash=invitation.token_hash,
                created_by=invitation.created_by,
                created_at=invitation.created_at,
                expires_at=invitation.expires_at,
                max_uses=invitation.max_uses,
                email=invitation.email,
                domains=list(invitation.domains),
                note=invitation.note,
                mailed_at=invitation.mailed_at,
                revoked_at=invitation.revoked_at,
                revoked_by=invitation.revoked_by,
            )
        )

    def of_group(self, group: str, limit: int = 200) -> list[Invitation]:
        """The group's newest."""
        statement = sa.select(t.invitations).where(_i.group_name == group)
        rows = self._c.execute(statement.order_by(_i.created_at.desc(), _i.id.desc()).limit(limit)).all()
        return [self._read(r) for r in rows]

    def get(self, group: str, invitation_id: str) -> Invitation | None:
        """One of the group's, None if there is none of this id."""
        statement = sa.select(t.invitations).where(_i.id == invitation_id, _i.group_name == group)
        row = self._c.execute(statement).one_or_none()
        return None if row is None else self._read(row)

    def of_token(self, token_hash: str, *, lock: bool = False) -> Invitation | None:
        """The one that a link stands for; ``lock`` holds it until the transaction ends."""
        statement = sa.select(t.invitations).where(_i.token_hash == token_hash)
        row = self._c.execute(statement.with_for_update() if lock else statement).one_or_none()
        return None if row is None else self._read(row)

    def revoke(self, invitation: Invitation, by: str, at: datetime) -> None:
        """End it; the first to do so stays named."""
        where = (_i.id == invitation.id) & _i.revoked_at.is_(None)
        self._c.execute(sa.update(t.invitations).where(where).values(revoked_at=at, revoked_by=by))

    def mailed(self, invitation: Invitation, at: datetime) -> None:
        """Note that its mail was handed over."""
        self._c.execute(sa.update(t.invitations).where(_i.id == invitation.id).values(mailed_at=at))

    def take(self, invitation: Invitation, subject: str, user: str, at: datetime) -> str:
        """Count a use; ``taken``, or the state of an earlier use by the same account. Check that it is open first."""
        found = self.use(invitation, subject)
        if found is not None:
            return found
        self._c.execute(
            sa.insert(t.invitation_uses).values(
                invitation_id=invitation.id, subject=subject, user_name=user, at=at, state=TAKEN
            )
        )
        return TAKEN

    def use(self, invitation: Invitation, subject: str) -> str | None:
        """``taken`` or ``done``, None if this account never used it."""
        where = (_u.invitation_id == invitation.id) & (_u.subject == subject)
        return self._c.execute(sa.select(_u.state).where(where)).scalar_one_or_none()

    def use_of_name(self, invitation: Invitation, user: str) -> tuple[str, str, datetime] | None:
        """The use under a user name: subject, state, since when; None if there is none."""
        where = (_u.invitation_id == invitation.id) & (_u.user_name == user)
        row = self._c.execute(sa.select(_u.subject, _u.state, _u.at).where(where).order_by(_u.at)).first()
        return None if row is None else (row.subject, row.state, row.at)

    def finish(self, invitation: Invitation, subject: str, new_subject: str | None = None) -> None:
        """The provider has it."""
        where = (_u.invitation_id == invitation.id) & (_u.subject == subject)
        self._c.execute(sa.update(t.invitation_uses).where(where).values(state=DONE, subject=new_subject or subject))

    def give_back(self, invitation: Invitation, subject: str) -> None:
        """The provider refused: the place is free again."""
        where = (_u.invitation_id == invitation.id) & (_u.subject == subject) & (_u.state == TAKEN)
        self._c.execute(sa.delete(t.invitation_uses).where(where))

    def unfinished(self) -> list[tuple[Invitation, str, str, datetime]]:
        """Uses that were counted and not done: invitation, subject, user name, since when."""
        statement = sa.select(t.invitation_uses, t.invitations).join(t.invitations).where(_u.state == TAKEN)
        return [(self._read(r), r.subject, r.user_name, r.at) for r in self._c.execute(statement).all()]

    def users(self, invitation: Invitation) -> list[str]:
        """Who came by it."""
        statement = sa.select(_u.user_name).where(_u.invitation_id == invitation.id).order_by(_u.at)
        return list(self._c.execute(statement).scalars())

    def _read(self, row: Any) -> Invitation:
        count = sa.select(sa.func.count()).where(_u.invitation_id == row.id)
        return Invitation(
            row.id,
            row.group_name,
            Role(row.role),
            row.token_hash,
            row.created_by,
            row.created_at,
            row.expires_at,
            row.max_uses,
            int(self._c.execute(count).scalar_one()),
            row.email,
            tuple(row.domains),
            row.note,
            row.mailed_at,
            row.revoked_at,
            row.revoked_by,
        )
