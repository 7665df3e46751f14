"""What every backend promises of secrets: the run has them, its log does not."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING

from collegium.domain.names import new_id

if TYPE_CHECKING:
    from conftest import Harness

VALUE = "marker-7f3a9c {work} $HOME 'quoted' täglich"
KEY = "-----BEGIN-----\nline-one-of-it\n-----END-----\n"
LOG = f"it is {VALUE}!\n{KEY}".encode() + b64encode(b"user:" + VALUE.encode()) + b"\nand on\n"


async def test_a_log_never_shows_them(harness: Harness) -> None:
    request = replace(harness.request(log=LOG, hold=True), secrets={"TOKEN": VALUE, "SSH_KEY": KEY})
    logs = harness.backend.logs
    await harness.backend.jobs.start(request)

    async with asyncio.timeout(60):
        while b"and on" not in (live := (await logs.read(request.key)).data):
            await harness.backend.jobs.observe()
            await asyncio.sleep(0.02)
    await harness.release(request.key)
    await harness.finished(request.key)
    await harness.backend.jobs.forget(request.key)
    kept = (await harness.reopen().logs.read(request.key)).data
    assert live == kept
    for word in (b"marker", b"quoted", b"line-one", b64encode(VALUE.encode())[4:-4]):
        assert word not in kept
    assert kept.startswith(b"up\nit is ***") and kept.endswith(b"\nand on\n")
    assert await logs.size(request.key) == len(kept)


async def test_the_run_has_them_as_they_are(harness: Harness) -> None:
    key = f"{new_id('job')}.1"
    script = 'printf %s "$TOKEN" > "$COLLEGIUM_ARTIFACTS/token"; printf %s "$SSH_KEY" > "$COLLEGIUM_ARTIFACTS/key"'
    request = replace(
        harness.request(key, argv=["/bin/sh", "-c", script], environment={"TOKEN": "weaker"}),
        secrets={"TOKEN": VALUE, "SSH_KEY": KEY},
    )
    await harness.backend.jobs.start(request)
    memory = getattr(harness, "memory", None)
    if memory is not None:  # which runs nothing
        assert memory.runs[key].environment.items() >= {"TOKEN": VALUE, "SSH_KEY": KEY}.items()
        memory.finish(key, 0)
        return
    await harness.finished(key)
    found = {
        name: b"".join([piece async for piece in harness.backend.volumes.open_artifact(key, name)])
        for name in ("token", "key")
    }
    assert found == {"token": VALUE.encode(), "key": KEY.encode()}
