"""Limits how often one key (an address, a link) may be used; in this process's memory, of bounded size."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from collegium.domain.errors import TooManyRequests

#: Keys kept at most; those unused the longest are forgotten first, so that a flood of them cannot fill the memory.
MAX_KEYS = 10_000


class Throttle:
    """A bucket per key: ``burst`` at once, then one each ``interval`` seconds."""

    def __init__(self, burst: int, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._interval, self._clock = burst, interval, clock
        #: Key → when its bucket is full again.
        self._full: OrderedDict[str, float] = OrderedDict()

    def use(self, key: str) -> None:
        """Count a use; raises TooManyRequests, which says when to come back."""
        now = self._clock()
        full = max(self._full.get(key, now), now) + self._interval
        wait = full - now - self._burst * self._interval
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyRequests(f"Too many tries. Come back in {seconds} seconds.", retry_after=seconds)
        self._full[key] = full
        self._full.move_to_end(key)
        while len(self._full) > MAX_KEYS:
            self._full.popitem(last=False)
