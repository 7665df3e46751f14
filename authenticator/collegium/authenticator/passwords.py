"""Passwords of users whom Collegium itself knows: argon2id hashes in the database, nothing else anywhere."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path

from collegium.db import Database
from collegium.domain.errors import InvalidInput, NotFound
from collegium.passwords import MAX_LENGTH, hash_password, outdated, verify, warm_up

__all__ = [
    "MAX_LENGTH",
    "first_run",
    "from_folder",
    "generate",
    "hash_password",
    "outdated",
    "set_password",
    "verify",
    "warm_up",
]

#: No 0/O, 1/l/i: these are read from a terminal and typed.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
#: 15 characters out of 31 are 74 bits.
GROUPS_OF_FIVE = 3


def generate() -> str:
    """A random password such as ``kd7wm-4hq2x-zp9rt``, 74 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(GROUPS_OF_FIVE))


def set_password(database: Database, name: str, password: str, replacing: str | None = None) -> None:
    """Store a new password; with ``replacing``, only if that hash is still stored. Raises NotFound, InvalidInput."""
    hashed = hash_password(password)
    with database.write() as uow:
        user = uow.users.get(name)
        if user is None:
            raise NotFound(f"user: there is no user {name}", field="user", value=name)
        if replacing is None or user.password_hash == replacing:
            uow.users.put(dataclasses.replace(user, password_hash=hashed))


def first_run(database: Database, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give everybody without a password a random one; returns name → password, to be shown once and kept nowhere.

    With ``given`` only its users get one, and that one.
    """
    with database.read() as uow:
        without = [u.name for u in uow.users.all() if u.password_hash is None and (given is None or u.name in given)]
    made = {name: generate() if given is None else given[name] for name in without}
    hashes = {name: hash_password(password) for name, password in made.items()}
    with database.write() as uow:
        for name in without:
            user = uow.users.get(name)
            if user is None or user.password_hash is not None:
                # Another process was quicker; only what is stored may be shown.
                del made[name]
                continue
            uow.users.put(dataclasses.replace(user, password_hash=hashes[name]))
    return made


def from_folder(folder: Path) -> dict[str, str]:
    """First passwords from files that are named like their users, as a mounted Secret has them. Raises InvalidInput."""
    try:
        # A Secret is mounted through links whose names begin with dots.
        files = [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file()]
        return {path.name: path.read_text().rstrip("\r\n") for path in files}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        # The decoder's own message quotes what it could not read.
        raise InvalidInput("first_passwords", f"cannot be read: {type(error).__name__}", str(folder)) from None
