"""Beside a Zero-to-JupyterHub release: what we render, and what that release's hub makes of our overlay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from collegium.hub.configuration import ConfigError
from support.installation import ROOT
from support.rendered import Objects, render

OVERLAY = (ROOT / "helm/addon/z2jh-values.yaml").read_text().replace("RELEASE", "jhub").replace("NAMESPACE", "control")
VALUES = {"instance": "jhub", "addon": {"enabled": True}, "database": {"existingSecret": "collegium-database"}}


@pytest.fixture(scope="module")
def objects() -> Objects:
    return render(VALUES)


@pytest.fixture
def overlay() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(OVERLAY)
    return found


def test_no_hub_and_no_proxy_of_ours(objects: Objects) -> None:
    assert {name for kind, name in objects if kind == "Deployment"} == {"jhub-api", "jhub-controller"}
    assert {name for kind, name in objects if kind == "Service"} == {"jhub-api"}
    assert {name for kind, name in objects if kind == "ServiceAccount"} == {"controller"}
    assert {name for kind, name in objects if kind == "Secret"} == {"jhub-service", "jhub-admin"}
    assert {name for kind, name in objects if kind == "ClusterRole"} == {
        "jhub-hub",
        "jhub-controller",
        "jhub-controller-cluster",
    }


def test_our_policies_leave_the_other_releases_pods_alone(objects: Objects) -> None:
    theirs = {
        **{"app": "jupyterhub", "release": "jhub", "component": "hub"},
        **{"app.kubernetes.io/name": "jupyterhub", "app.kubernetes.io/instance": "jhub"},
        "app.kubernetes.io/component": "hub",
    }
    for (kind, name), body in objects.items():
        if kind in ("NetworkPolicy", "PodDisruptionBudget"):
            selector = body["spec"].get("podSelector") or body["spec"]["selector"]
            assert not selector["matchLabels"].items() <= theirs.items(), name
    api = objects["NetworkPolicy", "jhub-api"]["spec"]["ingress"][0]["from"]
    assert {"app": "jupyterhub", "component": "hub"} in [peer["podSelector"]["matchLabels"] for peer in api]


def test_our_pods_are_let_in_and_find_the_hub(objects: Objects) -> None:
    for name in ("jhub-api", "jhub-controller"):
        template = objects["Deployment", name]["spec"]["template"]
        assert template["metadata"]["labels"]["hub.jupyter.org/network-access-hub"] == "true"
        env = {e["name"]: e.get("value") for e in template["spec"]["containers"][0]["env"]}
        assert env["JUPYTERHUB_API_URL"] == "http://hub.control.svc:8081/hub/api"


def test_the_overlay_names_what_is_there(objects: Objects, overlay: dict[str, Any]) -> None:
    names = {name for kind, name in objects if kind in ("ConfigMap", "Secret")}
    hub = overlay["hub"]
    for volume in hub["extraVolumes"]:
        if "configMap" in volume:
            assert volume["configMap"]["name"] in names
        for source in volume.get("projected", {}).get("sources", []):
            secret = objects["Secret", source["secret"]["name"]]
            assert {item["key"] for item in source["secret"]["items"]} <= secret["data"].keys()
    assert {v["name"] for v in hub["extraVolumes"]} == {m["name"] for m in hub["extraVolumeMounts"]}
    assert hub["extraEnv"]["COLLEGIUM_SERVICE_URL"] == "http://jhub-api.control.svc:10101"


@pytest.fixture
def mounted(tmp_path: Path, objects: Objects, overlay: dict[str, Any], monkeypatch) -> Path:
    """The hub pod's environment, with what the overlay mounts in a folder of ours."""
    root = tmp_path / "etc"
    (root / "config").mkdir(parents=True)
    (root / "catalog").mkdir()
    (root / "secrets").mkdir()
    (root / "config/kubernetes.json").write_text(objects["ConfigMap", "jhub-config"]["data"]["kubernetes.json"])
    (root / "catalog/catalog.yaml").write_text(objects["ConfigMap", "jhub-catalog"]["data"]["catalog.yaml"])
    (root / "secrets/service-token").write_text("a-token-of-the-service")
    monkeypatch.setenv("COLLEGIUM_CATALOG", "")
    for name, value in overlay["hub"]["extraEnv"].items():
        text = "postgresql://db/collegium" if isinstance(value, dict) else str(value)
        monkeypatch.setenv(name, text.replace("/tmp/", f"{tmp_path}/").replace("/etc/collegium", str(root)))
    return root


def their_configuration() -> Config:
    """What that chart's own jupyterhub_config.py has set by the time it comes to hub.config and hub.extraConfig."""
    c = Config()
    c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    c.ConfigurableHTTPProxy.api_url = "http://proxy-api:8001"
    c.ConfigurableHTTPProxy.should_start = False
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.last_activity_interval = 60
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    c.JupyterHub.db_url = "sqlite:///jupyterhub.sqlite"
    c.JupyterHub.base_url = "/"
    c.JupyterHub.hub_bind_url = "http://:8081"
    c.JupyterHub.hub_connect_url = "http://hub:8081"
    c.KubeSpawner.common_labels = {"app": "jupyterhub"}
    c.KubeSpawner.namespace = "control"
    c.JupyterHub.services = [{"name": "jupyterhub-idle-culler", "command": ["python3"]}]
    c.JupyterHub.load_roles = [{"name": "jupyterhub-idle-culler", "scopes": ["list:users"]}]
    return c


def their_hub(overlay: dict[str, Any], root: Path) -> Config:
    """That chart's configuration with the overlay, piece by piece in its order."""
    c, hub = their_configuration(), overlay["hub"]
    c.JupyterHub.allow_named_servers = hub["allowNamedServers"]
    c.JupyterHub.redirect_to_server = hub["redirectToServer"]
    c.Spawner.consecutive_failure_limit = hub["consecutiveFailureLimit"]
    for name, traits in hub["config"].items():
        c[name].update(traits)
    for _, text in sorted(hub["extraConfig"].items()):
        exec(compile(text.replace("/etc/collegium", str(root)), "extraConfig", "exec"), {"c": c})
    return c


def test_the_one_line_works_in_that_hub(overlay: dict[str, Any], mounted: Path) -> None:
    c = their_hub(overlay, mounted)
    assert c.JupyterHub.spawner_class == "collegium-kubernetes"
    # Its own database, proxy and culler stay.
    assert c.JupyterHub.db_url == "sqlite:///jupyterhub.sqlite"
    assert c.ConfigurableHTTPProxy.api_url == "http://proxy-api:8001"
    assert [s["name"] for s in c.JupyterHub.services] == ["jupyterhub-idle-culler", "collegium"]
    ours = c.JupyterHub.services[-1]
    assert (ours["url"], ours["api_token"]) == ("http://jhub-api.control.svc:10101", "a-token-of-the-service")
    assert "command" not in ours
    assert [r["name"] for r in c.JupyterHub.load_roles] == ["jupyterhub-idle-culler", "collegium-service"]
    assert c.LocalGroupsAuthenticator.first_passwords == str(mounted / "secrets/passwords")
    assert os.environ["COLLEGIUM_DATABASE_URL"] == "postgresql+psycopg://db/collegium"
    for name in ("authenticator_class", "spawner_class"):
        del c.JupyterHub[name]
    assert JupyterHub(config=c).hub_connect_url == "http://hub.control.svc:8081"


def test_without_the_overlays_settings_it_says_which_are_missing(overlay: dict[str, Any], mounted: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.JupyterHub\.spawner_class = 'kubespawner\.KubeSpawner'"):
        their_hub({"hub": {**overlay["hub"], "config": {}}}, mounted)
    del overlay["hub"]["config"]["JupyterHub"]["hub_connect_url"]
    with pytest.raises(ConfigError, match=r"hub_connect_url = 'http://hub:8081'.*http://hub\.control\.svc:8081"):
        their_hub(overlay, mounted)
