"""What can be done with a group's secrets. Knows the store and the cipher; knows no HTTP."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.secrets import MAX_SECRETS, Secret, SecretUse, check_secret_name, check_secret_value
from collegium.services.by import By
from collegium.services.secrets.models import SecretIn, SecretList, SecretOut

#: The kind of the events that tell of secrets.
EVENT = "secret"
#: How many of those that use a secret a refusal lists.
LISTED = 20


class SecretService:
    """List, set, remove. Expects that the policy was asked already. No method gives a value back."""

    def __init__(self, database: Database, cipher: Cipher, clock: Callable[[], datetime]) -> None:
        self._database, self._cipher, self._clock = database, cipher, clock

    async def list(self, group: str) -> SecretList:
        """All of a group, by name."""

        def look(uow: UnitOfWork) -> builtins.list[SecretOut]:
            found = uow.secrets.all(group)
            uses = uow.secrets.uses(group) if found else {}
            return [_out(s, len(uses.get(s.name, ()))) for s in found]

        return SecretList(items=await self._database.reading(look), problem=self._cipher.problem)

    async def put(self, by: By, group: str, name: str, body: SecretIn) -> SecretOut:
        """Make or change one; jobs that start from now on get the new value.

        Raises InvalidInput; TooLarge for a value that is too long; Conflict for a group that has too many;
        Misconfigured where there is no key to seal it with.
        """
        check_secret_name(name)
        if body.value is not None:
            check_secret_value(body.value)
        moment = self._clock()
        fresh = Secret(group, name, body.description or "", by.actor.user, moment, by.actor.user, moment)
        sealed = None if body.value is None else self._cipher.seal(body.value, fresh.about)

        def write(uow: UnitOfWork) -> SecretOut:
            _lock(uow, group)
            before = uow.secrets.get(group, name)
            if before is None:
                if sealed is None:
                    raise InvalidInput("value", "is missing: the group has no such secret yet")
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
            return _out(after, len(uow.secrets.uses(group).get(name, ())))

        return await self._database.writing(write)

    async def delete(self, by: By, group: str, name: str) -> SecretOut:
        """Remove one. Raises NotFound; Conflict, with the list, while something will want it."""

        def write(uow: UnitOfWork) -> SecretOut:
            _lock(uow, group)
            secret = uow.secrets.get(group, name)
            if secret is None:
                raise NotFound(f"Group {group} has no secret {shorten(name)}.")
            if uses := uow.secrets.uses(group).get(name, []):
                raise _in_use(name, uses)
            uow.secrets.delete(secret)
            moment = self._clock()
            uow.audit.append(by.entry(moment, "secret.delete", name, group))
            self._tell(uow, by, replace(secret, updated_at=moment), "Deleted", f"Secret {name} was removed.")
            return _out(secret, 0)

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


def _in_use(name: str, uses: Sequence[SecretUse]) -> Conflict:
    shown = ", ".join(f"{u.kind} {shorten(u.name, 40)} of {u.user}" for u in uses[:5])
    more = f" and {len(uses) - 5} more" if len(uses) > 5 else ""
    return Conflict(
        f"Secret {name} is still wanted by {shown}{more}; cancel or change these first.",
        count=len(uses),
        uses=[{"kind": u.kind, "id": u.id, "name": u.name, "user": u.user} for u in uses[:LISTED]],
    )


def _out(secret: Secret, used_by: int) -> SecretOut:
    return SecretOut(
        name=secret.name,
        description=secret.description,
        created_by=secret.created_by,
        created_at=secret.created_at,
        updated_by=secret.updated_by,
        updated_at=secret.updated_at,
        used_by=used_by,
    )
