"""The headers of tus 1.0.0, read and checked (https://tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tornado.httputil import HTTPHeaders

from collegium.domain.errors import InvalidInput
from collegium.domain.resources import MAX_AMOUNT
from collegium.services.refusals import PreconditionFailed, UnsupportedMedia
from collegium.services.uploads.models import UploadIn

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "checksum",
    "termination",
    "expiration",
)
CONTENT = "application/offset+octet-stream"
#: Characters of Upload-Metadata: a path of 4,096 bytes in base64, and the rest.
MAX_METADATA = 8192
_SHA256 = re.compile("[0-9a-f]{64}", re.ASCII)
_KEY = re.compile(r"[!-+\--~]{1,200}", re.ASCII)


class Digest(Protocol):
    """What ``hashlib`` makes."""

    def update(self, data: bytes, /) -> None:
        """More bytes."""

    def digest(self) -> bytes:
        """The sum of all."""


class _Crc32:
    def __init__(self) -> None:
        self._sum = 0

    def update(self, data: bytes, /) -> None:
        self._sum = zlib.crc32(data, self._sum)

    def digest(self) -> bytes:
        return self._sum.to_bytes(4, "big")


#: They find damage, they prove nothing.
ALGORITHMS: dict[str, Callable[[], Digest]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": _Crc32,
}


@dataclass(frozen=True)
class Checksum:
    """Of one body, as its sender has it."""

    algorithm: str
    expected: bytes

    def begin(self) -> Digest:
        """To be given what comes."""
        return ALGORITHMS[self.algorithm]()


@dataclass(frozen=True)
class Asked:
    """An upload that somebody wants to begin; ``size`` None: its length comes later."""

    path: str
    size: int | None
    replace: bool = False
    sha256: str = ""
    metadata: str = ""
    direct: bool = False


def asked_in_json(body: UploadIn) -> Asked:
    """From a JSON body."""
    return Asked(body.path, body.size, body.replace, body.sha256 or "", direct=body.direct)


def asked_in_headers(headers: HTTPHeaders) -> Asked:
    """From the headers of a creation; raises InvalidInput."""
    size = number(headers, "Upload-Length")
    defer = headers.get("Upload-Defer-Length")
    if defer not in (None, "1"):
        raise InvalidInput("Upload-Defer-Length", "must be 1", defer)
    if (size is None) == (defer is None):
        raise InvalidInput("Upload-Length", "is needed, or Upload-Defer-Length: 1 in its place")
    text = headers.get("Upload-Metadata", "")
    values = metadata(text)
    if "path" not in values:
        raise InvalidInput("Upload-Metadata", "must hold the key path with the file's path in base64")
    replace, sha256 = values.get("replace", "false"), values.get("sha256", "")
    if replace not in ("true", "false"):
        raise InvalidInput("Upload-Metadata.replace", "must be true or false", replace)
    if sha256 and not _SHA256.fullmatch(sha256):
        raise InvalidInput("Upload-Metadata.sha256", "must be 64 lower-case hexadecimal digits", sha256)
    return Asked(values["path"], size, replace == "true", sha256, text)


def metadata(text: str) -> dict[str, str]:
    """Keys and values of Upload-Metadata; raises InvalidInput."""
    if len(text) > MAX_METADATA:
        raise InvalidInput("Upload-Metadata", f"is longer than {MAX_METADATA} characters", limit=MAX_METADATA)
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise InvalidInput("Upload-Metadata", "must be pairs of a key, given once, and a value in base64", pair)
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            if key in ("path", "replace", "sha256"):
                raise InvalidInput(f"Upload-Metadata.{key}", "is not UTF-8 text in base64", value) from None
            # Of no meaning here: whoever put it there gets it back as it was.
            found[key] = ""
    return found


def number(headers: HTTPHeaders, name: str) -> int | None:
    """A header that is a whole number, None if it is absent; raises InvalidInput."""
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= MAX_AMOUNT):
        raise InvalidInput(name, f"must be a whole number of at most {MAX_AMOUNT}", text, MAX_AMOUNT)
    return int(text)


def checksum(headers: HTTPHeaders) -> Checksum | None:
    """Upload-Checksum, None if it is absent; raises InvalidInput."""
    text = headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    if algorithm not in ALGORITHMS:
        raise InvalidInput("Upload-Checksum", f"must begin with one of {', '.join(ALGORITHMS)}", text)
    try:
        expected = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if len(expected) != len(ALGORITHMS[algorithm]().digest()):
        raise InvalidInput("Upload-Checksum", f"is no sum of {algorithm} in base64", text)
    return Checksum(algorithm, expected)


def require_version(headers: HTTPHeaders) -> None:
    """Raise PreconditionFailed for another version of the protocol than ours."""
    given = headers.get("Tus-Resumable")
    if given != VERSION:
        shown = "none came" if given is None else f"{given[:20]!r} came"
        raise PreconditionFailed(f"Send the header Tus-Resumable: {VERSION}; {shown}.", version=VERSION)


def require_content(headers: HTTPHeaders) -> None:
    """Raise UnsupportedMedia for a body that does not say that it is a part of a file."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != CONTENT:
        raise UnsupportedMedia(f"The body must come as Content-Type: {CONTENT}.", got=kind[:80])
