"""What all requests have in common whose body is taken for an upload."""

from __future__ import annotations

import abc
import asyncio

from collegium.domain.errors import DomainError
from collegium.domain.uploads import Upload
from collegium.services.incoming import Incoming


class Taking(abc.ABC):
    """One request. It can be stopped before its body is taken, and while it is."""

    #: May another request, of another process perhaps, go on with the upload meanwhile?
    displaceable = True

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self._incoming: Incoming | None = None
        self._stopped: DomainError | None = None
        #: Set when it is known what became of the request.
        self.settled = asyncio.Event()

    @abc.abstractmethod
    async def run(self, incoming: Incoming) -> Upload:
        """Take the body. Answers with the upload after it; raises what was wrong, after that was dealt with."""

    def stop(self, error: DomainError) -> None:
        """No further byte of this request is taken; what has come whole is kept."""
        self._stopped = self._stopped or error
        if self._incoming is not None:
            self._incoming.cut_off(error)

    def _take(self, incoming: Incoming) -> None:
        self._incoming = incoming
        if self._stopped is not None:
            incoming.cut_off(self._stopped)
