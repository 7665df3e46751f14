"""A system without the kernel's newer calls, or a filter of system calls that forbids them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from collegium.stores import posix_kernel


@contextmanager
def without_calls() -> Iterator[None]:
    """Folders one after the other, links instead of renames that replace nothing, and copies that read and write."""
    lacking = OSError(errno.ENOSYS, "not here")
    with (
        mock.patch.object(posix_kernel, "has_openat2", return_value=False),
        mock.patch.object(posix_kernel, "_renameat2", return_value=False),
        mock.patch.object(posix_kernel, "clone", return_value=False),
        mock.patch.object(posix_kernel, "_copy_range", side_effect=lacking),
        mock.patch.object(posix_kernel, "start_writing"),
    ):
        yield
