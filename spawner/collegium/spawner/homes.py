"""Where homes are, as the local backend has them."""

from __future__ import annotations

import asyncio
import functools

from collegium.backends.local import create
from collegium.backends.ports import Backend
from collegium.settings import Settings


@functools.cache
def _backend(settings: Settings, skeleton: str) -> Backend:
    return create(state_dir=settings.state_dir / "local", homes_dir=settings.homes_dir, skeleton=skeleton or None)


async def home_of(settings: Settings, user: str, group: str, skeleton: str = "") -> str:
    """The user's home in this group, made at first use as a copy of the folder ``skeleton``."""
    backend = await asyncio.to_thread(_backend, settings, skeleton)
    return await backend.volumes.home(user, group)
