"""What people write on their jobs: tags to find them by, and notes."""

from __future__ import annotations

from collections.abc import Iterable

from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_label

MAX_TAGS, MAX_TAG, MAX_NOTES = 20, 63, 10_000


def check_tags(tags: Iterable[str], field: str = "tags") -> tuple[str, ...]:
    """The tags in order, each once; raises InvalidInput for too many, or one that is empty, long or has a comma."""
    found: dict[str, None] = {}
    for index, tag in enumerate(tags):
        clean = check_label(tag, f"{field}.{index}", MAX_TAG)
        if "," in clean:
            raise InvalidInput(f"{field}.{index}", "must not hold a comma, which parts tags in a query", clean)
        found[clean] = None
    if len(found) > MAX_TAGS:
        raise InvalidInput(field, f"holds {len(found)} tags, at most {MAX_TAGS} are allowed", None, MAX_TAGS)
    return tuple(sorted(found))
