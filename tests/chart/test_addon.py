"""Beside a Zero-to-JupyterHub release: what we render, and what that release's hub makes of our overlay."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from collegium.hub.configuration import ConfigError
from collegium.identity.settings import KeycloakSettings
from support.installation import ROOT
from support.release import merged
from support.rendered import KEYCLOAK, Objects, render

OVERLAY = (ROOT / "helm/addon/z2jh-values.yaml").read_text().replace("RELEASE", "jhub").replace("NAMESPACE", "control")
KEYCLOAK_OVERLAY = ROOT / "helm/addon/z2jh-keycloak.yaml"
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
    assert {name for kind, name in objects if kind == "Secret"} == {"jhub-admin", "jhub-sealing", "jhub-service"}
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
    c.CryptKeeper.keys = ["0" * 64]
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


@pytest.fixture(scope="module")
def keycloak_objects() -> Objects:
    login = {"existingSecret": "keycloak-login"}
    return render({**VALUES, "auth": merged(KEYCLOAK, {"keycloak": {"login": login}})})


@pytest.fixture
def keycloak_overlay(overlay: dict[str, Any]) -> dict[str, Any]:
    """Both overlays, one over the other as helm puts them."""
    text = KEYCLOAK_OVERLAY.read_text().replace("RELEASE", "jhub").replace("NAMESPACE", "control")
    return merged(overlay, yaml.safe_load(text))


def test_the_keycloak_overlay_names_what_is_there(keycloak_objects: Objects, keycloak_overlay: dict[str, Any]) -> None:
    assert {name for kind, name in keycloak_objects if kind == "Secret"} == {"jhub-sealing", "jhub-service"}
    hub = keycloak_overlay["hub"]
    assert {v["name"] for v in hub["extraVolumes"]} == {m["name"] for m in hub["extraVolumeMounts"]}
    config, _, secrets = hub["extraVolumes"]
    assert "keycloak.json" in keycloak_objects["ConfigMap", config["configMap"]["name"]]["data"]
    service, login = (source["secret"] for source in secrets["projected"]["sources"])
    assert service["name"] == "jhub-service"
    settings = json.loads(keycloak_objects["ConfigMap", "jhub-config"]["data"]["keycloak.json"])
    assert (login["name"], login["items"][0]["key"]) == ("keycloak-login", "client-secret")
    assert settings["login"]["client_secret_file"] == f"/etc/collegium/secrets/{login['items'][0]['path']}"


def test_keycloak_works_in_that_hub(
    keycloak_objects: Objects, keycloak_overlay: dict[str, Any], mounted: Path, monkeypatch
) -> None:
    data = keycloak_objects["ConfigMap", "jhub-config"]["data"]["keycloak.json"]
    (mounted / "config/keycloak.json").write_text(data.replace("/etc/collegium", str(mounted)))
    (mounted / "secrets/keycloak-login").write_text("the-secret-of-a-client")
    (mounted / "catalog/catalog.yaml").write_text(keycloak_objects["ConfigMap", "jhub-catalog"]["data"]["catalog.yaml"])
    monkeypatch.setenv("COLLEGIUM_KEYCLOAK", str(mounted / "config/keycloak.json"))
    monkeypatch.delenv("JUPYTERHUB_CRYPT_KEY", raising=False)
    c = their_hub(keycloak_overlay, mounted)
    assert c.JupyterHub.authenticator_class == "collegium-keycloak"
    assert c.Authenticator.enable_auth_state is True
    # Its own key stays.
    assert c.CryptKeeper["keys"] == ["0" * 64] and "JUPYTERHUB_CRYPT_KEY" not in os.environ
    found = KeycloakSettings.from_environment()
    assert found is not None and found.login.secret() == "the-secret-of-a-client"
    assert "the-secret-of-a-client" not in os.environ["COLLEGIUM_KEYCLOAK"]
    # Settings of Keycloak beside the other class are a mistake that is told.
    keycloak_overlay["hub"]["config"]["JupyterHub"]["authenticator_class"] = "collegium-local"
    with pytest.raises(ConfigError, match=r"authenticator_class = 'collegium-local'.*'collegium-keycloak'"):
        their_hub(keycloak_overlay, mounted)
