"""A start that waits for its database, and JupyterHub's tables beside ours, on a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from jupyterhub import dbutil, orm

from collegium.db import schema
from collegium.db.engine import Database
from collegium.db.schema import HUB_SCHEMA, wait_for_database, with_schema
from collegium.settings import Settings
from support.postgresql import postgresql


@pytest.fixture
def url() -> Iterator[str]:
    with postgresql() as found:
        yield found


def tables(url: str, name: str) -> set[str]:
    engine = sa.create_engine(url)
    try:
        return set(sa.inspect(engine).get_table_names(name))
    finally:
        engine.dispose()


def test_jupyterhubs_tables_and_ours_in_one_database(tmp_path: Path, url: str) -> None:
    settings = Settings.at(tmp_path, url)
    said: list[str] = []
    wait_for_database(settings, said.append, "")
    hub_url = with_schema(url, HUB_SCHEMA)
    # As JupyterHub does it: make, and upgrade at the next start.
    orm.new_session_factory(hub_url)().close()
    dbutil.upgrade_if_needed(hub_url)
    wait_for_database(settings, said.append, "")
    assert said == []
    assert {"users", "groups", "jobs", "alembic_version"} <= tables(url, "public")
    assert {"users", "groups", "spawners", "alembic_version"} <= tables(url, HUB_SCHEMA)
    assert "spawners" not in tables(url, "public")


def test_many_at_once_make_one_schema(tmp_path: Path, url: str) -> None:
    def start(number: int) -> list[str]:
        said: list[str] = []
        # Pods have no lock file in common.
        wait_for_database(Settings.at(tmp_path / str(number), url), said.append)
        return said

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(start, range(6))) == [[]] * 6
    assert "jobs" in tables(url, "public")
    Database(url).close()


def test_a_database_that_comes_later_is_waited_for(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(schema, "PAUSE", 0.05)
    said: list[str] = []
    ready = threading.Event()
    with postgresql() as url:
        socket = Path(url.partition("host=")[2])
        hidden = socket.rename(socket.with_name(socket.name + "-away"))

        def wait() -> None:
            wait_for_database(Settings.at(tmp_path, url), said.append)
            ready.set()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(said) == 1 and "waiting for the database: connection" in said[0]
        hidden.rename(socket)
        assert ready.wait(30)
    # Said once, and not at every try.
    assert len(said) == 1


def test_a_wrong_password_is_told_without_it(tmp_path: Path, monkeypatch) -> None:
    said: list[str] = []

    class Enough(Exception):
        pass

    def say(line: str) -> None:
        said.append(line)
        raise Enough

    with pytest.raises(Enough):
        wait_for_database(Settings.at(tmp_path, "postgresql://me:hush-hush@127.0.0.1:1/x"), say)
    assert "127.0.0.1" in said[0]
    assert "hush-hush" not in said[0]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+psycopg://a:b%40c@h/d", "postgresql+psycopg://a:b%40c@h/d?options=-csearch_path%3Dhub"),
        ("postgresql://h/d?options=-cx%3D1", "postgresql://h/d?options=-cx%3D1+-csearch_path%3Dhub"),
        ("sqlite:////srv/x.sqlite", "sqlite:////srv/x.sqlite"),
    ],
)
def test_with_schema(url: str, expected: str) -> None:
    assert with_schema(url, "hub") == expected
