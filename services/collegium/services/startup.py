"""A start that waits for the database: in a cluster parts come up in any order, and one may be away for a while."""

from __future__ import annotations

import asyncio
import logging

from collegium.db import Database
from collegium.db.schema import cause
from collegium.domain.errors import Unavailable
from collegium.settings import Settings

#: Seconds between tries: at first, and at most.
FIRST, MOST = 0.5, 5.0
#: Seconds after which the same trouble is told again.
TELL_AGAIN = 30.0
_log = logging.getLogger("collegium.services")


async def open_database(settings: Settings, patience: float) -> Database:
    """The database, migrated. While it does not answer, tries for ``patience`` seconds; then Unavailable.

    Cancelling ends the wait after the try under way.
    """
    loop = asyncio.get_running_loop()
    begin, wait = loop.time(), FIRST
    told, before = -TELL_AGAIN, ""
    while True:
        try:
            database = await asyncio.to_thread(Database.open, settings)
        except Unavailable as error:
            text, moment = cause(error), loop.time()
            if moment - begin + wait > patience:
                raise Unavailable(f"The database did not answer for {patience:.0f} seconds: {text}") from error
            if text != before or moment - told >= TELL_AGAIN:
                _log.warning("the database does not answer yet and is tried again: %s", text)
                told, before = moment, text
            await asyncio.sleep(wait)
            wait = min(MOST, wait * 2)
        else:
            if before:
                _log.info("the database answers after %.0f seconds", loop.time() - begin)
            return database
