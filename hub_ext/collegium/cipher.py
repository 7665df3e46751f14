"""Seals what must be kept but never read in the database: secrets of groups, and those of notification channels.

The key is ``COLLEGIUM_SECRET_KEY``: 32 bytes, as 64 hexadecimal digits or in base64. Several, with commas between, make
it possible to change it: the first one seals, all of them open. A process that has a machine to itself may do without:
it makes a key once, in a file of its state directory that nobody else can read.

A key that is missing or wrong is told to whoever needs it, as Misconfigured: everything else goes on.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from collegium.domain.errors import Misconfigured
from collegium.settings import Settings

VARIABLE = "COLLEGIUM_SECRET_KEY"
#: In the state directory.
KEY_FILE = "collegium_secret_key"
_KEY_BYTES = 32
_MISSING = f"The setting {VARIABLE} is missing: without it no secret can be kept or read."


class Cipher:
    """Seals and opens text. ``about`` says what a text belongs to; a sealed text opens only for the same.

    So whoever can write the database, and no more, cannot make one group's secret another's.
    """

    def __init__(self, keys: Sequence[bytes], problem: str = "") -> None:
        self._keys = [hmac.digest(key, b"collegium signature", hashlib.sha256) for key in keys]
        self._fernets = [Fernet(base64.urlsafe_b64encode(key)) for key in keys]
        #: Why nothing can be sealed or opened, empty if it can.
        self.problem = problem

    @classmethod
    def from_settings(
        cls, settings: Settings, environment: Mapping[str, str] = os.environ, *, make: bool = True
    ) -> Self:
        """The key of this installation. ``make`` says that a missing one may be made in the state directory, which is
        wrong where several processes have one each. Never raises: ``problem`` tells, and so does each use."""
        given = environment.get(VARIABLE, "").strip()
        if given:
            return cls._read(given, VARIABLE)
        path = settings.state_dir / KEY_FILE
        try:
            if make:
                settings.prepare()
                _make(path)
            text = path.read_text()
        except FileNotFoundError:
            return cls.without()
        except (OSError, UnicodeDecodeError) as error:
            return cls((), f"The key file {KEY_FILE} of the state directory cannot be used: {type(error).__name__}.")
        if path.stat().st_mode & 0o077:
            return cls(
                (), f"The key file {KEY_FILE} of the state directory can be read by others: its mode must be 600."
            )
        return cls._read(text, f"the key file {KEY_FILE} of the state directory")

    @classmethod
    def generate(cls) -> Self:
        """With a key that is gone when the process is."""
        return cls((secrets.token_bytes(_KEY_BYTES),))

    @classmethod
    def without(cls) -> Self:
        """One that can do nothing, and says so."""
        return cls((), _MISSING)

    @classmethod
    def _read(cls, text: str, where: str) -> Self:
        parts = [part.strip() for part in text.split(",")]
        keys = [_key(part) for part in parts if part]
        if not keys or None in keys:
            # Which one, but nothing of it.
            number = keys.index(None) + 1 if keys else 1
            return cls((), f"Key {number} in {where} must be 32 bytes, as 64 hexadecimal digits or in base64.")
        return cls([key for key in keys if key is not None])

    @property
    def ready(self) -> bool:
        """Is there a key?"""
        return not self.problem

    def require(self) -> None:
        """Raise Misconfigured that says what is wrong with the key, if anything is."""
        if self.problem:
            raise Misconfigured(self.problem, setting=VARIABLE)

    def seal(self, text: str, about: str) -> str:
        """The text so that only ``open`` with a key of ours and the same ``about`` reads it. Raises Misconfigured."""
        self.require()
        return self._fernets[0].encrypt(_bound(text, about)).decode()

    def open(self, sealed: str, about: str) -> str:
        """What was sealed. Raises Misconfigured if no key fits, or if it was sealed about something else."""
        self.require()
        try:
            whole = MultiFernet(self._fernets).decrypt(sealed.encode())
        except InvalidToken:
            raise self._wrong(about) from None
        text, found = whole.decode(), f"{len(about)}:{about}:"
        if not text.startswith(found):
            raise self._wrong(about)
        return text.removeprefix(found)

    def renew(self, sealed: str, about: str) -> str | None:
        """The same, sealed with the first key; None if it is already. After this for all, old keys can go."""
        self.require()
        with contextlib.suppress(InvalidToken):
            self._fernets[0].decrypt(sealed.encode())
            return None
        return self.seal(self.open(sealed, about), about)

    def sign(self, text: str, about: str) -> str:
        """128 bits that show that this installation wrote the text. Raises Misconfigured."""
        self.require()
        return _signature(self._keys[0], text, about)

    def signed(self, text: str, about: str, signature: str) -> bool:
        """Did ``sign`` make it, with any of our keys?"""
        given = signature.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(_signature(key, text, about).encode(), given) for key in self._keys)

    def __repr__(self) -> str:
        return f"Cipher({len(self._fernets)} keys)"

    @staticmethod
    def _wrong(about: str) -> Misconfigured:
        return Misconfigured(
            f"What is kept for {about} was sealed with another key than those in {VARIABLE}: give that key there"
            " too, or set the value again.",
            setting=VARIABLE,
        )


def _bound(text: str, about: str) -> bytes:
    return f"{len(about)}:{about}:{text}".encode()


def _signature(key: bytes, text: str, about: str) -> str:
    digest = hmac.digest(key, _bound(text, about), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def _key(text: str) -> bytes | None:
    with contextlib.suppress(ValueError):
        if len(text) == _KEY_BYTES * 2:
            return bytes.fromhex(text)
    with contextlib.suppress(ValueError, binascii.Error):
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        if len(key) == _KEY_BYTES:
            return key
    return None


def _make(path: Path) -> None:
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Whoever comes second keeps what is there: two keys would make what the first sealed unreadable.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
