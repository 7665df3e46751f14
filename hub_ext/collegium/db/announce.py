"""Word from one process to another that there is something to do, by PostgreSQL's NOTIFY.

A courtesy only: who hears nothing looks a second later all the same. SQLite has no such thing and needs none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import sqlalchemy as sa

CHANNEL = "collegium"
_AGAIN = 5.0
_log = logging.getLogger("collegium.db")


def announce(connection: sa.Connection) -> None:
    """Tell all listeners once this transaction is committed; not at all if it is not."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))


async def listen(url: sa.URL, heard: Callable[[], object]) -> None:
    """Call ``heard`` at each announcement, and after each time of deafness, until cancelled. Ends at once on SQLite."""
    if not url.drivername.startswith("postgresql"):
        return
    import psycopg

    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                address, autocommit=True, connect_timeout=10, keepalives_idle=15, keepalives_interval=5
            )
            async with connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                heard()
                async for _ in connection.notifies():
                    heard()
        except psycopg.OperationalError:
            _log.warning("no word from the database; listening again in %d s", _AGAIN)
        await asyncio.sleep(_AGAIN)
