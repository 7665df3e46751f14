"""Downloads, with a bar where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from collegium_client.cli.common import is_terminal, plain
from collegium_client.client import Client
from collegium_client.models import ArtifactOut


def fetch(client: Client, job: str, chosen: Sequence[ArtifactOut], folder: Path) -> list[Path]:
    """Fetch each file and name it on standard error."""
    return [_one(client, job, artifact, folder) for artifact in chosen]


def _one(client: Client, job: str, artifact: ArtifactOut, folder: Path) -> Path:
    if not is_terminal():
        path = client.jobs.download(job, artifact.path, folder)
    else:
        with click.progressbar(
            length=max(1, artifact.size), label=plain(artifact.path)[-40:], file=sys.stderr, show_pos=True
        ) as bar:

            def progress(done: int, size: int) -> None:
                bar.length = max(1, size)
                bar.update(done - bar.pos)

            path = client.jobs.download(job, artifact.path, folder, progress=progress)
    click.echo(plain(f"{path} ({artifact.size} bytes)"), err=True)
    return path
