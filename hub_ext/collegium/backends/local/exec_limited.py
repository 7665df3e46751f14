"""Puts limits on this process and becomes another program: ``python exec_limited.py <step>… -- <program> <argument>…``.

Steps are single words and tab-separated fields, made by ``limits.Limiter`` and carried out in order:

- ``mkdir P``: make a folder that may be there already; ``fresh P``: the same, but empty counters if nobody is in it;
- ``set P V``: write V to the file P; ``try P V``: the same, where a kernel without that file is fine;
- ``join P``: write our process into the cgroup.procs file P;
- ``rlimit NAME N``: soft and hard limit; ``affinity C C…``: the CPUs we may run on.

Limits that cannot be applied stop the program from starting: nothing runs unlimited by accident. Standard library
only; the supervisor of runs uses ``apply`` directly.
"""

# contextlib would cost each start of a run more time than the rest of this module.
# ruff: noqa: SIM105

from __future__ import annotations

import os
import sys

ATTEMPTS = 3


def apply(steps: list[str]) -> None:
    """Carry out the steps on the calling process. Raises OSError or ValueError when a limit cannot be applied."""
    for attempt in range(ATTEMPTS):
        try:
            for step in steps:
                _apply_one(*step.split("\t"))
            return
        except FileNotFoundError:
            # Somebody who sweeps empty cgroups took ours between making and joining it.
            if attempt == ATTEMPTS - 1:
                raise


def _apply_one(verb: str, *fields: str) -> None:
    if verb == "mkdir":
        _mkdir(fields[0])
    elif verb == "fresh":
        try:
            os.rmdir(fields[0])
        except OSError:
            pass
        _mkdir(fields[0])
    elif verb == "set":
        _write(fields[0], fields[1])
    elif verb == "try":
        try:
            _write(fields[0], fields[1])
        except OSError:
            pass
    elif verb == "join":
        _write(fields[0], "0")
    elif verb == "rlimit":
        import resource

        amount = int(fields[1])
        which = getattr(resource, "RLIMIT_" + fields[0])
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        resource.setrlimit(which, (amount, amount))
    elif verb == "affinity":
        os.sched_setaffinity(0, [int(c) for c in fields])
    else:
        raise ValueError(f"unknown limit step {verb!r}")


def _mkdir(path: str) -> None:
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        pass


def _write(path: str, value: str) -> None:
    # No O_CREAT: a file that the kernel does not offer must be an error.
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def main(arguments: list[str]) -> int:
    """Apply the steps before ``--`` and exec what follows it; 126 if limits fail, 127 if the program does."""
    try:
        split = arguments.index("--")
    except ValueError:
        split = len(arguments)
    program = arguments[split + 1 :]
    if not program:
        print("usage: exec_limited.py <step>... -- <program> <argument>...", file=sys.stderr)
        return 2
    try:
        apply(arguments[:split])
    except (OSError, ValueError) as error:
        print(f"limits could not be applied: {error}", file=sys.stderr)
        return 126
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
