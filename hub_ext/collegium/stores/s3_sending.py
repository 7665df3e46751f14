"""The calls of which uploads are made: parts, and objects beside them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collegium.domain.errors import Conflict, DomainError, NotFound
from collegium.stores.port import Transfer
from collegium.stores.s3_bucket import Bucket, Changed, Found, Gone
from collegium.stores.s3_keys import Keys
from collegium.stores.s3_layout import MAX_PARTS, Layout, MiB, Sent, State

#: Metadata of an object that says whose write it was.
WRITER = "collegium-writer"


class Sending:
    """Calls for uploads into one bucket."""

    #: Bytes of a part, where it need not be larger for the number of parts to suffice, and of the largest that is in
    #: memory as one: that of a file of 105 GiB. Two of those are what an append has memory for.
    part, largest = 8 * MiB, 12 * MiB

    def __init__(self, bucket: Bucket, keys: Keys) -> None:
        self._bucket, self._keys = bucket, keys

    def prefix(self, transfer: Transfer) -> str:
        """Before what is beside an upload."""
        return self._keys.upload(transfer.root.owner, transfer.id)

    def note(self, transfer: Transfer) -> str:
        """The key that says that there is one."""
        return self._keys.transfer(transfer.root.owner, transfer.id)

    def layout(self, transfer: Transfer) -> Layout:
        """As the upload was begun with."""
        state = transfer.state
        if "part" not in state:
            return Layout.planned(transfer.size, self.part, self.largest)
        return Layout(int(state["part"]), self.part, "growing" in state, transfer.size, self.largest)

    def target(self, transfer: Transfer) -> dict[str, str]:
        """Which multipart upload it is."""
        return {"Key": self._keys.path(transfer.root, transfer.path), "UploadId": transfer.state["upload_id"]}

    async def begin(self, transfer: Transfer) -> Mapping[str, str]:
        """Note that there is one, with its state, which is the same when it is asked for again. One that may have
        several parts is begun at its key."""
        key, note = self._keys.new(transfer.root, transfer.path), self.note(transfer)
        if (known := await self._noted(note)) is not None:
            return known
        state, target = {"small": "yes"}, {}
        if transfer.size is None or transfer.size > self.part:
            begun = await self._bucket.call("create_multipart_upload", Key=key, Metadata={WRITER: transfer.id})
            target = {"Key": key, "UploadId": str(begun["UploadId"])}
            layout = Layout.planned(transfer.size, self.part, self.largest)
            state = {"upload_id": target["UploadId"], "part": str(layout.part)}
            state |= {"growing": "yes"} if layout.growing else {}
        try:
            await self._bucket.put(note, json.dumps(state).encode(), IfNoneMatch="*")
        except Changed:
            # Somebody else began it just now, or this is the second try of a call whose answer was lost.
            known = await self._noted(note)
            if target and (known is None or known.get("upload_id") != target["UploadId"]):
                await self._bucket.call("abort_multipart_upload", **target)
            return known if known is not None else await self.begin(transfer)
        return state

    async def _noted(self, note: str) -> dict[str, str] | None:
        try:
            found: dict[str, str] = json.loads(await self._bucket.get(note))
        except Gone:
            return None
        return found

    async def resolved(self, transfer: Transfer) -> Transfer:
        """With its state, where the caller has lost it. Raises NotFound."""
        if transfer.state:
            return transfer
        if (known := await self._noted(self.note(transfer))) is None:
            raise NotFound("There is no such upload")
        return replace(transfer, state=known)

    async def state(self, transfer: Transfer) -> State:
        """What is there. Raises NotFound."""
        prefix = self.prefix(transfer)
        note, objects, listed = await asyncio.gather(
            self._bucket.head(self.note(transfer)), self._objects(prefix), self._parts(transfer)
        )
        if note is None:
            raise NotFound("There is no such upload")
        return State.read(self.layout(transfer), listed, objects, prefix)

    async def _objects(self, prefix: str) -> list[Found]:
        return [one async for one in self._bucket.objects(prefix)]

    async def _parts(self, transfer: Transfer) -> list[Sent]:
        if "upload_id" not in transfer.state:
            return []
        return await self.listed(self.target(transfer))

    async def listed(self, target: Mapping[str, str]) -> list[Sent]:
        """Parts of a multipart upload; none if it is gone."""
        found: list[Sent] = []
        marker: dict[str, int] = {}
        while True:
            try:
                answer = await self._bucket.call("list_parts", **target, **marker)
            except Gone:
                return found
            parts = answer.get("Parts", [])
            found += [Sent(int(p["PartNumber"]), int(p["Size"]), str(p["ETag"]).strip('"')) for p in parts]
            if not answer.get("IsTruncated"):
                return found
            marker = {"PartNumberMarker": int(answer["NextPartNumberMarker"])}

    async def send_part(self, transfer: Transfer, number: int, body: io.BytesIO) -> Sent:
        """One part. It is a stream: of bytes the connection would make a copy, and move its rest at each step."""
        if number > MAX_PARTS:
            raise Conflict(f"The upload was begun again too often: it would need more than {MAX_PARTS} parts")
        size = body.seek(0, io.SEEK_END)
        body.seek(0)
        answer = await self._bucket.call("upload_part", **self.target(transfer), PartNumber=number, Body=body)
        return Sent(number, size, str(answer["ETag"]).strip('"'))

    async def keep(self, transfer: Transfer, start: int, body: io.BytesIO) -> None:
        """Bytes that are less than a part, as an object."""
        size = body.seek(0, io.SEEK_END)
        body.seek(0)
        await self._bucket.put(f"{self.prefix(transfer)}tail.{start}.{size}", body)

    async def promote(self, transfer: Transfer, number: int, chain: Sequence[tuple[int, int]]) -> Sent:
        """A part of such objects."""
        if len(chain) > 1:
            return await self.compose(transfer, number, chain)
        return await self.send_part(transfer, number, io.BytesIO(await self.load(transfer, *chain[0])))

    async def load(self, transfer: Transfer, start: int, length: int) -> bytes:
        """Such bytes."""
        return await self._bucket.get(f"{self.prefix(transfer)}tail.{start}.{length}")

    async def compose(self, transfer: Transfer, number: int, chain: Sequence[tuple[int, int]]) -> Sent:
        """A part of objects, put together by the server: first as one object, of which a part can be made."""
        whole = f"{self.prefix(transfer)}whole.{number}"
        begun = await self._bucket.call("create_multipart_upload", Key=whole)
        target = {"Key": whole, "UploadId": begun["UploadId"]}
        parts = []
        for count, (start, length) in enumerate(chain, 1):
            source = {"Bucket": self._bucket.name, "Key": f"{self.prefix(transfer)}tail.{start}.{length}"}
            answer = await self._bucket.call("upload_part_copy", **target, PartNumber=count, CopySource=source)
            parts.append({"PartNumber": count, "ETag": answer["CopyPartResult"]["ETag"]})
        await self._bucket.call("complete_multipart_upload", **target, MultipartUpload={"Parts": parts})
        answer = await self._bucket.call(
            "upload_part_copy",
            **self.target(transfer),
            PartNumber=number,
            CopySource={"Bucket": self._bucket.name, "Key": whole},
        )
        await self._bucket.delete([whole])
        return Sent(number, sum(length for _, length in chain), str(answer["CopyPartResult"]["ETag"]).strip('"'))

    async def drop(self, keys: Sequence[str]) -> None:
        """Remove objects that no longer count."""
        await self._bucket.delete(keys)

    async def write(self, key: str, pieces: AsyncIterator[bytes], writer: str, condition: Mapping[str, str]) -> None:
        """A file in one go. Raises Changed if the condition does not hold."""
        buffer = io.BytesIO()
        target: dict[str, str] = {}
        sent: list[dict[str, Any]] = []
        try:
            async for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[buffer.write(view[: self.part - buffer.tell()]) :]
                    if buffer.tell() < self.part:
                        continue
                    if not target:
                        begun = await self._bucket.call("create_multipart_upload", Key=key, Metadata={WRITER: writer})
                        target = {"Key": key, "UploadId": begun["UploadId"]}
                    await self._write_part(target, sent, buffer)
            if not target:
                buffer.seek(0)
                await self._bucket.put(key, buffer, Metadata={WRITER: writer}, **condition)
                return
            if buffer.tell():
                await self._write_part(target, sent, buffer)
            await self._bucket.call("complete_multipart_upload", **target, MultipartUpload={"Parts": sent}, **condition)
        except BaseException:
            if target:
                with contextlib.suppress(DomainError):
                    await asyncio.shield(self._bucket.call("abort_multipart_upload", **target))
            raise

    async def _write_part(self, target: Mapping[str, str], sent: list[dict[str, Any]], buffer: io.BytesIO) -> None:
        """What is in the buffer so far; its memory is for the next part then."""
        number = len(sent) + 1
        buffer.truncate()
        buffer.seek(0)
        answer = await self._bucket.call("upload_part", **target, PartNumber=number, Body=buffer)
        sent.append({"PartNumber": number, "ETag": answer["ETag"]})
        buffer.seek(0)
