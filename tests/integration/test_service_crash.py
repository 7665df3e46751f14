"""A controller killed before and after every single call that it makes; the end must always be the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.services.crash import die_everywhere
from integration.services.harness import template

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("part", range(4))
async def test_death_at_every_call(tmp_path: Path, part: int, after: bool) -> None:
    assert await die_everywhere(template(tmp_path / "template"), tmp_path, part + 1, 4, after) >= 15
