"""What every benchmark prints: figures, ratios, the machine and the versions."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0–1) of the values lie; the nearest one, no interpolation."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def ratio(ours: float, peer: float) -> str:
    return f"{ours / peer:.2f}×"


def table(title: str, rows: Sequence[tuple[str, ...]], packages: Sequence[str] = ()) -> None:
    """Print a Markdown section: header row first, then the rows."""
    head, *body = rows
    load = os.getloadavg()[0]
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"\n### {title}\n")
    print(
        f"{today}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, load {load:.1f}, "
        f"Python {platform.python_version()}{', ' + versions if versions else ''}\n"
    )
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in body:
        print("| " + " | ".join(row) + " |")
