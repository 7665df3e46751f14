"""Schedules, sweeps, secrets and what is done to many jobs: what the command sends, prints and ends with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from collegium_client.models import ScheduleDetail
from unit.client.conftest import DETAIL, JOB, Made, error, job

SIZE = ["-i", "base", "-t", "small"]
BASE = {"image": "base", "instance_type": "small"}
ID = "sch-" + "0" * 26
NOW = "2026-11-01T10:00:00Z"
TEMPLATE = {**BASE, "command": "make", "name": "nightly"}
SCHEDULE = {
    **{"id": ID, "group": "physics", "name": "nightly", "state": "Active", "reason": "Started", "message": ""},
    **{"recurrence": {"kind": "cron", "expression": "0 2 * * *", "zone": "UTC"}, "description": "at 02:00, every day"},
    **{"start_at": "2027-01-01T01:00:00Z", "end_at": None, "max_runs": None, "overlap": "forbid", "missed": "once"},
    **{"missed_limit": 10, "missed_horizon": 86400, "max_failures": 5, "kind": "command", **BASE, "run_as": "ann"},
    **{"created_by": "ann", "created_at": NOW, "updated_by": "ann", "updated_at": NOW, "runs": 0, "failures": 0},
    **{"next_at": NOW, "last_run": None, "version": 3},
}
TREND = {
    **{"succeeded": 0, "failed": 0, "cancelled": 0, "success_rate": None, "median_seconds": None, "change": None},
    "points": [],
}
KNOWN = {**SCHEDULE, "template": TEMPLATE, "upcoming": [], "trend": TREND, "history": []}
SWEEP = {
    **{"id": "swp-" + "0" * 26, "group": "physics", "user": "ann", "name": "rates", "state": "Running", "message": ""},
    **{"kind": "grid", "total": 2, "made": 2, "counts": {}, "concurrency": 0, "priority": 0, "tags": [], "notes": ""},
    **{"objective": {"metric": "loss", "goal": "minimize"}, "best": None, "created_at": NOW, "finished_at": None},
    **{"cancel_requested_by": None, "spec": {}, "space": {}, "launch": {}, "history": []},
}
BULK = {"matched": 3, "changed": 2, "refused": [{"id": "job-9", "reason": "not yours"}], "refused_count": 1}


def ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def page(*items: Any) -> httpx.Response:
    return ok({"items": list(items), "next_cursor": None})


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (["-p", "lr=1e-3", "-p", "kind=a"], {"values": {"lr": 0.001, "kind": "a"}}),
        (["--secret", "TOKEN=warehouse"], {"secrets": {"TOKEN": "warehouse"}}),
        (
            ["--retries", "3", "--retry-on", "lost", "--retry-on", "out_of_memory", "--backoff", "1m"],
            {"retries": 3, "retry": {"on": ["lost", "out_of_memory"], "base_seconds": 60}},
        ),
        (["--after", "a", "--after", "b"], {"depends_on": {"jobs": ["a", "b"], "need": "all"}}),
        (
            ["--after", "a", "--after-any", "--after-failed"],
            {"depends_on": {"jobs": ["a"], "need": "any", "ending": "failed"}},
        ),
        (
            ["--tag", "x", "--tag", "y", "--notes", "n", "--priority", "-5"],
            {"tags": ["x", "y"], "notes": "n", "priority": -5},
        ),
        (
            ["--notify", "me", "--notify", "ops:failed,cancelled"],
            {"notify": [{"channel": "me"}, {"channel": "ops", "on": ["failed", "cancelled"]}]},
        ),
    ],
)
def test_options_of_a_job(run: Any, made: Made, arguments: list[str], sent: dict[str, Any]) -> None:
    result = run("jobs", "submit", *SIZE, "-n", "x", *arguments, "true")
    assert result.exit_code == 0, result.output
    assert made.script.bodies() == [{**BASE, "command": "true", "name": "x", **sent}]


@pytest.mark.parametrize(
    ("space", "sent"),
    [
        (["--grid", "lr=0.1,1e-4"], {"grid": {"lr": {"values": [0.1, 0.0001]}}}),
        (["--grid", "n=1:10:1"], {"grid": {"n": {"start": 1, "stop": 10, "step": 1}}}),
        (["--grid", "x=0..1:5"], {"grid": {"x": {"start": 0, "stop": 1, "count": 5}}}),
        (["--grid", "x=1e-4..1:3:log"], {"grid": {"x": {"start": 0.0001, "stop": 1, "count": 3, "log": True}}}),
        (["--grid", "k=a, 'b,c', true"], {"grid": {"k": {"values": ["a", "b,c", True]}}}),
        (
            ["--random", "lr=1e-4..1e-1:log", "--random", "n=1..9:whole", "--count", "20", "--seed", "7"],
            {
                "random": {
                    "space": {"lr": {"low": 1e-4, "high": 0.1, "log": True}, "n": {"low": 1, "high": 9, "whole": True}},
                    "count": 20,
                    "seed": 7,
                }
            },
        ),
        (
            ["--array", "5", "--concurrency", "2", "--tag", "x", "--objective", "a/b:maximize"],
            {"array": 5, "concurrency": 2, "tags": ["x"], "objective": {"metric": "a/b", "goal": "maximize"}},
        ),
    ],
)
def test_options_of_a_sweep(run: Any, made: Made, space: list[str], sent: dict[str, Any]) -> None:
    result = run("sweeps", "submit", *SIZE, *space, "make it", replies=[ok(SWEEP, 201)])
    assert result.exit_code == 0, result.output
    assert made.script.bodies() == [{"name": "make it", "job": {**BASE, "command": "make it"}, **sent}]
    assert made.script.asked[0].headers["Idempotency-Key"]
    assert result.stdout == f"Submitted {SWEEP['id']} rates in physics: 2 jobs\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "submit", *SIZE, "--backoff", "1m", "true"], "no use without --retries"),
        (["jobs", "submit", *SIZE, "--after-any", "true"], "the jobs of --after"),
        (["jobs", "submit", *SIZE, "--notify", "me:sometimes", "true"], "'sometimes' is none of"),
        (["jobs", "cancel"], "Missing argument 'JOB...', or --all"),
        (["jobs", "delete", "job-1", "--all"], "not both"),
        (["jobs", "cancel", "job-1", "--tag", "x"], "go with --all"),
        (["jobs", "edit", "job-1"], "nothing to change"),
        (["jobs", "list", "--sort", "luck"], "Invalid value for '--sort'"),
        (["sweeps", "submit", *SIZE, "true"], "nothing varies"),
        (["sweeps", "submit", *SIZE, "--grid", "a=1", "--array", "2", "true"], "exclude one another"),
        (["sweeps", "submit", *SIZE, "--random", "a=0..1", "true"], "--random takes --count"),
        (["sweeps", "submit", *SIZE, "--grid", "a=1", "--count", "2", "true"], "--count goes with --random"),
        (["sweeps", "submit", *SIZE, "--grid", "a=0..1", "true"], "a: a range takes how many"),
        (["sweeps", "submit", *SIZE, "--random", "a=0..1:often", "--count", "2", "true"], "takes log and whole"),
        (["sweeps", "submit", *SIZE, "--grid", "a=1", "--objective", "loss:least", "true"], "'least' is neither"),
        (["schedules", "create", *SIZE, "-n", "x", "true"], "Give --cron, --every or --at"),
        (["schedules", "create", *SIZE, "--every", "1h", "true"], "name is missing"),
        (
            ["schedules", "create", *SIZE, "-n", "x", "--every", "1h", "--at", "2027-01-01", "true"],
            "exclude one another",
        ),
        (["channels", "create", "x", "--kind", "email", "--url", "http://x"], "are of webhook and slack"),
        (["channels", "create", "x", "--kind", "slack"], "URL is missing"),
        (["secrets", "set", "x", "value"], "Got unexpected extra argument"),
    ],
)
def test_wrong_usage_is_named_and_nothing_is_sent(run: Any, made: Made, arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert made.script.asked == []


def test_a_schedule_is_made_and_known_by_its_name(run: Any, made: Made) -> None:
    arguments = [
        "-n",
        "nightly",
        "--cron",
        "0 2 * * *",
        "--zone",
        "Europe/Berlin",
        "--max-runs",
        "3",
        "--start",
        "2027-01-01",
    ]
    result = run("schedules", "create", *SIZE, *arguments, "make", replies=[ok(KNOWN, 201)])
    assert result.stdout.startswith(f"Created {ID} nightly: Active, at 02:00, every day, next 2026-11-01 10:00:00 UTC")
    assert made.script.bodies() == [
        {
            "name": "nightly",
            "recurrence": {"kind": "cron", "expression": "0 2 * * *", "zone": "Europe/Berlin"},
            "start_at": "2027-01-01",
            "max_runs": 3,
            "template": TEMPLATE,
        }
    ]
    similar = {**SCHEDULE, "id": ID[:-1] + "1", "name": "nightly sums"}
    assert run("schedules", "pause", "nightly", replies=[page(similar, SCHEDULE), ok(KNOWN)]).exit_code == 0
    assert made.script.asked[-1].url.path.endswith(f"/{ID}/pause")
    result = run("schedules", "pause", "nosuch", replies=[page(SCHEDULE)])
    assert (result.exit_code, result.stderr) == (1, "Error: Group physics has no schedule nosuch.\n")


def test_an_edit_of_a_schedule_sends_what_changes_and_refuses_to_undo_others(run: Any, made: Made) -> None:
    assert run("schedules", "edit", ID, "--zone", "Asia/Tokyo", "--timeout", "1h", replies=[ok(KNOWN)]).exit_code == 0
    assert json.loads(made.script.asked[-1].content) == {
        "version": 3,
        "recurrence": {**SCHEDULE["recurrence"], "zone": "Asia/Tokyo"},  # type: ignore[dict-item]
        "template": {**TEMPLATE, "timeout_seconds": 3600},
    }
    run("schedules", "edit", ID, "--end", "", replies=[ok(KNOWN)])
    assert json.loads(made.script.asked[-1].content) == {"version": 3, "end_at": None}
    assert "nothing to change" in run("schedules", "edit", ID, replies=[ok(KNOWN)]).stderr


@pytest.mark.parametrize(("state", "status"), [("Succeeded", 0), ("Failed", 1), ("Cancelled", 130)])
def test_a_sweep_is_waited_for_until_its_best_is_known(run: Any, made: Made, state: str, status: int) -> None:
    best = {"job": "job-1", "point": 0, "value": 0.25, "values": {"lr": 0.1}}
    looks = {"sweeps": 0, "metrics": 0}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return ok(SWEEP, 201)
        if request.url.path.endswith("/jobs"):
            return page(JOB)
        if request.url.path.endswith("/metrics"):
            looks["metrics"] += 1
            return ok({"items": [], "problems": [], "complete": looks["metrics"] > 2})
        looks["sweeps"] += 1
        over = {"state": state, "counts": {state: 2}} if looks["sweeps"] > 2 else {}
        return ok({**SWEEP, **over, "best": best if looks["metrics"] else None})

    result = run("sweeps", "submit", "--wait", *SIZE, "--grid", "lr=0.1", "true", replies=[answer])
    assert (result.exit_code, result.stdout) == (status, f"{SWEEP['id']}\n")
    assert looks["metrics"] == 3
    assert result.stderr.endswith(f"rates: {state}, 2 {state}\nbest: loss 0.25 with lr=0.1 (job-1)\n")


def test_many_jobs_are_changed_only_when_somebody_said_so(run: Any, made: Made) -> None:
    chosen = ["jobs", "cancel", "--all", "--state", "pending", "--tag", "x"]
    result = run(*chosen, replies=[ok({**BULK, "remaining": 4})])
    assert result.exit_code == 2
    assert "6 jobs of physics will be cancelled. Go on? Nobody can be asked here: say --yes." in result.stderr
    filter = {"state": ["Pending"], "tag": ["x"]}
    assert made.script.bodies() == [{"action": "cancel", "dry_run": True, "filter": filter}]
    # One request changes so many; it is asked again until none remains.
    result = run(*chosen, "--yes", replies=[ok(BULK), ok({**BULK, "remaining": 1}), ok({**BULK, "changed": 1})])
    assert result.stdout == "3 of 3 jobs cancelled\n"
    assert "not job-9: not yours" in result.stderr
    assert [b["dry_run"] for b in made.script.bodies()] == [True, False, False]
    nothing = ok({**BULK, "matched": 0, "changed": 0, "refused": [], "refused_count": 0})
    assert run("jobs", "delete", "--all", replies=[nothing]).stdout == "0 of 0 jobs would be deleted\n"


def test_a_rerun_is_exact_unless_it_is_asked_for_anew(run: Any, made: Made) -> None:
    run("jobs", "rerun", "job-1", replies=[job()])
    assert made.script.asked[0].content == b""
    run("jobs", "rerun", "job-1", "--anew", replies=[job()])
    assert made.script.bodies() == [{"exact": False}]


def test_a_secret_comes_from_standard_input_and_goes_nowhere_else(run: Any, made: Made) -> None:
    told = {"name": "w", "description": "", "created_by": "ann", "created_at": NOW, "updated_by": "ann"}
    done = ok({**told, "updated_at": NOW})
    result = run("secrets", "set", "w", replies=[done], input="line 1\nline 2\n")
    assert made.script.bodies() == [{"value": "line 1\nline 2"}]
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Set w.\n")
    refused = run(
        "secrets", "set", "w", replies=[error(400, "invalid", "value: is empty", field="value")], input="sesame"
    )
    assert "sesame" not in refused.output
    url = {"name": "chat", "kind": "slack", "addresses": [], "url": "https://chat", "has_secret": False, "events": []}
    made_channel = ok({**url, "enabled": True, "created_by": "a", "created_at": NOW, "updated_at": NOW}, 201)
    run("channels", "create", "chat", "--kind", "slack", replies=[made_channel], input="https://chat/x/y\n")
    assert made.script.bodies()[0]["url"] == "https://chat/x/y"


def test_ones_own_notifications_keep_what_is_not_mentioned(run: Any, made: Made) -> None:
    own = {"address": "a@b.org", "from_account": True, "events": ["job.failed"], "groups": ["physics"], "enabled": True}
    result = run("notifications", "set", "--off", replies=[ok({**own, "problem": ""})])
    assert result.exit_code == 0, result.output
    body = json.loads(made.script.asked[-1].content)
    assert body == {"address": "", "events": ["job.failed"], "groups": ["physics"], "enabled": False}


WORK = """
defaults: {image: base, instance_type: small}
jobs:
  - {name: alone, command: "true"}
  - {name: one, command: "true", key: first}
  - {name: two, command: "true", depends_on: [first]}
schedules:
  - name: nightly
    recurrence: {kind: cron, expression: 0 2 * * *}
    start_at: 2027-01-01T01:00
    template: {command: make}
sweeps:
  - {name: rates, grid: {lr: {values: [1, 2]}}, job: {command: "true"}}
"""


def test_apply_makes_what_waits_for_one_another_together(run: Any, made: Made, tmp_path: Path) -> None:
    file = tmp_path / "work.yaml"
    file.write_text(WORK)
    known: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or "null")
        if path.endswith("/batch"):
            return ok({"jobs": {j["key"]: {**JOB, "name": j["name"]} for j in body["jobs"]}}, 201)
        if path.endswith("/schedules"):
            return page(*known) if request.method == "GET" else ok(KNOWN, 201)
        return ok(KNOWN) if "/schedules/" in path else ok(SWEEP if path.endswith("/sweeps") else JOB, 201)

    result = run("apply", "-f", str(file), replies=[answer])
    assert (result.exit_code, result.stderr) == (0, "5 created, 0 there already\n"), result.output
    batch = next(json.loads(r.content) for r in made.script.asked if r.url.path.endswith("/batch"))
    assert [(j["name"], j.get("depends_on")) for j in batch["jobs"]] == [("one", None), ("two", {"jobs": ["first"]})]
    made_schedule = next(
        json.loads(r.content) for r in made.script.asked if r.url.path.endswith("/schedules") and r.content
    )
    assert made_schedule["template"] == {**BASE, "name": "nightly", "command": "make"}
    # What is there as the file says is left alone; what is not is changed, and only that.
    known.append(SCHEDULE)
    result = run("apply", "-f", str(file), replies=[answer])
    assert not [r for r in made.script.asked if r.method == "PATCH"], result.output
    file.write_text(WORK.replace("0 2 * * *", "0 3 * * *").replace("command: make", "command: make all"))
    result = run("apply", "-f", str(file), replies=[answer])
    assert result.stderr == "4 created, 1 changed, 0 there already\n"
    change = next(json.loads(r.content) for r in made.script.asked if r.method == "PATCH")
    assert change == {
        "version": 3,
        "recurrence": {"kind": "cron", "expression": "0 3 * * *"},
        "template": {**BASE, "name": "nightly", "command": "make all"},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schedules: [{template: {}}]", "schedules[0].name: must be text"),
        ("schedules: [{name: a, key: b}]", "a schedule is known by its name"),
        ("schedules: [{name: a}, {name: a}]", "schedules[1] is the same as"),
        ("sweeps: [{job: 3}]", "sweeps[0].job: must be a mapping"),
        ("jobs: [{name: a, depends_on: 3}]", "jobs[0].depends_on: must be a list of keys"),
    ],
)
def test_a_wrong_file_is_named_and_nothing_is_made(run: Any, made: Made, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "work.yaml"
    file.write_text(text)
    result = run("apply", "-f", str(file))
    assert (result.exit_code, words in result.stderr, made.script.asked) == (1, True, []), result.stderr


def test_a_refused_batch_names_the_item(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "work.yaml"
    file.write_text(WORK)
    refused = error(400, "invalid", "jobs.1.image: is no image", field="jobs.1.image")
    result = run("apply", "-f", str(file), replies=[job(), refused])
    assert result.stderr == f"Error: {file}: jobs[2]: jobs.1.image: is no image\n"


@pytest.mark.parametrize(
    ("line", "offered"),
    [("collegium schedules get ni", "plain,nightly"), ("collegium sweeps get swp", f"plain,{SWEEP['id']}")],
)
def test_schedules_and_sweeps_are_completed(run: Any, line: str, offered: str) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": "3", "_COLLEGIUM_COMPLETE": "bash_complete"}
    answers = page(SCHEDULE if "schedules" in line else SWEEP)
    assert run(replies=[answers], env=words, prog_name="collegium").stdout.strip() == offered


async def test_the_async_half_waits_and_finds(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None: ...

    monkeypatch.setattr("collegium_client.aio_sweeps.asyncio.sleep", at_once)
    figures = ok({"items": [], "problems": [], "complete": True})
    over = ok({**SWEEP, "state": "Succeeded"})
    async with made.awaitable(ok(SWEEP, 201), ok(SWEEP), over, page(JOB), figures, over, page(), page()) as client:
        sweep = await client.sweeps.submit(name="rates", job={**BASE, "command": "true"}, array=2)
        assert (await sweep.wait(check=True)).state == "Succeeded"
        assert [p async for p in sweep.points()] == []
        assert await client.schedules.find("nightly") is None
    assert ScheduleDetail.model_validate(KNOWN).template["command"] == DETAIL.get("command", "make")
