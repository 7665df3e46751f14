"""Mounts on one machine: by a namespace of the run's own where the kernel lets us, else by links that say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.local.mounter import Mounter
from collegium.backends.ports import RunPhase, RunRequest
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.datasets import Health
from collegium.domain.errors import Unavailable
from collegium.domain.files import Root
from collegium.domain.jobs import JobReason
from collegium.domain.mounts import dataset_mount, project_mount

DIGITS = Dataset("digits", "Digits", SourceKind.MANAGED, {}, owner="chemistry")
KINDS = ["private", "private\tuser", ""]
WRITE = "echo x > $COLLEGIUM_DATASETS/digits/new && echo wrote || echo kept"


def request(place: Any, script: str, *more: Any) -> RunRequest:
    """Reads digits, writes the group's files."""
    mounts = (
        project_mount("physics", Mounter().abilities),
        dataset_mount(DIGITS, "physics", AccessMode.READ_ONLY),
        *more,
    )
    found: RunRequest = place.request("sh", "-c", script)
    return replace(found, mounts=tuple(replace(m, problem="") for m in mounts))


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """The trees that such a run mounts."""
    for root in (Root("physics"), Root.head("chemistry", "digits")):
        (tmp_path / "files" / root.owner / root.area).mkdir(parents=True)
    return tmp_path / "files"


@pytest.mark.parametrize("kind", KINDS)
async def test_each_way_does_what_it_says(place: Any, trees: Path, kind: str) -> None:
    mounter = Mounter(kind, trees)
    backend = place.open(files_dir=trees, mounter=mounter)
    assert backend.mounts.enforced == bool(kind) and mounter.notice in backend.notice
    script = (
        f"{WRITE}; echo y > $COLLEGIUM_PROJECT/new; id -u; cat /proc/self/cgroup >/dev/null && ls $COLLEGIUM_DATASETS"
    )
    status, log = await place.run(backend, request(place, script))
    assert status.phase is RunPhase.SUCCEEDED, log
    assert ("kept" if kind else "wrote") in log.decode().split() and log.decode().split()[-1] == "digits"
    head = trees / "chemistry/datasets/digits/head"
    assert (head / "new").exists() != bool(kind)
    assert (trees / "physics/files/new").read_text() == "y\n"
    # From outside nothing of it is to be seen, and what was mounted outlives the run.
    await backend.jobs.forget("job-one.1")
    assert not (place.attempt("job-one.1") / "datasets").exists()
    await backend.volumes.discard("job-one")
    assert head.is_dir() and (trees / "physics/files/new").exists()


@pytest.mark.parametrize("kind", KINDS[:2])
async def test_a_run_with_mounts_ends_and_is_found_like_any_other(
    place: Any, hands: Any, trees: Path, kind: str
) -> None:
    backend = place.open(files_dir=trees, mounter=Mounter(kind, trees))
    script = "echo $$ > $COLLEGIUM_PROJECT/pid; (trap '' TERM; sleep 100) & echo $! >> $COLLEGIUM_PROJECT/pid; wait"
    pids = trees / "physics/files/pid"
    await backend.jobs.start(request(place, script))
    await place.until(lambda: len(hands.lines(pids)) == 2, "it runs", backend)
    # Another service process sees it; when its supervisor is killed, nothing of it goes on.
    again = place.open(files_dir=trees, mounter=Mounter(kind, trees))
    assert (await again.jobs.observe())["job-one.1"].phase is RunPhase.RUNNING
    hands.kill(place.supervisor())
    await place.until(lambda: not any(hands.alive(int(p)) for p in hands.lines(pids)), "its processes end", again)
    assert (await place.finished(again)).phase is RunPhase.LOST


async def test_links_that_somebody_put_in_the_way_lead_nowhere(place: Any, trees: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("hush")
    head = trees / "chemistry/datasets/digits/head"
    head.rmdir()
    head.symlink_to(secret)
    backend = place.open(files_dir=trees, mounter=Mounter("private", trees))
    status, log = await place.run(backend, request(place, "cat $COLLEGIUM_DATASETS/digits/key"))
    assert (status.phase, status.reason) == (RunPhase.FAILED, JobReason.START_FAILED) and b"hush" not in log
    assert "the mounts could not be set up" in status.message


async def test_what_is_not_there_is_told_before_anything_starts(place: Any, trees: Path) -> None:
    (trees / "chemistry/datasets/digits/head").rmdir()
    backend = place.open(files_dir=trees)
    with pytest.raises(Unavailable, match="digits: the folder is not there"):
        await backend.jobs.start(request(place, "true"))
    assert await backend.jobs.observe() == {}


async def test_folders_of_the_machine_and_what_needs_a_cluster(place: Any, trees: Path, tmp_path: Path) -> None:
    backend = place.open(files_dir=trees)
    folder = Dataset("maps", "Maps", SourceKind.FOLDER, {"path": str(tmp_path / "maps")})
    assert backend.sources is not None
    assert (await backend.sources.look("physics", folder)).state is Health.MISSING
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "one").write_text("1\n")
    assert (await backend.sources.look("physics", folder)).state is Health.OK
    mount = dataset_mount(folder, "physics", AccessMode.READ_ONLY)
    _, log = await place.run(backend, request(place, "cat $COLLEGIUM_DATASETS/maps/one", mount))
    assert log == b"1\n"
    for kind in (SourceKind.NFS, SourceKind.CLAIM, SourceKind.S3):
        assert backend.mounts.elsewhere(Dataset("d", "D", kind, {}))
    assert place.open().mounts.store.startswith("shared files and datasets are kept in object storage")
