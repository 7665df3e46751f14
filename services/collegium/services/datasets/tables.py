"""The first tables of a version, with their columns and a sample, as previews of shared files show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from collegium.domain.errors import DomainError
from collegium.domain.files import Root
from collegium.services.files.heads import NotShown
from collegium.services.files.preview import table_head
from collegium.services.files.types import suffix_of
from collegium.stores.port import FileStore

#: Tables of one version that are shown, rows and columns of each, and how many files are tried.
TABLES, ROWS, COLUMNS, TRIED = 5, 10, 100, 20
_SUFFIXES = (".csv", ".tsv", ".parquet")


async def first_tables(store: FileStore, root: Root, paths: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """Of the first files by path. One that cannot be read as a table is none."""
    found: list[dict[str, Any]] = []
    named = (p for p in paths if suffix_of(p) in _SUFFIXES)
    for path, _ in zip(named, range(TRIED), strict=False):
        if len(found) == TABLES:
            break
        try:
            async with store.open(root, path) as file:
                head = await table_head(file, ROWS)
        except (DomainError, NotShown):
            continue
        columns = [{"name": name[:200], "type": kind} for name, kind in head.columns[:COLUMNS]]
        sample = [list(row[:COLUMNS]) for row in head.rows]
        rows = head.count if head.count is not None or head.truncated else len(head.rows)
        found.append({"path": path, "columns": columns, "rows": rows, "sample": sample})
    return tuple(found)
