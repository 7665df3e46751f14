"""Secrets that the platform keeps for groups: made and changed by those who run it, used by those they name."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.db.catalog import EVERY_GROUP
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.files import PLATFORM
from collegium.domain.names import check_group_name
from collegium.domain.secrets import MAX_SECRETS, Secret, SecretKind, SecretUse, check_secret_name
from collegium.services.by import By
from collegium.services.secrets.service import in_use, kind_of, read_content, uses_out
from collegium.services.volumes.models import PlatformSecretIn, PlatformSecretList, PlatformSecretOut

#: Groups that one secret is kept for by name.
MAX_GROUPS = 1000


class PlatformSecretService:
    """List, set, remove. Expects that the policy was asked already. No method gives a value back."""

    def __init__(
        self, database: Database, cipher: Cipher, wake: Callable[[], object], clock: Callable[[], datetime]
    ) -> None:
        self._database, self._cipher, self._wake, self._clock = database, cipher, wake, clock

    async def list(self) -> PlatformSecretList:
        """All, by name."""

        def look(uow: UnitOfWork) -> builtins.list[PlatformSecretOut]:
            found = uow.secrets.all(PLATFORM)
            uses = uow.secrets.uses(PLATFORM) if found else {}
            return [_out(s, uses.get(s.name, [])) for s in found]

        return PlatformSecretList(items=await self._database.reading(look), problem=self._cipher.problem)

    async def put(self, by: By, name: str, body: PlatformSecretIn) -> PlatformSecretOut:
        """Make or change one. Raises InvalidInput, TooLarge, Conflict, Misconfigured as those of groups do."""
        check_secret_name(name)
        groups, moment = _read_groups(body), self._clock()

        def write(uow: UnitOfWork) -> PlatformSecretOut:
            before = uow.secrets.get(PLATFORM, name)
            kind = kind_of(before, body.kind)
            user = by.actor.user
            fresh = Secret(PLATFORM, name, body.description or "", user, moment, user, moment, kind, groups or ())
            content = read_content(kind, body.value, body.fields)
            sealed = None if content is None else self._cipher.seal(content, fresh.about)
            if before is None:
                if sealed is None:
                    field = "value" if kind is SecretKind.OPAQUE else "fields"
                    raise InvalidInput(field, "is missing: there is no such secret yet")
                if uow.secrets.count(PLATFORM) >= MAX_SECRETS:
                    raise Conflict(f"There are {MAX_SECRETS} secrets; remove some first.", limit=MAX_SECRETS)
                after = fresh
            else:
                described = before.description if body.description is None else body.description
                kept = before.groups if groups is None else groups
                after = replace(before, description=described, groups=kept, updated_by=user, updated_at=moment)
            uow.secrets.put(after, sealed)
            details = {"new": before is None, "value": sealed is not None, "groups": list(after.groups)}
            self._tell(uow, by, "platform-secret.put", name, details)
            uow.announce()
            return _out(after, uow.secrets.uses(PLATFORM).get(name, []))

        written = await self._database.writing(write)
        self._wake()
        return written

    async def delete(self, by: By, name: str) -> PlatformSecretOut:
        """Remove one. Raises NotFound; Conflict, with the list, while something will want it."""

        def write(uow: UnitOfWork) -> PlatformSecretOut:
            secret = uow.secrets.get(PLATFORM, name)
            if secret is None:
                raise NotFound(f"There is no secret {shorten(name)}.")
            if uses := uow.secrets.uses(PLATFORM).get(name, []):
                raise in_use(name, uses)
            uow.secrets.delete(secret)
            self._tell(uow, by, "platform-secret.delete", name, {})
            uow.announce()
            return _out(secret, [])

        removed = await self._database.writing(write)
        self._wake()
        return removed

    def _tell(self, uow: UnitOfWork, by: By, action: str, name: str, details: dict[str, object]) -> None:
        uow.audit.append(
            AuditEntry(self._clock(), by.actor.user, action, name, details=details, request_id=by.request_id)
        )


def _read_groups(body: PlatformSecretIn) -> tuple[str, ...] | None:
    match body.groups:
        case None:
            return None
        case str():
            return (EVERY_GROUP,)
        case names:
            if len(names) > MAX_GROUPS:
                raise InvalidInput(
                    "groups", f"hold {len(names)} names, at most {MAX_GROUPS} are allowed; name all by *"
                )
            return tuple(sorted({check_group_name(n, f"groups.{i}") for i, n in enumerate(names)}))


def _out(secret: Secret, uses: list[SecretUse]) -> PlatformSecretOut:
    return PlatformSecretOut(
        name=secret.name,
        kind=secret.kind,
        description=secret.description,
        groups="*" if EVERY_GROUP in secret.groups else list(secret.groups),
        created_by=secret.created_by,
        created_at=secret.created_at,
        updated_by=secret.updated_by,
        updated_at=secret.updated_at,
        used_by=len(uses),
        uses=uses_out(uses),
    )
