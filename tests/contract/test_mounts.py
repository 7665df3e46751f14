"""What every backend promises of mounts: a run finds them by its variables, and cannot write what is read-only."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from collegium.backends.ports import RunPhase
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.files import Root
from collegium.domain.mounts import dataset_mount, project_mount
from collegium.stores.posix import PosixStore

if TYPE_CHECKING:
    from conftest import Harness

DIGITS, NOTES, GONE = (
    Dataset(name, name, SourceKind.MANAGED, {}, owner="chemistry") for name in ("digits", "notes", "gone")
)
SCRIPT = """
cd "$COLLEGIUM_DATASETS" || exit 3
cat digits/seen
if echo over > digits/seen; then echo wrote; else echo kept; fi
if echo new > digits/new; then echo wrote; else echo kept; fi
test -e gone && echo gone is there
echo mine > notes/new && echo ours > "$COLLEGIUM_PROJECT/new" && echo written
"""


async def test_a_run_finds_its_mounts_and_only_writes_where_it_may(harness: Harness) -> None:
    abilities = harness.backend.mounts
    mounts = (
        project_mount("physics", abilities),
        dataset_mount(DIGITS, "physics", AccessMode.READ_ONLY),
        dataset_mount(NOTES, "physics", AccessMode.READ_WRITE),
        replace(dataset_mount(GONE, "physics", AccessMode.READ_ONLY), problem="its source is missing"),
    )
    request = replace(harness.request(argv=["/bin/sh", "-c", SCRIPT]), mounts=mounts)
    if harness.trees is None:  # the fake, which runs nothing
        await harness.backend.jobs.start(request)
        run = harness.memory.runs[request.key]  # type: ignore[attr-defined]
        assert run.request.mounts == mounts
        found = {name: run.environment[name] for name in ("COLLEGIUM_DATASETS", "COLLEGIUM_PROJECT")}
        assert found == {"COLLEGIUM_DATASETS": "/datasets", "COLLEGIUM_PROJECT": "/project/physics"}
        return
    roots = [m.root for m in mounts[:3] if m.root is not None]
    store = PosixStore(harness.trees, *((1000, 1000) if abilities.rooted and os.geteuid() == 0 else ()))
    try:
        for root in roots:
            await store.ensure(root)
    finally:
        await store.close()
    trees = [harness.trees / root.owner / root.area for root in roots]
    (trees[1] / "seen").write_text("first\n")
    (trees[1] / "seen").chmod(0o666)
    status = await harness.run(request)
    log = (await harness.backend.logs.read(request.key)).data.decode()
    assert status.phase is RunPhase.SUCCEEDED, log
    said = [line for line in log.splitlines() if line in ("first", "wrote", "kept", "written", "gone is there")]
    assert said == ["first", "kept", "kept", "written"]
    await harness.backend.jobs.forget(request.key)
    await harness.backend.volumes.discard(request.job_id)
    # All that a run leaves goes; what it had mounted is others', and stays.
    assert (trees[1] / "seen").read_text() == "first\n" and not (trees[1] / "new").exists()
    assert (trees[2] / "new").read_text() == "mine\n" and (trees[0] / "new").read_text() == "ours\n"
    assert Root.head("chemistry", "gone").area and not (harness.trees / "chemistry/datasets/gone").exists()
