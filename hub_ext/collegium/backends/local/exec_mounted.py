"""Gives this process a view of the file system of its own and becomes another program:
``python exec_mounted.py <step>… -- <program> <argument>…``.

Steps are words and tab-separated fields, made by ``mounter.Mounter`` and carried out in order:

- ``private``: a mount namespace of our own, which takes the right to mount; ``private user``: the same for an account
  without that right, by a user namespace in which it stays who it is;
- ``bind BASE PARTS TARGET ro|rw``: what is at PARTS below BASE, also at TARGET. BASE is the operator's and its links
  are followed; PARTS never lead through a link, whoever put one there.

What cannot be carried out stops the program from starting. Standard library only; the supervisor of runs uses
``apply`` directly.
"""

from __future__ import annotations

import ctypes
import os
import sys

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
#: Flags of a mounted file system as statvfs(2) and as mount(2) have them: one that is set by somebody with more rights
#: has to be set again.
_KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


def apply(steps: list[str]) -> None:
    """Carry out the steps on the calling process, which must have one thread. Raises OSError or ValueError."""
    for step in steps:
        verb, *fields = step.split("\t")
        if verb == "private":
            _private(user=fields == ["user"])
        elif verb == "bind":
            base, parts, target, access = fields
            _bind(base, parts, target, read_only=access != "rw")
        else:
            raise ValueError(f"unknown mount step {verb!r}")


def _private(user: bool) -> None:
    uid, gid = os.geteuid(), os.getegid()
    if user:
        _check(_libc.unshare(_NEW_USER), "a user namespace")
        # Itself only, as itself: at exec all power over the namespace is gone, and with it the way back.
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _check(_libc.unshare(_NEW_MOUNTS), "a mount namespace")
    _mount(None, "/", _REC | _PRIVATE)


def _bind(base: str, parts: str, target: str, read_only: bool) -> None:
    source = os.open(base, _FOLDER)
    try:
        for part in parts.split("/") if parts else ():
            if part in ("", ".", ".."):
                raise ValueError(f"not a plain name: {part!r}")
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=source)
            os.close(source)
            source = below
        _mount(f"/proc/self/fd/{source}", target, _BIND)
    finally:
        os.close(source)
    if read_only:
        kept = os.statvfs(target).f_flag
        again = sum(to for which, to in _KEPT.items() if kept & which)
        _mount(None, target, _REMOUNT | _BIND | _RDONLY | again)


def _mount(source: str | None, target: str, flags: int) -> None:
    told = None if source is None else os.fsencode(source)
    _check(_libc.mount(told, os.fsencode(target), None, ctypes.c_ulong(flags), None), target)


def _check(answer: int, what: str) -> None:
    if answer:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def main(arguments: list[str]) -> int:
    """Carry out the steps before ``--`` and exec what follows it; 126 if a step fails, 127 if the program does."""
    try:
        split = arguments.index("--")
    except ValueError:
        split = len(arguments)
    program = arguments[split + 1 :]
    if not program:
        print("usage: exec_mounted.py <step>... -- <program> <argument>...", file=sys.stderr)
        return 2
    try:
        apply(arguments[:split])
    except (OSError, ValueError) as error:
        print(f"datasets could not be mounted: {error}", file=sys.stderr)
        return 126
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
