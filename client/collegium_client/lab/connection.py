"""The client of this Jupyter server, and what its refusals become."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jupyter_scheduler.exceptions import SchedulerError

from collegium_client.aio import AsyncClient
from collegium_client.errors import CollegiumError


class Connection:
    """One client, made when it is first asked for: then the server's environment is complete and a loop runs."""

    def __init__(self) -> None:
        self._client: AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._user = ""

    def client(self) -> AsyncClient:
        """The client of the running loop. Raises CollegiumError if it is not known where to go."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = AsyncClient(), loop
        return self._client

    async def user(self) -> str:
        """Whose server this is."""
        if not self._user:
            self._user = (await self.client().context()).user.name
        return self._user


@asynccontextmanager
async def explained() -> AsyncIterator[None]:
    """Turn refusals into the one kind of error whose words jupyter-scheduler shows."""
    try:
        yield
    except CollegiumError as error:
        raise SchedulerError(error.message) from error
