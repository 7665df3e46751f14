"""Each module has a bucket, each test finds it empty."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from collegium.stores.s3 import S3Store
from support.s3 import S3Server, shared_server
from support.s3_place import Place


@pytest.fixture(scope="module")
def bucket() -> tuple[S3Server, str]:
    server = shared_server()
    return server, server.bucket()


@pytest.fixture
async def place(bucket: tuple[S3Server, str]) -> AsyncIterator[Place]:
    made = Place(*bucket)
    made.clear()
    yield made
    for store in made.stores:
        await store.close()


@pytest.fixture
def store(place: Place) -> S3Store:
    return place.open()
