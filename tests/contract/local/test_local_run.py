"""What a run is given, and what is said of its end."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.ports import ARTIFACTS, PYTHON, WORK, RunPhase, StartFailed, literal
from collegium.domain.catalog import Image
from collegium.domain.errors import Unavailable
from collegium.domain.jobs import JobReason, WorkingDirectory


def parsed(log: bytes) -> dict[str, str]:
    """The output of ``env -0``."""
    return dict(entry.split("=", 1) for entry in log.decode().split("\0") if entry)


async def test_environment_is_built_not_inherited(place: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "canary-secret")
    monkeypatch.setenv("COLLEGIUM_CANARY", "canary-secret")
    monkeypatch.setenv("PYTHONPATH", "/canary-secret")
    monkeypatch.setenv("TZ", "Asia/Taipei")
    image = Image("hub", "Hub", environment="hub", variables={"FROM_IMAGE": "{not filled}", "BOTH": "image"})
    environment = {"BOTH": "user", "OUT": f"{ARTIFACTS}/x", "TEXT": literal("{work}"), "IN": WORK}
    backend = place.open()
    _, log = await place.run(backend, place.request("env", "-0", image=image, environment=environment))
    attempt = place.attempt("job-one.1")
    assert parsed(log) == {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(attempt / "work"),
        "USER": "alice",
        "LOGNAME": "alice",
        "LANG": "C.UTF-8",
        "TZ": "Asia/Taipei",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(attempt / "tmp"),
        "COLLEGIUM_JOB_ID": "job-one",
        "COLLEGIUM_GROUP": "physics",
        "COLLEGIUM_USER": "alice",
        "COLLEGIUM_ARTIFACTS": str(attempt / "artifacts"),
        "COLLEGIUM_DATASETS": str(attempt / "datasets"),
        "COLLEGIUM_RUN": "job-one.1",
        "CPU_LIMIT": "1",
        "MEM_LIMIT": str(512 << 20),
        "OMP_NUM_THREADS": "1",
        "FROM_IMAGE": "{not filled}",
        "BOTH": "user",
        "OUT": f"{attempt}/artifacts/x",
        "TEXT": "{work}",
        "IN": str(attempt / "work"),
    }


async def test_no_secret_is_in_any_process_or_file_of_a_run(place: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "canary-secret")
    script = (
        "import os, pathlib\n"
        "me = os.getpid(); ids = [me, os.getppid()]\n"
        "for i in ids: print(pathlib.Path(f'/proc/{i}/environ').read_bytes())\n"
        "print(sorted(os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) < 3))\n"
        "print([n for n in os.listdir('/proc/self/fd')])"
    )
    backend = place.open()
    status, log = await place.run(backend, place.request(PYTHON, "-c", literal(script)))
    assert status.phase is RunPhase.SUCCEEDED, log
    assert b"canary" not in log
    # Standard input, output and error, and the folder being listed.
    assert log.splitlines()[-1] == b"['0', '1', '2', '3']"
    for file in place.state.rglob("*"):
        assert not file.is_file() or b"canary" not in file.read_bytes()
    assert not (place.attempt("job-one.1") / "launch").exists()


async def test_folders_are_private(place: Any) -> None:
    backend = place.open()
    await place.run(backend, place.request("true"))
    for path in [place.state, *place.state.rglob("*")]:
        if not path.is_symlink():
            assert path.stat().st_mode & 0o077 == 0, path


async def test_placeholders_in_argv(place: Any) -> None:
    words = [PYTHON, WORK, ARTIFACTS, literal("{work} {{x}} $HOME *"), "a\nb", "ü"]
    backend = place.open()
    _, log = await place.run(backend, place.request("printf", "%s\\0", *words))
    attempt = place.attempt("job-one.1")
    assert log.decode().split("\0")[:-1] == [
        sys.executable, f"{attempt}/work", f"{attempt}/artifacts", "{work} {{x}} $HOME *", "a\nb", "ü",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "environment"),
    [
        (["echo", "{nobody}"], {}),
        (["echo", "{"], {}),
        (["echo", "{work.nothing}"], {}),
        (["echo", "a\0b"], {}),
        ([""], {}),
        (["true"], {"A=B": "x"}),
        (["true"], {"": "x"}),
        (["true"], {"A": "x\0y"}),
        (["echo", "\ud800"], {}),
    ],
)
async def test_requests_that_can_never_start(place: Any, argv: list[str], environment: dict[str, str]) -> None:
    backend = place.open()
    with pytest.raises(StartFailed):
        await backend.jobs.start(place.request(*argv, environment=environment))
    assert await backend.jobs.observe() == {}


@pytest.mark.parametrize("key", ["job-one", "job-one.0", "job-one.01", "job-one.x", "../x.1", "Job.1", "-a.1", "a/b.1"])
async def test_keys_that_are_none(place: Any, key: str) -> None:
    backend = place.open()
    with pytest.raises(StartFailed):
        await backend.jobs.start(replace(place.request("true"), key=key, job_id=key.rpartition(".")[0]))
    assert list((place.state / "runs").iterdir()) == []


async def test_images(place: Any) -> None:
    backend = place.open()
    environment = place.folder / "env"
    for image, message in [
        (Image("c", "C", reference="docker.io/x"), "image c has no local environment"),
        (Image("r", "R", environment="relative/env"), "not an absolute path"),
        (Image("e", "E", environment=str(environment)), "no bin/python"),
    ]:
        with pytest.raises(StartFailed, match=message):
            await backend.jobs.start(place.request("true", image=image))
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").write_text("#!/bin/sh\necho other python\n")
    (environment / "bin" / "python").chmod(0o755)
    image = Image("e", "E", environment=str(environment))
    assert (await place.run(backend, place.request("python", image=image)))[1] == b"other python\n"
    assert (await place.run(backend, place.request(PYTHON, image=image, key="job-two.1")))[1] == b"other python\n"


@pytest.mark.parametrize(
    ("program", "code", "words"), [("no-such-program", 127, "'no-such-program'"), ("./data", 126, "'./data'")]
)
async def test_programs_that_are_none(place: Any, program: str, code: int, words: str) -> None:
    backend = place.open()
    home = Path(await backend.volumes.home("alice", "physics"))
    (home / "data").write_text("x")
    await backend.volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    status, log = await place.run(backend, place.request(program))
    assert (status.phase, status.reason, status.exit_code) == (RunPhase.FAILED, JobReason.START_FAILED, code)
    assert words in status.message
    assert log == b""


async def test_executable_files_stay_executable(place: Any) -> None:
    backend = place.open()
    script = Path(await backend.volumes.home("alice", "physics")) / "run.sh"
    script.write_text("#!/bin/sh\necho from the snapshot\n")
    script.chmod(0o755)
    await backend.volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert (await place.run(backend, place.request("./run.sh")))[1] == b"from the snapshot\n"


async def test_signal(place: Any) -> None:
    status, _ = await place.run(place.open(), place.request("sh", "-c", "kill -SEGV $$"))
    assert (status.phase, status.reason, status.exit_code) == (RunPhase.FAILED, JobReason.SIGNAL, 139)
    assert "SIGSEGV" in status.message


async def test_broken_pipes_kill_as_usual(place: Any) -> None:
    script = literal("yes | head -1; echo ${PIPESTATUS[0]}")
    status, log = await place.run(place.open(), place.request("bash", "-c", script))
    assert log == b"y\n141\n"
    assert status.phase is RunPhase.SUCCEEDED


async def test_output_and_errors_share_one_log_in_order(place: Any) -> None:
    script = "for i in 1 2 3; do echo o$i; echo e$i >&2; done; exec >&- 2>&-; sleep 0.3"
    assert (await place.run(place.open(), place.request("sh", "-c", script)))[1] == b"o1\ne1\no2\ne2\no3\ne3\n"


async def test_artifacts_by_link_and_by_folder(place: Any) -> None:
    backend = place.open()
    await place.run(backend, place.request("sh", "-c", "echo 1 > artifacts/a"))
    assert [a.path for a in await backend.volumes.artifacts("job-one.1")] == ["a"]
    own = Path(await backend.volumes.home("alice", "physics")) / "artifacts"
    own.mkdir()
    (own / "mine").touch()
    await backend.volumes.snapshot("job-two", "alice", "physics", WorkingDirectory())
    await place.run(backend, place.request("sh", "-c", "echo 1 > artifacts/a; ls artifacts", key="job-two.1"))
    assert (await backend.logs.read("job-two.1")).data == b"a\nmine\n"
    assert list(await backend.volumes.artifacts("job-two.1")) == []


async def test_each_attempt_starts_from_the_source(place: Any) -> None:
    backend = place.open()
    home = Path(await backend.volumes.home("alice", "physics"))
    (home / "f").write_text("first\n")
    await backend.volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    for attempt in (1, 2):
        request = place.request("sh", "-c", "cat f; echo changed > f; touch more; ls", key=f"job-one.{attempt}")
        assert (await place.run(backend, request))[1] == b"first\nartifacts\nf\nmore\n"


async def test_forget_frees_the_working_folder(place: Any) -> None:
    backend = place.open()
    script = "mkdir -p d/e; touch d/e/f; chmod 0 d/e d; echo x > artifacts/a"
    await place.run(backend, place.request("sh", "-c", script))
    await backend.jobs.forget("job-one.1")
    left = {p.name for p in place.attempt("job-one.1").iterdir()}
    assert "work" not in left
    assert {"log", "artifacts"} <= left


async def test_start_on_a_full_disk_may_be_tried_again(place: Any, monkeypatch: Any) -> None:
    backend = place.open()
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("collegium.backends.local.runner.write_durable", full)
        with pytest.raises(Unavailable, match="no room"):
            await backend.jobs.start(place.request("echo", "hi"))
    assert await backend.jobs.observe() == {}
    assert (await place.run(backend, place.request("echo", "hi")))[1] == b"hi\n"


async def test_notice_is_honest(place: Any) -> None:
    notice = place.open().notice
    for words in ("one Unix account", "not isolated", "RLIMIT_DATA", "GPU"):
        assert words in notice
