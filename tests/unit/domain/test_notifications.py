"""Where notifications may go, what is told, and how long it is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from collegium.domain.destinations import check_url, forbidden, literal, origin, read_networks, without_query
from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import Event, Notify, NotifyOn
from collegium.domain.notifications import (
    MAX_TRIES,
    Delivery,
    DeliveryState,
    Topic,
    Try,
    after,
    asked,
    check_channel_name,
    topic_of,
    wait,
)

NOW = datetime(2027, 3, 1, tzinfo=UTC)
REFUSED = [
    *("127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "fe80::1", "fd00::1", "fc00::1", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"),
    *("192.0.2.1", "198.18.0.1", "2001:db8::1", "fec0::1", "64:ff9b:1::1"),
    # An IPv4 address inside an IPv6 one: mapped, compatible, 6to4, NAT64, Teredo.
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::"),
    *("64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_out_of_reach(address: str) -> None:
    assert forbidden(ip_address(address), ())


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
)
def test_what_is_public_is_in_reach(address: str) -> None:
    assert forbidden(ip_address(address), ()) == ""


def test_an_operator_allows_networks_and_no_others() -> None:
    networks = read_networks(["10.1.0.0/16", "fd00:1::/32"], "n")
    for good in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"):
        assert forbidden(ip_address(good), networks) == ""
    for bad in ("10.2.0.1", "127.0.0.1", "fd00:2::1", "::ffff:10.2.0.1"):
        assert forbidden(ip_address(bad), networks)
    with pytest.raises(InvalidInput, match=r"10\.1\.0\.0/16"):
        read_networks(["10.1.2.3/8"], "n")


@pytest.mark.parametrize(
    "url",
    [
        *("", "hook", "//a/b", "ftp://a.example/x", "file:///etc/passwd", "javascript:x", "https://", "https:///x"),
        *("https://u:pa55word@a.example/", "https://u@a.example/", "https://@a.example/", "https://a.example/#x"),
        *(
            "https://a.example:0/",
            "https://a.example:99999/",
            "https://a.example:x/",
            "https://a b/",
            "https://ä.example",
        ),
        *(
            "https://a.example\\@b.example/",
            "https://a.example/\n",
            "https://[::1",
            "https://a_.example-/",
            "https://%31/",
        ),
        "https://a.example/" + "x" * 2048,
    ],
)
def test_bad_addresses_are_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_url(url)
    assert "pa55word" not in str(caught.value) + str(caught.value.details)


@pytest.mark.parametrize(
    "url",
    ["https://a.example/x?token=1", "http://a.example:8080", "https://[2606:4700::1111]:8443/x", "http://1.1.1.1/"],
)
def test_good_addresses(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "a.Localhost.", "fe80::1%25eth0", "[::1]", "127.0.0.1."]
)
def test_hosts_that_mean_this_machine_or_its_wire_are_known_without_asking(host: str) -> None:
    address = literal(host)
    assert address is not None
    assert forbidden(address, ())


def test_what_is_shown_of_an_address() -> None:
    url = "https://hooks.example:8443/services/T0/B0?token=hush"
    assert (origin(url), without_query(url)) == (
        "https://hooks.example:8443",
        "https://hooks.example:8443/services/T0/B0?…",
    )
    with pytest.raises(InvalidInput):
        check_channel_name("me")


@pytest.mark.parametrize(
    ("kind", "state", "reason", "topic"),
    [
        ("job", "Succeeded", "Completed", Topic.JOB_SUCCEEDED),
        ("job", "Failed", "ExitCode", Topic.JOB_FAILED),
        ("job", "Cancelled", "Cancelled", Topic.JOB_CANCELLED),
        ("job", "Pending", "Retrying", None),
        ("sweep", "Running", "Started", None),
        ("sweep", "Failed", "Completed", Topic.SWEEP_ENDED),
        ("schedule", "Paused", "FailureStreak", Topic.SCHEDULE_PAUSED),
        ("schedule", "Paused", "ByUser", None),
        ("schedule", "Missed", "Skip", Topic.SCHEDULE_MISSED),
        ("schedule", "Failed", "NotSubmitted", Topic.SCHEDULE_MISSED),
        ("schedule", "Skipped", "Overlap", None),
        ("server", "Stopped", "Gone", None),
        ("queue", "paused", "ModeChanged", None),
    ],
)
def test_topics(kind: str, state: str, reason: str, topic: Topic | None) -> None:
    assert topic_of(Event(1, "g", kind, "id", NOW, state, reason, "")) is topic


def test_wishes() -> None:
    notify = (Notify("me", frozenset({NotifyOn.DONE})), Notify("ops", frozenset({NotifyOn.FAILED})))
    assert asked(notify, "Succeeded") == {"me"}
    assert asked(notify, "Failed") == {"me", "ops"}
    assert asked(notify, "Running") == set()


def test_tries_come_to_most_of_a_day_and_end() -> None:
    delivery, now = Delivery("n", "g", "t", "job.failed", "j", {}, NOW, NOW), NOW
    while delivery.state is DeliveryState.PENDING:
        now = delivery.next_at
        delivery = after(delivery, Try(False, "answered 500"), now)
    assert (delivery.state, delivery.attempts, delivery.message) == (DeliveryState.FAILED, MAX_TRIES, "answered 500")
    assert timedelta(hours=20) < now - NOW < timedelta(hours=24)
    assert [wait(n).total_seconds() for n in (1, 2, 3, 100)] == [10, 20, 40, 3600]
    assert after(Delivery("n", "g", "t", "x", "j", {}, NOW, NOW), Try(False, "", lasting=True), NOW).state == "Failed"
