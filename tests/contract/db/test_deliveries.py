"""Rows of the outbox, and how far events were read for it, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import Conflict
from collegium.domain.groups import Group
from collegium.domain.names import new_id
from collegium.domain.notifications import (
    Channel,
    ChannelKind,
    Delivery,
    DeliveryState,
    OwnSettings,
    Topic,
    Try,
    after,
    person,
)


@pytest.fixture
def filled(database: Database) -> Iterator[Database]:
    with database.write() as uow:
        for name in ("physics", "chemistry"):
            uow.groups.put(Group(name, name))
            tell(uow, name)
    return database


def tell(uow: UnitOfWork, group: str, state: str = "Failed") -> None:
    uow.events.append(group, "job", new_id("job"), now(), state, "ExitCode", "")


def delivery(target: str, number: int | None = 1) -> Delivery:
    return Delivery(new_id("ntf"), "physics", target, "job.failed", "job-1", {"a": "ü"}, now(), now(), number)


def channel(**changes: object) -> Channel:
    made = Channel(
        id=new_id("chn"),
        group="physics",
        name="ops",
        kind=ChannelKind.WEBHOOK,
        created_by="ada",
        created_at=now(),
        updated_at=now(),
        origin="https://a.example",
        url="sealed",
        secret="sealed too",
        events=frozenset({Topic.JOB_FAILED, Topic.SWEEP_ENDED}),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def read(database: Database) -> list[str]:
    with database.write() as uow:
        uow.notification_cursors.begin()
        found = uow.notification_cursors.unread(100)
        uow.notification_cursors.advance(found)
        return [e.group for e in found]


def test_the_past_is_not_read_and_new_groups_are_from_their_beginning(filled: Database) -> None:
    with filled.read() as uow:
        assert uow.notification_cursors.missing()
    assert read(filled) == []
    with filled.write() as uow:
        tell(uow, "physics")
        uow.groups.put(Group("biology", "Biology"))
        tell(uow, "biology")
        assert uow.notification_cursors.missing()
    assert read(filled) == ["physics", "biology"]
    assert read(filled) == []
    with filled.read() as uow:
        assert not uow.notification_cursors.missing()


def test_a_slow_transaction_hides_nothing(filled: Database) -> None:
    """Numbers are given at once and seen at the commit: a later number of another group must not pass for all."""
    read(filled)
    if filled._sqlite:
        return  # it has one writer at a time
    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with filled.write() as uow:
            tell(uow, "physics")
            written.set()
            assert go_on.wait(30)

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(30)
    with filled.write() as uow:
        tell(uow, "chemistry")
    assert read(filled) == ["chemistry"]
    go_on.set()
    thread.join()
    assert read(filled) == ["physics"]


def test_deliveries(filled: Database) -> None:
    ops, mia = channel(), person("mia")
    with filled.write() as uow:
        uow.channels.insert(ops)
        first, second, third = delivery(ops.id), delivery(ops.id, 2), delivery(mia)
        assert uow.deliveries.insert([first, second, third]) == 3
        assert uow.deliveries.insert([first]) == 0
        # Tests tell of no event, and there may be many.
        assert uow.deliveries.insert([delivery(ops.id, None), delivery(ops.id, None)]) == 2
    with filled.write() as uow:
        assert sorted(uow.deliveries.due_targets(now(), 10)) == sorted([(ops.id, False), (mia, True)])
        due = uow.deliveries.due(ops.id, now(), 2)
        assert [d.id for d in due] == [first.id, second.id] and due[0].payload == {"a": "ü"}
        moment = now()
        uow.deliveries.move([after(due[0], Try(True, "answered 200"), moment), after(due[1], Try(False, "no"), moment)])
        # What is over stays over.
        uow.deliveries.move([after(due[0], Try(False, "late"), moment)])
    with filled.write() as uow:
        newest, *_, waiting, sent = uow.deliveries.page(ops.id, 10)
        assert (sent.state, sent.message, sent.attempts, sent.finished_at) == ("Sent", "answered 200", 1, moment)
        assert (waiting.state, waiting.next_at) == (DeliveryState.PENDING, moment + timedelta(seconds=10))
        assert uow.deliveries.last([ops.id, mia])[ops.id].id == newest.id
        assert uow.deliveries.page(ops.id, 10, before=waiting.sequence) == [sent]
        assert uow.deliveries.drop(ops.id, "off", moment) == 3
        assert uow.deliveries.delete_before(moment) == 0
        assert uow.deliveries.delete_before(moment + timedelta(seconds=1)) == 4
        assert uow.deliveries.count() == {"Pending": 1}


def test_an_event_is_told_to_a_place_once(filled: Database) -> None:
    with filled.write() as uow:
        uow.deliveries.insert([delivery("t", 7)])
    with pytest.raises(Exception, match=r"(?i)unique"), filled.write() as uow:
        uow.deliveries.insert([delivery("t", 7)])


def test_channels_and_own_settings(filled: Database) -> None:
    ops = channel()
    with filled.write() as uow:
        uow.channels.insert(ops)
        with pytest.raises(Conflict, match="ops already"):
            uow.channels.insert(channel())
        uow.channels.insert(channel(group="chemistry", kind=ChannelKind.EMAIL, addresses=("a@example.org",)))
        assert uow.channels.named("physics", "ops") == uow.channels.get(ops.id) == ops
        assert [c.group for c in uow.channels.of_groups(["physics", "chemistry", "x"])] == ["chemistry", "physics"]
        uow.channels.change(replace(ops, name="alerts", events=frozenset(), enabled=False))
        assert uow.channels.named("physics", "ops") is None
        uow.deliveries.insert([delivery(ops.id)])
        uow.channels.delete(ops)
        assert (uow.channels.count("physics"), uow.deliveries.count()) == (0, {})
        uow.groups.delete("chemistry")
        assert uow.channels.count("chemistry") == 0
        own = OwnSettings("mia", "mia@example.org", frozenset({Topic.JOB_FAILED}), frozenset({"physics"}))
        assert uow.own_notifications.get("mia") == OwnSettings("mia")
        for settings in (own, replace(own, groups=None, enabled=False), replace(own, groups=frozenset())):
            uow.own_notifications.put(settings)
            assert uow.own_notifications.get("mia") == settings
