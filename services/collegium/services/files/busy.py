"""Bounds how much of the same costly thing one person may ask for at the same time, in this process."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from collegium.domain.errors import TooManyRequests


class Busy:
    """Counts what is under way. ``what`` names it in refusals."""

    def __init__(self, what: str, limit: int) -> None:
        self._what, self._limit = what, limit
        self._under_way: Counter[str] = Counter()

    @contextlib.contextmanager
    def of(self, user: str) -> Iterator[None]:
        """One more of this person's; raises TooManyRequests."""
        if self._under_way[user] >= self._limit:
            raise TooManyRequests(
                f"You have {self._limit} {self._what} under way; wait for one to end.", limit=self._limit
            )
        self._under_way[user] += 1
        try:
            yield
        finally:
            self._under_way[user] -= 1
            if not self._under_way[user]:
                del self._under_way[user]
