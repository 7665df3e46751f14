"""The tests of this folder share one real Keycloak."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.keycloak import Keycloak, running_keycloak
from support.mail import MailSink, mail_sink


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """The server with the demo's realm. A test that changes the realm puts it back, or takes ``realm``."""
    with running_keycloak(tmp_path_factory.mktemp("keycloak")) as found:
        yield found


@pytest.fixture
def realm(keycloak: Keycloak) -> Iterator[Keycloak]:
    """A copy of the realm on the same server, for one test."""
    with keycloak.another_realm() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[MailSink]:
    """A mail server for one test."""
    with mail_sink() as sink:
        yield sink
