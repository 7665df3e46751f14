"""Previews: the head of a file as something that can be shown without running anything of it."""

from __future__ import annotations

import asyncio

from collegium.services.files.busy import Busy
from collegium.services.files.heads import HEAD, NotShown, TableHead, decoded, separated
from collegium.services.files.models import ColumnOut, FilePreviewOut, PreviewKind
from collegium.services.files.notebook import LARGEST, cells_of
from collegium.services.files.parquet import parquet_head
from collegium.services.files.places import Places
from collegium.services.files.types import preview_kind, suffix_of
from collegium.stores.port import OpenFile

#: Previews that one person may have made at the same time.
AT_ONCE = 8
#: Bytes of a picture that is shown.
PICTURE = 32 << 20
_SIGNS = {
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF87a", b"GIF89a"),
    ".webp": (b"RIFF",),
    ".bmp": (b"BM",),
    ".pdf": (b"%PDF-",),
}


class PreviewService:
    """Expects that the policy was asked already."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._busy = Busy("previews", AT_ONCE)

    async def of(self, user: str, group: str, path: str, rows: int) -> FilePreviewOut:
        """What a file looks like; ``none`` with a reason where it cannot be shown. Raises NotFound, Conflict."""
        place = await self._places.find(group, path)
        with self._busy.of(user):
            async with place.store.open(place.root, place.path) as file:
                return await preview_of(file, rows)


async def preview_of(file: OpenFile, rows: int) -> FilePreviewOut:
    """The preview of an open file."""
    kind = preview_kind(file.entry.path)
    try:
        match kind:
            case PreviewKind.IMAGE | PreviewKind.PDF:
                return await _as_it_is(file, kind)
            case PreviewKind.NOTEBOOK:
                return await _notebook(file)
            case PreviewKind.TABLE:
                return await _table(file, rows)
            case PreviewKind.TEXT:
                return await _text(file)
        raise NotShown("Files of this kind have no preview.")
    except NotShown as reason:
        return FilePreviewOut(kind=PreviewKind.NONE, reason=str(reason))


async def head_of(file: OpenFile, size: int = HEAD) -> bytes:
    """The first bytes."""
    return b"".join([piece async for piece in file.read(0, min(size, file.entry.size))])


async def table_head(file: OpenFile, rows: int) -> TableHead:
    """Columns and first rows of a CSV, TSV or Parquet file. Raises NotShown."""
    suffix = suffix_of(file.entry.path)
    if suffix == ".parquet":
        return await parquet_head(file, rows)
    cut = file.entry.size > HEAD
    return await asyncio.to_thread(separated, decoded(await head_of(file), cut), suffix, rows, cut)


async def _as_it_is(file: OpenFile, kind: PreviewKind) -> FilePreviewOut:
    if kind is PreviewKind.IMAGE and file.entry.size > PICTURE:
        raise NotShown(f"Pictures of more than {PICTURE >> 20} MiB are not shown.")
    if not (await head_of(file, 16)).startswith(_SIGNS[suffix_of(file.entry.path)]):
        raise NotShown("The content is not what the name says.")
    return FilePreviewOut(kind=kind)


async def _notebook(file: OpenFile) -> FilePreviewOut:
    if file.entry.size > LARGEST:
        raise NotShown(f"Notebooks of more than {LARGEST >> 20} MiB are not shown.")
    cells, cut = await asyncio.to_thread(cells_of, await head_of(file, LARGEST))
    return FilePreviewOut(kind=PreviewKind.NOTEBOOK, cells=cells, truncated=cut)


async def _table(file: OpenFile, rows: int) -> FilePreviewOut:
    head = await table_head(file, rows)
    columns = [ColumnOut(name=name, type=kind) for name, kind in head.columns]
    shown = [list(row) for row in head.rows]
    return FilePreviewOut(kind=PreviewKind.TABLE, columns=columns, rows=shown, truncated=head.truncated)


async def _text(file: OpenFile) -> FilePreviewOut:
    cut = file.entry.size > HEAD
    return FilePreviewOut(kind=PreviewKind.TEXT, text=decoded(await head_of(file), cut), truncated=cut)
