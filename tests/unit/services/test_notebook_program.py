"""What runs a notebook in a job, in a process of its own as there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from collegium.backends.ports import fill
from collegium.domain.jobs import JobSpec, NotebookSpec
from collegium.services.jobs.command import argv
from collegium.services.jobs.text import failure_line


def run(folder: Path, name: str, *cells: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a job runs for this notebook; what it leaves is in ``artifacts``."""
    work, artifacts = folder / "work", folder / "artifacts"
    work.mkdir()
    artifacts.mkdir()
    made = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "execution_count": None, "source": text}
        for n, text in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (work / name).write_text(json.dumps(notebook))
    words = argv(JobSpec("n", "small", "base", notebook=NotebookSpec(name)))
    words = [fill(word, sys.executable, str(artifacts), str(work)) for word in words]
    settings = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OUT": str(artifacts), **environment}
    return subprocess.run(words, cwd=work, env=settings, text=True, capture_output=True, timeout=120)


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in (folder / "artifacts").iterdir())


def test_a_notebook_that_fails_leaves_its_page_too(tmp_path: Path) -> None:
    name = "a {work} – b.ipynb"
    own = "import os, pathlib; pathlib.Path(os.environ['OUT'], 'a {work} – b.html').write_text('mine'); print('so far')"
    ran = run(tmp_path, name, own, "raise ValueError('boom <b>')")
    assert ran.returncode == 1
    assert failure_line(ran.stdout + ran.stderr) == "ValueError: boom <b>"
    # What the notebook wrote under that name is its own.
    assert left(tmp_path) == ["a {work} – b.html", name, f"{name}.html"]
    assert (tmp_path / "artifacts" / "a {work} – b.html").read_text() == "mine"
    page = (tmp_path / "artifacts" / f"{name}.html").read_text()
    assert "so far" in page
    assert "boom &lt;b&gt;" in page
    assert "<title>a {work} – b</title>" in page


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"MEM_LIMIT": "24"}, "ValueError: with its outputs it has"),
        ({"PYTHONPATH": "."}, "ImportError: cannot import name 'HTMLExporter'"),
    ],
)
def test_a_page_that_cannot_be_made_fails_no_job(tmp_path: Path, environment: dict[str, str], why: str) -> None:
    spoil = (
        "import pathlib; at = pathlib.Path('nbconvert/exporters'); at.mkdir(parents=True); "
        "[(p / n).write_text('') for p, n in ((at.parent, '__init__.py'), (at, '__init__.py'), (at, 'html.py'))]"
    )
    ran = run(tmp_path, "a.ipynb", spoil if "PYTHONPATH" in environment else "1", **environment)
    assert ran.returncode == 0, ran.stderr
    assert f"No HTML page was made of the notebook, {why}" in ran.stderr
    assert left(tmp_path) == ["a.ipynb"]
