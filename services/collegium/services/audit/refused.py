"""Lines of the audit log for attempts on people, invitations and secrets that came to nothing.

Whoever tries again and again gets a few lines and then a number: the log is for reading, and nobody may fill it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from collegium.db import Database
from collegium.domain.audit import AuditEntry, Outcome
from collegium.domain.errors import Conflict, DomainError, Forbidden, NotFound, TooManyRequests, shorten
from collegium.domain.policy import POLICY, Operation
from collegium.services.throttle import MAX_KEYS, Throttle

#: Lines at once and seconds until the next one, of one person and of all together.
OF_ONE, OF_ALL = (10, 30.0), (100, 5.0)
_log = logging.getLogger("collegium.services")


def worth_a_line(operation: Operation, error: BaseException | None, reading: bool) -> bool:
    """Was it an attempt that somebody may want to read of? Typing errors and failures of ours are none.

    Nor is anything that the caller has written down already. Who reads is told of only where they may not.
    """
    kind, _, _ = operation.value.partition(".")
    if kind not in ("user", "invitation", "secret") or POLICY[operation].scope is None:
        return False
    if not isinstance(error, DomainError) or error.written_down:
        return False
    return isinstance(error, Forbidden) or (not reading and isinstance(error, NotFound | Conflict))


class RefusedAttempts:
    """Writes in the background, so that a refusal is as quick as before."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._clock = database, clock
        self._one, self._all = Throttle(*OF_ONE, ticks), Throttle(*OF_ALL, ticks)
        #: Person → lines that were left out since their last one.
        self._left_out: OrderedDict[str, int] = OrderedDict()
        self._writing: set[asyncio.Task[None]] = set()

    def note(
        self, operation: Operation, actor: str, object: str, group: str, error: DomainError, request_id: str
    ) -> None:
        """One line, unless there are too many."""
        try:
            self._one.use(actor)
            self._all.use("")
        except TooManyRequests:
            self._left_out[actor] = self._left_out.get(actor, 0) + 1
            while len(self._left_out) > MAX_KEYS:
                self._left_out.popitem(last=False)
            return
        left_out = self._left_out.pop(actor, 0)
        details: dict[str, Any] = {"left_out": left_out} if left_out else {}
        reason = shorten(error.message, 300) or ""
        entry = AuditEntry(
            self._clock(), actor, operation.value, object, group, Outcome.REFUSED, reason, details, request_id
        )
        task = asyncio.get_running_loop().create_task(self._write(entry))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def settle(self) -> None:
        """Wait until all is written."""
        await asyncio.gather(*self._writing)

    async def _write(self, entry: AuditEntry) -> None:
        try:
            await self._database.writing(lambda uow: uow.audit.append(entry))
        except Exception:
            _log.warning("a refused attempt could not be written down", exc_info=True)
