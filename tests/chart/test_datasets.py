"""The chart's options of datasets' sources."""

from __future__ import annotations

from typing import Any

import pytest

from support.rendered import pod_specs, refusal, render


@pytest.mark.parametrize("pod", ["lab-api", "lab-controller"])
def test_both_are_told(pod: str) -> None:
    given = {"networks": ["10.1.0.0/16"], "caBundle": {"configMap": "authorities", "key": "bundle.pem"}}
    spec = dict(pod_specs(render({"datasets": given})))[pod]
    container = spec["containers"][0]
    for word in ("networks=10.1.0.0/16", "ca_file=/etc/collegium/ca/datasets/ca.crt"):
        assert f"--CollegiumService.dataset_{word}" in container["args"]
    # On the volume with room; the others are small.
    (place,) = (a.partition("=")[2] for a in container["args"] if "dataset_fetch_dir" in a)
    assert next(m["name"] for m in container["volumeMounts"] if place.startswith(m["mountPath"] + "/")) == "files"
    assert "/etc/collegium/ca/datasets" in [m["mountPath"] for m in container["volumeMounts"]]
    assert "authorities" in str(spec["volumes"])


def test_sources_are_reached_as_far_as_it_is_let() -> None:
    def rules(datasets: dict[str, Any], pod: str) -> list[Any]:
        objects = render({"networkPolicy": {"datasets": datasets}})
        return list(objects["NetworkPolicy", pod]["spec"]["egress"])

    to = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    for pod in ("lab-api", "lab-controller"):
        closed, opened = rules({"ports": []}, pod), rules({"ports": [2222], "to": to}, pod)
        assert [r for r in opened if r not in closed] == [{"ports": [{"protocol": "TCP", "port": 2222}], "to": to}]


def test_what_is_wrong_is_said() -> None:
    assert "/datasets/networks" in refusal({"datasets": {"networks": ["10.1.0.0"]}})
    both = {"configMap": "a", "secret": "b", "key": "c"}
    assert "datasets.caBundle.configMap and datasets.caBundle.secret" in refusal({"datasets": {"caBundle": both}})
