"""Fixtures of the unit tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.settings import Settings

DEMO_CATALOG = Path(__file__).parents[2] / "hub_ext/collegium/hub/demo/catalog.yaml"


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
