"""What every GroupSpace and Backend promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import new_id
from collegium.domain.quota import Limits

if TYPE_CHECKING:
    from conftest import Harness


async def test_space_comes_and_goes_and_data_stays(harness: Harness) -> None:
    space, volumes = harness.backend.space, harness.backend.volumes
    await space.ensure("physics", Limits.parse({"cpu": 4}))
    await space.ensure("physics", Limits.parse({"cpu": 2, "memory": "1Gi"}))
    await harness.write_home("alice", "physics", "a", b"1")
    for _ in range(2):
        await space.remove("physics")
    assert (await volumes.snapshot(new_id("job"), "alice", "physics", WorkingDirectory("", ("a",)))).size == 1
    await space.ensure("physics", Limits())


async def test_space_of_a_name_that_is_none(harness: Harness) -> None:
    with pytest.raises(InvalidInput):
        await harness.backend.space.ensure("../x", Limits())


async def test_a_backend_says_what_it_is(harness: Harness) -> None:
    assert harness.backend.name
    assert harness.backend.notice.endswith(".")


async def test_pull_secrets_may_be_set_again(harness: Harness) -> None:
    space = harness.backend.space
    await space.ensure("physics", Limits())
    for contents in ({"a": "{}"}, {"a": "{}", "b": "{}"}, {"b": "{}"}, {}):
        await space.pull_secrets("physics", contents)
    await space.remove("physics")
