"""One cluster, one installation by the chart with the demo's groups, and Chromium, for all tests of this folder."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import OUTPUT, chromium, visitor
from support.cluster import TestCluster, running_cluster
from support.release import Release
from support.site import Site, demo_catalog

expect.set_options(timeout=90_000)
SHOTS = OUTPUT.parent / "installed"


@pytest.fixture(scope="package")
def cluster() -> Iterator[TestCluster]:
    with running_cluster() as found:
        yield found


@pytest.fixture(scope="package")
def site(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    # A name of its own: namespaces of an earlier run may still be on their way out.
    name = f"lab-{secrets.token_hex(3)}"
    release = Release(cluster.kubeconfig, name, {"catalog": demo_catalog(cluster.images.user)})
    try:
        release.install()
        yield Site(cluster, release, tmp_path_factory.mktemp("site"))
    finally:
        SHOTS.mkdir(parents=True, exist_ok=True)
        for component in ("hub", "proxy", "api", "controller"):
            (SHOTS / f"{component}.log").write_text(release.logs(component))
        release.uninstall()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with visitor(browser, request, SHOTS) as opened:
        yield opened


@pytest.fixture
def shots() -> Path:
    return SHOTS
