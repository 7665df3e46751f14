"""Fixtures of all layers."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))
#: Layers where several real programs share a machine that may be busy: one second try, which the closing line tells.
REAL_PARTS = {"browser", "installed", "integration", "keycloak", "kube"}
#: No test asks how long something took: a busy machine is no fault of what is tested.
settings.register_profile("collegium", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("collegium")
DEMO_CATALOG = Path(__file__).parents[1] / "hub_ext/collegium/hub/demo/catalog.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in REAL_PARTS:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Beside the report, which knows last tries only: what was tried twice, a line for each."""
    if config.option.xmlpath:
        again = sorted({report.nodeid for report in terminalreporter.stats.get("rerun", [])})
        Path(config.option.xmlpath).with_name("second-tries.txt").write_text("".join(f"{name}\n" for name in again))


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
