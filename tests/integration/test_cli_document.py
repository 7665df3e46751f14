"""The transcripts of README.md and docs/cli.md, run as they stand against a whole installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collegium.hub.configuration import DEMO_CATALOG, DEMO_HOME
from support.installation import ROOT, Installation

_MARK = "-- that was it --"
#: States on the way differ from run to run; what is told at the end does not.
_ON_THE_WAY = re.compile(r"^(JOB|SWEEP) .*: (Pending|Preparing|Running)\b")


@dataclass(frozen=True)
class Step:
    """A command of a transcript and what it is said to print."""

    command: str
    output: list[str]


def steps(document: Path) -> list[Step]:
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Step(command, output.rstrip("\n").split("\n") if output.strip() else []))
    return found


def shape(lines: list[str], config: str, url: str) -> list[str]:
    """Lines without what differs from run to run: ids, times, ages, places, and widths that follow from them."""
    text = "\n".join(lines).replace(url, "http://127.0.0.1:8000")
    text = text.replace(config, "/home/ann/.config/collegium/config.toml")
    text = re.sub(r"\bjob-[0-9a-v]{26}\b", "JOB", text)
    text = re.sub(r"\bswp-[0-9a-v]{26}\b", "SWEEP", text)
    text = re.sub(r"\bsch-[0-9a-v]{26}\b", "SCHEDULE", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\b\d+[smhd]\b", "AGE", text)
    # In front of whom, and behind whom, depends on how fast others are.
    text = re.sub(r"Pending(, position \d+| \((It waits for|The jobs before)[^)]*\))", "Pending", text)
    text = re.sub(r"\b(Preparing|Running|Succeeded)( +created)", r"Pending\2", text)
    squeezed = [re.sub(r" +", " ", line).strip() for line in text.split("\n")]
    return [line for line in squeezed if line and not _ON_THE_WAY.match(line)]


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for each document, since what is in the lists is told, too."""
    folder = tmp_path_factory.mktemp("cli")
    running = Installation(folder / "hub", Path(shutil.copy(DEMO_CATALOG, folder / "catalog.yaml")))
    shutil.copytree(DEMO_HOME, running.state / "homes" / "ann" / "physics")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.mark.parametrize("document", ["README.md", "docs/cli.md"])
def test_the_transcript_is_what_happens(hub: Installation, tmp_path: Path, document: str) -> None:
    transcript = steps(ROOT / document)
    assert transcript, f"{document} has no transcript any more"
    config = tmp_path / "config" / "config.toml"
    (tmp_path / "token.txt").write_text(hub.token("ann") + "\n")
    script = []
    for step in transcript:
        # A file that is shown is there.
        shown = re.fullmatch(r"cat (\S+\.yaml)", step.command)
        if shown:
            (tmp_path / shown[1]).write_text("\n".join(step.output) + "\n")
        command = step.command.replace("http://127.0.0.1:8000", hub.url)
        script.append(f"{command}\n_s=$?; echo '{_MARK}'; (exit $_s)")
    ran = subprocess.run(
        ["bash"],
        input="\n".join(script),
        cwd=tmp_path,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("COLLEGIUM", "JUPYTER"))},
            "COLLEGIUM_CONFIG": str(config),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    outputs = ran.stdout.split(_MARK + "\n")
    assert len(outputs) == len(transcript) + 1, ran.stdout
    for step, output in zip(transcript, outputs, strict=False):
        got, wanted = (shape(lines, str(config), hub.url) for lines in (output.split("\n"), step.output))
        assert got == wanted, f"$ {step.command}\n{output}"
