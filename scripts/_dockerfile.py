"""Reads the Dockerfiles in ``images/``: the tests build what users build. Only the few instructions they use are known,
and any other is an error.

Standard library only.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from _oci import Config


@dataclass(frozen=True)
class Bind:
    """``RUN --mount=type=bind``: a folder of the checkout, or of an earlier stage, seen by one step."""

    target: str
    source: str = ""
    stage: str = ""


@dataclass(frozen=True)
class Run:
    """One RUN: a layer."""

    command: str
    binds: tuple[Bind, ...]


@dataclass
class Stage:
    """What follows one FROM."""

    base: str
    name: str
    copies: list[tuple[list[str], str]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    config: Config = field(default_factory=Config)


class Unsupported(Exception):
    """An instruction that this reader does not know."""


def _bind(text: str) -> Bind:
    given = dict(part.split("=", 1) for part in text.split(","))
    if given.pop("type", "") != "bind" or not given.keys() <= {"source", "target", "from"}:
        raise Unsupported(f"--mount={text}")
    return Bind(given["target"], given.get("source", ""), given.get("from", ""))


def _run(rest: str) -> Run:
    binds = []
    while match := re.match(r"--mount=(\S+)\s+", rest):
        binds.append(_bind(match[1]))
        rest = rest[match.end() :]
    return Run(rest, tuple(binds))


def _apply(stage: Stage, word: str, rest: str) -> None:
    config = stage.config
    if word == "RUN":
        stage.runs.append(_run(rest))
    elif word == "COPY" and not rest.startswith("--"):
        *sources, target = shlex.split(rest)
        stage.copies.append((sources, target))
    elif word == "ENV":
        stage.config = replace(config, env={**config.env, **dict(p.split("=", 1) for p in shlex.split(rest))})
    elif word == "WORKDIR":
        stage.config = replace(config, workdir=rest)
    elif word == "USER":
        stage.config = replace(config, user=rest)
    elif word == "STOPSIGNAL":
        stage.config = replace(config, stop_signal=rest)
    elif word == "ENTRYPOINT":
        stage.config = replace(config, entrypoint=tuple(json.loads(rest)))
    elif word == "CMD":
        stage.config = replace(config, cmd=tuple(json.loads(rest)))
    else:
        raise Unsupported(f"{word} {rest}")


def parse(path: Path) -> list[Stage]:
    """The stages of a Dockerfile, the image's own last. Raises Unsupported."""
    stages: list[Stage] = []
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "ARG" and not stages:
            continue
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            _apply(stages[-1], word, rest.strip())
    return stages
