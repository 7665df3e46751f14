"""Crashes at any moment: of the service, of supervisors, of both; exactly one execution all the same."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from collegium.backends.ports import RunPhase
from collegium.domain.jobs import JobReason

#: A service in a process of its own: starts the runs named on its command line.
STARTER = """
import asyncio, sys
from pathlib import Path
from collegium.backends.local import create
from collegium.backends.local.limits import Limiter
from collegium.backends.ports import RunRequest
from collegium.domain.catalog import Image
from collegium.domain.resources import Resources
state, homes, acknowledged, program, *keys = sys.argv[1:]
backend = create(state_dir=state, homes_dir=homes, limiter=Limiter("rlimit"))
async def main():
    print("ready", flush=True)
    for key in keys:
        await backend.jobs.start(RunRequest(key, key.rpartition(".")[0], "physics", "alice", ["sh", "-c", program],
                                            Image("hub", "Hub", environment="hub"), Resources()))
        with open(acknowledged, "a") as file:
            print(key, file=file)
asyncio.run(main())
"""


def starter(place: Any, program: str, *keys: str) -> subprocess.Popen[bytes]:
    """A service process that has come up and is about to start these runs."""
    words = [sys.executable, "-c", STARTER, place.state, place.homes, place.folder / "acknowledged", program, *keys]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def nobody_comes(*_: object) -> None:
    """A supervisor that dies on its way."""


async def test_starts_from_several_processes_run_once(place: Any, hands: Any) -> None:
    ran = place.folder / "ran"
    processes = [starter(place, f"echo $COLLEGIUM_RUN >> {ran}", "job-a.1", "job-b.1", "job-c.1") for _ in range(4)]
    for process in processes:
        assert process.wait() == 0
        process.stdout.close()
    backend = place.open()
    for key in ("job-a.1", "job-b.1", "job-c.1"):
        assert (await place.finished(backend, key)).phase is RunPhase.SUCCEEDED
    assert sorted(hands.lines(ran)) == ["job-a.1", "job-b.1", "job-c.1"]


async def test_kill_of_the_service_at_any_moment(place: Any, hands: Any) -> None:
    ran, acknowledged = place.folder / "ran", place.folder / "acknowledged"
    chance = random.Random(7)
    span = 0.0
    for turn in range(30):
        keys = [f"job-{turn}-{n}.1" for n in range(5)]
        process = starter(place, f"echo $COLLEGIUM_RUN >> {ran}", *keys)
        before = time.monotonic()
        if turn % 10 == 0:
            # Left alone now and then, to learn how long it takes on this machine at this time.
            process.wait()
            span = time.monotonic() - before
        time.sleep(chance.uniform(0, span) if turn % 10 else 0)
        process.kill()
        process.wait()
        process.stdout.close()
    known = set(hands.lines(acknowledged))
    backend = place.open()
    await place.until(
        lambda: known <= set(place.seen) and all(s.phase.final for s in place.seen.values()), "all ends", backend
    )
    assert {s.phase for s in place.seen.values()} == {RunPhase.SUCCEEDED}
    # Each run that was acknowledged, and perhaps some whose acknowledgement was cut off, ran once.
    assert sorted(hands.lines(ran)) == sorted(place.seen)
    # The callers repeat what was not acknowledged; that makes every run one execution.
    for key in [f"job-{turn}-{n}.1" for turn in range(30) for n in range(5)]:
        await backend.jobs.start(place.request("sh", "-c", f"echo $COLLEGIUM_RUN >> {ran}", key=key))
    await place.until(
        lambda: len(place.seen) == 150 and all(s.phase.final for s in place.seen.values()), "all ends", backend
    )
    assert sorted(hands.lines(ran)) == sorted(place.seen)


async def test_kill_of_supervisors_at_any_moment(place: Any, hands: Any) -> None:
    ran = place.folder / "ran"
    backend = place.open()
    chance = random.Random(11)
    for turn in range(12):
        key = f"job-{turn}.1"
        await backend.jobs.start(place.request("sh", "-c", f"echo $COLLEGIUM_RUN >> {ran}; sleep 0.05", key=key))
        await asyncio.sleep(chance.uniform(0, 0.08))
        if pid := place.supervisor(key):
            hands.kill(pid)
    await place.until(lambda: all(s.phase.final for s in place.seen.values()), "all ends", backend)
    assert len(place.seen) == 12
    assert {s.phase for s in place.seen.values()} <= {RunPhase.SUCCEEDED, RunPhase.LOST}
    executed = hands.lines(ran)
    assert len(executed) == len(set(executed))
    assert {key for key, s in place.seen.items() if s.phase is RunPhase.SUCCEEDED} <= set(executed)


async def test_runs_survive_the_service(place: Any, hands: Any) -> None:
    go = place.folder / "go"
    process = starter(place, f"echo up; while ! test -e {go}; do sleep 0.02; done; echo down", "job-one.1")
    process.wait()
    process.stdout.close()
    backend = place.open()
    mark = place.attempt("job-one.1") / "started"
    await place.until(mark.exists, "the start", backend)
    assert (await backend.jobs.observe())["job-one.1"].phase is RunPhase.RUNNING
    go.touch()
    assert (await place.finished(backend)).phase is RunPhase.SUCCEEDED
    assert (await backend.logs.read("job-one.1")).data == b"up\ndown\n"


async def test_killed_supervisor_is_lost_and_leaves_nobody(place: Any, hands: Any) -> None:
    backend = place.open()
    pids = place.folder / "pids"
    script = f"echo $$ >> {pids}; setsid sh -c 'echo $$ >> {pids}; sleep 600' & sleep 600"
    await backend.jobs.start(place.request("sh", "-c", script))
    await place.until(lambda: len(hands.lines(pids)) == 2, "both processes")
    hands.kill(place.supervisor())
    status = await place.finished(backend)
    assert (status.phase, status.reason) == (RunPhase.LOST, JobReason.LOST)
    assert status.started_at is not None
    assert status.message
    await place.until(lambda: not any(hands.alive(int(pid)) for pid in hands.lines(pids)), "the end of both")
    # It stays lost, for other services too, and cannot run again.
    await backend.jobs.start(place.request("sh", "-c", script))
    assert (await place.open().jobs.observe())["job-one.1"] == status
    assert (await backend.logs.read("job-one.1")).complete


async def test_supervisor_that_is_asked_to_end_is_lost(place: Any) -> None:
    backend = place.open()
    await backend.jobs.start(place.request("sh", "-c", "echo up; sleep 600"))
    output = place.attempt("job-one.1") / "log" / f"{0:020d}"
    await place.until(output.exists, "output")
    await asyncio.sleep(0.3)  # before it listens to signals, the default action has the same outcome
    os.kill(place.supervisor(), signal.SIGTERM)
    status = await place.finished(backend)
    assert status.phase is RunPhase.LOST


async def test_daemons_end_with_the_run(place: Any, hands: Any) -> None:
    backend = place.open()
    pids = place.folder / "pids"
    daemon = f"setsid sh -c 'setsid sh -c \"echo \\$\\$ >> {pids}; exec sleep 600\" & exit' >/dev/null 2>&1 &"
    status, _ = await place.run(
        backend, place.request("sh", "-c", f"{daemon} while ! test -s {pids}; do sleep 0.02; done; echo done")
    )
    assert status.phase is RunPhase.SUCCEEDED
    assert not hands.alive(int(hands.lines(pids)[0]))


async def test_stop_asks_daemons_too(place: Any, hands: Any) -> None:
    backend = place.open()
    said = place.folder / "said"
    polite = f"trap 'echo bye >> {said}; exit' TERM; echo up >> {said}; while :; do sleep 0.02; done"
    await backend.jobs.start(place.request("sh", "-c", f'setsid sh -c "{polite}" & sleep 600'))
    await place.until(lambda: hands.lines(said) == ["up"], "the daemon")
    await backend.jobs.stop("job-one.1", 30)
    assert (await place.finished(backend)).reason is JobReason.CANCELLED
    assert hands.lines(said) == ["up", "bye"]


async def test_start_that_lost_its_supervisor_gets_another(place: Any, hands: Any, monkeypatch: Any) -> None:
    ran = place.folder / "ran"
    backend = place.open()
    with monkeypatch.context() as patch:
        patch.setattr("collegium.backends.local.spares.Supervisors.call", nobody_comes)
        await backend.jobs.start(place.request("sh", "-c", f"echo ran >> {ran}"))
    assert (await backend.jobs.observe())["job-one.1"].phase is RunPhase.STARTING
    fresh = place.open()
    assert (await place.finished(fresh)).phase is RunPhase.SUCCEEDED
    assert hands.lines(ran) == ["ran"]


async def test_reboot_before_the_start_makes_the_working_folder_anew(place: Any, monkeypatch: Any) -> None:
    backend = place.open()
    with monkeypatch.context() as patch:
        patch.setattr("collegium.backends.local.spares.Supervisors.call", nobody_comes)
        await backend.jobs.start(place.request("sh", "-c", "ls"))
    (place.attempt("job-one.1") / "work" / "torn").touch()
    monkeypatch.setattr("collegium.backends.local.runner.boot_id", lambda: "another boot")
    fresh = place.open()
    assert (await place.finished(fresh)).phase is RunPhase.SUCCEEDED
    assert (await fresh.logs.read("job-one.1")).data == b"artifacts\n"


async def test_stop_between_wish_and_start(place: Any, hands: Any, monkeypatch: Any) -> None:
    """The supervisor that finds ``stop`` only after it marked the start does not run the program either."""
    from collegium.backends.local import supervisor

    ran = place.folder / "ran"
    backend = place.open()
    with monkeypatch.context() as patch:
        patch.setattr("collegium.backends.local.spares.Supervisors.call", nobody_comes)
        await backend.jobs.start(place.request("sh", "-c", f"echo ran >> {ran}"))
    attempt = place.attempt("job-one.1")
    pid = os.fork()
    if pid == 0:
        mark = supervisor._mark_started

        def late(when: float) -> None:
            mark(when)
            Path("stop").write_text("5")

        supervisor._mark_started = late
        os._exit(supervisor.main(str(attempt)))
    os.waitpid(pid, 0)
    status = await place.finished(backend)
    assert (status.phase, status.reason, status.started_at) == (RunPhase.FAILED, JobReason.CANCELLED, None)
    assert not ran.exists()


async def test_a_full_disk_does_not_keep_a_run_from_being_ended(place: Any, monkeypatch: Any) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    backend = place.open()
    for key in ("job-one.1", "job-two.1"):
        await backend.jobs.start(place.request("sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done", key=key))
        mark = place.attempt(key) / "started"
        await place.until(mark.exists, "the start", backend)
    monkeypatch.setattr("collegium.backends.local.layout.write_durable", full)
    await backend.jobs.stop("job-one.1", 3600)
    assert (await place.finished(backend)).reason is JobReason.CANCELLED
    await backend.volumes.discard("job-two")
    assert set(await backend.jobs.observe()) == {"job-one.1"}


async def test_waiting_supervisor_ends_with_the_service(place: Any) -> None:
    script = (
        "import sys, time; from pathlib import Path; from collegium.backends.local.spares import Supervisors\n"
        "s = Supervisors(); s._refill(); print('up', flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "COLLEGIUM_CANARY": str(place.folder)}
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    process.stdout.readline()

    def waiting() -> list[str]:
        # The spare holds the other end of a pipe of its service.
        ours = {os.readlink(p) for p in Path(f"/proc/{process.pid}/fd").glob("*") if "pipe:" in os.readlink(p)}
        found = []
        for other in Path("/proc").glob("[0-9]*"):
            try:
                if int(other.name) != process.pid and os.readlink(other / "fd" / "0") in ours:
                    found.append(other.name)
            except OSError:
                continue
        return found

    (spare,) = waiting()
    process.kill()
    process.wait()
    process.stdout.close()
    await place.until(lambda: not Path(f"/proc/{spare}").exists(), "the end of the spare")
