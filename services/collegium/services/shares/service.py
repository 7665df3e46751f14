"""Share links as the group sees them: made, listed, revoked. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, shorten
from collegium.domain.names import new_id
from collegium.domain.policy import Operation, explain
from collegium.domain.shares import FileBounds, Share, ShareLinks
from collegium.passwords import hash_password
from collegium.services.by import By
from collegium.services.files.places import Places
from collegium.services.paging import number_cursor, read_number_cursor
from collegium.services.shares.access import ShareAccess
from collegium.services.shares.models import ShareCreated, ShareIn, ShareOut, SharePage
from collegium.services.shares.tokens import make_token

#: The kind of the events that tell of share links.
EVENT = "share"
#: Links of a group that are not over.
MAX_OPEN = 500


class ShareService:
    """Expects that the policy was asked already."""

    def __init__(
        self,
        database: Database,
        places: Places,
        access: ShareAccess,
        cipher: Cipher,
        bounds: FileBounds,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._places, self._access = database, places, access
        self._cipher, self._bounds, self._clock = cipher, bounds, clock

    async def page(self, group: str, limit: int, cursor: str | None) -> SharePage:
        """Those of a group, the newest first."""
        before = read_number_cursor("s", cursor) if cursor else None

        def look(uow: UnitOfWork) -> SharePage:
            found = uow.shares.page(group, before, limit + 1)
            holds = self._holds(uow, group)
            off = "The group's settings allow no share links." if holds is ShareLinks.OFF else ""
            return SharePage(
                items=[_out(s, self._access.problem(uow, s)) for s in found[:limit]],
                next_cursor=number_cursor("s", found[limit - 1].number) if len(found) > limit else None,
                allowed=holds.value,
                problem=off or self._cipher.problem,
            )

        return await self._database.reading(look)

    async def create(self, by: By, group: str, body: ShareIn, pages: str) -> ShareCreated:
        """Make a link; ``pages`` is where links lead. It is in this answer only.

        Raises InvalidInput; NotFound for what is not there; Forbidden for what is another group's; Conflict for what
        the settings do not allow; Misconfigured without a key.
        """
        place = await self._places.find(group, body.path)
        if not place.path:
            raise InvalidInput("path", "must name a file or folder, not all of them", body.path)
        if not place.own or place.base:
            raise Forbidden("What is in a dataset is shared by granting it.", path=shorten(place.shown))
        entry = await place.store.stat(place.root, place.path)
        # Whole seconds: the link itself carries no less.
        moment = self._clock()
        expires_at = (moment + timedelta(days=body.expires_in_days)).replace(microsecond=0)
        share_id = new_id("shr")
        token, token_hash = make_token(self._cipher, share_id, expires_at)
        share = Share(
            id=share_id,
            group=group,
            path=place.shown,
            kind=entry.kind,
            token_hash=token_hash,
            created_by=by.actor.user,
            created_at=moment,
            expires_at=expires_at,
            public=body.public,
            password_hash=await asyncio.to_thread(hash_password, body.password) if body.password else "",
            note=body.note.strip(),
        )
        await self._database.writing(lambda uow: self._insert(uow, by, share))
        return ShareCreated(**_out(share, "").model_dump(), url=f"{pages}/{token}")

    async def revoke(self, by: By, group: str, share_id: str) -> ShareOut:
        """From now on it opens nothing. Raises NotFound; Forbidden for somebody else's."""
        moment = self._clock()

        def revoke(uow: UnitOfWork) -> ShareOut:
            share = uow.shares.get(share_id) if len(share_id) <= 40 else None
            if share is None or share.group != group:
                raise NotFound(f"Group {group} has no share link {shorten(share_id)}.")
            verdict = explain(by.actor, Operation.SHARE_REVOKE, group, owner=share.created_by)
            if not verdict.allowed:
                raise Forbidden(verdict.reason, operation=Operation.SHARE_REVOKE.value, group=group)
            if share.revoked_at is None:
                uow.events.lock(group)
                uow.shares.revoke(share.id, by.actor.user, moment)
                share = replace(share, revoked_at=moment, revoked_by=by.actor.user)
                self._write_down(uow, by, "share.revoke", share)
                text = f"The link to {share.path} was revoked."
                self._tell(uow, by, share, "Revoked", text)
            return _out(share, self._access.problem(uow, share))

        return await self._database.writing(revoke)

    def _insert(self, uow: UnitOfWork, by: By, share: Share) -> None:
        if uow.groups.lock(share.group) is None:
            raise NotFound(f"group: there is no group {share.group}", field="group", value=share.group)
        holds = self._holds(uow, share.group)
        if holds is ShareLinks.OFF:
            raise Conflict("The group's settings allow no share links; an admin of the group can change that.")
        if share.public and holds is not ShareLinks.PUBLIC:
            raise Conflict(
                f"public: the group's settings allow links for '{holds.value}' at most", field="public", allowed=holds
            )
        if uow.shares.count_open(share.group, self._clock()) >= MAX_OPEN:
            raise Conflict(f"The group has {MAX_OPEN} share links; revoke some first.", limit=MAX_OPEN)
        uow.shares.insert(share)
        self._write_down(uow, by, "share.create", share)
        self._tell(uow, by, share, "Shared", f"{share.path} was shared by a link.")

    def _holds(self, uow: UnitOfWork, group: str) -> ShareLinks:
        return self._bounds.links(uow.group_settings.get(group).share_links)

    def _write_down(self, uow: UnitOfWork, by: By, action: str, share: Share) -> None:
        details = {
            "path": share.path,
            "kind": share.kind.value,
            "expires_at": share.expires_at.isoformat(),
            "public": share.public,
            "password": bool(share.password_hash),
        }
        line = (self._clock(), by.actor.user, action, share.id, share.group)
        uow.audit.append(AuditEntry(*line, details=details, request_id=by.request_id))

    def _tell(self, uow: UnitOfWork, by: By, share: Share, state: str, text: str) -> None:
        told = (state, f"Link{state}", text)
        uow.events.append(share.group, EVENT, share.id, self._clock(), *told, name=share.path, user=by.actor.user)


def _out(share: Share, problem: str) -> ShareOut:
    return ShareOut(
        id=share.id,
        path=share.path,
        kind=share.kind,
        created_by=share.created_by,
        created_at=share.created_at,
        expires_at=share.expires_at,
        has_password=bool(share.password_hash),
        public=share.public,
        revoked_at=share.revoked_at,
        opened=share.opened,
        opened_at=share.opened_at,
        note=share.note,
        problem=problem,
    )
