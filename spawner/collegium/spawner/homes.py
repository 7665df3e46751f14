"""Homes as the local backend has them, and what of datasets and shared files is made before a server starts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Iterable
from pathlib import Path

from collegium.backends.local import create
from collegium.backends.local.mounter import DATASETS, PROJECT, place
from collegium.backends.ports import Backend
from collegium.domain.mounts import Mount, folders_of
from collegium.settings import Settings
from collegium.stores.opening import open_store
from collegium.stores.settings import FileSettings


@functools.cache
def _backend(settings: Settings, skeleton: str) -> Backend:
    return create(state_dir=settings.state_dir / "local", homes_dir=settings.homes_dir, skeleton=skeleton or None)


async def home_of(settings: Settings, user: str, group: str, skeleton: str = "") -> str:
    """The user's home in this group, made at first use as a copy of the folder ``skeleton``."""
    backend = await asyncio.to_thread(_backend, settings, skeleton)
    return await backend.volumes.home(user, group)


async def make_trees(settings: Settings, mounts: Iterable[Mount]) -> None:
    """See that the trees of the file store are there: the hub starts servers also while there is no service."""
    roots = [m.root for m in folders_of(mounts) if m.root is not None and not m.root.frozen]
    if roots:
        store = open_store(FileSettings.from_environment(), settings.files_dir)
        try:
            for root in roots:
                await store.ensure(root)
        finally:
            await store.close()


def link_mounts(home: Path, folder: Path, mounts: Iterable[Mount]) -> None:
    """``~/datasets`` and ``~/project`` lead into the server's folder, unless the user has something of that name."""
    targets = {DATASETS: folder / DATASETS}
    for shared in (m for m in folders_of(mounts) if not m.dataset):
        targets[PROJECT] = place(folder, shared)
    for name in (DATASETS, PROJECT):
        link = home / name
        with contextlib.suppress(OSError):
            # Ours is a link into the folders of servers, of this one or of an earlier one.
            if os.readlink(link).startswith(f"{folder.parent}/"):
                link.unlink()
        if name in targets and not os.path.lexists(link):
            link.symlink_to(targets[name])
