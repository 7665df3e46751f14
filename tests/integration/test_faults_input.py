"""What nobody should send, and what no job should do: refused with a word that fits, or survived within bounds."""

from __future__ import annotations

import http.client
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from support.disks import fill, small_disk
from support.faults import Peak, query, runs
from support.installation import _ADMIN, Installation, until
from support.rest import BODY, Answer, ask, follow, job_of, log_of, submit, wait_state

MIB = 1 << 20
#: How much the service may grow while it handles something huge.
GROWTH = 64 * MIB
LONG = "x" * 10_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("input"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def ann(hub: Installation) -> str:
    return hub.token("ann")


def service(hub: Installation) -> int:
    [pid] = hub.processes("collegium.services")
    return pid


def jobs_and_files(hub: Installation) -> tuple[int, list[str], list[str]]:
    """What a refused submit must not change."""
    local = hub.state / "local"
    [[count]] = query(hub.state / "collegium.sqlite", "SELECT count(*) FROM jobs")
    return count, sorted(os.listdir(local / "runs")), sorted(os.listdir(local / "tmp"))


def readable(answer: Answer) -> str:
    """The message of a refusal: one line, not long, and nothing of our insides."""
    error = answer.json["error"]
    message = str(error["message"])
    assert error["request_id"] and message and len(message) < 600 and message.isprintable(), answer
    assert "Traceback" not in message and "/state/" not in message, answer
    return message


def test_wrong_names_and_fields(hub: Installation, ann: str) -> None:
    before = jobs_and_files(hub)
    notebook = {"command": "", "notebook": {"path": "a.ipynb"}}
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"image": "atlantis"}, 422, "not_granted"),
        ({"instance_type": "atlantis"}, 422, "not_granted"),
        ({"surprise": 1}, 400, "invalid"),
        ({"image": ""}, 400, "invalid"),
        ({"instance_type": "Small"}, 400, "invalid"),
        ({"image": None}, 400, "invalid"),
        ({"image": ["scientific-python"]}, 400, "invalid"),
        ({"command": ""}, 400, "invalid"),
        ({"command": "true", "notebook": {"path": "a.ipynb"}}, 400, "invalid"),
        ({"command": "nul \0 character"}, 400, "invalid"),
        ({"retries": -1}, 400, "invalid"),
        ({"retries": "1"}, 400, "invalid"),
        ({"retries": 1.0}, 400, "invalid"),
        ({"retries": True}, 400, "invalid"),
        ({"timeout_seconds": 10**30}, 400, "invalid"),
        ({"environment": {"A=B": "x"}}, 400, "invalid"),
        ({"environment": {"": "x"}}, 400, "invalid"),
        ({"environment": {"A": 1}}, 400, "invalid"),
        ({"environment": {f"A{n}": "x" for n in range(201)}}, 400, "invalid"),
        ({"environment": {LONG: "x"}}, 400, "invalid"),
        ({**notebook, "notebook": {"path": "a.py"}}, 400, "invalid"),
        ({**notebook, "notebook": {"path": "a.ipynb", "parameters": {"a b": 1}}}, 400, "invalid"),
        ({**notebook, "notebook": {"path": "a.ipynb", "kernel": "--help"}}, 400, "invalid"),
        ({"working_directory": {"files": [""]}}, 400, "invalid"),
        ({"working_directory": {"files": ["a"] * 1001}}, 400, "invalid"),
        ({"working_directory": "home"}, 400, "invalid"),
    ]
    for field in ("name", "image", "instance_type"):
        cases += [({field: value}, 400, "invalid") for value in (LONG, "a\nb", "a\x1b[31mb", "\x7f", "\0", 5)]
    for path in ("../x", "a/../../x", "/etc/passwd", "a//b", "a\\b", "a\nb", LONG):
        cases += [
            ({"working_directory": {"path": path}}, 400, "invalid"),
            ({"working_directory": {"files": [path]}}, 400, "invalid"),
            ({**notebook, "notebook": {"path": f"{path}.ipynb"}}, 400, "invalid"),
        ]
    for change, status, code in cases:
        answer = ask(hub, "POST", "/groups/physics/jobs", ann, {**BODY, **change})
        assert (answer.status, answer.code) == (status, code), f"{str(change)[:200]}: {answer}"
        readable(answer)
    paths = 0
    for name in (
        "atlantis",
        "Physics",
        LONG[:8000],
        "..",
        "%2e%2e",
        "..%2f..%2fetc",
        "phy%00sics",
        "%ff",
        "a%0ab",
        "physics%2f",
    ):
        for tail in ("", "/usage", "/catalog", "/jobs", "/jobs/x", "/jobs/x/logs", "/events"):
            # The proxy itself stumbles over %ff.
            answer = ask(hub, "GET", f"/groups/{name}{tail}", ann, direct=name == "%ff")
            assert answer.status in (400, 404), f"{name[:80]}{tail}: {answer}"
            paths += 1
    for job in ("x", "job-" + "0" * 26, "..", "..%2f..", LONG[:8000], "%00"):
        for tail in ("", "/logs", "/logs?follow=true", "/artifacts", "/artifacts/..%2f..%2fetc%2fpasswd"):
            answer = ask(hub, "GET", f"/groups/physics/jobs/{job}{tail}", ann)
            assert answer.status in (400, 404), f"{job[:80]}{tail}: {answer}"
            paths += 1
    for header in ({"Idempotency-Key": LONG[:2000]}, {"Idempotency-Key": ""}, {"Idempotency-Key": "a\tb"}):
        answer = ask(hub, "POST", "/groups/physics/jobs", ann, BODY, header)
        assert (answer.status, answer.code) == (400, "invalid"), f"{header}: {answer}"
    for token in ("", " ", LONG[:5000], "a b", "\xe4"):
        assert ask(hub, "GET", "/context", token).status in (401, 403), token[:80]
    assert jobs_and_files(hub) == before
    print(f"{len(cases)} wrong bodies, {paths} wrong paths, 3 wrong keys, 5 wrong tokens")


def test_a_server_with_wrong_options_is_not_started(hub: Installation) -> None:
    good = {"group": "physics", "instance_type": "small", "image": "scientific-python"}
    hub.token("ann")
    cases: list[tuple[str, dict[str, Any]]] = [
        ("physics", {}),
        ("physics", {**good, "image": "atlantis"}),
        ("physics", {**good, "instance_type": "atlantis"}),
        ("physics", {**good, "instance_type": "large", "image": LONG}),
        ("physics", {**good, "surprise": 1}),
        ("physics", {**good, "group": "chemistry"}),
        ("physics", {**good, "image": ["scientific-python"]}),
        ("biology", {**good, "group": "biology"}),
        ("atlantis", {**good, "group": "atlantis"}),
        ("..", {**good, "group": ".."}),
        (LONG[:300], {**good, "group": LONG[:300]}),
        ("a%0ab", good),
    ]
    for name, options in cases:
        url = f"{hub.url}/hub/api/users/ann/servers/{name}"
        status, answer = hub.request("POST", url, _ADMIN, options)
        assert 400 <= status < 500, f"{name} {str(options)[:200]}: {status} {str(answer)[:500]}"
    held = "SELECT * FROM reservations WHERE kind = 'server' AND released_at IS NULL"
    assert query(hub.state / "collegium.sqlite", held) == []
    assert not hub.processes("jupyterhub-singleuser")
    print(f"{len(cases)} wrong servers refused")


def test_wrong_json(hub: Installation, ann: str) -> None:
    before = jobs_and_files(hub)
    whole = json.dumps(BODY)
    cases: dict[str, bytes] = {
        "nothing": b"",
        "half": whole[:-5].encode(),
        "two": (whole + whole).encode(),
        "a list": b"[]",
        "a number": b"1",
        "null": b"null",
        "deep lists": b"[" * 200_000,
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "closed deep lists": b'{"notebook":{"path":"a.ipynb","parameters":{"a":' + b"[" * 40 + b"]" * 40 + b"}}}",
        "NaN": whole.replace('"true"', "NaN").encode(),
        "infinity": whole.replace("}", ', "retries": -Infinity}').encode(),
        "overflow": whole.replace("}", ', "retries": 1e999}').encode(),
        "long number": whole.replace("}", ', "retries": ' + "9" * 5000 + "}").encode(),
        "a key twice": whole.replace("}", ', "name": "another"}').encode(),
        "a key twice below": whole.replace("}", ', "environment": {"A": "1", "A": "2"}}').encode(),
        "not UTF-8": whole.replace("a job", "a \xe4 job").encode("latin-1"),
        "overlong UTF-8": whole.encode().replace(b"a job", b"a \xc0\xaf job"),
        "UTF-16": whole.encode("utf-16"),
        "a mark of order": b"\xef\xbb\xbf" + whole.encode(),
        "half a pair": whole.replace("a job", "a \\ud800 job").encode(),
        "half a pair, bytes": whole.encode().replace(b"a job", b"a \xed\xa0\x80 job"),
        "half a pair in a key": whole.replace("}", ', "environment": {"\\udc00": "x"}}').encode(),
        "NUL": whole.replace("a job", "a \\u0000 job").encode(),
    }
    for name, body in cases.items():
        answer = ask(hub, "POST", "/groups/physics/jobs", ann, body)
        assert (answer.status, answer.code) == (400, "invalid"), f"{name}: {answer}"
        readable(answer)
    kinds = (
        "text/plain",
        "",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
    )
    for kind in kinds:
        answer = ask(hub, "POST", "/groups/physics/jobs", ann, BODY, {"Content-Type": kind})
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), f"{kind}: {answer}"
    assert jobs_and_files(hub) == before
    print(f"{len(cases)} bodies that are no JSON of ours, {len(kinds)} wrong types")


@pytest.mark.parametrize("way", ["length", "chunks"])
@pytest.mark.parametrize("door", ["proxy", "service"])
def test_a_body_of_100_megabytes(hub: Installation, ann: str, way: str, door: str) -> None:
    before, peak = jobs_and_files(hub), Peak(service(hub))
    size, piece = 100 * MIB, b'{"name": "' + b"x" * 65526
    port = hub.service_port if door == "service" else hub.port
    path = urlsplit(hub.api).path + "/groups/physics/jobs"
    for token, wanted in ((ann, 413), ("0" * 32, 401)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        connection.putrequest("POST", path)
        connection.putheader("Authorization", f"token {token}")
        connection.putheader("Content-Type", "application/json")
        if way == "length":
            connection.putheader("Content-Length", str(size))
        else:
            connection.putheader("Transfer-Encoding", "chunked")
        sent, broken, status = 0, "", 0
        try:
            connection.endheaders()
            while sent < size:
                connection.send(piece if way == "length" else b"%x\r\n%s\r\n" % (len(piece), piece))
                sent += len(piece)
            if way == "chunks":
                connection.send(b"0\r\n\r\n")
        except OSError as error:
            broken = type(error).__name__
        try:
            # Also if the door was shut while we were talking: mostly the answer is there all the same.
            answer = connection.getresponse()
            status = answer.status
            assert status == wanted or (door == "proxy" and status == 503 and broken), (status, answer.read()[:500])
        except (OSError, http.client.HTTPException) as error:
            broken = broken or type(error).__name__
            assert broken, "neither an answer nor a closed connection"
        finally:
            connection.close()
        grown = f"the service grew by {peak.growth / MIB:.1f} MiB"
        print(f"{door}, {way}: {sent / MIB:.0f} MiB sent, then {status or broken}; {grown}")
    assert peak.pid == service(hub), "the service lives"
    assert peak.growth < GROWTH
    assert jobs_and_files(hub) == before
    assert ask(hub, "GET", "/context", ann).status == 200


def cell(source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"c{abs(hash(source)) % 10**8}",
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "source": source,
    }


def notebook(*cells: dict[str, Any], kernel: str = "python3") -> str:
    spec = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    return json.dumps({"cells": list(cells), "metadata": spec, "nbformat": 4, "nbformat_minor": 5})


#: What is in the file, what is asked for, words of the message, and whether an executed notebook is left.
NOTEBOOKS: dict[str, tuple[str, dict[str, Any], tuple[str, ...], bool]] = {
    "raises": (
        notebook(cell("print('so far')"), cell("raise ValueError('boom goes the cell')"), cell("print('never')")),
        {},
        ("ValueError", "boom goes the cell"),
        True,
    ),
    "syntax": (notebook(cell("this is no Python")), {}, ("SyntaxError",), True),
    "kernel-dies": (notebook(cell("import os; os._exit(3)")), {}, ("ernel",), True),
    "no-notebook": ("I am no notebook.\n", {}, ("notebook",), False),
    "no-cells": ('{"hello": 1}', {}, ("notebook",), False),
    "unknown-kernel": (notebook(cell("1"), kernel="fortran77"), {}, ("kernel", "fortran77"), False),
    "asked-kernel": (notebook(cell("1")), {"kernel": "fortran78"}, ("kernel", "fortran78"), False),
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_broken_notebook(hub: Installation, ann: str, name: str) -> None:
    content, ask_for, words, executed = NOTEBOOKS[name]
    home = hub.state / "homes" / "ann" / "physics"
    home.mkdir(parents=True, exist_ok=True)
    (home / f"{name}.ipynb").write_text(content)
    job = submit(hub, ann, command="", notebook={"path": f"{name}.ipynb", **ask_for})
    ended = wait_state(hub, ann, job["id"])
    log = log_of(hub, ann, job["id"]).decode()
    assert (ended["state"], ended["reason"]) == ("Failed", "ExitCode"), (ended, log[-2000:])
    message = ended["message"]
    assert all(w.lower() in message.lower() for w in words), (message, log[-3000:])
    assert message.isprintable() and len(message) < 500 and str(hub.folder) not in message, message
    assert "Traceback" in log, log
    left = {a["path"] for a in ask(hub, "GET", f"/groups/physics/jobs/{job['id']}/artifacts", ann).json["items"]}
    if executed:
        assert left == {f"{name}.ipynb", f"{name}.html"}
        kept = ask(hub, "GET", f"/groups/physics/jobs/{job['id']}/artifacts/{name}.ipynb", ann).json
        assert kept["cells"] and kept["nbformat"] == 4
        if name == "raises":
            text = json.dumps(kept)
            assert "so far" in text and "boom goes the cell" in text and "so far" in log
    print(f"{name}: {message!r}; {len(log)} characters of log; left {sorted(left)}")


def test_a_notebook_without_a_parameters_cell(hub: Installation, ann: str) -> None:
    home = hub.state / "homes" / "ann" / "physics"
    home.mkdir(parents=True, exist_ok=True)
    (home / "plain.ipynb").write_text(notebook(cell("print('got', value)")))
    values = {"value": "quotes ' \" {work} ü 🎉 \\n", "number": 1e22, "list": [1, None, True, {"a": -0.5}]}
    job = submit(hub, ann, command="", notebook={"path": "plain.ipynb", "parameters": values})
    ended = wait_state(hub, ann, job["id"])
    log = log_of(hub, ann, job["id"]).decode()
    assert ended["state"] == "Succeeded", (ended, log)
    assert f"got {values['value']}" in log, log
    print(f"parameters were put first: {[line for line in log.splitlines() if 'parameters' in line]}")


def test_a_gigabyte_of_log(hub: Installation, ann: str) -> None:
    peak, size = Peak(service(hub)), 1_000_000_000
    job = submit(hub, ann, command=f"echo first; head -c {size - 11} /dev/zero | tr '\\0' x; echo last")
    path = f"/groups/physics/jobs/{job['id']}/logs"
    ended = wait_state(hub, ann, job["id"])
    assert ended["state"] == "Succeeded", ended
    folder = hub.state / "local" / "runs" / job["id"]
    disk = sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())
    assert disk <= 70 * MIB, disk
    assert log_of(hub, ann, job["id"], "?limit=10") == b"first\nxxxx"
    assert log_of(hub, ann, job["id"], "?offset=-10") == b"xxxxxlast\n"
    tail = ask(hub, "GET", f"{path}?offset=-1", ann)
    assert (tail.headers["x-log-next-offset"], tail.headers["x-log-complete"]) == (str(size), "true")
    whole = log_of(hub, ann, job["id"])
    assert whole.startswith(b"first\n") and whole.endswith(b"xlast\n") and len(whole) <= 65 * MIB
    begin = whole.index(b"[")
    marker = whole[begin : whole.index(b"]\n", begin) + 2].decode()
    lost = int(marker.split()[0].lstrip("["))
    assert marker == f"[{lost} bytes of this log are no longer kept]\n" and whole.count(b"[") == 1
    assert len(whole) - len(marker) + lost == size, "every byte is there or counted"
    with follow(hub, f"{path}?follow=true", ann, f"1:{begin - 5}") as stream:
        events = [event for event, _ in zip(stream, range(2), strict=False)]
    assert events[0].data == {"text": "xxxxx", "offset": begin - 5, "gap": 0}, str(events[0])[:300]
    assert (events[1].data["gap"], events[1].data["offset"]) == (lost, begin + lost), str(events[1])[:300]
    assert peak.pid == service(hub) and peak.growth < GROWTH, peak.growth
    print(
        f"{disk / MIB:.1f} MiB on disk, {lost} bytes lost and said so; the service grew by {peak.growth / MIB:.1f} MiB"
    )


def test_more_memory_than_there_is(hub: Installation, ann: str) -> None:
    for name, program in {
        "at once": "x = b'x' * (3 << 30)",
        "by and by": "x = []\nwhile True: x.append(b'x' * (16 << 20))",
        "by a child": "import subprocess, sys\nchild = [sys.executable, '-c', 'x = b\"x\" * (3 << 30)']\n"
        "sys.exit(subprocess.run(child).returncode != 0)",
    }.items():
        job = submit(hub, ann, command='python -c "$PROGRAM"', environment={"PROGRAM": program})
        ended = wait_state(hub, ann, job["id"])
        assert ended["state"] == "Failed", ended
        if ended["reason"] == "OutOfMemory":
            assert "memory" in ended["message"], ended
        else:
            # Without control groups it is the program itself that is told, and says so.
            assert ended["reason"] == "ExitCode", ended
            assert "MemoryError" in ended["message"] + log_of(hub, ann, job["id"]).decode(), ended
        print(f"{name}: {ended['reason']}, {ended['message']!r}")


def test_a_full_disk(tmp_path: Path) -> None:
    # The hub's own database is elsewhere: what a stock hub makes of a full disk is not our question.
    other = tmp_path / "hub.sqlite"
    with small_disk(tmp_path / "hub" / "state", 96) as disk:
        hub = Installation(tmp_path / "hub", extra=f"c.JupyterHub.db_url = 'sqlite:///{other}'")
        try:
            hub.start()
            ann = hub.token("ann")
            _full_disk(hub, ann, disk)
        finally:
            hub.stop()


def _full_disk(hub: Installation, ann: str, disk: Path) -> None:
    home = hub.state / "homes" / "ann" / "physics"
    home.mkdir(parents=True)
    (home / "data.bin").write_bytes(os.urandom(MIB))
    # This one writes through the whole time, and must be able to end.
    stop = hub.folder / "stop"
    talker = submit(hub, ann, command=f"until test -e {stop}; do seq 1000; sleep 0.1; done; echo the end")
    wait_state(hub, ann, talker["id"], "Running")
    kept = submit(hub, ann, command="echo kept")
    wait_state(hub, ann, kept["id"], "Succeeded")
    with_files = {**BODY, "name": "with files", "command": "cmp data.bin data.bin", "working_directory": {}}
    before = jobs_and_files(hub)
    filler = fill(disk)
    codes = Counter[str]()
    for number in range(20):
        # The talker and the database nibble at what is freed; the disk stays full.
        filler = fill(disk)
        body = with_files if number % 2 else {**BODY, "name": "plain"}
        answer = ask(hub, "POST", "/groups/physics/jobs", ann, body, {"Idempotency-Key": f"full-{number}"})
        codes[f"{answer.status} {answer.code}"] += 1
        assert (answer.status, answer.code) in ((507, "storage_full"), (503, "unavailable")), answer
        assert int(answer.headers["retry-after"]) > 0
        readable(answer)
    assert jobs_and_files(hub) == before, "something half-made"
    # Reading goes on.
    assert job_of(hub, ann, kept["id"])["state"] == "Succeeded"
    assert log_of(hub, ann, kept["id"]) == b"kept\n"
    assert ask(hub, "GET", "/groups/physics/usage", ann).status == 200
    restarted = service(hub)

    filler.unlink()
    until("a submit is taken", lambda: ask(hub, "POST", "/groups/physics/jobs", ann, BODY).status == 201)
    made = []
    for number in range(20):
        body = with_files if number % 2 else {**BODY, "name": "plain"}
        answer = ask(hub, "POST", "/groups/physics/jobs", ann, body, {"Idempotency-Key": f"full-{number}"})
        assert answer.status == 201 and "idempotency-replayed" not in answer.headers, answer
        made.append(answer.json["id"])
    stop.touch()
    for job in [talker["id"], *made]:
        assert wait_state(hub, ann, job)["state"] == "Succeeded", job
    assert log_of(hub, ann, talker["id"]).endswith(b"the end\n")
    until("nothing runs", lambda: not runs(hub.folder))
    usage = ask(hub, "GET", "/groups/physics/usage", ann).json
    assert usage["holders"] == [] and all(line["used"] == 0 for line in usage["group"]), usage
    health = json.loads(ask(hub, "GET", "//services/collegium/health").body)
    assert health["status"] == "ok" and service(hub) == restarted, health
    assert query(hub.state / "collegium.sqlite", "PRAGMA integrity_check") == [("ok",)]
    print(f"answers while the disk was full: {dict(codes)}; {len(made)} jobs afterwards, {quote(str(disk))}")


def test_a_refusal_leaves_the_connection_as_it_says(hub: Installation, ann: str) -> None:
    """A connection that is closed without a word makes the proxy answer 503 to whoever comes next on it."""
    service_prefix = "/services/collegium/"
    api = f"{service_prefix}api/v1"
    body = json.dumps(BODY).encode()
    cases = [
        ("GET", f"{api}/groups/atlantis/usage", ann, None, 404),
        ("GET", f"{api}/groups/physics/jobs/x", ann, None, 404),
        ("GET", f"{api}/groups/physics/jobs?limit=0", ann, None, 400),
        ("GET", f"{api}/context", None, None, 401),
        ("GET", f"{api}/nowhere", ann, None, 404),
        ("GET", f"{service_prefix}metrics", ann, None, 403),
        ("GET", service_prefix, None, None, 302),
        ("DELETE", f"{api}/groups/physics/jobs", ann, None, 405),
        ("POST", f"{api}/groups/atlantis/jobs", ann, body, 404),
        ("POST", f"{api}/groups/physics/jobs", None, body, 401),
        ("POST", f"{api}/groups/physics/jobs/x/cancel", ann, b"", 404),
    ]
    announced = 0
    for method, path, token, data, status in cases:
        connection = http.client.HTTPConnection("127.0.0.1", hub.service_port, timeout=120)
        try:
            headers = {"Content-Type": "application/json"} | ({"Authorization": f"token {token}"} if token else {})
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status, (method, path, answer.status)
            if answer.getheader("Connection", "").lower() == "close":
                announced += 1
                continue
            first = connection.sock
            connection.request("GET", f"{api}/info")
            assert connection.getresponse().status == 200 and connection.sock is first, (method, path)
        finally:
            connection.close()
    statuses = Counter(ask(hub, "GET", "/groups/atlantis/usage", ann).status for _ in range(300))
    assert statuses == {404: 300}, statuses
    print(
        f"{len(cases)} refusals, {announced} of them with the word that the connection ends; 300 in a row by the proxy"
    )
