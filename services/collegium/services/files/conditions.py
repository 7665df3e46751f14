"""What a request says about the content that it knows, and what that makes of the answer."""

from __future__ import annotations

from dataclasses import dataclass

from tornado.httputil import HTTPHeaders

from collegium.domain.errors import InvalidInput
from collegium.domain.files import Entry
from collegium.services.jobs.files import read_range

#: Bytes of a file that is written in one request; larger ones are uploads.
SMALL = 64 << 20


@dataclass(frozen=True)
class Conditions:
    """Header values as they came, empty without."""

    range: str = ""
    if_range: str = ""
    if_match: str = ""
    if_none_match: str = ""

    @classmethod
    def of(cls, headers: HTTPHeaders) -> Conditions:
        """Those of a request."""
        names = ("Range", "If-Range", "If-Match", "If-None-Match")
        return cls(*(str(headers.get(n, "")).strip() for n in names))

    def unchanged(self, entry: Entry) -> bool:
        """Does the caller have this content already?"""
        known = {_plain(part) for part in self.if_none_match.split(",")} if self.if_none_match else set()
        return "*" in known or entry.etag in known

    def span(self, entry: Entry) -> tuple[int, int] | None:
        """Bytes [start, end), None for all. Raises RangeNotSatisfiable."""
        if not self.range or (self.if_range and self.if_range != f'"{entry.etag}"'):
            return None
        return read_range(self.range, entry.size)

    def for_writing(self) -> tuple[bool, str]:
        """May something be replaced, and which ETag must it have (empty: any)? Raises InvalidInput."""
        if self.if_none_match and self.if_none_match != "*":
            raise InvalidInput("If-None-Match", "must be * where something is written", self.if_none_match)
        if self.if_match == "*" or "," in self.if_match:
            raise InvalidInput("If-Match", "must be one ETag", self.if_match)
        return not self.if_none_match, _plain(self.if_match)


def _plain(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')
