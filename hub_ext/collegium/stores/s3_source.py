"""Datasets in buckets of others: read, never written. Whatever tree is asked for, it is what is below one prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from collegium.domain.destinations import Network, forbidden, literal
from collegium.domain.errors import Conflict, DomainError, NotFound
from collegium.domain.files import Entry, EntryKind, Root, Size, check_path
from collegium.stores.port import FileHash, NewEntry, OpenFile, Part, Progress, Transfer
from collegium.stores.s3_bucket import Bucket, Credentials, Found
from collegium.stores.s3_copies import Work
from collegium.stores.s3_keys import Keys
from collegium.stores.s3_listing import usable
from collegium.stores.s3_reading import S3File, S3Reader

_READ_ONLY = "The dataset is in a bucket that is only read here: copy what you need into the shared files"


@dataclass(frozen=True)
class _OnePlace(Keys):
    """Every tree is the same."""

    def root(self, root: Root) -> str:
        """Before all keys of the source."""
        return f"{self.prefix.strip('/')}/".lstrip("/")


class S3Source(S3Reader):
    """A source: ``bucket``, and perhaps ``prefix``, ``endpoint`` and ``region``; ``secret`` holds ``access_key``,
    ``secret_key`` and perhaps ``session_token``, and without it nobody's keys are used, not even this process's.

    With ``networks`` only addresses of the public internet and of these are connected to, checked at each connection;
    None is for sources that those who run the platform have named.
    """

    direct = False

    def __init__(
        self,
        source: Mapping[str, str],
        secret: Mapping[str, str] | None = None,
        networks: Sequence[Network] | None = (),
        patience: float = 30.0,
        ca_file: str = "",
    ) -> None:
        keys = _keys(secret or {})
        bucket = Bucket(
            source["bucket"],
            source.get("endpoint", ""),
            source.get("region", ""),
            lambda: keys,
            reach=None if networks is None else lambda address: _refusal(address, networks),
            patience=patience,
            attempts=3,
            ca_file=ca_file,
        )
        super().__init__(bucket, _OnePlace(source.get("prefix", "")))
        self._base = self._keys.root(Root("source"))

    async def _work(self, root: Root) -> Work:
        return Work()

    async def _visible(self, root: Root) -> bool:
        return True

    async def check(self) -> None:
        """Is it there, and may we list it? Raises Misconfigured, NotFound or Unavailable, which say what is wrong."""
        if not await self._bucket.any(self._base) and self._base:
            raise NotFound(f"There is nothing below {self._base} in the bucket {self._bucket.name}")

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        """The list of its files: ``path``, ``size``, ``digest`` (``etag:…``) and ``version_id`` where the bucket keeps
        versions and lets us see them; in no particular order."""
        listed = self._versions()
        try:
            first = await anext(listed, None)
        except DomainError:
            listed, first = self._bucket.objects(self._base), None
        if first is not None and (line := self._line(first)):
            yield line
        async for found in listed:
            if line := self._line(found):
                yield line

    def _line(self, found: Found) -> dict[str, Any] | None:
        path = found.key[len(self._base) :]
        if not usable(path):
            return None
        more = {"version_id": found.version} if found.version else {}
        return {"path": path, "size": found.size, "digest": f"etag:{found.etag}", **more}

    async def _versions(self) -> AsyncIterator[Found]:
        arguments: dict[str, Any] = {"Prefix": self._base}
        while True:
            answer = await self._bucket.call("list_object_versions", **arguments)
            for one in answer.get("Versions", []):
                if one.get("IsLatest"):
                    version = "" if one.get("VersionId") in (None, "null") else str(one["VersionId"])
                    yield Found(one["Key"], int(one["Size"]), str(one["ETag"]).strip('"'), one["LastModified"], version)
            if not answer.get("IsTruncated"):
                return
            arguments["KeyMarker"] = answer["NextKeyMarker"]
            if answer.get("NextVersionIdMarker"):
                arguments["VersionIdMarker"] = answer["NextVersionIdMarker"]

    @asynccontextmanager
    async def open_line(self, line: Mapping[str, Any]) -> AsyncIterator[OpenFile]:
        """A file as a line of a list has it. Reading raises Conflict if the bucket holds another one by now."""
        path, etag = check_path(str(line["path"])), str(line["digest"]).partition(":")[2]
        found = Found(self._base + path, int(line["size"]), etag, datetime.now(UTC), str(line.get("version_id") or ""))
        yield S3File(Entry(path, EntryKind.FILE, found.size, None, etag), self._bucket, found)

    # What a store can do and this cannot.

    async def make_folder(self, root: Root, path: str) -> Entry:
        """Never."""
        _refuse()

    async def write(
        self, root: Root, path: str, pieces: AsyncIterator[bytes], *, replace: bool, if_etag: str = ""
    ) -> Entry:
        """Never."""
        _refuse()

    async def move(self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False) -> None:
        """Never."""
        _refuse()

    async def copy(
        self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False, progress: Progress
    ) -> Size:
        """Never."""
        _refuse()

    async def fill(self, root: Root, path: str, entries: Iterator[NewEntry], ticket: str, progress: Progress) -> Size:
        """Never."""
        _refuse()

    async def discard(self, root: Root, path: str, ticket: str) -> Size:
        """Never."""
        _refuse()

    async def restore(self, owner: str, ticket: str, root: Root, path: str) -> None:
        """Never."""
        _refuse()

    async def purge(self, owner: str, ticket: str) -> None:
        """There is no trash."""

    async def tickets(self, owner: str) -> Mapping[str, datetime]:
        """There is no trash."""
        return {}

    async def remove(self, root: Root) -> None:
        """Never."""
        _refuse()

    async def measure(self, owner: str) -> Size:
        """What there is."""
        total = Size()
        async for one in self._bucket.objects(self._base):
            total += Size() if one.key.endswith("/") else Size(1, one.size)
        return total

    async def snapshot(self, source: Root, target: Root, progress: Progress) -> Sequence[FileHash]:
        """Never: ``lines`` are its versions."""
        _refuse()

    async def begin(self, transfer: Transfer) -> Mapping[str, str]:
        """Never."""
        _refuse()

    async def received(self, transfer: Transfer) -> int:
        """Never."""
        _refuse()

    async def append(self, transfer: Transfer, offset: int, pieces: AsyncIterator[bytes]) -> int:
        """Never."""
        _refuse()

    async def truncate(self, transfer: Transfer, offset: int) -> None:
        """Never."""
        _refuse()

    async def finish(self, transfer: Transfer, *, replace: bool, sha256: str = "") -> Entry:
        """Never."""
        _refuse()

    async def abort(self, transfer: Transfer) -> None:
        """There are no uploads."""

    async def transfers(self, owner: str) -> Mapping[str, datetime]:
        """There are no uploads."""
        return {}

    async def sign_parts(self, transfer: Transfer, numbers: Sequence[int], seconds: int) -> Sequence[str]:
        """Never."""
        _refuse()

    async def parts(self, transfer: Transfer) -> Sequence[Part]:
        """There are no uploads."""
        return []


def _refuse() -> NoReturn:
    raise Conflict(_READ_ONLY)


def _keys(secret: Mapping[str, str]) -> Credentials:
    access, key = secret.get("access_key", ""), secret.get("secret_key", "")
    return Credentials(access, key, secret.get("session_token", ""), anonymous=not access)


def _refusal(address: str, networks: Sequence[Network]) -> str:
    plain = literal(address.partition("%")[0])
    why = "no address" if plain is None else forbidden(plain, networks)
    return f"leads to {why}" if why else ""
