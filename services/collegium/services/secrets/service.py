"""What can be done with a group's secrets. Knows the store and the cipher; knows no HTTP."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.files import PLATFORM
from collegium.domain.secrets import (
    MAX_SECRETS,
    Secret,
    SecretKind,
    SecretUse,
    check_secret_fields,
    check_secret_name,
    check_secret_value,
)
from collegium.services.by import By
from collegium.services.secrets.models import SecretIn, SecretList, SecretOut, SecretUseOut

#: The kind of the events that tell of secrets.
EVENT = "secret"
#: How many of those that use a secret a refusal lists.
LISTED = 20


class SecretService:
    """List, set, remove. Expects that the policy was asked already. No method gives a value back."""

    def __init__(self, database: Database, cipher: Cipher, clock: Callable[[], datetime]) -> None:
        self._database, self._cipher, self._clock = database, cipher, clock

    async def list(self, group: str) -> SecretList:
        """All that a group may use, by name; of one name its own wins over the platform's."""

        def look(uow: UnitOfWork) -> builtins.list[SecretOut]:
            found = uow.secrets.all(group)
            uses = uow.secrets.uses(group) if found else {}
            mine = {s.name for s in found}
            shared = [secret_out(s, ()) for s in uow.secrets.shared(group) if s.name not in mine]
            return sorted([*(secret_out(s, uses.get(s.name, ())) for s in found), *shared], key=lambda s: s.name)

        return SecretList(items=await self._database.reading(look), problem=self._cipher.problem)

    async def put(self, by: By, group: str, name: str, body: SecretIn) -> SecretOut:
        """Make or change one; jobs that start from now on get the new value.

        Raises InvalidInput; TooLarge for a value that is too long; Conflict for a group that has too many;
        Misconfigured where there is no key to seal it with.
        """
        check_secret_name(name)
        moment = self._clock()

        def write(uow: UnitOfWork) -> SecretOut:
            _lock(uow, group)
            before = uow.secrets.get(group, name)
            kind = kind_of(before, body.kind)
            fresh = Secret(group, name, body.description or "", by.actor.user, moment, by.actor.user, moment, kind)
            content = read_content(kind, body.value, body.fields)
            sealed = None if content is None else self._cipher.seal(content, fresh.about)
            if before is None:
                if sealed is None:
                    field = "value" if kind is SecretKind.OPAQUE else "fields"
                    raise InvalidInput(field, "is missing: the group has no such secret yet")
                if uow.secrets.count(group) >= MAX_SECRETS:
                    raise Conflict(f"Group {group} has {MAX_SECRETS} secrets; remove some first.", limit=MAX_SECRETS)
                after = fresh
            else:
                described = before.description if body.description is None else body.description
                after = replace(before, description=described, updated_by=by.actor.user, updated_at=moment)
            uow.secrets.put(after, sealed)
            details = {"new": before is None, "value": sealed is not None}
            uow.audit.append(by.entry(moment, "secret.put", name, group, details))
            done = "made" if before is None else "given a new value" if sealed is not None else "described anew"
            self._tell(uow, by, after, "Made" if before is None else "Changed", f"Secret {name} was {done}.")
            return secret_out(after, uow.secrets.uses(group).get(name, ()))

        return await self._database.writing(write)

    async def delete(self, by: By, group: str, name: str) -> SecretOut:
        """Remove one. Raises NotFound; Conflict, with the list, while something will want it."""

        def write(uow: UnitOfWork) -> SecretOut:
            _lock(uow, group)
            secret = uow.secrets.get(group, name)
            if secret is None:
                raise NotFound(f"Group {group} has no secret {shorten(name)}.")
            if uses := uow.secrets.uses(group).get(name, []):
                raise in_use(name, uses)
            uow.secrets.delete(secret)
            moment = self._clock()
            uow.audit.append(by.entry(moment, "secret.delete", name, group))
            self._tell(uow, by, replace(secret, updated_at=moment), "Deleted", f"Secret {name} was removed.")
            return secret_out(secret, ())

        return await self._database.writing(write)

    def _tell(self, uow: UnitOfWork, by: By, secret: Secret, state: str, text: str) -> None:
        told = (state, f"Secret{state}", text)
        uow.events.append(
            secret.group, EVENT, secret.name, secret.updated_at, *told, name=secret.name, user=by.actor.user
        )


def _lock(uow: UnitOfWork, group: str) -> None:
    """Whoever submits holds the group's row, too: what is removed here is not named there at the same moment."""
    if uow.groups.lock(group) is None:
        raise NotFound(f"group: there is no group {group}", field="group", value=group)


def kind_of(before: Secret | None, asked: SecretKind | None) -> SecretKind:
    """The kind that is meant; raises InvalidInput for a change of it."""
    if before is None:
        return asked or SecretKind.OPAQUE
    if asked is not None and asked is not before.kind:
        raise InvalidInput("kind", f"is {before.kind.value} and stays so; make another secret", asked.value)
    return before.kind


def read_content(kind: SecretKind, value: str | None, fields: Mapping[str, str] | None) -> str | None:
    """What is sealed, None if nothing was given. Raises InvalidInput or TooLarge, which do not quote it."""
    if fields is not None:
        if value is not None:
            raise InvalidInput("fields", "are given beside a value; leave one out")
        return json.dumps(check_secret_fields(kind, fields))
    if value is None:
        return None
    if kind is not SecretKind.OPAQUE:
        raise InvalidInput("value", f"is for opaque secrets; one of kind {kind.value} has fields")
    return check_secret_value(value)


def in_use(name: str, uses: Sequence[SecretUse]) -> Conflict:
    """The refusal to remove one that is still wanted."""
    shown = ", ".join(f"{u.kind} {shorten(u.name, 40)}" + f" of {u.user}" * bool(u.user) for u in uses[:5])
    more = f" and {len(uses) - 5} more" if len(uses) > 5 else ""
    return Conflict(
        f"Secret {name} is still wanted by {shown}{more}; cancel or change these first.",
        count=len(uses),
        uses=[{"kind": u.kind, "id": u.id, "name": u.name, "user": u.user} for u in uses[:LISTED]],
    )


def uses_out(uses: Sequence[SecretUse]) -> builtins.list[SecretUseOut]:
    """The first of those that still want a secret."""
    return [SecretUseOut(kind=u.kind, id=u.id, name=u.name, user=u.user) for u in uses[:LISTED]]


def secret_out(secret: Secret, uses: Sequence[SecretUse]) -> SecretOut:
    """As a group sees it."""
    return SecretOut(
        name=secret.name,
        kind=secret.kind,
        platform=secret.group == PLATFORM,
        description=secret.description,
        created_by=secret.created_by,
        created_at=secret.created_at,
        updated_by=secret.updated_by,
        updated_at=secret.updated_at,
        used_by=len(uses),
        uses=uses_out(uses),
    )
