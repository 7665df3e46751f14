"""The REST API as programs use it, on a whole installation: the README's own commands, every refusal, every feature."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from collegium.domain.groups import Role
from collegium.domain.policy import POLICY, Operation
from collegium.hub.configuration import DEMO_CATALOG, DEMO_HOME
from support.installation import ROOT, Installation, until
from support.rest import ask, curl, follow, job_of, log_of, submit, wait_state

PREFIX = "custom:collegium:"
#: What cannot be asked without saying which file.
NAMED = tuple(f"/files/{name}" for name in ("entry", "content", "preview", "checksum", "archive"))
#: Of a dataset that is not there.
OF_DATASET = ("/none/versions", "/none/manifest", "/none/uses")
ACCESS = "access:services!service=collegium"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("rest")
    catalog = Path(shutil.copy(DEMO_CATALOG, folder / "catalog.yaml"))
    running = Installation(folder / "hub", catalog)
    # Ann worked before: her home in physics has the notebook of the demo.
    shutil.copytree(DEMO_HOME, running.state / "homes" / "ann" / "physics")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def tokens(hub: Installation) -> dict[str, str]:
    return {user: hub.token(user) for user in ("admin", "ann", "bob", "cem", "vic", "mia", "zoe")}


@pytest.fixture(scope="module")
def done(hub: Installation, tokens: dict[str, str]) -> str:
    """A job of physics that is over and left an artifact."""
    job = submit(hub, tokens["ann"], command='echo said; echo kept > "$COLLEGIUM_ARTIFACTS/out.txt"')
    assert wait_state(hub, tokens["ann"], job["id"])["state"] == "Succeeded"
    return str(job["id"])


def minted(hub: Installation, token: str, user: str = "ann", **model: Any) -> str:
    """A token that a user makes with a token, as the hub's token page does; with curl."""
    status, body = curl(
        "-H",
        f"Authorization: token {token}",
        "-d",
        json.dumps({"note": "made by curl", **model}),
        f"{hub.url}/hub/api/users/{user}/tokens",
    )
    assert status == 201, body
    return str(json.loads(body)["token"])


def test_the_commands_of_the_readme(hub: Installation, tokens: dict[str, str], tmp_path: Path) -> None:
    """The block is taken from the README as it stands; only the address and what a person fills in are ours."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"## The same from a program.*?```sh\n(.*?)```", text, re.DOTALL)
    assert block, "the README has no such block any more"
    commands = re.findall(r"^curl .*?(?=^curl |\Z)", block[1], re.MULTILINE | re.DOTALL)
    place = re.search(r"^API=(\S+)$", block[1], re.MULTILINE)
    assert place and len(commands) == 6, block[1]
    environment = {
        **os.environ,
        "TOKEN": minted(hub, tokens["ann"], expires_in=3600),
        "API": place[1].replace("http://127.0.0.1:8000", hub.url),
    }

    def run(number: int) -> bytes:
        done = subprocess.run(
            ["bash", "-ec", commands[number]], cwd=tmp_path, env=environment, capture_output=True, timeout=600
        )
        assert done.returncode == 0, done
        return done.stdout

    assert json.loads(run(0))["group"], "usage"
    job = json.loads(run(1))
    assert job["state"] == "Pending" and job["name"] == "digits, wider", job
    environment["JOB"] = job["id"]
    # The command leaves out Preparing, where a job is for a moment between the two.
    until("the job waits or runs", lambda: job["id"] in [j["id"] for j in json.loads(run(2))["items"]])
    followed = run(3).decode()
    assert "event: end" in followed and '"state":"Succeeded"' in followed.replace(" ", ""), followed[-2000:]
    artifacts = {a["path"]: a["size"] for a in json.loads(run(4))["items"]}
    assert {"digits.ipynb", "digits.png"} <= set(artifacts), artifacts
    run(5)
    picture = (tmp_path / "digits.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) == artifacts["digits.png"]
    print(f"6 commands of the README ran; {len(followed)} characters of stream, artifacts {artifacts}")


def operations(hub: Installation, job: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation of the served description, with a real job of physics in its path."""
    _, body = curl(f"{hub.api}/openapi.json")
    described = json.loads(body)
    prefix = described["servers"][0]["url"]
    # What is not there is refused like what is: the question is who may ask.
    filled = {"group": "physics", "job": job, "path": "out.txt"}
    return [
        (method.upper(), "/" + prefix + re.sub(r"\{(\w+)\}", lambda m: filled.get(m[1], "none"), path), operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        # Asked like GET, and answered without a body that would say why.
        if method != "head"
    ]


def test_whoever_may_not_is_refused_everywhere(hub: Installation, tokens: dict[str, str], done: str) -> None:
    everything = operations(hub, done)
    assert len(everything) >= 15
    expired = minted(hub, tokens["ann"], expires_in=1)
    until("the token has expired", lambda: ask(hub, "GET", "/context", expired).status == 401)
    revoked_answers: dict[str, set[str]] = {}
    counts = Counter[str]()
    before = len(ask(hub, "GET", "/groups/physics/jobs?limit=200", tokens["ann"]).json["items"])
    for method, path, operation in everything:
        public, rule = not operation["security"], POLICY[Operation(operation["x-operation"])]
        stranger = 404 if rule.role else 403 if rule.platform else 200
        viewer = 403 if rule.platform or (rule.role and rule.role.rank > Role.VIEWER.rank) else 200
        expected = {"anonymous": 401, "expired": 401, "invented": 401, "cem": stranger, "zoe": stranger, "vic": viewer}
        for who, status in expected.items():
            token = {"anonymous": None, "expired": expired, "invented": "0" * 32}.get(who) or tokens.get(who)
            body = {"name": "no", "image": "scientific-python", "instance_type": "small", "command": "true"}
            answer = ask(hub, method, path, token, body if operation["x-operation"] == "job.submit" else None)
            wanted = 200 if public else status
            if wanted == 200 and (
                method != "GET"
                or path.endswith(("/none", "/none/points", "/none/runs", "/physics/metrics", *NAMED, *OF_DATASET))
            ):
                # May be asked; that nothing useful was sent, or that there is none, is another matter.
                assert answer.status in (200, 400, 404, 415), f"{who} {method} {path}: {answer}"
                assert answer.status != 404 or "field" not in answer.json["error"]["details"], f"{who} {method} {path}"
            else:
                assert answer.status == wanted, f"{who} {method} {path}: {answer}"
            if wanted >= 400:
                word = {401: "not_authenticated", 403: "forbidden", 404: "not_found"}[wanted]
                assert answer.code == word, f"{who} {method} {path}: {answer}"
            if wanted == 404:
                revoked_answers.setdefault(who, set()).add(answer.json["error"]["message"])
            counts[str(wanted)] += 1
    # Of a group that is there, a stranger learns what he learns of one that is not.
    there = ask(hub, "GET", "/groups/physics/usage", tokens["cem"]).json["error"]
    nowhere = ask(hub, "GET", "/groups/atlantis/usage", tokens["cem"]).json["error"]
    for error in (there, nowhere):
        del error["request_id"]
    assert json.loads(json.dumps(there).replace("physics", "atlantis")) == nowhere
    assert all(len(m) == 1 for m in revoked_answers.values()), revoked_answers
    # A job is found in its own group only, also by somebody who is in both.
    assert ask(hub, "GET", f"/groups/chemistry/jobs/{done}", tokens["ann"]).status == 404
    assert ask(hub, "GET", "/../../metrics".replace("/../..", "//services/collegium"), tokens["admin"]).status == 200
    after = len(ask(hub, "GET", "/groups/physics/jobs?limit=200", tokens["ann"]).json["items"])
    assert after == before, "a refused request made a job"
    print(f"{len(everything)} operations x 6 callers: {dict(counts)}")


def test_tokens_with_less(hub: Installation, tokens: dict[str, str], done: str) -> None:
    def statuses(token: str, group: str = "physics") -> dict[str, int]:
        job = {"name": "x", "image": "scientific-python", "instance_type": "small", "command": "true"}
        return {
            "usage": ask(hub, "GET", f"/groups/{group}/usage", token).status,
            "jobs": ask(hub, "GET", f"/groups/{group}/jobs", token).status,
            "submit": ask(hub, "POST", f"/groups/{group}/jobs", token, job).status,
        }

    def token(*scopes: str) -> str:
        return minted(hub, tokens["ann"], scopes=list(scopes))

    reads = token(ACCESS, f"{PREFIX}jobs:read")
    assert statuses(reads) == {"usage": 403, "jobs": 200, "submit": 403}
    assert ask(hub, "GET", f"/groups/physics/jobs/{done}/logs", reads).status == 200
    for verb in ("cancel", "rerun"):
        assert ask(hub, "POST", f"/groups/physics/jobs/{done}/{verb}", reads).status == 403
    assert statuses(token(ACCESS, f"{PREFIX}groups:read")) == {"usage": 200, "jobs": 403, "submit": 403}
    assert statuses(token(ACCESS, f"{PREFIX}jobs:write")) == {"usage": 403, "jobs": 200, "submit": 201}
    assert statuses(token(f"{PREFIX}jobs:write")) == {"usage": 403, "jobs": 403, "submit": 403}
    assert statuses(token(ACCESS)) == {"usage": 403, "jobs": 403, "submit": 403}
    of_group = token(ACCESS, f"{PREFIX}jobs:write!group=physics", f"{PREFIX}groups:read!group=physics")
    assert statuses(of_group) == {"usage": 200, "jobs": 200, "submit": 201}
    assert statuses(of_group, "chemistry") == {"usage": 403, "jobs": 403, "submit": 403}
    of_user = token(ACCESS, f"{PREFIX}jobs:write!user=ann", f"{PREFIX}groups:read!user=ann")
    for group in ("physics", "chemistry"):
        assert statuses(of_user, group) == {"usage": 200, "jobs": 200, "submit": 201}
    # Roles still decide: the token of one who may do less opens no door by its scopes.
    of_vic = minted(hub, tokens["vic"], "vic", scopes=[ACCESS, f"{PREFIX}jobs:write!group=physics"])
    assert statuses(of_vic) == {"usage": 403, "jobs": 200, "submit": 403}
    # Nobody mints a token for more than they have, and none that is somebody else's.
    for wanted in ("admin:users", "read:metrics"):
        status, _ = curl(
            "-H",
            f"Authorization: token {tokens['ann']}",
            "-d",
            json.dumps({"scopes": [wanted]}),
            f"{hub.url}/hub/api/users/ann/tokens",
        )
        assert status in (400, 403), wanted
    status, _ = curl("-H", f"Authorization: token {tokens['ann']}", "-d", "{}", f"{hub.url}/hub/api/users/bob/tokens")
    assert status in (403, 404)
    # A token's filter for somebody else gives nothing to whoever holds it.
    foreign = ask(
        hub, "POST", "//hub/api/users/ann/tokens", tokens["ann"], {"scopes": [ACCESS, f"{PREFIX}jobs:read!user=bob"]}
    )
    if foreign.status == 201:
        assert ask(hub, "GET", "/groups/physics/jobs", foreign.json["token"]).status == 403
    print(f"9 kinds of tokens behaved; a foreign filter was answered with {foreign.status}")


def test_files_go_along_as_they_were(hub: Installation, tokens: dict[str, str]) -> None:
    home = hub.state / "homes" / "ann" / "physics"
    project = home / "project"
    (project / "sub").mkdir(parents=True)
    (project / "a.txt").write_text("first\n")
    (project / "sub" / "b.txt").write_text("second\n")
    (project / "link").symlink_to("/etc/passwd")
    show = 'find . -type f | sort; cat a.txt; echo changed > a.txt; cp a.txt "$COLLEGIUM_ARTIFACTS/"'
    whole = submit(hub, tokens["ann"], command=show, working_directory={"path": "project"})
    (project / "a.txt").write_text("edited after the submit\n")
    ended = wait_state(hub, tokens["ann"], whole["id"], "Succeeded")
    text = log_of(hub, tokens["ann"], ended["id"]).decode()
    assert text == "./a.txt\n./sub/b.txt\nfirst\n", text
    assert job_of(hub, tokens["ann"], whole["id"])["launch"]["files"] == {"count": 2, "bytes": 13}
    [artifact] = ask(hub, "GET", f"/groups/physics/jobs/{whole['id']}/artifacts", tokens["ann"]).json["items"]
    assert (artifact["path"], artifact["size"]) == ("a.txt", 8)
    part = ask(
        hub, "GET", f"/groups/physics/jobs/{whole['id']}/artifacts/a.txt", tokens["ann"], headers={"Range": "bytes=2-4"}
    )
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"ang", "bytes 2-4/8")
    # Neither the job nor the edit has changed what went along: the rerun sees the same again.
    answer = ask(
        hub, "POST", f"/groups/physics/jobs/{whole['id']}/rerun", tokens["ann"], headers={"Idempotency-Key": "r"}
    )
    again = answer.json
    assert answer.status == 201 and again["rerun_of"] == whole["id"] and again["id"] != whole["id"], again
    repeated = ask(
        hub, "POST", f"/groups/physics/jobs/{whole['id']}/rerun", tokens["ann"], headers={"Idempotency-Key": "r"}
    )
    assert repeated.json["id"] == again["id"] and repeated.headers["idempotency-replayed"] == "true"
    wait_state(hub, tokens["ann"], again["id"], "Succeeded")
    assert log_of(hub, tokens["ann"], again["id"]).decode() == text
    # Somebody else's rerun is theirs.
    other = ask(hub, "POST", f"/groups/physics/jobs/{whole['id']}/rerun", tokens["bob"]).json
    assert (other["user"], other["rerun_of"]) == ("bob", whole["id"])
    wait_state(hub, tokens["bob"], other["id"], "Succeeded")
    listed = submit(
        hub,
        tokens["ann"],
        command="find . -type f | sort",
        working_directory={"path": "project", "files": ["sub/b.txt"]},
    )
    wait_state(hub, tokens["ann"], listed["id"], "Succeeded")
    assert log_of(hub, tokens["ann"], listed["id"]) == b"./sub/b.txt\n"
    for directory, field in (
        ({"path": "nowhere"}, "working_directory.path"),
        ({"path": "project", "files": ["missing.txt"]}, "working_directory.files"),
        ({"path": "project", "files": ["link"]}, "working_directory.files"),
        ({"path": "project", "files": ["sub"]}, "working_directory.files"),
        ({"path": "../../bob/physics"}, "working_directory.path"),
    ):
        refused = ask(
            hub,
            "POST",
            "/groups/physics/jobs",
            tokens["ann"],
            {
                "name": "x",
                "image": "scientific-python",
                "instance_type": "small",
                "command": "true",
                "working_directory": directory,
            },
        )
        assert (refused.status, refused.code) == (400, "invalid"), refused
        assert refused.json["error"]["details"]["field"].startswith(field), refused
    print("a directory, a list of files, three reruns' worth of the same snapshot, five refusals")


def test_environment_timeout_and_retries(hub: Installation, tokens: dict[str, str]) -> None:
    values = {
        "PLAIN": "x",
        "QUOTES": "a 'b' \"c\" $HOME `id`",
        "BRACES": "{work} {{}}",
        "UNICODE": "äöü 🎉",
        "EMPTY": "",
    }
    script = "; ".join(f'printf "%s\\n" "${name}"' for name in values)
    job = submit(hub, tokens["ann"], command=script, environment=values)
    wait_state(hub, tokens["ann"], job["id"], "Succeeded")
    assert log_of(hub, tokens["ann"], job["id"]).decode() == "".join(f"{v}\n" for v in values.values())

    slow = submit(hub, tokens["ann"], command="trap '' TERM; echo begun; sleep 3600", timeout_seconds=2)
    ended = wait_state(hub, tokens["ann"], slow["id"])
    assert (ended["state"], ended["reason"]) == ("Failed", "Timeout") and "2 seconds" in ended["message"], ended

    third = submit(
        hub, tokens["ann"], command='echo "try $COLLEGIUM_JOB_ATTEMPT"; test $COLLEGIUM_JOB_ATTEMPT = 3', retries=4
    )
    ended = wait_state(hub, tokens["ann"], third["id"], "Succeeded")
    assert (ended["attempt"], ended["max_attempts"]) == (3, 5), ended
    assert [log_of(hub, tokens["ann"], third["id"], f"?attempt={n}") for n in (1, 2, 3)] == [
        b"try 1\n",
        b"try 2\n",
        b"try 3\n",
    ]
    reasons = [e["reason"] for e in job_of(hub, tokens["ann"], third["id"])["history"]]
    assert reasons.count("Retrying") == 2 and reasons.count("Admitted") == 3, reasons
    with follow(hub, f"/groups/physics/jobs/{third['id']}/logs?follow=true&attempt=1", tokens["ann"]) as stream:
        names = [e.name for e in stream]
        text = "".join(e.data["text"] for e in stream.events if e.name == "log")
    assert text == "try 1\ntry 2\ntry 3\n" and names.count("attempt") == 2 and names[-1] == "end", stream.events

    never = submit(hub, tokens["ann"], command="exit 7", retries=1)
    ended = wait_state(hub, tokens["ann"], never["id"])
    assert (ended["state"], ended["reason"], ended["exit_code"], ended["attempt"]) == ("Failed", "ExitCode", 7, 2)
    print(f"5 variables arrived unchanged; reasons of a job with retries: {reasons}")


def test_cancel(hub: Installation, tokens: dict[str, str]) -> None:
    def cancel(job: str, who: str) -> tuple[int, Any]:
        answer = ask(hub, "POST", f"/groups/physics/jobs/{job}/cancel", tokens[who])
        return answer.status, answer.json

    own = submit(hub, tokens["bob"], command="sleep 3600 & sleep 3600")
    wait_state(hub, tokens["bob"], own["id"], "Running")
    assert cancel(own["id"], "bob")[0] == 200
    ended = wait_state(hub, tokens["bob"], own["id"])
    assert (ended["state"], ended["reason"], ended["message"]) == ("Cancelled", "Cancelled", "Cancelled by bob.")
    status, again = cancel(own["id"], "bob")
    assert (status, again["error"]["code"]) == (409, "conflict")

    anns = submit(hub, tokens["ann"], command="sleep 3600")
    status, refused = cancel(anns["id"], "bob")
    assert (status, refused["error"]["code"]) == (403, "forbidden") and "ann" in refused["error"]["message"], refused
    assert job_of(hub, tokens["ann"], anns["id"])["cancel_requested_by"] is None
    bobs = submit(hub, tokens["bob"], command="sleep 3600")
    wait_state(hub, tokens["bob"], bobs["id"], "Running")
    assert cancel(bobs["id"], "ann")[0] == 200
    assert cancel(anns["id"], "ann")[0] == 200
    assert wait_state(hub, tokens["bob"], bobs["id"])["message"] == "Cancelled by ann."
    assert wait_state(hub, tokens["ann"], anns["id"])["state"] == "Cancelled"
    until("nothing of them runs", lambda: not hub.processes("sleep 3600"))
    print("own cancelled, a second time refused, a member refused, a group admin obeyed")


def test_pages(hub: Installation, tokens: dict[str, str]) -> None:
    mine = [submit(hub, tokens["mia"], "biology", name=f"page {n}")["id"] for n in range(7)]
    seen: list[str] = []
    cursor, pages = "", 0
    while True:
        answer = ask(hub, "GET", f"/groups/biology/jobs?limit=3&text=PAGE{cursor}", tokens["mia"])
        assert answer.status == 200, answer
        seen += [j["id"] for j in answer.json["items"]]
        pages += 1
        if answer.json["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.json['next_cursor']}"
        # What comes meanwhile shifts nothing.
        submit(hub, tokens["mia"], "biology", name=f"page, later {pages}")
    assert seen == mine[::-1] and pages == 3
    for wrong in ("cursor=x", "limit=0", "limit=201", "state=Over", "limit=1&limit=2", "unknown=1", "user=.."):
        assert ask(hub, "GET", f"/groups/biology/jobs?{wrong}", tokens["mia"]).status == 400, wrong
    print(f"{len(seen)} jobs on {pages} pages while others were submitted; 7 wrong queries refused")


def test_a_log_stream_resumes_at_every_event(hub: Installation, tokens: dict[str, str]) -> None:
    # Bytes come in pieces that cut characters in two.
    script = "import os, time\nfor n in range(60):\n data = f'Zeile {n} äöü € 🎉\\n'.encode()\n cut = n % len(data)\n"
    script += " os.write(1, data[:cut]); time.sleep(0.05); os.write(1, data[cut:])\n"
    script += "os.write(1, b'\\xff\\xfe not text \\xc3')\n"
    job = submit(hub, tokens["ann"], command='python -c "$PROGRAM"', environment={"PROGRAM": script})
    path = f"/groups/physics/jobs/{job['id']}/logs?follow=true"
    text, last, connections, ended = "", "", 0, False
    while not ended:
        with follow(hub, path, tokens["ann"], last) as stream:
            assert stream.status == 200
            connections += 1
            for event in stream:
                if event.id:
                    last = event.id
                if event.name == "log":
                    assert event.data["gap"] == 0
                    text += event.data["text"]
                    # Broken off in the middle, again and again.
                    if connections < 25:
                        break
                ended = event.name == "end"
    plain = log_of(hub, tokens["ann"], job["id"])
    assert text == plain.decode("utf-8", "replace") and plain.count(b"\n") == 60
    assert last == f"1:{len(plain)}"
    # And the same bytes once more from any place of the plain log, cut between characters.
    pieces, offset = b"", 0
    while True:
        answer = ask(hub, "GET", f"/groups/physics/jobs/{job['id']}/logs?offset={offset}&limit=17", tokens["ann"])
        pieces, offset = pieces + answer.body, int(answer.headers["x-log-next-offset"])
        if answer.headers["x-log-complete"] == "true":
            break
        if offset <= plain.index(b"\xff"):
            assert answer.body.decode(), "always whole characters"
    assert pieces == plain
    tail = ask(hub, "GET", f"/groups/physics/jobs/{job['id']}/logs?offset=-30", tokens["ann"])
    assert plain.endswith(tail.body) and 27 <= len(tail.body) <= 30
    wrong = ask(hub, "GET", path, tokens["ann"], headers={"Last-Event-ID": "1:-4"})
    assert wrong.status == 400, wrong
    print(f"{len(plain)} bytes over {connections} connections")


def _refused(hub: Installation, path: str, token: str) -> bool:
    return ask(hub, "GET", path, token).status == 404


def apply(hub: Installation, catalog: dict[str, Any]) -> None:
    """Edit the file and apply it, as an operator does."""
    assert hub.catalog is not None
    hub.catalog.write_text(yaml.safe_dump(catalog, sort_keys=False))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "collegium"), "catalog", "apply", str(hub.catalog)],
        env={**hub.environment, "COLLEGIUM_STATE_DIR": str(hub.state)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done


def test_whoever_leaves_a_group_is_out(hub: Installation, tokens: dict[str, str]) -> None:
    assert hub.catalog is not None
    catalog = yaml.safe_load(hub.catalog.read_text())
    running = submit(hub, tokens["bob"], command="while true; do echo still; sleep 0.2; done")
    wait_state(hub, tokens["bob"], running["id"], "Running")
    # Three more fill the group; bob's next one waits in line.
    fillers = [submit(hub, tokens["ann"], command="sleep 3600")["id"] for _ in range(3)]
    waiting = submit(hub, tokens["bob"])
    assert job_of(hub, tokens["bob"], waiting["id"])["state"] == "Pending"
    cut: dict[str, Any] = {}

    def read(name: str, path: str) -> None:
        with follow(hub, path, tokens["bob"]) as stream:
            cut[name] = stream
            for _ in stream:
                pass

    readers = [
        threading.Thread(
            target=read, args=("log", f"/groups/physics/jobs/{running['id']}/logs?follow=true"), daemon=True
        ),
        threading.Thread(target=read, args=("events", "/groups/physics/events?after=0"), daemon=True),
    ]
    for reader in readers:
        reader.start()
    until("both streams flow", lambda: len(cut) == 2 and all(s.events for s in cut.values()))

    physics = next(g for g in catalog["groups"] if g["name"] == "physics")
    role = physics["members"].pop("bob")
    apply(hub, catalog)
    try:
        for path in ("/groups/physics/usage", f"/groups/physics/jobs/{running['id']}", "/groups/physics/jobs"):
            until(f"{path} is refused", partial(_refused, hub, path, tokens["bob"]))
        until("both streams were cut", lambda: all(s.over for s in cut.values()))
        assert "end" not in [e.name for e in cut["log"].events], "the job has not ended, only the right to look"
        # What waits does not start any more; what runs goes on, and the group's admin may end it.
        ended = wait_state(hub, tokens["ann"], waiting["id"])
        assert (ended["state"], ended["reason"]) == ("Failed", "NoLongerGranted"), ended
        assert job_of(hub, tokens["ann"], running["id"])["state"] == "Running"
        for job in [running["id"], *fillers]:
            assert ask(hub, "POST", f"/groups/physics/jobs/{job}/cancel", tokens["ann"]).status == 200
            wait_state(hub, tokens["ann"], job, "Cancelled")
    finally:
        physics["members"]["bob"] = role
        apply(hub, catalog)
    until("bob is back", lambda: ask(hub, "GET", "/groups/physics/usage", tokens["bob"]).status == 200)
    print(f"cut after {len(cut['log'].events)} events of the log and {len(cut['events'].events)} of the group")
