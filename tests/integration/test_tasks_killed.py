"""Work on files survives the death of the process that does it: done once, whole, and with nothing left behind."""

from __future__ import annotations

import os
import random
import threading
import urllib.error
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.db import tables as t
from collegium.db.engine import now
from collegium.db.file_tables import file_tasks
from collegium.domain.file_tasks import DEAD_AFTER
from collegium.hub.configuration import DEMO_CATALOG
from collegium.settings import Settings
from support.faults import kill9, query
from support.installation import until
from support.service_alone import ServiceAlone

COUNT, PIECE = 400, 1 << 16
FILES = "/groups/physics/files"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[ServiceAlone]:
    made = ServiceAlone(tmp_path / "alone")
    apply_catalog(database := Database.open(Settings.at(made.state)), load_catalog(DEMO_CATALOG))
    database.close()
    try:
        yield made
    finally:
        made.stop()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def ask(alone: ServiceAlone, method: str, path: str, body: Any = None) -> Any:
    status, answer = alone.request(method, f"{FILES}{path}", "ann", body)
    assert status < 300, answer
    return answer


def long_ago(alone: ServiceAlone) -> None:
    """As if the time were over after which a task, a controller, and work on a folder are known to be dead."""
    for folder in (alone.state / "files" / "physics" / "uploads" / ".work").glob("*"):
        os.utime(folder, (0, 0))
    engine = sa.create_engine(f"sqlite:///{alone.state / 'collegium.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sa.update(t.leases).values(expires_at=now() - timedelta(seconds=1)))
        running = file_tasks.c.state == "Running"
        connection.execute(sa.update(file_tasks).where(running).values(seen_at=now() - 2 * DEAD_AFTER))
    engine.dispose()


def kill(alone: ServiceAlone, look: Callable[[], object] = lambda: None) -> None:
    """Another one is there when it returns, and controls at once; ``look`` is called as soon as nobody does."""
    victim = alone.service()
    assert kill9(victim)
    look()
    long_ago(alone)
    until("another was started", lambda: alone.service() != victim and alone.answers(), 60, 0.02)


def copy_and_kill(alone: ServiceAlone, target: str, moment: Callable[[], bool]) -> str:
    """Begin a copy and kill the service at a moment of it; the state of the task then."""

    def begin() -> None:
        # No answer comes if the service dies before.
        try:
            ask(alone, "POST", "/copy", {"source": "data", "target": target})
        except (OSError, urllib.error.URLError):
            return

    beginning = threading.Thread(target=begin)
    beginning.start()
    until(f"the moment of {target}", moment, 60, 0.001)
    seen: list[tuple[Any, ...]] = []
    asked = "SELECT state FROM file_tasks WHERE target = ?"
    kill(alone, lambda: seen.extend(query(alone.state / "collegium.sqlite", asked, target)))
    beginning.join()
    return str(seen[0][0])


def test_a_copy_survives_the_death_of_its_process(alone: ServiceAlone) -> None:
    chance, group = random.Random(5), alone.state / "files" / "physics"
    for number in range(COUNT):
        file = group / "files" / "data" / f"{number % 7}" / f"{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(chance.randrange(PIECE)))
    data = tree(group / "files" / "data")
    size = sum(map(len, data.values()))
    alone.start()
    until("it is measured", lambda: ask(alone, "GET", "/storage")["files"] == COUNT)

    def hidden() -> int:
        """Files that the copy has so far, which nobody sees."""
        return sum(len(files) for _, _, files in os.walk(group / "uploads" / ".work"))

    # In the middle, as what it did so far and its row say; and when it has just come into sight.
    assert copy_and_kill(alone, "half", lambda: hidden() > COUNT // 4) == "Running"
    until("it is over", lambda: ask(alone, "GET", "/tasks")["items"][0]["state"] != "Running")
    copy_and_kill(alone, "whole", (group / "files" / "whole").exists)
    until("it is over", lambda: all(task["state"] != "Running" for task in ask(alone, "GET", "/tasks")["items"]))
    tasks = ask(alone, "GET", "/tasks")["items"]
    assert [(task["state"], task["target"]) for task in tasks] == [("Succeeded", "whole"), ("Succeeded", "half")], tasks
    for target in ("half", "whole"):
        assert tree(group / "files" / target) == data
    stored = ask(alone, "GET", "/storage")
    assert (stored["files"], stored["used"], stored["trash"]) == (3 * COUNT, 3 * size, 0), stored
    assert sorted(e["name"] for e in ask(alone, "GET", "")["items"]) == ["data", "half", "whole"]
    # What the dead left is swept when a controller begins, and each ten minutes.
    kill(alone)
    until("nothing hidden is left", lambda: hidden() == 0)
    live = query(alone.state / "collegium.sqlite", "SELECT kind FROM reservations WHERE released_at IS NULL")
    assert live == []
