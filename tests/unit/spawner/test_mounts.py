"""Datasets of servers: in the form, in the launch, told while it starts, and written down for as long as it runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from collegium.db.engine import now
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.datasets import DatasetUse, Health, SourceHealth
from collegium.domain.mounts import MountAbilities, project_mount
from collegium.spawner.homes import link_mounts
from collegium.spawner.mixin import STATE_KEY
from support.installation import ROOT

DIGITS = Dataset("digits", "Hand-written <digits>", SourceKind.MANAGED, {}, owner="physics")
MAPS = Dataset("maps", "Maps", SourceKind.FOLDER, {"path": "/nowhere"})
KEYS = Dataset("keys", "Keys", SourceKind.ENVIRONMENT, {"endpoint": "example", "OMP": "3"})
BUCKET = Dataset("logs", "Logs", SourceKind.S3, {"bucket": "logs"})


def grant(bench: Any, *datasets: Dataset) -> None:
    with bench.database.write() as uow:
        for each in datasets:
            uow.datasets.insert(each)
            uow.datasets.grant("physics", each.name, AccessMode.READ_ONLY)


def live(bench: Any) -> list[DatasetUse]:
    with bench.database.read() as uow:
        return uow.dataset_uses.live()


class Linked:
    """A machine that mounts folders by links."""

    mount_abilities = MountAbilities(
        elsewhere=lambda d: "" if d.kind is SourceKind.FOLDER else "no",
        enforced=False,
        notice="Only links.",
        rooted=False,
    )


def linked(bench: Any, **more: Any) -> Any:
    """A spawner of such a machine."""
    kind = type("LinkedGrouped", (Linked, type(bench.spawner())), {})
    return bench.spawner("ann", "physics", kind=kind, **more)


async def test_the_form_shows_what_a_server_gets_and_why_not(bench: Any) -> None:
    grant(bench, DIGITS, MAPS, KEYS, BUCKET)
    with bench.database.write() as uow:
        uow.dataset_health.put("maps", [SourceHealth("maps", Health.MISSING, "there is no folder <x>", now())])
    html = await linked(bench).get_options_form()
    assert html.count("data-dataset") == 4 and "Hand-written &lt;digits&gt;" in html
    assert "$COLLEGIUM_DATASETS/digits" in html and "read and write" in html
    assert "Left out: its source is missing: there is no folder &lt;x&gt;" in html
    assert "collegium://physics/.datasets/logs" in html
    assert "Only links." in html and "variables" in html
    # Nobody else's.
    assert "data-dataset" not in await bench.spawner("cem").get_options_form()


async def test_a_launch_has_them_and_lineage_knows_it(bench: Any) -> None:
    grant(bench, DIGITS, MAPS, KEYS)
    with bench.database.write() as uow:
        uow.dataset_health.put("maps", [SourceHealth("maps", Health.MISSING, "", now())])
    spawner = linked(bench)
    seen: list[Any] = []
    spawner.on_start = lambda: asyncio.sleep(0, seen.extend(live(bench)))
    await spawner.start()
    assert {(u.dataset, u.kind, u.workload_id, u.access) for u in seen} == {
        ("digits", "server", "ann/physics", AccessMode.READ_WRITE),
        ("keys", "server", "ann/physics", AccessMode.READ_ONLY),
    }
    assert spawner.get_env()["KEYS_ENDPOINT"] == "example"
    told = {d["name"]: (d["problem"], d["enforced"]) for d in spawner.get_state()[STATE_KEY]["datasets"]}
    assert told == {"digits": ("", False), "maps": ("its source is missing", False), "keys": ("", False)}
    await spawner.stop()
    assert live(bench) == []
    with bench.database.read() as uow:
        assert [use.ended_at is not None for _, use in uow.dataset_uses.page("digits")] == [True]


async def test_a_start_that_fails_and_a_hub_that_was_killed(bench: Any) -> None:
    grant(bench, DIGITS)
    failing = linked(bench)
    failing.fails["start"] = RuntimeError("no room")
    with pytest.raises(RuntimeError):
        await failing.start()
    assert live(bench) == []
    first = linked(bench)
    await first.start()
    # The place was swept while no hub ran; the server still does, and is seen again by the next one.
    with bench.database.write() as uow:
        uow.dataset_uses.end("server", "ann/physics", now())
    second = linked(bench)
    second.load_state(first.get_state())
    second.running = True
    assert await second.poll() is None
    (use,) = live(bench)
    assert (use.dataset, use.label) == ("digits", "physics")
    # Another look writes nothing twice; what turns out to be gone is taken off.
    assert await second.poll() is None and len(live(bench)) == 1
    spec = await bench.database.reading(lambda uow: first._resolve(uow, first.user_options)[0])
    left = await second.leave_out(spec, {"digits": "its claim is gone"})
    assert live(bench) == [] and [m.problem for m in left.mounts if m.dataset] == ["its claim is gone"]


async def test_the_progress_page_tells_what_is_left_out(bench: Any) -> None:
    grant(bench, MAPS)
    with bench.database.write() as uow:
        uow.dataset_health.put("maps", [SourceHealth("maps", Health.BROKEN, "no answer", now())])
    spawner = linked(bench)
    gate = asyncio.Event()
    spawner.on_start = gate.wait
    task = asyncio.ensure_future(spawner.start())
    # The page may be there before anything is known.
    told = [event["message"] async for event in spawner.progress()]
    gate.set()
    await task
    assert "The server will be without the dataset maps: its source is broken: no answer." in told


def test_links_in_the_home_take_nothing_away(tmp_path: Path) -> None:
    home, folder, older = tmp_path / "home", tmp_path / "servers" / "new", tmp_path / "servers" / "old"
    home.mkdir()
    mounts = [project_mount("physics", MountAbilities())]
    (home / "datasets").symlink_to(older / "datasets")
    link_mounts(home, folder, mounts)
    assert os.readlink(home / "datasets") == str(folder / "datasets")
    assert os.readlink(home / "project") == str(folder / "project" / "physics")
    (home / "datasets").unlink()
    (home / "datasets").mkdir()
    (home / "project").unlink()
    (home / "project").symlink_to(ROOT)
    link_mounts(home, folder, mounts)
    assert not (home / "datasets").is_symlink() and os.readlink(home / "project") == str(ROOT)
