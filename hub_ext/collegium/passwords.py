"""Hashes of passwords: argon2id, of users whom Collegium itself knows and of share links alike."""

from __future__ import annotations

import functools
import secrets

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from collegium.domain.errors import InvalidInput

MAX_LENGTH = 1024
_hasher = argon2.PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash to store; takes tens of milliseconds and 64 MiB. Raises InvalidInput for what is too long."""
    if not 1 <= len(password) <= MAX_LENGTH:
        # The password itself must reach no message and no log.
        raise InvalidInput("password", f"must have 1 to {MAX_LENGTH} characters", limit=MAX_LENGTH)
    return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """True if the password fits. Without a stored hash the same work is done: time tells nothing of who exists."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        _hasher.verify(stored or _stand_in(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def outdated(stored: str) -> bool:
    """True if the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@functools.cache
def _stand_in() -> str:
    return _hasher.hash(secrets.token_hex(16))


def warm_up() -> None:
    """Make the stand-in hash now, so that the first unknown name takes no longer than the second."""
    _stand_in()
