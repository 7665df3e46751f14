"""Secrets in jobs: checked when a job is submitted, opened when it starts, and kept in no place in between."""

from __future__ import annotations

from collegium.backends.ports import StartFailed
from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import Job, JobSpec
from collegium.domain.secrets import SecretKind

#: Bytes of all secrets of a job and their names together: beside its environment, Linux takes no more.
MAX_TOGETHER = 512_000


def check_secrets(uow: UnitOfWork, group: str, spec: JobSpec, field: str = "secrets") -> None:
    """Raise InvalidInput for a secret that the group does not have. Those it has stay until the transaction ends."""
    if not spec.secrets:
        return
    uow.events.lock(group)
    known = uow.secrets.known(group, spec.secrets.values())
    for variable, name in spec.secrets.items():
        if name not in known:
            raise InvalidInput(f"{field}.{variable}", f"group {group} has no such secret", name)
        if (kind := known[name].kind) is not SecretKind.OPAQUE:
            raise InvalidInput(f"{field}.{variable}", f"is of kind {kind.value}, which is not for variables", name)


class SecretValues:
    """Opens what a job is about to be given."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database, self._cipher = database, cipher

    async def of(self, job: Job) -> dict[str, str]:
        """Variable → value, as they are now.

        Raises StartFailed if one is gone or all are too large; Misconfigured if no key of ours opens them, which
        somebody can mend.
        """
        wanted = job.spec.secrets
        if not wanted:
            return {}
        kept = await self._database.reading(lambda uow: uow.secrets.usable(job.group, wanted.values()))
        values: dict[str, str] = {}
        for variable, name in wanted.items():
            if name not in kept or kept[name][0].kind is not SecretKind.OPAQUE:
                raise StartFailed(f"secret {name}, wanted as {variable}, is no more in group {job.group}")
            secret, sealed = kept[name]
            values[variable] = self._cipher.open(sealed, secret.about)
        size = sum(len(f"{name}={value}".encode()) + 1 for name, value in values.items())
        if size > MAX_TOGETHER:
            raise StartFailed(f"its secrets have {size} bytes together, at most {MAX_TOGETHER} are possible")
        return values
