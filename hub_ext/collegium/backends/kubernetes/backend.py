"""Puts the Kubernetes backend together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from collegium.backends.kubernetes import data
from collegium.backends.kubernetes.client import Cluster
from collegium.backends.kubernetes.logs import HEAD, TAIL, FileLogs, LogCaps
from collegium.backends.kubernetes.mailbox import FOLDER, MailboxCopier, MailboxServer
from collegium.backends.kubernetes.masks import Masks
from collegium.backends.kubernetes.records import Records
from collegium.backends.kubernetes.runner import KubernetesRunner
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.snapshots import Copier, PodCopier
from collegium.backends.kubernetes.sources import KubernetesSources
from collegium.backends.kubernetes.space import KubernetesSpace
from collegium.backends.kubernetes.views import Views
from collegium.backends.kubernetes.volumes import KubernetesVolumes
from collegium.backends.local.layout import Layout
from collegium.backends.ports import Backend, RunRequest, RunStatus
from collegium.cipher import Cipher
from collegium.domain.errors import Unavailable
from collegium.domain.quota import Limits
from collegium.stores.settings import FileSettings

NOTICE = (
    "Everything runs in pods under Pod Security restricted, in a namespace per group with a ResourceQuota and network"
    " policies; whether those policies are enforced is up to the cluster's network."
)


def create_kubernetes(
    *,
    settings: KubernetesSettings | None = None,
    identity: bool = True,
    kubeconfig: str | None = None,
    context: str | None = None,
    snapshot_bytes: int = 512 << 20,
    snapshot_files: int = 10_000,
    log_head: int = HEAD,
    log_tail: int = TAIL,
    cipher: Cipher | None = None,
    **fields: Any,
) -> Backend:
    """The Kubernetes backend.

    ``fields`` are those of KubernetesSettings, if not ``settings`` are given whole; without any they are read from
    ``COLLEGIUM_KUBERNETES``. Without ``identity`` nothing here ever speaks to the cluster: logs, artifacts and
    snapshots work by the files volume, and all that is about Jobs and namespaces raises Unavailable. Sizes are in
    bytes: a snapshot has at most ``snapshot_bytes`` in ``snapshot_files``; of a log the first ``log_head`` and the
    newest ``log_tail`` bytes are kept. ``cipher`` seals what is to be masked in logs; without one, runs with secrets do
    not start. Raises InvalidInput, and OSError if the folders on the volume cannot be made.
    """
    chosen = settings or (KubernetesSettings.from_mapping(fields) if fields else KubernetesSettings.from_environment())
    if settings is not None and fields:
        raise TypeError(f"settings are given whole, so there can be no {', '.join(sorted(fields))}")
    layout, caps = Layout(Path(chosen.files_dir).absolute()), LogCaps(log_head, log_tail)
    layout.prepare(spare=3600.0)
    mounts = data.abilities(chosen, FileSettings.from_environment())
    masks = Masks(cipher or Cipher.without())
    logs, mailbox = FileLogs(layout, caps, masks), layout.root / FOLDER
    if not identity:
        nobody = NoIdentity()
        volumes = KubernetesVolumes(chosen, layout, MailboxCopier(mailbox), snapshot_bytes, snapshot_files)
        return Backend("kubernetes", nobody, logs, volumes, nobody, NOTICE, mounts=mounts)
    cluster = Cluster(kubeconfig=kubeconfig, context=context)
    views, server = Views(cluster, chosen), None
    copier: Copier = MailboxCopier(mailbox)
    if chosen.homes == "claim":
        copier = PodCopier(cluster, chosen, layout, snapshot_bytes, snapshot_files)
        server = MailboxServer(mailbox, copier)
    records = Records(layout, chosen, caps, masks)
    runner = KubernetesRunner(cluster, chosen, records, views, server.start if server else None)
    volumes = KubernetesVolumes(chosen, layout, copier, snapshot_bytes, snapshot_files, runner.end, cluster)

    async def close() -> None:
        if server is not None:
            await server.stop()
        await views.close()
        await cluster.close()

    space = KubernetesSpace(cluster, chosen)
    sources = KubernetesSources(cluster, chosen, stored=not mounts.store)
    return Backend("kubernetes", runner, logs, volumes, space, NOTICE, close, views.follow, mounts, sources)


class NoIdentity:
    """JobRunner and GroupSpace of a process that must not speak to the cluster: the controller does these."""

    async def start(self, request: RunRequest) -> None:
        """See JobRunner."""
        self._refuse()

    async def stop(self, key: str, grace_seconds: float = 10.0) -> None:
        """See JobRunner."""
        self._refuse()

    async def observe(self) -> Mapping[str, RunStatus]:
        """See JobRunner."""
        self._refuse()

    async def forget(self, key: str) -> None:
        """See JobRunner."""
        self._refuse()

    async def ensure(self, group: str, limits: Limits) -> None:
        """See GroupSpace."""
        self._refuse()

    async def remove(self, group: str) -> None:
        """See GroupSpace."""
        self._refuse()

    async def pull_secrets(self, group: str, contents: Mapping[str, str]) -> None:
        """See GroupSpace."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise Unavailable("this process has no Kubernetes identity; only the controller starts, stops and watches")
