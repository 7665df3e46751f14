"""Routes of uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload), and JSON beside it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.policy import Operation
from collegium.domain.uploads import Upload
from collegium.services.by import By
from collegium.services.endpoint import JSON, Endpoint, Header, Query
from collegium.services.handlers import BaseHandler
from collegium.services.uploads import protocol as tus
from collegium.services.uploads.models import PartList, PartsIn, StoreOut, UploadIn, UploadOut, UploadPage
from collegium.services.uploads.tus import TusHandler

_RESUMABLE = Header("Tus-Resumable", "`1.0.0`, in every request that speaks tus.", r"^1\.0\.0$")
_CHECKSUM = Header("Upload-Checksum", "Of this body: an algorithm, a blank, and the sum in base64.")
_LENGTH = Header("Upload-Length", "Bytes of the whole.", "^[0-9]{1,16}$")
_OFFSET = Header("Upload-Offset", "Bytes that are safe.", "^[0-9]{1,16}$")
_DEFER = Header("Upload-Defer-Length", "`1` while the length is not known.", "^1$")
_EXPIRES = Header("Upload-Expires", "When the upload is forgotten unless more of it comes.")
_LOCATION = Header("Location", "The upload's address.")


class UploadQuery(Query):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=400, description="`next_cursor` of the page before.")


class UploadsHandler(TusHandler):
    """``/groups/{group}/files/uploads``."""

    raw_methods = ("POST",)
    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.FILE_UPLOAD,
            "One's own uploads, the newest first; those of all for the group's admins",
            UploadPage,
            query=UploadQuery,
        ),
        "POST": Endpoint(
            Operation.FILE_UPLOAD,
            "Begin an upload, by tus (the body may be its first bytes) or in JSON",
            UploadOut,
            201,
            body=UploadIn,
            accepts=(JSON, tus.CONTENT),
            optional=True,
            headers=(
                _RESUMABLE,
                _LENGTH,
                _DEFER,
                Header("Upload-Metadata", "Pairs of a key and a value in base64: path (needed), replace, sha256."),
                _CHECKSUM,
            ),
            answers=(_LOCATION, _OFFSET, _EXPIRES),
            errors=(400, 409, 412, 413, 415, 422, 460, 507),
        ),
        "OPTIONS": Endpoint(Operation.FILE_UPLOAD, "What of tus is spoken here", status=204, media=()),
    }

    async def get(self, group: str) -> None:
        """A page of uploads."""
        query = self.read_query(UploadQuery)
        self.write_json(await self.context.uploads.page(self.caller.actor, group, query.limit, query.cursor))

    async def post(self, group: str) -> None:
        """Begin one."""
        if self.upload is not None:
            self.answer(await self.taken(), 201)
            return
        body, by = self.read_body(UploadIn), By(self.caller.actor, self.request_id)
        made = await self.context.uploads.create(by, group, tus.asked_in_json(body))
        self.set_header(_LOCATION.name, self.address(made))
        self.write_json(await self.context.uploads.out(made))

    async def options(self, group: str) -> None:
        """What is spoken."""
        self.answer_options()


class UploadHandler(TusHandler):
    """``/groups/{group}/files/uploads/{upload}``."""

    raw_methods = ("PATCH",)
    endpoints: ClassVar = {
        "GET": Endpoint(Operation.FILE_UPLOAD, "One upload", UploadOut),
        "HEAD": Endpoint(
            Operation.FILE_UPLOAD,
            "Where to go on",
            media=(),
            headers=(_RESUMABLE,),
            answers=(_OFFSET, _LENGTH, _DEFER, _EXPIRES),
            errors=(410, 412),
        ),
        "PATCH": Endpoint(
            Operation.FILE_UPLOAD,
            "The next bytes",
            status=204,
            raw=tus.CONTENT,
            media=(),
            headers=(_RESUMABLE, _OFFSET, _LENGTH, _CHECKSUM),
            answers=(_OFFSET, _EXPIRES),
            errors=(400, 409, 410, 412, 413, 415, 422, 460, 507),
        ),
        "DELETE": Endpoint(
            Operation.FILE_UPLOAD,
            "Give an upload up; what came is forgotten",
            status=204,
            media=(),
            headers=(_RESUMABLE,),
            errors=(400, 409, 410, 412, 413),
        ),
    }

    async def get(self, group: str, upload: str) -> None:
        """One upload."""
        self.write_json(await self.context.uploads.get(self.caller.actor, group, upload))

    async def head(self, group: str, upload: str) -> None:
        """Its offset."""
        self.require_tus()
        self.answer(await self.context.uploads.look(self.caller.actor, group, upload), 200)

    async def patch(self, group: str, upload: str) -> None:
        """More of it."""
        self.answer(await self.taken(), 204)

    async def delete(self, group: str, upload: str) -> None:
        """Give it up."""
        self.refuse_body()
        self.require_tus(optional=True)
        await self.context.uploads.terminate(By(self.caller.actor, self.request_id), group, upload)
        self.answer_nothing()


class PartsHandler(BaseHandler):
    """``/groups/{group}/files/uploads/{upload}/parts``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.FILE_UPLOAD,
            "Addresses to send parts to, straight to the store",
            PartList,
            body=PartsIn,
            errors=(400, 409, 410, 413, 415),
        )
    }

    async def post(self, group: str, upload: str) -> None:
        """Sign."""
        numbers = self.read_body(PartsIn).numbers
        self.write_json(await self.context.direct_uploads.sign(self.caller.actor, group, upload, numbers))


class CompleteHandler(BaseHandler):
    """``/groups/{group}/files/uploads/{upload}/complete``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.FILE_UPLOAD,
            "All parts were sent: make the file visible",
            UploadOut,
            errors=(400, 409, 410, 413),
        )
    }

    async def post(self, group: str, upload: str) -> None:
        """Finish."""
        self.refuse_body()
        done: Upload = await self.context.direct_uploads.complete(self.caller.actor, group, upload)
        self.write_json(await self.context.uploads.out(done))


class StoreHandler(BaseHandler):
    """``/groups/{group}/files/store``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.FILE_UPLOAD, "What senders of files should know", StoreOut)}

    async def get(self, group: str) -> None:
        """Kind, limits, and whether parts may go straight to it."""
        self.write_json(self.context.uploads.store_out())
