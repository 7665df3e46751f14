"""One bucket of an S3 server: calls with their errors in our words, and no key of ours in any of them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore import UNSIGNED
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from collegium.domain.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    Misconfigured,
    NotFound,
    StorageFull,
    Unavailable,
)

#: What libraries log of requests holds signatures.
for _name in ("botocore", "aiobotocore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

#: Longest key that S3 takes, in bytes.
MAX_KEY = 1024
#: Objects that one call lists or deletes.
BATCH = 1000
_FULL = {"QuotaExceeded", "XMinioStorageFull", "StorageFull", "InsufficientStorage"}
_GONE = {"NoSuchKey", "NoSuchUpload", "NotFound", "404", "NoSuchVersion"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_BUSY = {"SlowDown", "RequestTimeout", "OperationAborted", "ServiceUnavailable", "InternalError"}
_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}


class Gone(NotFound):
    """No such object or upload."""


class Changed(Conflict):
    """The object is not what the call was conditional on."""


@dataclass(frozen=True)
class Credentials:
    """How to sign; with neither keys nor ``anonymous`` as the process's environment says."""

    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    anonymous: bool = False


@dataclass(frozen=True)
class Found:
    """An object."""

    key: str
    size: int
    etag: str
    modified: datetime
    #: Set where the bucket keeps versions.
    version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class Bucket:
    """A bucket. Belongs to the event loop that uses it first. Every verb raises nothing but DomainErrors."""

    def __init__(
        self,
        name: str,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        *,
        reach: Callable[[str], str] | None = None,
        ca_file: str = "",
        patience: float = 60.0,
        attempts: int = 4,
    ) -> None:
        """``reach`` says why nothing may be sent to an address, empty if something may; there is no proxy then."""
        self.name = name
        self._endpoint, self._region, self._credentials, self._reach = endpoint, region, credentials, reach
        self._patience, self._attempts, self._ca_file = patience, attempts, ca_file
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._clients: dict[str, Any] = {}
        self._used = Credentials()
        self._refused = ""

    async def client(self, endpoint: str | None = None) -> Any:
        """The library's client for an endpoint, this bucket's if none is given."""
        place = self._endpoint if endpoint is None else endpoint
        if place not in self._clients:
            async with self._lock:
                if place not in self._clients:
                    self._clients[place] = await self._open(place)
        return self._clients[place]

    async def _open(self, endpoint: str) -> Any:
        try:
            self._used = used = await asyncio.to_thread(self._credentials)
            made = get_session().create_client(
                "s3",
                region_name=self._region or "us-east-1",
                endpoint_url=endpoint or None,
                verify=self._ca_file or None,
                aws_access_key_id=used.access_key or None,
                aws_secret_access_key=used.secret_key or None,
                aws_session_token=used.session_token or None,
                config=AioConfig(
                    signature_version=UNSIGNED if used.anonymous else "s3v4",
                    s3={"addressing_style": "path" if endpoint else "auto"},
                    retries={"mode": "standard", "total_max_attempts": self._attempts},
                    max_pool_connections=32,
                    connect_timeout=min(5.0, self._patience),
                    read_timeout=self._patience,
                    # Bodies are signed or, by https, sent in the clear of it: what more there is not all servers take.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    proxies=None if self._reach is None else {},
                    connector_args=None if self._reach is None else {"socket_factory": self._socket},
                ),
            )
            return await self._stack.enter_async_context(made)
        except Exception as error:
            raise refusal(error, self.name) from None

    async def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """One call. Keys are read anew if they were refused, so that they can be changed without a restart."""
        client = await self.client()
        try:
            return await self._once(client, verb, arguments)
        except Misconfigured:
            if not await self._renewed(client):
                raise
        return await self._once(await self.client(), verb, arguments)

    async def _once(self, client: Any, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await getattr(client, verb)(Bucket=self.name, **arguments)
            return answer
        except EndpointConnectionError as error:
            if self._refused:
                raise Misconfigured(f"The S3 server {self._refused}") from None
            raise refusal(error, self.name) from None
        except Exception as error:
            raise refusal(error, self.name) from None

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """For an address that may be reached, whatever led there: a name, a redirect or plain digits."""
        family, kind, protocol, _, address = info
        assert self._reach is not None
        self._refused = self._reach(str(address[0]))
        if self._refused:
            raise OSError(self._refused)
        return socket.socket(family, kind, protocol)

    async def _renewed(self, refused: Any) -> bool:
        """Are the keys others than those that were refused? Then the next call takes them."""
        try:
            now = await asyncio.to_thread(self._credentials)
        except DomainError:
            return False
        async with self._lock:
            changed = self._clients.get(self._endpoint) is not refused or now != self._used
            if now != self._used:
                self._clients.clear()
        return changed

    async def head(self, key: str) -> Found | None:
        """An object, None if there is none."""
        try:
            answer = await self.call("head_object", Key=key)
        except Gone:
            return None
        return Found(
            key,
            int(answer["ContentLength"]),
            str(answer["ETag"]).strip('"'),
            answer["LastModified"],
            "" if answer.get("VersionId") in (None, "null") else str(answer["VersionId"]),
            answer.get("Metadata") or {},
        )

    async def put(self, key: str, body: bytes | bytearray | io.BytesIO = b"", **more: Any) -> str:
        """Write an object in one go; its ETag."""
        return str((await self.call("put_object", Key=key, Body=body, **more))["ETag"]).strip('"')

    async def get(self, key: str) -> bytes:
        """A small object. Raises Gone."""
        return b"".join([piece async for piece in self.read(Found(key, -1, "", datetime.min), 0, None)])

    async def read(self, found: Found, start: int, end: int | None) -> AsyncIterator[bytes]:
        """Bytes [start, end) of an object as it was found: Changed if it is another by now. Where a connection breaks,
        the next one goes on."""
        stop = found.size if end is None else min(end, found.size)
        at, tries = start, 0
        while found.size < 0 or at < stop:
            arguments: dict[str, Any] = {"Key": found.key}
            if found.version:
                arguments["VersionId"] = found.version
            elif found.etag:
                arguments["IfMatch"] = f'"{found.etag}"'
            if found.size >= 0 and (at, stop) != (0, found.size):
                arguments["Range"] = f"bytes={at}-{stop - 1}"
            body = (await self.call("get_object", **arguments))["Body"]
            try:
                while piece := await body.read(1 << 20):
                    at += len(piece)
                    tries = 0
                    yield piece
                if found.size < 0 or at >= stop:
                    return
                error: Exception = EOFError()
            except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as broken:
                error = broken
            finally:
                body.close()
            tries += 1
            if tries >= self._attempts or found.size < 0:
                raise refusal(error, self.name) from None
            await asyncio.sleep(0.05 * 2**tries)

    async def pages(
        self, prefix: str, *, after: str = "", delimiter: str = "", most: int = BATCH
    ) -> AsyncIterator[tuple[list[Found], list[str]]]:
        """Objects, and with a delimiter common prefixes, in the order of keys, page by page."""
        arguments: dict[str, Any] = {"Prefix": prefix, "MaxKeys": most}
        arguments |= {"Delimiter": delimiter} if delimiter else {}
        # A server may answer once more with a common prefix that holds the key to start after.
        arguments |= {"StartAfter": after} if after else {}
        while True:
            answer = await self.call("list_objects_v2", **arguments)
            objects = [
                Found(o["Key"], int(o["Size"]), str(o.get("ETag", "")).strip('"'), o["LastModified"])
                for o in answer.get("Contents", [])
                if o["Key"] > after or not after
            ]
            yield objects, [p["Prefix"] for p in answer.get("CommonPrefixes", []) if p["Prefix"] > after]
            if not answer.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = answer["NextContinuationToken"]

    async def objects(self, prefix: str, *, after: str = "") -> AsyncIterator[Found]:
        """All objects below a prefix, in the order of their keys."""
        async for page, _ in self.pages(prefix, after=after):
            for one in page:
                yield one

    async def any(self, prefix: str) -> bool:
        """Is there something below a prefix?"""
        answer = await self.call("list_objects_v2", Prefix=prefix, MaxKeys=1)
        return bool(answer.get("Contents"))

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are fine."""
        for start in range(0, len(keys), BATCH):
            some = [{"Key": key} for key in keys[start : start + BATCH]]
            answer = await self.call("delete_objects", Delete={"Objects": some, "Quiet": True})
            wrong = [e for e in answer.get("Errors", []) if e.get("Code") not in _GONE]
            if wrong:
                code = str(wrong[0].get("Code", ""))
                raise worded(code, 403 if code == "AccessDenied" else 500, self.name)

    async def clear(self, prefix: str) -> None:
        """Remove all below a prefix. Markers of folders last: a server that keeps files in folders wants them empty."""
        folders: list[str] = []
        async for page, _ in self.pages(prefix):
            folders += [one.key for one in page if one.key.endswith("/")]
            await self.delete([one.key for one in page if not one.key.endswith("/")])
        await self.delete(folders[::-1])

    async def close(self) -> None:
        """Let go of connections."""
        self._clients.clear()
        await self._stack.aclose()


def refusal(error: BaseException, bucket: str) -> DomainError:
    """An error of the library in our words. It never quotes the server, who may repeat what was signed."""
    match error:
        case DomainError():
            return error
        case ClientError():
            told = error.response
            return worded(
                str(told.get("Error", {}).get("Code", "")),
                int(told.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)),
                bucket,
            )
        case NoCredentialsError() | PartialCredentialsError():
            return Misconfigured("The store has no keys for its S3 server: give the files of both")
        case ParamValidationError():
            return InvalidInput("path", "cannot be stored in S3")
        case EndpointConnectionError():
            return Unavailable("The S3 server of the store cannot be reached")
    return Unavailable("The S3 server of the store does not answer as it should; try again")


def worded(code: str, status: int, bucket: str) -> DomainError:
    """A refusal for what the server answered."""
    if code == "NoSuchBucket":
        return Misconfigured(f"The S3 server has no bucket named {bucket}")
    if code == "RequestTimeTooSkewed":
        return Misconfigured("The clocks of this server and of the S3 server differ too much: set them right")
    if code in _FULL or status == 507:
        return StorageFull("The S3 server of the store has no room for this")
    if code in _CHANGED or status == 412:
        return Changed("It was changed meanwhile")
    if code in _GONE or (status == 404 and not code):
        return Gone("It is not there")
    if code == "KeyTooLongError":
        return InvalidInput("path", "is too long for the store", limit=MAX_KEY)
    if code in _KEYS:
        return Misconfigured("The S3 server does not take the store's keys: check the files that hold them")
    if status == 403:
        return Misconfigured(
            f"The S3 server does not allow this in the bucket {bucket}: check the rights of the store's keys"
        )
    if status >= 500 or status == 429 or code in _BUSY:
        return Unavailable("The S3 server of the store has trouble of its own; try again")
    if status in (301, 307, 400) and code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "301"):
        return Misconfigured(f"The bucket {bucket} is in another region than the settings say")
    return Misconfigured(f"The S3 server answered {status or 'nothing that is known'} ({code[:40] or 'no code'})")


def short(text: str) -> str:
    """A name for a key that may be long."""
    return hashlib.sha256(text.encode()).hexdigest()[:40]
