"""Text out of bytes that arrive in pieces, and the line of a log that says what went wrong."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[ -/]*[0-Z\\^-~]")
#: The last line of a Python traceback: an exception's name, and mostly a text.
_EXCEPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,119}(?:: \S.*)?")
_NO_PAPERMILL = re.compile(r".*No module named '?papermill'?")


def held_back(data: bytes) -> int:
    """How many bytes at the end are the beginning of a UTF-8 character that is not complete; 0 to 3."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 2 if 0xC2 <= byte <= 0xDF else 3 if 0xE0 <= byte <= 0xEF else 4 if 0xF0 <= byte <= 0xF4 else 1
        return back if length > back else 0
    return 0


def dangling(data: bytes) -> int:
    """How many bytes at the start are the rest of a UTF-8 character whose beginning is missing; 0 to 3."""
    count = 0
    while count < min(3, len(data)) and data[count] & 0xC0 == 0x80:
        count += 1
    return count


def failure_line(tail: str) -> str:
    """The exception at the end of a log, at most 300 characters; empty if the log does not end in a traceback."""
    lines = [line.rstrip() for line in _ANSI.sub("", tail).splitlines()]
    lines = [line for line in lines if line.strip()]
    for line in reversed(lines[-10:]):
        if _NO_PAPERMILL.fullmatch(line):
            return "the image has no papermill, which runs notebooks"
    if not lines or not any("Traceback" in line or "PapermillExecutionError" in line for line in lines):
        return ""
    for line in reversed(lines[-40:]):
        if _EXCEPTION.fullmatch(line):
            clean = "".join(c for c in line if c.isprintable())
            return clean if len(clean) <= 300 else clean[:299] + "…"
    return ""
