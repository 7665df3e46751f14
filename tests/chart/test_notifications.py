"""The chart's options of notifications."""

from __future__ import annotations

from typing import Any

import pytest

from support.rendered import pod_specs, refusal, render


def arguments(values: dict[str, Any], pod: str) -> list[str]:
    container = dict(pod_specs(render(values)))[pod]["containers"][0]
    return [a.removeprefix("--CollegiumService.") for a in container["args"] if "CollegiumService." in a]


@pytest.mark.parametrize("pod", ["lab-api", "lab-controller"])
def test_both_are_told(pod: str) -> None:
    assert "notification_days=30" in arguments({}, pod)
    assert not [a for a in arguments({}, pod) if a.startswith(("notification_net", "notification_mail", "public_url"))]
    given = {
        "networks": ["10.1.0.0/16", "fd00:1::/32"],
        "mailDomains": ["example.org"],
        "publicUrl": "https://a.example/",
    }
    found = arguments({"notifications": given}, pod)
    for word in (
        "notification_networks=10.1.0.0/16",
        "notification_networks=fd00:1::/32",
        "notification_mail_domains=example.org",
        "public_url=https://a.example",
    ):
        assert word in found


def test_the_ingress_is_the_address() -> None:
    ingress = {"enabled": True, "hosts": ["lab.example"]}
    assert "public_url=http://lab.example" in arguments({"ingress": ingress}, "lab-api")
    ingress["tls"] = [{"secretName": "x", "hosts": ["lab.example"]}]
    assert "public_url=https://lab.example" in arguments({"ingress": ingress}, "lab-controller")


def test_the_controller_reaches_webhooks_as_far_as_it_is_let() -> None:
    def rules(webhooks: dict[str, Any]) -> list[Any]:
        objects = render({"networkPolicy": {"webhooks": webhooks}})
        return list(objects["NetworkPolicy", "lab-controller"]["spec"]["egress"])

    to = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    closed, opened = rules({"ports": []}), rules({"ports": [8443], "to": to})
    assert [r for r in opened if r not in closed] == [{"ports": [{"protocol": "TCP", "port": 8443}], "to": to}]


@pytest.mark.parametrize(
    "values", [{"networks": ["10.1.0.0"]}, {"publicUrl": "lab.example"}, {"days": 0}, {"mailDomains": ["a@b"]}]
)
def test_what_is_wrong_is_said(values: dict[str, Any]) -> None:
    assert f"/notifications/{next(iter(values))}" in refusal({"notifications": values})
