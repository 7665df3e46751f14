"""The command: what it sends, prints and ends with."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import httpx
import pytest

from collegium_client.cli import root
from unit.client.conftest import JOB, Made, detail, error, job

SUBMIT = ["jobs", "submit", "-i", "base", "-t", "small"]


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (["make data && make"], {"command": "make data && make", "name": "make data && make"}),
        (
            ["--", "python", "a b.py", "--epochs", "3"],
            {"command": "python 'a b.py' --epochs 3", "name": "python 'a b.py' --epochs 3"},
        ),
        (["-n", "x", "true", "--retries", "2"], {"command": "true", "name": "x", "retries": 2}),
        (["true", "--timeout", "2h", "-n", "x"], {"command": "true", "name": "x", "timeout_seconds": 7200}),
        (
            ["-n", "x", "-e", "A=1=2", "-d", ".", "--include", "a.py", "true"],
            {
                "command": "true",
                "name": "x",
                "environment": {"A": "1=2"},
                "working_directory": {"path": "", "files": ["a.py"]},
            },
        ),
        (
            ["--notebook", "dir/n.ipynb", "-p", "epochs=3", "-p", "lr=0.5", "-p", "on=true", "-p", "day=2026-01-01"],
            {
                "notebook": {
                    "path": "dir/n.ipynb",
                    "parameters": {"epochs": 3, "lr": 0.5, "on": True, "day": "2026-01-01"},
                },
                "name": "n.ipynb",
            },
        ),
        (
            ["--notebook", "n.ipynb", "--set", "notebook.kernel=python3", "--set", "priority=5", "-n", "x"],
            {"notebook": {"path": "n.ipynb", "kernel": "python3"}, "priority": 5, "name": "x"},
        ),
    ],
)
def test_options_become_a_job(run: Any, made: Made, arguments: list[str], sent: dict[str, Any]) -> None:
    result = run(*SUBMIT, *arguments)
    assert result.exit_code == 0, result.output
    assert made.script.bodies() == [{"image": "base", "instance_type": "small", **sent}]
    assert "Submitted job-1 train in physics: Pending, position 1" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "submit"], "nothing to run"),
        (["jobs", "submit", "true"], "image is missing: give -i or --image"),
        ([*SUBMIT, "--notebook", "n", "true"], "not both"),
        ([*SUBMIT, "-e", "A", "true"], "'A' is not NAME=VALUE"),
        ([*SUBMIT, "-e", "A=1", "-e", "A=2", "true"], "A is given twice"),
        ([*SUBMIT, "--timeout", "soon", "true"], "'soon' is no time such as 90, 30m, 2h or 1d"),
        ([*SUBMIT, "--set", "a.=1", "true"], "names no field"),
        ([*SUBMIT, "--set", "a={", "true"], "cannot be read"),
        ([*SUBMIT, "python", "x.py", "--epochs"], "No such option '--epochs'"),
        (["jobs", "list", "--mine", "-u", "bob"], "exclude one another"),
        (["jobs", "wait"], "Missing argument"),
        (["jobs", "nosuch"], "No such command 'nosuch'"),
        (["apply", "-f", "x.yaml", "--group"], "requires an argument"),
    ],
)
def test_wrong_usage_is_named_and_nothing_is_sent(run: Any, made: Made, arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert made.script.asked == []


def test_a_refusal_names_the_field(run: Any) -> None:
    refused = error(400, "invalid", "is too long", field="timeout_seconds", value=9, limit=5)
    result = run(*SUBMIT, "true", replies=[refused])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: is too long\n  field: timeout_seconds, value: 9, limit: 5\n"
    result = run(*SUBMIT, "true", "--json", replies=[refused])
    assert json.loads(result.stderr)["error"] == {
        "code": "invalid",
        "message": "is too long",
        "details": {"field": "timeout_seconds", "value": 9, "limit": 5},
        "request_id": "r1",
    }
    result = run(*SUBMIT, "true", replies=[error(500, "internal", "Something went wrong.")])
    assert result.stderr == "Error: Something went wrong.\n  request id: r1\n"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ({"state": "Succeeded", "exit_code": 0}, 0),
        ({"state": "Failed", "reason": "ExitCode", "exit_code": 42}, 42),
        ({"state": "Cancelled", "reason": "Cancelled"}, 130),
        ({"state": "Failed", "reason": "Timeout"}, 124),
    ],
)
def test_the_jobs_exit_code_is_the_commands(run: Any, end: dict[str, Any], status: int) -> None:
    result = run(*SUBMIT, "--wait", "true", replies=[job(), detail(), detail(state="Running"), detail(**end)])
    assert (result.exit_code, result.stdout) == (status, "job-1\n")
    assert run("jobs", "wait", "job-1", replies=[detail(**end)]).exit_code == status
    stream = (
        'id: 1:3\nevent: log\ndata: {"text": "hi\\n", "offset": 0, "gap": 0}\n\n'
        'id: 1:3\nevent: end\ndata: {"state": "x", "reason": "", "message": "", "exit_code": null}\n\n'
    )
    log = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text=stream)
    result = run("jobs", "logs", "-f", "job-1", replies=[log, detail(**end)])
    assert (result.exit_code, result.stdout) == (status, "hi\n")


def test_the_commands_own_failure_is_told_apart_from_the_jobs(run: Any) -> None:
    gone = error(404, "not_found", "no job job-9")
    assert run("jobs", "wait", "job-9", replies=[gone]).exit_code == 125
    assert run("jobs", "logs", "-f", "job-9", replies=[gone]).exit_code == 125
    assert run("jobs", "logs", "job-9", replies=[gone]).exit_code == 1
    result = run("jobs", "wait", "job-1", "--timeout", "0", replies=[detail()])
    assert result.exit_code == 125
    assert "they go on" in result.stderr


def test_the_first_failure_of_several_jobs_counts(run: Any, made: Made) -> None:
    ends = {
        "a": {"state": "Succeeded"},
        "b": {"state": "Failed", "exit_code": 5},
        "c": {"state": "Failed", "exit_code": 6},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[1]
        return detail(**{"id": name, **ends[name]})

    assert run("jobs", "wait", "a", "b", "c", replies=[answer]).exit_code == 5


def test_somebody_elses_words_do_not_steer_the_terminal(run: Any) -> None:
    page = httpx.Response(200, json={"items": [{**JOB, "name": "a\x1b[2Jb\nc"}], "next_cursor": None})
    result = run("jobs", "list", replies=[page])
    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 2
    refused = error(400, "invalid", "bad \x1b]0;owned\x07")
    assert "\x1b" not in run("jobs", "list", replies=[refused]).stderr


def test_empty_lists_say_so_beside_the_output(run: Any) -> None:
    page = httpx.Response(200, json={"items": [], "next_cursor": None})
    result = run("jobs", "list", "-s", "running", replies=[page])
    assert (result.stdout, result.stderr) == ("", "There are no such jobs.\n")
    assert json.loads(run("jobs", "list", "--json", replies=[page]).stdout) == []


APPLY = """
defaults: {image: base, instance_type: small}
jobs:
  - {name: one, command: "true"}
  - {name: two, command: "true", key: second, retries: 1}
  - {name: three, command: "true", group: chemistry}
"""


def test_apply_makes_each_job_once(run: Any, made: Made, tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(APPLY)
    replayed = httpx.Response(201, json=JOB, headers={"Idempotency-Replayed": "true"})
    result = run("apply", "-f", str(file), replies=[job(), replayed, job(group="chemistry")])
    assert result.exit_code == 0, result.output
    assert result.stderr == "2 created, 1 there already\n"
    keys = [r.headers["Idempotency-Key"] for r in made.script.asked]
    assert keys[1] == "second"
    assert made.script.bodies()[1] == {
        "image": "base",
        "instance_type": "small",
        "name": "two",
        "command": "true",
        "retries": 1,
    }
    assert [r.url.path.split("/")[6] for r in made.script.asked] == ["physics", "physics", "chemistry"]
    # The same again has the same keys; another content has another.
    run("apply", "-f", str(file))
    assert [r.headers["Idempotency-Key"] for r in made.script.asked] == keys
    file.write_text(APPLY.replace("small", "large"))
    run("apply", "-f", str(file))
    assert made.script.asked[0].headers["Idempotency-Key"] != keys[0]
    result = run("apply", "--dry-run", "-f", str(file), "--json")
    assert [m["name"] for m in json.loads(result.stdout)] == ["one", "two", "three"]
    assert made.script.asked == []


def test_apply_stops_at_the_first_refusal_and_says_what_was_made(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(APPLY)
    result = run("apply", "-f", str(file), replies=[job(), error(422, "quota_exceeded", "cpu: never fits")])
    assert result.exit_code == 1
    assert "job-1" in result.stdout
    assert result.stderr == f"Error: {file}: jobs[1]: cpu: never fits\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is nothing in it"),
        ("- a", "must be a mapping with jobs"),
        ("jbos: []", "jbos: there is only"),
        ("jobs: {}\n", "there is nothing in it"),
        ("jobs: 3", "jobs: must be a list"),
        ("jobs: [3]", "jobs[0]: must be a mapping"),
        ("jobs: [{name: a, key: 3}]", "jobs[0].key: must be text, not 3"),
        ("jobs: [{name: a}, {name: a}]", "jobs[1] is the same as"),
        ("jobs:\n  - {name: a, name: b}", "line 2, column 15: name is given twice"),
        ("jobs: [", "line 1"),
        ("jobs: !!python/object:os.system {}", "could not determine a constructor"),
        ("defaults: 3\njobs: [{name: a}]", "defaults: must be a mapping"),
    ],
)
def test_a_wrong_file_is_named_and_nothing_is_made(run: Any, made: Made, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(text)
    result = run("apply", "-f", str(file))
    assert result.exit_code == 1
    assert words in result.stderr
    assert str(file) in result.stderr
    assert made.script.asked == []


def test_another_distributions_trouble_is_its_own(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("broken", "nosuch_module:command", root.ENTRY_POINTS),
        EntryPoint("odd", "json:dumps", root.ENTRY_POINTS),
        EntryPoint("jobs", "json:dumps", root.ENTRY_POINTS),
    ]
    monkeypatch.setattr(root, "entry_points", lambda group: points)
    result = run("--help")
    assert result.exit_code == 0
    assert "On the machine of a hub" in result.stdout
    assert run("jobs", "--help").stdout.startswith("Usage: collegium jobs")
    result = run("broken", "--anything", "x")
    assert result.exit_code == 1
    assert "nosuch_module:command cannot be loaded" in result.stderr
    assert "is no command" in run("odd").stderr


def test_without_settings_it_says_what_to_do(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLLEGIUM_URL")
    monkeypatch.delenv("COLLEGIUM_TOKEN")
    result = run("jobs", "list")
    assert result.exit_code == 1
    assert "collegium login" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Any, shell: str) -> None:
    assert "_COLLEGIUM_COMPLETE" in run("completion", shell).stdout


def test_jobs_and_groups_are_completed(run: Any, made: Made) -> None:
    page = httpx.Response(200, json={"items": [JOB, {**JOB, "id": "other"}], "next_cursor": None})
    words = {"COMP_WORDS": "collegium jobs get job", "COMP_CWORD": "3", "_COLLEGIUM_COMPLETE": "bash_complete"}
    result = run(replies=[page], env=words, prog_name="collegium")
    assert result.stdout == "plain,job-1\n"
    # Nobody wants an error in the middle of a line.
    result = run(replies=[error(401, "not_authenticated")], env=words, prog_name="collegium")
    assert result.stdout.strip() == ""
