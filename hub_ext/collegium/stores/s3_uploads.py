"""Uploads to S3: multipart uploads to the final key, which show nothing there until they are complete.

Every byte that was answered for is in a part or in an object beside it, so that another process can go on. An upload
of at most one part is an object beside its path until it is whole. A part that is larger than what is kept in memory is
put together by the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence

from collegium.domain.errors import Conflict, DomainError, NotFound
from collegium.stores.port import Part, Transfer
from collegium.stores.s3_bucket import Bucket, Changed, Gone, refusal
from collegium.stores.s3_copies import Copier
from collegium.stores.s3_keys import Keys
from collegium.stores.s3_layout import Sent, State
from collegium.stores.s3_sending import WRITER, Sending
from collegium.stores.s3_writer import Live, Writer

#: Uploads whose checksum goes along.
_REMEMBERED = 2000
#: Longest that a signed address is good for.
MAX_SECONDS = 3600


class Uploads:
    """Uploads of one bucket."""

    def __init__(self, bucket: Bucket, keys: Keys, copier: Copier, direct: bool, public: str) -> None:
        self._bucket, self._keys, self._copier, self._direct, self._public = bucket, keys, copier, direct, public
        self.calls = self._calls = Sending(bucket, keys)
        self._live: OrderedDict[str, Live] = OrderedDict()

    async def received(self, transfer: Transfer) -> int:
        """Bytes that are durable."""
        transfer = await self._calls.resolved(transfer)
        state = await self._calls.state(transfer)
        return max(state.received, sum(part.size for part in state.direct) if self._direct else 0)

    # Bytes that come.

    async def _enter(self, transfer: Transfer) -> Live:
        """It is the caller's turn from now on; what others had on its way is through."""
        live = self._live.setdefault(transfer.id, Live())
        self._live.move_to_end(transfer.id)
        while len(self._live) > _REMEMBERED:
            self._live.popitem(last=False)
        live.turn += 1
        while live.sending:
            await asyncio.wait(set(live.sending))
        return live

    async def append(self, transfer: Transfer, offset: int, pieces: AsyncIterator[bytes]) -> int:
        """Add bytes."""
        transfer = await self._calls.resolved(transfer)
        live = await self._enter(transfer)
        turn = live.turn
        state = await self._calls.state(transfer)
        if state.received != offset:
            raise Conflict(f"The upload goes on at {state.received}, not at {offset}", offset=state.received)
        if live.hash is None or live.hashed != offset:
            live.hash, live.hashed = (hashlib.sha256() if transfer.checked and offset == 0 else None), offset
        live.before = (offset, live.hash.copy()) if live.hash is not None else None
        writer = Writer(self._calls, transfer, state, live, turn)
        await writer.load()
        try:
            async for piece in pieces:
                await writer.add(piece)
        except BaseException:
            with contextlib.suppress(DomainError):
                await asyncio.shield(writer.end())
            raise
        await asyncio.shield(writer.end())
        return writer.at

    async def truncate(self, transfer: Transfer, offset: int) -> None:
        """Forget bytes. None can be taken out of a part: others stand in for it from then on, and what stays of it is
        still beside it, if the bytes that are forgotten are those of the last append."""
        transfer = await self._calls.resolved(transfer)
        live = await self._enter(transfer)
        state = await self._calls.state(transfer)
        if offset >= state.received:
            return
        live.hash, live.hashed = None, 0
        if live.before is not None and live.before[0] == offset:
            live.hash, live.hashed = live.before[1].copy(), offset
        for start, length in state.tails:
            if start < offset < start + length and (start, offset - start) not in state.tails:
                kept = await self._calls.load(transfer, start, length)
                await self._calls.keep(transfer, start, io.BytesIO(kept[: offset - start]))
        await self._bucket.delete([key for (start, length), key in state.tails.items() if start + length > offset])
        if offset < state.in_parts:
            index = state.layout.index(offset)
            await self._bucket.put(f"{self._calls.prefix(transfer)}shift.{index}.{state.next_number}")

    # The end.

    async def begin(self, transfer: Transfer) -> Mapping[str, str]:
        """Prepare one."""
        return await self._calls.begin(transfer)

    async def done(self, transfer: Transfer, key: str) -> bool:
        """Is it at its path, checked and seen?"""
        found = await self._bucket.head(key)
        return (
            found is not None and found.metadata.get(WRITER) == transfer.id and not await self.checking(transfer, key)
        )

    def _record(self, transfer: Transfer, key: str) -> str:
        return self._copier.checking(self._keys.work(transfer.root.owner), transfer.id, key)

    async def checking(self, transfer: Transfer, key: str) -> bool:
        """Is it at its path, hidden, and its checksum not seen to be right?"""
        return await self._bucket.head(self._record(transfer, key)) is not None

    async def known(self, transfer: Transfer) -> None:
        """Raises NotFound for an upload that was never begun, or given up."""
        if await self._bucket.head(self._calls.note(transfer)) is None:
            raise NotFound("There is no such upload")

    async def finish(self, transfer: Transfer, key: str, replace: bool, sha256: str) -> None:
        """Make it visible. Raises Changed if there is a file that may not be replaced."""
        transfer = await self._calls.resolved(transfer)
        live = await self._enter(transfer)
        if await self.checking(transfer, key):
            await self._check_there(transfer, key, sha256)
            return
        state = await self._calls.state(transfer)
        condition = {} if replace else {"IfNoneMatch": "*"}
        if "upload_id" not in transfer.state:
            await self._finish_small(transfer, key, state, sha256, condition)
            return
        parts = await self._all_parts(transfer, state)
        total = sum(part.size for part in parts)
        if sha256 and (live.hash is None or live.hashed != total):
            await self._hide(transfer, key, replace)
            await self._complete(transfer, parts, {})
            await self._check_there(transfer, key, sha256)
            return
        if sha256 and live.hash.hexdigest() != sha256:
            raise _wrong()
        if not parts:
            await self._bucket.put(key, b"", Metadata={WRITER: transfer.id}, **condition)
            return
        await self._complete(transfer, parts, condition)

    async def _finish_small(
        self, transfer: Transfer, key: str, state: State, sha256: str, condition: dict[str, str]
    ) -> None:
        _complete_or_conflict(transfer, state.received)
        data = b"".join([await self.load_any(state, one) for one in state.chain])
        if sha256 and (await asyncio.to_thread(hashlib.sha256, data)).hexdigest() != sha256:
            raise _wrong()
        await self._bucket.put(key, data, Metadata={WRITER: transfer.id}, **condition)

    async def load_any(self, state: State, tail: tuple[int, int]) -> bytes:
        """An object beside the upload, whatever its name says of its length."""
        return await self._bucket.get(state.tails[tail])

    async def _all_parts(self, transfer: Transfer, state: State) -> list[Sent]:
        """All parts, the last one made of what is beside them."""
        if self._direct and transfer.size is not None and sum(part.size for part in state.direct) == transfer.size:
            return state.direct
        _complete_or_conflict(transfer, state.received)
        parts, chain = state.counted, state.chain
        if chain:
            parts.append(await self._calls.promote(transfer, state.number(len(parts)), chain))
        return parts

    async def _complete(self, transfer: Transfer, parts: Sequence[Sent], condition: Mapping[str, str]) -> None:
        """Show the object. What the server says of a second try is not believed: the object says whose it is."""
        listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        target = self._calls.target(transfer)
        with contextlib.suppress(Gone):
            await self._bucket.call(
                "complete_multipart_upload", **target, MultipartUpload={"Parts": listed}, **condition
            )
        found = await self._bucket.head(target["Key"])
        if found is None or found.metadata.get(WRITER) != transfer.id:
            raise Changed("The upload is gone")

    async def _hide(self, transfer: Transfer, key: str, replace: bool) -> None:
        """An object can be read, and so checked, only when it is at its path: nobody sees it, and what it replaces is
        kept."""
        there = await self._bucket.head(key)
        if there is not None:
            if not replace:
                raise Changed("There is a file already")
            await self._copier.copy_object(there, self._calls.prefix(transfer) + "before")
        await self._copier.note(self._record(transfer, key), key)

    async def _check_there(self, transfer: Transfer, key: str, sha256: str) -> None:
        found = await self._bucket.head(key)
        if found is None or found.metadata.get(WRITER) != transfer.id:
            await self._complete(transfer, await self._all_parts(transfer, await self._calls.state(transfer)), {})
            found = await self._bucket.head(key)
        total = hashlib.sha256()
        if found is not None:
            async for piece in self._bucket.read(found, 0, None):
                await asyncio.to_thread(total.update, piece)
        if sha256 and total.hexdigest() != sha256:
            await self._put_back(transfer, key)
            raise _wrong()
        await self._bucket.delete([self._record(transfer, key)])

    async def _put_back(self, transfer: Transfer, key: str) -> None:
        before = await self._bucket.head(self._calls.prefix(transfer) + "before")
        if before is None:
            await self._bucket.delete([key])
        else:
            await self._copier.copy_object(before, key)
        await self._bucket.delete([self._record(transfer, key)])

    async def forget(self, transfer: Transfer) -> None:
        """Remove what is beside an upload; the note last."""
        self._live.pop(transfer.id, None)
        await self._bucket.clear(self._calls.prefix(transfer))
        await self._bucket.delete([self._calls.note(transfer)])

    async def abort(self, transfer: Transfer) -> None:
        """Forget it and its bytes."""
        await self._enter(transfer)
        with contextlib.suppress(NotFound):
            transfer = await self._calls.resolved(transfer)
        key = self._keys.path(transfer.root, transfer.path)
        if await self.checking(transfer, key):
            await self._put_back(transfer, key)
        if "upload_id" in transfer.state:
            with contextlib.suppress(Gone):
                await self._bucket.call("abort_multipart_upload", **self._calls.target(transfer))
        await self.forget(transfer)

    # Parts that go straight here.

    async def sign(self, transfer: Transfer, numbers: Sequence[int], seconds: int) -> Sequence[str]:
        """Addresses, each for one part."""
        if not self._direct:
            raise Conflict("The store takes no parts from senders: the operator has not allowed it")
        transfer = await self._calls.resolved(transfer)
        client = await self._bucket.client(self._public)
        seconds = max(1, min(seconds, MAX_SECONDS))
        try:
            if "upload_id" not in transfer.state:
                key = f"{self._calls.prefix(transfer)}tail.0.{transfer.size or 0}"
                one = {"Bucket": self._bucket.name, "Key": key}
                return [
                    await client.generate_presigned_url("put_object", Params=one, ExpiresIn=seconds) for _ in numbers
                ]
            target = {"Bucket": self._bucket.name, **self._calls.target(transfer)}
            return [
                await client.generate_presigned_url(
                    "upload_part", Params={**target, "PartNumber": number}, ExpiresIn=seconds
                )
                for number in numbers
            ]
        except Exception as error:
            raise refusal(error, self._bucket.name) from None

    async def parts(self, transfer: Transfer) -> Sequence[Part]:
        """Parts that are here."""
        if not self._direct:
            return []
        transfer = await self._calls.resolved(transfer)
        state = await self._calls.state(transfer)
        if "upload_id" not in transfer.state:
            return [Part(1, "", length) for _, length in state.chain[:1]]
        return [Part(sent.number, sent.etag, sent.size) for _, sent in sorted(state.listed.items())]


def _complete_or_conflict(transfer: Transfer, received: int) -> None:
    if transfer.size is not None and received != transfer.size:
        raise Conflict(f"{received} of {transfer.size} bytes are here", offset=received)


def _wrong() -> Conflict:
    return Conflict("The checksum of what came is not the one that was announced: send the file again")
