"""One installation for all tests of this folder, over a realm of its own; and Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import chromium, visitor
from support.installation import ROOT
from support.keycloak import Keycloak
from support.keycloak_site import KeycloakSite, Person, keycloak_site, write_times
from support.mail import mail_sink

OUTPUT = ROOT / "test-output" / "keycloak"
expect.set_options(timeout=90_000)
_TABLE = pytest.StashKey[str]()


@pytest.fixture(scope="package")
def site(
    keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[KeycloakSite]:
    """The installation. Whoever changes a group or a person makes one for that, or puts it back."""
    with (
        mail_sink() as sink,
        keycloak.another_realm() as realm,
        keycloak_site(tmp_path_factory.mktemp("site"), realm, sink) as found,
    ):
        try:
            yield found
        finally:
            pytestconfig.stash[_TABLE] = write_times(found, OUTPUT / "latencies.json")
            shutil.copy(found.hub.log, OUTPUT / "hub.log")


@pytest.fixture(scope="package")
def boss(site: KeycloakSite) -> Person:
    """The platform admin."""
    return site.login("admin")


@pytest.fixture(scope="package")
def chrome() -> Iterator[Browser]:
    """Chromium for this package only."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(chrome: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh visitor."""
    with visitor(chrome, request, OUTPUT) as opened:
        yield opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How long it took Keycloak's changes to take effect; measured, not asserted."""
    if table := config.stash.get(_TABLE, ""):
        terminalreporter.section("from a change in Keycloak to its effect here")
        terminalreporter.write_line(table)
