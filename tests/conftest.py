"""Fixtures of all layers."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from collegium.db import Database
from collegium.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    from support.postgresql import postgresql

    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An installation's settings, once for each database."""
    if request.param == "sqlite":
        yield Settings.at(tmp_path / "state")
        return
    server: str = request.getfixturevalue("postgresql_url")
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield Settings.at(tmp_path / "state", server.replace("/postgres?", f"/{name}?"))
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An empty database, once for each engine."""
    opened = Database.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database."""
    opened = Database.open(Settings.at(tmp_path / "state"))
    yield opened
    opened.close()
