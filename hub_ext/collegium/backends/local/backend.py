"""Puts the local backend together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from collegium.backends.local import bell
from collegium.backends.local.layout import Layout
from collegium.backends.local.limits import Limiter
from collegium.backends.local.logs import LocalLogs
from collegium.backends.local.logwriter import HEAD, SEGMENT, TAIL
from collegium.backends.local.mounter import LocalSources, Mounter
from collegium.backends.local.runner import LocalRunner
from collegium.backends.local.volumes import LocalVolumes
from collegium.backends.ports import Backend
from collegium.domain.names import check_group_name
from collegium.domain.quota import Limits

NOTICE = (
    "Everything runs on this machine under one Unix account. Quotas are accounted and workloads are limited, but users"
    " are not isolated from one another: any workload can read and change the files of all others. GPUs and storage are"
    " counted, not fenced."
)


def create_local(
    *,
    state_dir: Path | str,
    homes_dir: Path | str,
    skeleton: Path | str | None = None,
    limiter: Limiter | None = None,
    snapshot_bytes: int = 512 << 20,
    snapshot_files: int = 10_000,
    log_head: int = HEAD,
    log_tail: int = TAIL,
    log_segment: int = SEGMENT,
    files_dir: Path | str | None = None,
    mounter: Mounter | None = None,
) -> Backend:
    """The local backend.

    ``state_dir`` holds runs, logs and snapshots, ``homes_dir`` the homes (``<user>/<group>``); ``skeleton`` is a folder
    that every new home starts as a copy of. Sizes are in bytes: a snapshot has at most ``snapshot_bytes`` in
    ``snapshot_files``; of a log the first ``log_head`` and the newest ``log_tail`` bytes are kept, in files of
    ``log_segment``. ``files_dir`` holds the trees of the file store, None where that is somewhere else. ``limiter`` and
    ``mounter`` are found by trial if not given. Raises OSError if the folders cannot be made.
    """
    layout = Layout(Path(state_dir).absolute())
    layout.prepare()
    homes = Path(homes_dir).absolute()
    homes.mkdir(mode=0o755, parents=True, exist_ok=True)
    limiter = limiter or Limiter.detect()
    limiter.sweep([live.name for live in layout.live.iterdir()])
    mounter = mounter or Mounter.detect(None if files_dir is None else Path(files_dir).absolute())
    bare = None if skeleton is None else Path(skeleton).absolute()
    return Backend(
        name="local",
        jobs=LocalRunner(layout, limiter, {"head": log_head, "tail": log_tail, "segment": log_segment}, mounter),
        logs=LocalLogs(layout),
        volumes=LocalVolumes(layout, homes, limiter, bare, snapshot_bytes, snapshot_files),
        space=LocalSpace(layout),
        notice=f"{NOTICE} {limiter.notice} {mounter.notice}",
        follow=partial(bell.listen, layout.bell),
        mounts=mounter.abilities,
        sources=LocalSources(),
    )


class LocalSpace:
    """GroupSpace: a folder as a sign that the group was here. One account has no fence to put up."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def ensure(self, group: str, limits: Limits) -> None:
        """See GroupSpace; ``limits`` are the ledger's to keep."""
        folder = self._layout.groups / check_group_name(group)
        await asyncio.to_thread(folder.mkdir, 0o700, parents=False, exist_ok=True)

    async def pull_secrets(self, group: str, contents: Mapping[str, str]) -> None:
        """See GroupSpace: nothing is pulled here."""

    async def remove(self, group: str) -> None:
        """See GroupSpace."""
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread((self._layout.groups / check_group_name(group)).rmdir)
