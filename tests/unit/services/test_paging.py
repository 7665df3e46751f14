"""What a page holds, and when there is another."""

from __future__ import annotations

import pytest

from collegium.services.paging import number_cursor, read_number_cursor, split_page


@pytest.mark.parametrize(
    ("found", "page", "last"),
    [([], [], None), ([9], [9], None), ([9, 8], [9, 8], None), ([9, 8, 7], [9, 8], 8)],
)
def test_another_page_only_if_more_was_found(found: list[int], page: list[int], last: int | None) -> None:
    items, following = split_page(found, 2, lambda n: number_cursor("n", n))
    assert items == page
    assert (following and read_number_cursor("n", following)) == last
