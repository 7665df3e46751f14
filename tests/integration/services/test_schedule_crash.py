"""Two controllers that race, and controllers that die anywhere: each due time has one run and one job."""

from __future__ import annotations

import pytest

from collegium.db import Database
from integration.services.harness import seed
from integration.services.schedule_crash import loops


@pytest.fixture
def world(database: Database) -> Database:
    """With people, on both databases."""
    with database.write() as uow:
        seed(uow)
    return database


async def test_death_anywhere(world: Database) -> None:
    await loops(world, 25, seed=1)


async def test_two_that_race_and_die(world: Database) -> None:
    await loops(world, 20, seed=2, processes=2)


async def test_two_whose_clocks_differ(world: Database) -> None:
    await loops(world, 20, seed=3, processes=2, skew=30)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
async def test_five_hundred_deaths(seeded: Database, part: int) -> None:
    deaths = await loops(seeded, 160, seed=100 + part, processes=1 + part % 2, skew=20.0 * (part // 2))
    assert deaths >= 100
