"""All that a run is started with beside its manifest: secrets, mounts, and a token of its own."""

from __future__ import annotations

from collections.abc import Mapping

from collegium.backends.ports import Backend, RunRequest
from collegium.catalog.mounts import mounts_again
from collegium.cipher import Cipher
from collegium.db import Database
from collegium.domain.datasets import Health
from collegium.domain.files import Root
from collegium.domain.jobs import Job
from collegium.domain.mounts import Mount, folders_of
from collegium.services.jobs.command import run_request
from collegium.services.run_tokens import RUN_TOKEN_VARIABLE, RunTokens
from collegium.services.secrets.use import SecretValues
from collegium.stores.port import FileStore


class MountsGone(Exception):
    """Datasets that cannot be mounted although they could when the job was let in, and why."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


#: Trees that are remembered to be there.
_REMEMBERED = 10_000


class Starts:
    """Makes requests for runs. ``store`` holds the trees that runs mount, ``service_url`` is where they reach us."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        cipher: Cipher,
        tokens: RunTokens,
        store: FileStore | None = None,
        service_url: str = "",
    ) -> None:
        self._database, self._backend, self._store = database, backend, store
        self._secrets, self._tokens = SecretValues(database, cipher), tokens
        self._service_url = service_url
        self._trees: set[Root] = set()

    async def request(self, job: Job) -> RunRequest:
        """One attempt, ready to run, and what it mounts made: a tree must have its owner before.

        Raises StartFailed and Misconfigured as ``SecretValues.of``, Unavailable, and MountsGone for datasets that
        turned out not to be there after all.
        """
        secrets = await self._secrets.of(job)
        if self._tokens.ready and RUN_TOKEN_VARIABLE not in {**job.spec.environment, **secrets}:
            secrets[RUN_TOKEN_VARIABLE] = self._tokens.seal(job)
        abilities, entries = self._backend.mounts, job.launch.get("datasets", ())
        mounts = await self._database.reading(lambda uow: mounts_again(uow, job.group, entries, abilities))
        for mount in mounts:
            if mount.root is not None and not mount.problem:
                await self._ensure(mount.root)
        await self._look(job.group, [m for m in folders_of(mounts) if m.root is None])
        return run_request(job, secrets, mounts, self._service_url)

    async def _look(self, group: str, mounts: list[Mount]) -> None:
        """See that sources elsewhere can be mounted: what waits for one that is not there waits for ever."""
        sources = self._backend.sources
        if not mounts or sources is None:
            return
        await sources.ensure(group, mounts)
        found = await self._database.reading(lambda uow: {d.name: d for d in uow.catalog.datasets()})
        problems: dict[str, str] = {}
        for mount in mounts:
            health = await sources.look(group, found[mount.dataset])
            if health.state in (Health.MISSING, Health.BROKEN):
                problems[mount.dataset] = health.message or f"its source is {health.state.value}"
        if problems:
            raise MountsGone(problems)

    async def _ensure(self, root: Root) -> None:
        # Versions are there, or gone for good.
        if self._store is None or root.frozen or root in self._trees:
            return
        await self._store.ensure(root)
        if len(self._trees) > _REMEMBERED:
            self._trees.clear()
        self._trees.add(root)
