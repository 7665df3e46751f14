"""A file that is being fetched: written beside its place, resumed where it broke, and there when it is complete."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from collegium_client.errors import CollegiumError, Unreachable

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


class Download:
    """One file. ``at`` bytes are there; ``range`` is the header that asks for the rest."""

    def __init__(self, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
        self._target, self._progress = target, progress
        self._file: IO[bytes] | None = None
        self._draft: Path | None = None
        self.at = 0
        self.size: int | None = None
        #: As the answer says it: asks for the rest only of what was begun.
        self.etag: str | None = None
        self.complete = False

    def __enter__(self) -> Self:
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            draft = self._target.with_name(f".{self._target.name[:40]}-{secrets.token_hex(6)}")
            self._file = draft.open("xb")
        except OSError as error:
            raise CollegiumError(f"{self._target} cannot be written: {error.strerror}", code="local_file") from error
        self._draft = draft
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)

    @property
    def range(self) -> str | None:
        """None at the beginning."""
        return f"bytes={self.at}-" if self.at else None

    def begin(self, response: httpx.Response) -> None:
        """Look at the head of an answer: a part goes on, anything else begins anew."""
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code == 206 and found and int(found[1]) == self.at:
            size: int | None = int(found[3])
        else:
            self._restart()
            length = response.headers.get("Content-Length", "")
            size = int(length) if length.isdecimal() and "Content-Encoding" not in response.headers else None
        if self.at and self.size is not None and size != self.size:
            raise Unreachable("the file changed while it was fetched; fetch it again")
        self.size = size
        self.etag = response.headers.get("ETag")

    def write(self, piece: bytes) -> None:
        """Keep what came."""
        assert self._file is not None
        try:
            self._file.write(piece)
        except OSError as error:
            raise CollegiumError(f"{self._target} cannot be written: {error.strerror}", code="local_file") from error
        self.at += len(piece)
        if self._progress is not None:
            self._progress(self.at, self.size if self.size is not None else self.at)

    def end(self) -> None:
        """The answer is over. Raises httpx.ReadError if it was too short, so that the rest is asked for."""
        if self.size is not None and self.at != self.size:
            raise httpx.ReadError(f"{self.at} of {self.size} bytes came")
        self.complete = True

    def finish(self) -> Path:
        """Put the file into its place."""
        assert self._file is not None
        assert self._draft is not None
        try:
            self._file.close()
            os.replace(self._draft, self._target)
        except OSError as error:
            raise CollegiumError(f"{self._target} cannot be written: {error.strerror}", code="local_file") from error
        self._draft = None
        return self._target

    def _restart(self) -> None:
        assert self._file is not None
        self._file.seek(0)
        self._file.truncate()
        self.at = 0
