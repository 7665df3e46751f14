"""Uploads whose parts go straight to the store: addresses are given out, and at the end is looked at what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collegium.domain.errors import Conflict, InvalidInput
from collegium.domain.groups import Actor
from collegium.domain.uploads import Upload, UploadState
from collegium.services.refusals import Gone
from collegium.services.uploads.ends import transfer_of
from collegium.services.uploads.models import PartList, PartOut
from collegium.services.uploads.service import UploadService

#: Seconds for which an address can be used.
VALID = 3600
#: Numbers of parts that a refusal lists.
LISTED = 20


class DirectUploads:
    """Expects what UploadService expects."""

    def __init__(self, uploads: UploadService) -> None:
        self._uploads = uploads

    async def sign(self, actor: Actor, group: str, upload_id: str, numbers: Sequence[int]) -> PartList:
        """Addresses to PUT parts to. Raises InvalidInput for a number that the upload does not have."""
        upload = await self._open(actor, group, upload_id)
        parts = upload.parts or 0
        for number in numbers:
            if number > parts:
                raise InvalidInput("numbers", f"the upload has {parts} parts", number, parts)
        if upload.store_state is None:
            begun = dict(await self._uploads.store.begin(transfer_of(upload)))
            upload = await self._uploads.settle(replace(upload, store_state=begun))
        urls = await self._uploads.store.sign_parts(transfer_of(upload), numbers, VALID)
        return PartList(items=[PartOut(number=n, url=u) for n, u in zip(numbers, urls, strict=True)])

    async def complete(self, actor: Actor, group: str, upload_id: str) -> Upload:
        """Make the file visible. Raises Conflict, which lists the parts that are missing or have another size."""
        upload = await self._uploads.find(actor, group, upload_id)
        if upload.state is UploadState.OPEN:
            upload = await self._open(actor, group, upload_id)
            there = {}
            if upload.store_state is not None:
                there = {p.number: p.size for p in await self._uploads.store.parts(transfer_of(upload))}
            missing = [n for n in range(1, (upload.parts or 0) + 1) if there.get(n) != upload.size_of(n)]
            if missing:
                shown = ", ".join(map(str, missing[:LISTED])) + (", …" if len(missing) > LISTED else "")
                text = f"{len(missing)} of {upload.parts} parts are missing or have another size: {shown}."
                raise Conflict(text, missing=missing[:LISTED], count=len(missing))
        return await self._uploads.complete(upload)

    async def _open(self, actor: Actor, group: str, upload_id: str) -> Upload:
        upload = await self._uploads.find(actor, group, upload_id)
        if upload.state is UploadState.FAILED:
            raise Gone(f"The upload became no file: {upload.message}", state=upload.state.value)
        if not upload.direct:
            raise Conflict("The bytes of this upload come by tus, not in parts.", id=upload.id)
        if upload.state is not UploadState.OPEN:
            raise Conflict("All parts of this upload have come.", state=upload.state.value)
        return upload
