"""Names and ids: what is accepted, and how ids are made."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
import unicodedata

from collegium.domain.errors import InvalidInput

MAX_LABEL = 120
#: JupyterHub 6 accepts server names of 1 to 30 characters; a group's server carries the group's name.
_GROUP = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,29}", re.ASCII)
_OBJECT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?", re.ASCII)
_USER = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,126}[a-z0-9])?", re.ASCII)
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)


def check_group_name(name: str, field: str = "group") -> str:
    """A group's name: 1–30 characters, lower-case letters, digits and single hyphens, a letter first."""
    if not isinstance(name, str) or not _GROUP.fullmatch(name):
        raise InvalidInput(
            field, "must be 1 to 30 lower-case letters, digits or single hyphens, starting with a letter", name, 30
        )
    return name


def check_object_name(name: str, field: str = "name") -> str:
    """The name of an image, instance type or dataset: 1–63 of ``a-z 0-9 . _ -``, alphanumeric at both ends."""
    if not isinstance(name, str) or not _OBJECT.fullmatch(name):
        raise InvalidInput(
            field, "must be 1 to 63 of a-z, 0-9, '.', '_' or '-', with a letter or digit at both ends", name, 63
        )
    return name


def check_user_name(name: str, field: str = "user") -> str:
    """A user's name as this hub writes it: 1–128 characters of ``a-z 0-9 . _ @ + -``, already normalised."""
    if not isinstance(name, str) or not _USER.fullmatch(name):
        raise InvalidInput(
            field, "must be 1 to 128 of a-z, 0-9 or . _ @ + -, with a letter or digit at both ends", name, 128
        )
    return name


def check_label(text: str, field: str = "name", limit: int = MAX_LABEL) -> str:
    """Free text on one line: 1 to ``limit`` printable characters, stored in Unicode NFC."""
    if not isinstance(text, str):
        raise InvalidInput(field, "must be text", text)
    clean = unicodedata.normalize("NFC", text).strip()
    if not clean:
        raise InvalidInput(field, "must not be empty", text)
    if len(clean) > limit:
        raise InvalidInput(field, f"has {len(clean)} characters, at most {limit} are allowed", clean, limit)
    if not clean.isprintable():
        raise InvalidInput(field, "must not hold control characters", clean)
    return clean


def check_env_name(name: str, field: str = "environment") -> str:
    """The name of an environment variable: POSIX letters, digits and underscores, at most 128."""
    if not isinstance(name, str) or not _ENV.fullmatch(name):
        raise InvalidInput(field, "names must be letters, digits and underscores, not starting with a digit", name, 128)
    return name


def check_relative_path(path: str, field: str = "path") -> str:
    """A path below some root: relative, no ``..``, no empty or control-character component, at most 1,024 bytes.

    This is the polite refusal at the door; reading and writing is contained again by the file system calls.
    """
    if not isinstance(path, str):
        raise InvalidInput(field, "must be text", path)
    if len(path.encode("utf-8", "surrogatepass")) > 1024:
        raise InvalidInput(field, "is longer than 1024 bytes", path, 1024)
    parts = [p for p in path.split("/") if p != "."]
    if path.startswith("/") or "\\" in path or any(p in ("", "..") for p in parts if parts != [""]):
        raise InvalidInput(field, "must be a relative path without '..', empty parts or backslashes", path)
    if not path.isprintable() and path:
        raise InvalidInput(field, "must not hold control characters", path)
    return "/".join(parts)


def new_id(kind: str) -> str:
    """A new id such as ``job-06bk3v…``: 48 bits of time, so that ids sort by age, and 80 random bits in base32."""
    raw = int(time.time() * 1000).to_bytes(6, "big") + secrets.token_bytes(10)
    return f"{kind}-{_base32(raw)}"


def bound_name(kind: str, *identity: str) -> str:
    """A name derived from an identity, the same each time: ``kind`` and 128 bits of SHA-256 as 26 base32 characters.

    32-bit slugs can be aimed at (two user names with one slug are found in a second), 128 bits cannot.
    """
    digest = hashlib.sha256("\0".join([kind, *identity]).encode()).digest()[:16]
    return f"{kind}-{_base32(digest)}"


def _base32(raw: bytes) -> str:
    # The "extended hex" alphabet keeps the order of the bytes, so ids sort by time.
    return base64.b32hexencode(raw).decode().rstrip("=").lower()
