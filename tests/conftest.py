"""Fixtures of all layers."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))
DEMO_CATALOG = Path(__file__).parents[1] / "hub_ext/collegium/hub/demo/catalog.yaml"


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


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with the demo catalog, to be copied: migrating takes longer than most tests."""
    settings = Settings.at(tmp_path_factory.mktemp("demo"))
    database = Database.open(settings)
    apply_catalog(database, load_catalog(DEMO_CATALOG))
    # The last connection to close writes all that is in the write-ahead log into the file.
    database.close()
    return settings.state_dir / "collegium.sqlite"


@pytest.fixture
def demo_database(demo_file: Path, tmp_path: Path) -> Iterator[Database]:
    """SQLite with the demo catalog, where ``Settings.at(tmp_path / "state")`` expects it."""
    settings = Settings.at(tmp_path / "state")
    settings.prepare()
    shutil.copy(demo_file, settings.state_dir / "collegium.sqlite")
    opened = Database(settings.database_url)
    yield opened
    opened.close()
