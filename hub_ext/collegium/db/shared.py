"""One database object per process, for parts that JupyterHub makes many of (a spawner per server)."""

from __future__ import annotations

import threading

from collegium.db.engine import Database
from collegium.settings import Settings

_open: dict[Settings, Database] = {}
_lock = threading.Lock()


def shared_database(settings: Settings | None = None) -> Database:
    """The database of ``settings`` (default: those of the environment), opened and migrated at first use."""
    settings = settings or Settings.from_environment()
    with _lock:
        if settings not in _open:
            _open[settings] = Database.open(settings)
        return _open[settings]
