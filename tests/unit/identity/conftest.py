from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collegium.db import Database
from collegium.domain.groups import Group
from collegium.domain.identity import Claims
from collegium.identity.settings import KeycloakSettings

START = datetime(2027, 1, 1, tzinfo=UTC)


def keycloak(**more: Any) -> KeycloakSettings:
    login = {"client_id": "collegium", "client_secret_file": "/nowhere"}
    return KeycloakSettings.from_mapping({"issuer": "https://kc.example/realms/lab", "login": login, **more})


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def claims(name: str, *paths: str, **more: Any) -> Claims:
    return Claims(f"sub-{name.casefold()}", name, frozenset(paths), **more)


@pytest.fixture
def declared(sqlite_database: Database) -> Callable[..., Database]:
    """The database with groups of these names."""

    def declare(*names: str) -> Database:
        with sqlite_database.write() as uow:
            for name in names:
                uow.groups.put(Group(name, name))
        return sqlite_database

    return declare


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    return path
