"""The tests of this folder share one real cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.cluster import TestCluster, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[TestCluster]:
    with running_cluster() as found:
        yield found
