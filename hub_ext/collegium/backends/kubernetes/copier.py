"""Runs in the copy pod: ``python -m collegium.backends.kubernetes.copier``.

The home is mounted read-only, the job's folder holds ``request.json`` and gets ``source`` and, last and whole,
``result.json``. Nothing of what the user asked for stands in an argument, and no link in the home is followed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collegium.backends.kubernetes import exchange
from collegium.backends.local import tree
from collegium.backends.local.layout import write_durable
from collegium.backends.local.snapshot import copy_problems, copy_working_directory
from collegium.domain.errors import DomainError

REQUEST, RESULT, SOURCE = "request.json", "result.json", "source"
#: Where the pod has the two folders.
HOME_AT, JOB_AT = "/copy/home", "/copy/job"


def copy(home: Path, job: Path) -> dict[str, Any]:
    """Copy what the request asks for into ``source``; the answer. Nothing is left of a copy that failed."""
    source = job / SOURCE
    try:
        with copy_problems():
            request = exchange.read_message(job / REQUEST)
            max_files, max_bytes = int(request["max_files"]), int(request["max_bytes"])
            wanted = exchange.read_working_directory(request.get("working_directory"))
            tree.remove(source)
            source.mkdir(mode=0o700)
            return exchange.write_snapshot(copy_working_directory(home, source, wanted, max_files, max_bytes))
    except DomainError as error:
        tree.remove(source)
        return exchange.write_error(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy and leave the result; a refusal is a result too. Anything else ends in a traceback and another code."""
    parser = argparse.ArgumentParser(description="Copy a working directory out of a home, as the job's folder asks.")
    parser.add_argument("--home", type=Path, default=Path(HOME_AT))
    parser.add_argument("--job", type=Path, default=Path(JOB_AT))
    options = parser.parse_args(arguments)
    if not (options.job / RESULT).exists():
        result = copy(options.home, options.job)
        write_durable(options.job / RESULT, json.dumps(result).encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
