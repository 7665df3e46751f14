"""What needs no service: commands, YAML, text, outcomes, strict JSON, ranges."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from collegium.backends.ports import RunPhase, RunStatus, fill
from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState, NotebookSpec, WorkingDirectory
from collegium.domain.resources import Resources
from collegium.services.body import parse_json
from collegium.services.jobs.command import argv, parameters_text
from collegium.services.jobs.files import media_type, read_range
from collegium.services.jobs.models import JobIn
from collegium.services.jobs.outcome import outcome
from collegium.services.jobs.text import dangling, failure_line, held_back
from collegium.services.jobs.validate import read_spec
from collegium.services.refusals import RangeNotSatisfiable

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
@settings(max_examples=100, deadline=None)
def test_parameters_keep_value_and_type(parameters: dict[str, Any]) -> None:
    text = parameters_text(parameters)
    assert text.isascii()
    back = yaml.safe_load(text)
    assert back == parameters
    assert repr(back) == repr(parameters)


def test_long_keys() -> None:
    assert yaml.safe_load(parameters_text({"k" * 5000: 1})) == {"k" * 5000: 1}


@given(TEXT)
@settings(deadline=None)
def test_commands_reach_the_run_unchanged(command: str) -> None:
    words = argv(JobSpec("n", "small", "base", command=command))
    assert [fill(w, "py", "/a", "/w") for w in words] == ["/bin/sh", "-c", command]


def test_notebook_command() -> None:
    notebook = NotebookSpec("deep/-a {work}.ipynb", {"n": 1}, "ir {x}")
    words = [fill(w, "py", "/a", "/w") for w in argv(JobSpec("n", "small", "base", notebook=notebook))]
    # Papermill itself formats paths once more.
    assert [*words[:2], *words[3:5]] == ["py", "-c", "/w/deep/-a {{work}}.ipynb", "/a/-a {{work}}.ipynb"]
    assert words[words.index("--cwd") + 1] == "/w"
    assert words[words.index("--kernel") + 1] == "ir {x}"
    assert yaml.safe_load(words[words.index("--parameters_yaml") + 1]) == {"n": 1}


def spec(**body: Any) -> JobSpec:
    return read_spec(
        JobIn.model_validate({"name": "n", "instance_type": "small", "image": "base", **body}, strict=True)
    )


def test_a_notebook_without_a_directory_goes_along_alone() -> None:
    assert spec(notebook={"path": "a/./b.ipynb"}).working_directory == WorkingDirectory("", ("a/b.ipynb",))


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("command", {}),
        ("command", {"command": " \n"}),
        ("command", {"command": "x", "notebook": {"path": "a.ipynb"}}),
        ("command", {"command": "é" * 65000}),
        ("name", {"name": "a\x07b", "command": "x"}),
        ("name", {"name": "   ", "command": "x"}),
        ("instance_type", {"instance_type": "../x", "command": "x"}),
        ("image", {"image": "a\n", "command": "x"}),
        ("notebook.path", {"notebook": {"path": "../a.ipynb"}}),
        ("notebook.path", {"notebook": {"path": "/a.ipynb"}}),
        ("notebook.path", {"notebook": {"path": "a.py"}}),
        ("notebook.path", {"notebook": {"path": ".ipynb"}}),
        ("notebook.parameters", {"notebook": {"path": "a.ipynb", "parameters": {"x=1;import os": 1}}}),
        ("notebook.parameters", {"notebook": {"path": "a.ipynb", "parameters": {"x": "y" * 200_000}}}),
        ("notebook.kernel", {"notebook": {"path": "a.ipynb", "kernel": "--help"}}),
        ("environment", {"command": "x", "environment": {"1A": ""}}),
        ("environment", {"command": "x", "environment": {f"A{i}": "y" * 8192 for i in range(100)}}),
        ("working_directory.path", {"command": "x", "working_directory": {"path": "a/../../b"}}),
        ("working_directory.files.0", {"command": "x", "working_directory": {"files": ["."]}}),
        ("working_directory.files", {"notebook": {"path": "a.ipynb"}, "working_directory": {"files": ["b"]}}),
    ],
)
def test_refused_bodies(field: str, body: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        spec(**body)
    assert refused.value.details["field"] == field


@given(TEXT, st.integers(0, 400))
def test_text_is_cut_between_characters(text: str, at: int) -> None:
    data = text.encode()[:at]
    whole = data[: len(data) - held_back(data)]
    assert text.startswith(whole.decode())
    tail = text.encode()[at:]
    assert text.endswith(tail[dangling(tail) :].decode())


@given(st.binary(max_size=40), st.integers(1, 5))
def test_any_bytes_in_any_pieces_read_alike(data: bytes, step: int) -> None:
    out, rest = "", b""
    for start in range(0, len(data), step):
        rest += data[start : start + step]
        keep = held_back(rest)
        out += rest[: len(rest) - keep].decode("utf-8", "replace")
        rest = rest[len(rest) - keep :]
    assert out + rest.decode("utf-8", "replace") == data.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("tail", "line"),
    [
        (
            "Traceback (most recent call last):\n  File\nNameError: name 'x' is not defined\n",
            "NameError: name 'x' is not defined",
        ),
        ("\x1b[31mTraceback\x1b[0m\n\x1b[31mValueError\x1b[39m: bad\n\n", "ValueError: bad"),
        ("Traceback (most recent call last):\nKeyboardInterrupt\n", "KeyboardInterrupt"),
        ("Traceback:\nValueError: first\n\nexit now\n", "ValueError: first"),
        ("all is well\nValueError: printed only\n", ""),
        ("", ""),
        ("/usr/bin/python: No module named papermill\n", "the image has no papermill, which runs notebooks"),
    ],
)
def test_failure_line(tail: str, line: str) -> None:
    assert failure_line(tail) == line


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(**changes: Any) -> Job:
    given = {"retries": changes.pop("retries", 0), "timeout_seconds": changes.pop("timeout", 0)}
    base: dict[str, Any] = {
        "id": "job-1",
        "group": "physics",
        "user": "mia",
        "spec": JobSpec("n", "small", "base", command="x", **given),
        "resources": Resources(),
        "launch": {},
        "state": JobState.RUNNING,
        "reason": JobReason.STARTED,
        "message": "",
        "created_at": NOW,
        "attempt": 1,
        "started_at": NOW,
    }
    return Job(**(base | changes))


def ended(
    phase: RunPhase = RunPhase.FAILED,
    code: int | None = 1,
    reason: JobReason | None = JobReason.EXIT_CODE,
    after: int = 10,
) -> RunStatus:
    return RunStatus("job-1.1", phase, NOW, NOW + timedelta(seconds=after), code, reason, "")


@pytest.mark.parametrize(
    ("of", "run", "state", "reason"),
    [
        (job(), ended(RunPhase.SUCCEEDED, 0, None), "Succeeded", "Completed"),
        (job(cancel_requested_by="ada"), ended(RunPhase.SUCCEEDED, 0, None), "Succeeded", "Completed"),
        (job(cancel_requested_by="ada", retries=3), ended(), "Cancelled", "Cancelled"),
        (job(), ended(), "Failed", "ExitCode"),
        (job(retries=1), ended(), "Pending", "Retrying"),
        (job(retries=1, attempt=2), ended(), "Failed", "ExitCode"),
        (job(), ended(reason=JobReason.OUT_OF_MEMORY), "Failed", "OutOfMemory"),
        (job(timeout=10), ended(after=9), "Failed", "ExitCode"),
        (job(timeout=10), ended(after=10), "Failed", "Timeout"),
        (job(timeout=10, retries=1), ended(after=10), "Pending", "Retrying"),
        (job(timeout=10), ended(RunPhase.SUCCEEDED, 0, None, after=11), "Succeeded", "Completed"),
        (job(), ended(RunPhase.LOST, None, JobReason.LOST), "Failed", "Lost"),
        (job(retries=1), ended(RunPhase.LOST, None, JobReason.LOST), "Pending", "Retrying"),
        (job(), ended(reason=JobReason.CANCELLED), "Failed", "Signal"),
        (job(retries=5), ended(reason=JobReason.START_FAILED), "Failed", "StartFailed"),
    ],
)
def test_outcome(of: Job, run: RunStatus, state: str, reason: str) -> None:
    result = outcome(of, run, NOW + timedelta(hours=1))
    assert (result.state, result.reason) == (state, reason)
    assert result.message or state == "Succeeded"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": 1, "a": 2}',
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b'"\\ud800"',
        b'{"\\ud800": 1}',
        b'"\\u0000"',
        b"[" * 100 + b"]" * 100,
        b"[" * 100_000,
        b"9" * 5000,
        b"\xef\xbb\xbf{}",
    ],
)
def test_json_that_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_json(raw)
    json.dumps(dict(refused.value.details))


@given(VALUES)
def test_json_that_is_read(value: Any) -> None:
    if "\\u0000" not in json.dumps(value):
        assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=0-99", (0, 10)),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges(text: str, span: tuple[int, int] | None) -> None:
    assert read_range(text, 10) == span


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_ranges_that_hold_nothing(text: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        read_range(text, 10)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.ipynb", "application/x-ipynb+json"),
        ("a.csv", "text/csv"),
        ("a.tar.gz", "application/gzip"),
        ("a.html", "text/html"),
        ("noext", "application/octet-stream"),
        ("a.csv.bz2", "application/octet-stream"),
    ],
)
def test_media_types(path: str, kind: str) -> None:
    assert media_type(path) == kind
