"""What handlers that speak tus share: the version, bodies of any size, and the answers' headers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from collegium.domain.errors import DomainError
from collegium.domain.resources import MAX_AMOUNT
from collegium.domain.uploads import Upload
from collegium.services.by import By
from collegium.services.endpoint import JSON
from collegium.services.handlers import BaseHandler
from collegium.services.incoming import Incoming
from collegium.services.incoming_handler import IncomingHandler
from collegium.services.refusals import PreconditionFailed
from collegium.services.uploads import protocol as tus

if TYPE_CHECKING:
    from collegium.services.uploads.taking import Taking

#: Seconds without a byte after which a sender counts as gone.
STALL = 60.0
#: Seconds after which the right to send is looked at again while bytes come.
RECHECK = 10.0
#: Bytes of a refused body that are read and dropped, so that the refusal is heard; then the connection ends.
DROPPED = 16 << 20


class TusHandler(IncomingHandler):
    """Decides and finds the upload before a byte of the body is read; then the bytes go to the store as they come."""

    upload: Upload | None = None
    _reception: Taking | None = None
    _checked = _heard = 0.0
    _dropped = 0
    _watch: asyncio.TimerHandle | None = None

    def set_default_headers(self) -> None:
        """Every answer says which version is spoken."""
        super().set_default_headers()
        self.set_header("Tus-Resumable", tus.VERSION)

    async def prepare(self) -> None:
        """No bound of the server's own holds for what goes straight on to the store."""
        if self.request.method in self.raw_methods and not self._sends_json():
            connection: Any = self.request.connection
            connection.set_max_body_size(MAX_AMOUNT)
            connection.set_body_timeout(None)
            self._heard = time.monotonic()
            self._look_again()
        await super().prepare()

    async def decide(self) -> None:
        """Identity and right; then the upload itself, and it begins to take what comes."""
        await BaseHandler.decide(self)
        if self.request.method in self.raw_methods and not self._sends_json():
            self.require_tus()
            await self._open()

    async def _open(self) -> None:
        headers, group = self.request.headers, self.path_kwargs["group"]
        given, checksum = tus.number(headers, "Content-Length"), tus.checksum(headers)
        length = None if "chunked" in headers.get("Transfer-Encoding", "").lower() else given or 0
        if self.request.method == "PATCH" or length != 0:
            tus.require_content(headers)
        uploads, by = self.context.uploads, By(self.caller.actor, self.request_id)
        if self.request.method == "POST":
            asked = tus.asked_in_headers(headers)
            if length == 0 and checksum is None:
                self.upload = await uploads.create(by, group, asked)
                return
            self._reception = await uploads.begin(by, group, asked, length, checksum)
        else:
            offset, size = tus.number(headers, "Upload-Offset"), tus.number(headers, "Upload-Length")
            named = self.path_kwargs["upload"]
            self._reception = await uploads.go_on(by, group, named, offset, size, length, checksum)
        self.upload, self._checked = self._reception.upload, time.monotonic()
        self._incoming = Incoming()
        self._work = asyncio.create_task(self._receive(self._incoming))

    async def receive(self, incoming: Incoming) -> Upload:
        """To the store."""
        assert self._reception is not None
        return await self._reception.run(incoming)

    async def taken(self) -> Upload:
        """The upload after this body; raises what went wrong."""
        self._rest()
        if self._reception is None and self.upload is not None:
            return self.upload
        done: Upload = await self.received()
        return done

    async def data_received(self, chunk: bytes) -> None:  # type: ignore[override]
        """Hand it on, for as long as its sender may send."""
        self._heard = time.monotonic()
        failed = self._work is not None and self._work.done()
        if self._refusal is not None or failed:
            self._drop(len(chunk))
            return
        if self._incoming is not None and self._heard - self._checked >= RECHECK:
            await self._check_again()
        await super().data_received(chunk)

    async def _check_again(self) -> None:
        assert self.endpoint is not None
        assert self._reception is not None
        group = self.path_kwargs["group"]
        self._checked = time.monotonic()
        try:
            identity = await self.context.gate.renew(self.caller.token, group)
            identity.require(self.endpoint.operation, group)
            await self.context.uploads.check(self._reception)
        except DomainError as error:
            self._reception.stop(error)

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > DROPPED and not self._finished:
            error = self._refusal or (self._work.exception() if self._work is not None else None)
            if error is not None:
                self.send_error(exc_info=(type(error), error, None))

    def _look_again(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(STALL / 4, self._look)

    def _look(self) -> None:
        """A sender who says nothing any more is cut off: what came is kept."""
        if time.monotonic() - self._heard < STALL:
            self._look_again()
            return
        connection: Any = self.request.connection
        if connection is not None and getattr(connection, "stream", None) is not None:
            connection.stream.close()

    def _rest(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    def on_finish(self) -> None:
        """The request is over."""
        self._rest()
        super().on_finish()

    def on_connection_close(self) -> None:
        """The sender left."""
        self._rest()
        super().on_connection_close()

    def require_tus(self, *, optional: bool = False) -> None:
        """Raise PreconditionFailed for a request in another version. ``optional``: it may speak no tus at all."""
        if not optional or "Tus-Resumable" in self.request.headers:
            tus.require_version(self.request.headers)

    def address(self, upload: Upload) -> str:
        """Where an upload is found, from the root of the host."""
        path = self.request.path.rstrip("/")
        return path if "upload" in self.path_kwargs else f"{path}/{upload.id}"

    def answer(self, upload: Upload, status: int) -> None:
        """Finish with where the upload stands."""
        self.set_header("Upload-Offset", str(upload.offset))
        if upload.size is None:
            self.set_header("Upload-Defer-Length", "1")
        else:
            self.set_header("Upload-Length", str(upload.size))
        if upload.metadata:
            self.set_header("Upload-Metadata", upload.metadata)
        if not upload.state.over:
            self.set_header("Upload-Expires", format_datetime(upload.expires_at.astimezone(UTC), usegmt=True))
        if status == 201:
            self.set_header("Location", self.address(upload))
        self.answer_nothing(status)

    def answer_nothing(self, status: int = 204) -> None:
        """Finish without a body."""
        self.set_status(status)
        self.clear_header("Content-Type")
        self.finish()

    def answer_options(self) -> None:
        """Finish with what is spoken here."""
        self.set_header("Tus-Version", tus.VERSION)
        self.set_header("Tus-Extension", ",".join(tus.EXTENSIONS))
        self.set_header("Tus-Checksum-Algorithm", ",".join(tus.ALGORITHMS))
        if most := self.context.uploads.options.max_size:
            self.set_header("Tus-Max-Size", str(most))
        self.answer_nothing()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """As everywhere, and which version would do."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, PreconditionFailed):
            self.set_header("Tus-Version", tus.VERSION)
        super().write_error(status_code, **kwargs)

    def _sends_json(self) -> bool:
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return self.request.method == "POST" and kind == JSON
