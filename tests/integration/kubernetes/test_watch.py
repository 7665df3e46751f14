"""The cache against a server of ours: whatever breaks, it ends up with what the server has."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from collegium.backends.kubernetes.client import NAMESPACE, POD, Cluster
from collegium.backends.kubernetes.watch import Store, Watched
from collegium.domain.errors import Unavailable
from support.fake_api import Events, FakeApi, settled

#: Small times, so that everything that waits for a time comes soon; ``slow`` is for what must not come by itself.
FAST: dict[str, Any] = {"relist_seconds": 0.2, "watch_seconds": 1, "pause": 0.01, "max_pause": 0.04}
SLOW: dict[str, Any] = {**FAST, "relist_seconds": 300.0}


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels, "managedFields": [{"manager": "x"}]}}


def names(watched: Watched) -> dict[str, str]:
    return {o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in watched.items()}


@asynccontextmanager
async def following(api: FakeApi, folder: Path, **times: Any) -> AsyncIterator[Watched]:
    cluster = Cluster(kubeconfig=api.kubeconfig(folder), pause=0.001, margin=0.1)
    watched = Watched(cluster, POD, namespace=times.pop("namespace", "default"), **times)
    await watched.start()
    try:
        yield watched
    finally:
        await watched.stop()
        await cluster.close()


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi(second=0.1).running() as server:
        yield server


@pytest.fixture
async def quiet(api: FakeApi, tmp_path: Path) -> AsyncIterator[Watched]:
    """Synced, on a watch that lasts, with no list to come by itself."""
    api.second = 1000.0
    async with following(api, tmp_path, **SLOW) as watched:
        await watched.synced()
        await settled(lambda: api.watchers)
        yield watched


async def test_follows(api: FakeApi, quiet: Watched) -> None:
    api.put("pods", pod("a"))
    api.put("pods", pod("b"))
    api.put("pods", pod("else"), "other")
    await settled(lambda: len(names(quiet)) == 2)
    assert "managedFields" not in str(quiet.get("a"))
    api.put("pods", pod("a", x="1"))
    api.remove("pods", "b")
    await settled(lambda: "b" not in names(quiet))
    assert (quiet.get("a") or {})["metadata"]["labels"] == {"x": "1"}
    assert quiet.get("b") is None and quiet.get("a", "other") is None
    assert (api.count("list"), api.count("watch")) == (1, 1)


async def test_a_cluster_wide_cache_wants_a_namespace(api: FakeApi, tmp_path: Path) -> None:
    for space in ("one", "two"):
        api.put("pods", pod("a", app="x"), space)
    api.put("pods", pod("b", app="y"), "two")
    async with following(api, tmp_path, namespace=None, labels="app=x", **SLOW) as watched:
        await watched.synced()
        assert len(list(watched.items())) == 2
        assert watched.get("a", "two") != watched.get("a", "one")
        with pytest.raises(ValueError, match="needs a namespace"):
            watched.get("a")


async def test_objects_without_a_namespace(api: FakeApi, tmp_path: Path) -> None:
    api.put("namespaces", pod("team"), "")
    cluster = Cluster(kubeconfig=api.kubeconfig(tmp_path))
    watched = Watched(cluster, NAMESPACE, **SLOW)
    await watched.start()
    await watched.synced()
    assert watched.get("team") is not None
    await watched.stop()
    await cluster.close()


async def test_sets_changed_at_changes_only(api: FakeApi, quiet: Watched) -> None:
    event = quiet.changed()
    event.clear()
    api.bookmark()
    await quiet.refresh()
    assert not event.is_set()
    api.put("pods", pod("a"))
    await asyncio.wait_for(event.wait(), 20)
    assert "a" in names(quiet)


async def test_start_and_stop_may_come_twice(api: FakeApi, tmp_path: Path) -> None:
    async with following(api, tmp_path, **SLOW) as watched:
        await watched.start()
        await watched.synced()
        await watched.stop()
        await watched.stop()
        with pytest.raises(Unavailable, match="not followed"):
            await watched.refresh()
        api.put("pods", pod("a"))
        await watched.start()
        await settled(lambda: "a" in names(watched))


# -- freshness and refresh


async def test_stale_until_something_is_heard(api: FakeApi, quiet: Watched) -> None:
    quiet.check_fresh()
    with pytest.raises(Unavailable, match="not known as of now"):
        quiet.check_fresh(max_age=0.0)
    for heard in (api.bookmark, lambda: api.put("pods", pod("a"))):
        before = time.monotonic()
        heard()
        await settled(lambda since=before: _fresher(quiet, since))


def _fresher(watched: Watched, since: float) -> bool:
    try:
        watched.check_fresh(time.monotonic() - since)
    except Unavailable:
        return False
    return True


async def test_stale_before_the_first_list(api: FakeApi, tmp_path: Path) -> None:
    api.fail("*", "status", times=-1, status=503)
    async with following(api, tmp_path, **FAST) as watched:
        with pytest.raises(Unavailable, match="could not be listed"):
            await watched.synced(timeout=0.05)
        with pytest.raises(Unavailable):
            watched.check_fresh()
        with pytest.raises(Unavailable):
            await watched.refresh()
        assert watched.get("a") is None and not list(watched.items())
        api.heal()
        await watched.synced()
        watched.check_fresh()


async def test_refresh_sees_what_the_watch_did_not_say(api: FakeApi, quiet: Watched) -> None:
    api.silent = True
    api.put("pods", pod("a"))
    await quiet.refresh()
    assert "a" in names(quiet)
    api.remove("pods", "a")
    await asyncio.gather(*(quiet.refresh() for _ in range(50)))
    assert not names(quiet)
    # Those who ask together share a list; who comes while one is under way waits for the next.
    assert api.count("list") <= 4


async def test_refresh_waits_for_a_list_that_began_after_it(api: FakeApi, quiet: Watched) -> None:
    api.silent = True
    api.fail("list", "late", seconds=0.1)
    first = asyncio.create_task(quiet.refresh())
    await settled(lambda: api.count("list") == 2)
    api.put("pods", pod("a"))
    await quiet.refresh()
    assert "a" in names(quiet)
    await first


async def test_refresh_says_that_it_failed_and_that_it_was_stopped(api: FakeApi, quiet: Watched) -> None:
    await api.down()
    with pytest.raises(Unavailable):
        await quiet.refresh()
    await api.up()
    api.fail("list", "hang", times=-1)
    waiting = asyncio.create_task(quiet.refresh())
    await settled(lambda: api.count("list") > 1)
    await quiet.stop()
    with pytest.raises(Unavailable, match="no longer followed"):
        await waiting


# -- our own answers


async def test_notes_our_own_answers(api: FakeApi, quiet: Watched) -> None:
    api.silent = True
    first = api.put("pods", pod("a"))
    second = api.put("pods", pod("a", x="2"))
    quiet.changed().clear()
    quiet.note(second)
    assert quiet.changed().is_set()
    quiet.note(first)
    quiet.note(api.put("pods", pod("b"), "other"))
    assert names(quiet) == {"a": second["metadata"]["resourceVersion"]}


def test_an_answer_that_comes_late_brings_nothing_back() -> None:
    def made(version: int, uid: str = "u") -> dict[str, Any]:
        return {"metadata": {"name": "a", "uid": uid, "resourceVersion": str(version)}}

    store = Store()
    assert store.put(made(1)) and store.drop(made(3))
    assert not store.put(made(2))
    # It left the selector and came back; a second one of that name; the deletion of the first comes late.
    assert store.put(made(4)) and store.put(made(6, "v"))
    assert not store.drop(made(5)) and not store.put(made(4))
    assert store.drop(made(7, "v")) and not store.objects
    store.replace([made(8, "w")], "10")
    assert store.put(made(12, "x")) and not store.replace([made(8, "w")], "11")
    assert store.replace([], "12") and not store.put(made(11, "x"))
    # Noted while a list came that is older.
    assert store.put(made(20, "y")) and not store.replace([], "19") and store.objects


def test_a_cluster_restored_from_a_backup_is_believed() -> None:
    def made(name: str, version: int) -> dict[str, Any]:
        return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}

    store = Store()
    store.replace([made("a", 90), made("b", 80)], "100")
    store.drop(made("b", 101))
    assert store.replace([made("a", 40), made("b", 41)], "50")
    assert [o["metadata"]["resourceVersion"] for o in store.objects.values()] == ["40", "41"]
    assert store.version == "50"


# -- faults


@pytest.mark.parametrize("act", ["error", "cut", "short", "garbage", "reset", "status", "mute"])
async def test_comes_back_after_a_broken_watch(api: FakeApi, tmp_path: Path, act: str) -> None:
    times = {**SLOW, "watch_seconds": 0}
    async with following(api, tmp_path, **times) as watched:
        await watched.synced()
        api.fail("watch", act, times=4, status=500)
        api.put("pods", pod("a"))
        await settled(lambda: "a" in names(watched))


async def test_lists_while_watches_do_not_work_at_all(api: FakeApi, tmp_path: Path) -> None:
    api.fail("watch", "status", times=-1, status=403, reason="Forbidden", message="pods: watch")
    async with following(api, tmp_path, **SLOW) as watched:
        await watched.synced()
        api.put("pods", pod("a"))
        await settled(lambda: "a" in names(watched))
        assert "watching pods in default: pods: watch" in watched._problem


@pytest.mark.parametrize("how", ["event", "status"])
async def test_lists_again_when_the_version_is_gone(api: FakeApi, quiet: Watched, how: str) -> None:
    api.silent = True
    api.put("pods", pod("a"))
    if how == "event":
        api.fail("watch", "error", times=3, status=410)
    else:
        api.compact()
    api.break_watches()
    await settled(lambda: "a" in names(quiet))
    assert api.count("list") >= 2


async def test_a_silent_watch_is_found_out(api: FakeApi, tmp_path: Path) -> None:
    api.second = 1000.0
    async with following(api, tmp_path, **FAST) as watched:
        await watched.synced()
        await settled(lambda: api.watchers)
        api.silent = True
        api.put("pods", pod("a"))
        await settled(lambda: "a" in names(watched))
        api.remove("pods", "a")
        await settled(lambda: not names(watched))


async def test_a_watch_without_even_a_bookmark_is_not_trusted(api: FakeApi, tmp_path: Path) -> None:
    api.bookmarks = False
    async with following(api, tmp_path, **SLOW) as watched:
        await watched.synced()
        api.silent = True
        api.put("pods", pod("a"))
        await settled(lambda: "a" in names(watched))


async def test_bookmarks_move_the_watch_on(api: FakeApi, tmp_path: Path) -> None:
    async with following(api, tmp_path, **SLOW) as watched:
        await watched.synced()
        api.put("pods", pod("b"), "other")
        api.bookmark()
        await settled(lambda: api.requests[-1][2].get("resourceVersion") == str(api.version))
        # Without the bookmark this would be 410 and a list.
        api.oldest = api.version
        seen = api.count("watch")
        await settled(lambda: api.count("watch") > seen + 1)
        assert api.count("list") == 1


async def test_a_cluster_restored_from_a_backup(api: FakeApi, tmp_path: Path) -> None:
    for name in "abc":
        api.put("pods", pod(name))
    old, objects = api.version, dict(api.objects)
    api.put("pods", pod("d"))
    api.put("pods", pod("a", x="1"))
    async with following(api, tmp_path, **SLOW) as watched:
        await watched.synced()
        assert "d" in names(watched)
        api.version, api.objects, api.history = old, objects, []
        api.break_watches()
        await settled(lambda: names(watched) == api.names())
        api.put("pods", pod("e"))
        await settled(lambda: "e" in names(watched))


def _dropped(_: tuple[str, Any]) -> Events:
    return []


def _doubled(event: tuple[str, Any]) -> Events:
    return [event, event]


def _reordered() -> Callable[[tuple[str, Any]], Events]:
    held: Events = []

    def hold(event: tuple[str, Any]) -> Events:
        held.append(event)
        if len(held) < 3:
            return []
        out, held[:] = held[::-1], []
        return out

    return hold


@pytest.mark.parametrize("tamper", [_dropped, _doubled, _reordered()])
async def test_events_that_are_lost_doubled_or_out_of_order(
    api: FakeApi, tmp_path: Path, tamper: Callable[[tuple[str, Any]], Events]
) -> None:
    api.put("pods", pod("old"))
    async with following(api, tmp_path, **FAST) as watched:
        await watched.synced()
        await settled(lambda: api.watchers)
        api.tamper = tamper
        for number in range(4):
            api.put("pods", pod("a", x=str(number)))
        api.remove("pods", "a")
        api.put("pods", pod("a"))
        api.remove("pods", "old")
        await settled(lambda: names(watched) == api.names())
        assert (watched.get("a") or {})["metadata"]["uid"] == api.objects["pods", "default", "a"]["metadata"]["uid"]


async def test_a_server_that_is_down_for_long(api: FakeApi, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    api.put("pods", pod("a"))
    async with following(api, tmp_path, **FAST) as watched:
        await watched.synced()
        await api.down()
        api.objects.clear()
        api.put("pods", pod("b"))
        await settled(lambda: watched._failures > 20)
        # What is known stays known; that it may be wrong is for check_fresh to say.
        assert "a" in names(watched)
        with pytest.raises(Unavailable):
            watched.check_fresh(max_age=0.001)
        await api.up()
        await settled(lambda: names(watched) == api.names() and "again after" in caplog.text)
    said = [r.message for r in caplog.records if r.name.endswith("watch")]
    assert [m.split(":")[0] for m in said if "failed" in m] == ["Following pods in default failed"]
    assert [m.split(" after")[0] for m in said if "again" in m] == ["Following pods in default again"]


@pytest.mark.parametrize("fault", ["up", "429", "410", "ends", "403", "reset"])
async def test_no_more_than_two_requests_in_a_pause(api: FakeApi, tmp_path: Path, fault: str) -> None:
    pause = 0.02
    api.second = 0.01
    if fault == "ends":
        api.second = 0.0
    elif fault == "reset":
        api.fail("watch", "reset", times=-1)
    elif fault != "up":
        api.fail("watch", "status", times=-1, status=int(fault), retry_after="0")
    began = time.monotonic()
    async with following(api, tmp_path, **{**SLOW, "pause": pause}) as watched:
        await watched.synced()
        began = min(began, time.monotonic())
        await settled(lambda: len(api.requests) > 24)
        # A ratio of counts to the time that really went by holds on any machine, however slow.
        assert len(api.requests) <= 2 * ((time.monotonic() - began) / pause + 2)


async def test_an_error_of_ours_does_not_end_it(api: FakeApi, quiet: Watched, caplog: pytest.LogCaptureFixture) -> None:
    api.say("MODIFIED", {"metadata": {"namespace": "default"}})
    await settled(lambda: "an internal error" in caplog.text)
    api.put("pods", pod("a"))
    await settled(lambda: "a" in names(quiet))


# -- any mixture of all that


STEPS = st.one_of(
    st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from("abcd")),
    st.tuples(st.sampled_from(["note"]), st.sampled_from("abcd")),
    st.tuples(
        st.sampled_from(
            [
                "compact",
                "break",
                "end",
                "silent",
                "drop",
                "double",
                "reorder",
                "bookmark",
                "refresh",
                "heal",
                "rest",
                "bounce",
            ]
        ),
        st.just(""),
    ),
    st.tuples(
        st.sampled_from(["list", "watch"]), st.sampled_from(["reset", "410", "429", "500", "503", "error", "cut"])
    ),
)


async def _step(api: FakeApi, watched: Watched, what: str, which: str) -> None:
    tampers = {"drop": _dropped, "double": _doubled}
    if what in ("put", "note"):
        made = api.put("pods", pod(which))
        if what == "note":
            watched.note(made)
    elif what == "remove":
        if ("pods", "default", which) in api.objects:
            api.remove("pods", which)
    elif what in ("list", "watch"):
        act = which if which in ("reset", "error", "cut") and (what == "watch" or which == "reset") else "status"
        api.fail(what, act, times=2, status=int(which) if which.isdigit() else 500, retry_after="0")
    elif what == "reorder":
        api.tamper = _reordered()
    elif what in tampers:
        api.tamper = tampers[what]
    elif what == "silent":
        api.silent = True
    elif what == "bounce":
        await api.down()
        await api.up()
    elif what == "refresh":
        await asyncio.wait([asyncio.ensure_future(_tried(watched))], timeout=0.05)
    elif what == "rest":
        await asyncio.sleep(0.01)
    else:
        {"compact": api.compact, "break": api.break_watches, "end": api.end_watches}.get(what, api.bookmark)()
        if what == "heal":
            api.heal()
    await asyncio.sleep(0)


async def _tried(watched: Watched) -> None:
    try:
        await watched.refresh()
    except Unavailable:
        return


async def _converges(steps: list[tuple[str, str]]) -> None:
    async with FakeApi(second=0.03).running() as api:
        with tempfile.TemporaryDirectory() as folder:
            async with following(api, Path(folder), **{**FAST, "relist_seconds": 0.05}) as watched:
                for what, which in steps:
                    await _step(api, watched, what, which)
                api.heal()
                await watched.synced()
                await settled(lambda: names(watched) == api.names())
                watched.check_fresh()
                # And it stays so, over the next list and watch.
                await settled(lambda: not watched._failures)
                await watched.refresh()
                assert names(watched) == api.names()


@given(st.lists(STEPS, max_size=30))
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_ends_up_with_what_the_server_has(steps: list[tuple[str, str]]) -> None:
    asyncio.run(_converges(steps))
