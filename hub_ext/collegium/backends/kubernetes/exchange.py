"""What processes tell one another through files of a shared volume: requests for copies, and their answers.

Whoever reads does not trust the writer: sizes, types and words are checked, links are not followed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collegium.backends.local import tree
from collegium.backends.ports import Snapshot
from collegium.domain.errors import (
    Conflict,
    DomainError,
    Forbidden,
    InvalidInput,
    NotFound,
    StorageFull,
    TooLarge,
    Unavailable,
)
from collegium.domain.jobs import WorkingDirectory

#: Longest request or answer in bytes: some 4,000 listed files with the longest paths there are.
MAX_MESSAGE = 4 << 20
_ERRORS = {e.code: e for e in (Conflict, Forbidden, InvalidInput, NotFound, StorageFull, TooLarge, Unavailable)}


def read_message(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises OSError (FileNotFoundError if there is none), ValueError for anything odd."""
    folder = tree.open_root(path.parent)
    try:
        fd = tree.open_file(folder, [path.name])
    finally:
        os.close(folder)
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_MESSAGE + 1)
    if len(data) > MAX_MESSAGE:
        raise ValueError(f"{path.name} is longer than {MAX_MESSAGE} bytes")
    try:
        message = json.loads(data)
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return message


def write_working_directory(source: WorkingDirectory) -> dict[str, Any]:
    """What ``read_working_directory`` reads."""
    return {"path": source.path, "files": None if source.files is None else list(source.files)}


def read_working_directory(message: Any) -> WorkingDirectory:
    """A working directory as it was asked for; its paths are checked where they are used. Raises InvalidInput."""
    if not isinstance(message, Mapping) or not isinstance(message.get("path"), str):
        raise InvalidInput("working_directory", "must be an object with a path")
    files = message.get("files")
    if files is None:
        return WorkingDirectory(message["path"])
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise InvalidInput("working_directory.files", "must be a list of paths")
    return WorkingDirectory(message["path"], tuple(files))


def write_snapshot(taken: Snapshot) -> dict[str, Any]:
    """The good answer to a request for a copy."""
    return {"snapshot": {"files": taken.files, "bytes": taken.size}}


def write_error(error: DomainError) -> dict[str, Any]:
    """The bad answer."""
    return {"error": {"code": error.code, "message": error.message, "details": dict(error.details)}}


def raise_error(answer: Mapping[str, Any]) -> None:
    """Raise the error that an answer carries, if it does."""
    error = answer.get("error")
    if error is None:
        return
    if not isinstance(error, Mapping) or error.get("code") not in _ERRORS or not isinstance(error.get("message"), str):
        raise Unavailable("the answer to a request for a copy cannot be read")
    details = error.get("details")
    made = _ERRORS[error["code"]].__new__(_ERRORS[error["code"]])
    DomainError.__init__(made, error["message"], **(details if isinstance(details, dict) else {}))
    raise made


def read_snapshot(answer: Mapping[str, Any]) -> Snapshot:
    """The snapshot that an answer tells of. Raises the error that it carries, Unavailable if it makes no sense."""
    raise_error(answer)
    taken = answer.get("snapshot")
    if not isinstance(taken, Mapping):
        raise Unavailable("the answer to a request for a copy cannot be read")
    return Snapshot(_count(taken, "files"), _count(taken, "bytes"))


def _count(facts: Mapping[str, Any], name: str) -> int:
    value = facts.get(name)
    if type(value) is not int or value < 0:
        raise Unavailable("the answer to a request for a copy cannot be read")
    return value
