"""Slows down guessing: so many failures per user and address in a window, then a pause."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

#: Keys kept at most; the longest unused are forgotten first, so that a flood of names cannot fill the memory.
MAX_KEYS = 20_000


class Throttle:
    """Counts attempts when they begin, so that a hundred at once do not all slip in before the first has failed."""

    def __init__(self, limit: int = 10, window: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.window = limit, window
        self._clock = clock
        self._attempts: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def begin(self, user: str, address: str) -> int:
        """Count an attempt and return 0, or return for how many seconds this user and address must wait."""
        now, key = self._clock(), (user, address)
        attempts = self._attempts.setdefault(key, deque())
        self._attempts.move_to_end(key)
        while attempts and attempts[0] <= now - self.window:
            attempts.popleft()
        if len(attempts) >= self.limit:
            return max(1, math.ceil(attempts[0] + self.window - now))
        attempts.append(now)
        while len(self._attempts) > MAX_KEYS:
            self._attempts.popitem(last=False)
        return 0

    def succeeded(self, user: str, address: str) -> None:
        """Forget the failures."""
        self._attempts.pop((user, address), None)
