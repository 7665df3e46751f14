"""Opens the store that the settings name."""

from __future__ import annotations

from pathlib import Path

from collegium.stores.port import FileStore
from collegium.stores.settings import FileSettings


def open_store(settings: FileSettings, folder: Path, uid: int | None = None, gid: int | None = None) -> FileStore:
    """The store; ``folder`` is where files are if the settings name no place, and ``uid`` and ``gid`` who people's
    programs run as, if that is not who this runs as. Raises InvalidInput and Unavailable."""
    if settings.store == "s3":
        # Its libraries are an extra.
        from collegium.stores.s3 import S3Store

        return S3Store(settings)
    from collegium.stores.posix import PosixStore

    return PosixStore(Path(settings.folder) if settings.folder else folder, uid, gid)
