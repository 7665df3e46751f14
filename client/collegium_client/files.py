"""Shared files and datasets' files for plain programs: browse, fetch, send, and what one does with folders."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from collegium_client import operations, packing, sending
from collegium_client.download import Download
from collegium_client.errors import CollegiumError, Conflict, NotFound
from collegium_client.exchange import raise_unless_passing
from collegium_client.models import (
    EntryDetail,
    EntryOut,
    FilePreviewOut,
    FileTaskOut,
    PurgedOut,
    ShareCreated,
    ShareOut,
    StorageOut,
    TrashOut,
    UploadOut,
)
from collegium_client.outcome import target_of
from collegium_client.parts import send_parts
from collegium_client.sending import Progress, Sending, error_is_final

if TYPE_CHECKING:
    from collegium_client.client import Client

_ANYTHING = "*/*"
#: Seconds between looks at work that takes long: at first, and at most.
_FIRST_LOOK, _LAST_LOOK = 0.25, 3.0


class Files:
    """Files of a group. ``group`` is that of the client where it is left out.

    Paths are relative to the group's shared files; ``.datasets/<name>/…`` is what a dataset holds now, and
    ``.datasets/<name>@<number>/…`` a version of it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        path: str = "",
        group: str | None = None,
        *,
        sort: str | None = None,
        descending: bool | None = None,
        search: str | None = None,
        limit: int | None = None,
    ) -> Iterator[EntryOut]:
        """What is in a folder, or what is found below it; pages are fetched as they are needed."""
        chosen, cursor, left = self._client.group(group), None, limit
        while left is None or left > 0:
            page = self._client.get_groups_group_files(
                chosen,
                path=path,
                sort=sort,
                descending=descending,
                search=search,
                cursor=cursor,
                limit=min(1000, left or 1000),
            )
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def walk(self, path: str = "", group: str | None = None) -> Iterator[EntryOut]:
        """All entries below a folder, folders before what is in them."""
        for entry in self.list(path, group):
            yield entry
            if entry.kind == "folder":
                yield from self.walk(entry.path, group)

    def get(self, path: str, group: str | None = None) -> EntryDetail:
        """One file or folder, and where servers and jobs find it."""
        return self._client.get_groups_group_files_entry(self._client.group(group), path=path)

    def exists(self, path: str, group: str | None = None) -> bool:
        """Is there anything?"""
        try:
            self.get(path, group)
        except NotFound:
            return False
        return True

    def preview(self, path: str, group: str | None = None, *, rows: int | None = None) -> FilePreviewOut:
        """What a file looks like: text, the head of a table, cells of a notebook."""
        return self._client.get_groups_group_files_preview(self._client.group(group), path=path, rows=rows)

    def checksum(self, path: str, group: str | None = None) -> str:
        """The SHA-256 of a file, in hex."""
        return self._client.get_groups_group_files_checksum(self._client.group(group), path=path).sha256

    def read(self, path: str, group: str | None = None, *, start: int = 0, end: int | None = None) -> bytes:
        """The bytes [start, end) of a file, in memory."""
        if end is not None and end <= start:
            return b""
        wanted = None if not start and end is None else f"bytes={start}-{'' if end is None else end - 1}"
        operation = operations.get_groups_group_files_content(self._client.group(group), path=path, range=wanted)
        try:
            return self._client.send(operation)
        except CollegiumError as error:
            if error.status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b""  # Nothing is after the end.
            raise

    def write(
        self, path: str, data: bytes, group: str | None = None, *, if_match: str | None = None, replace: bool = True
    ) -> EntryOut:
        """A small file in one go. With ``if_match``, the ``etag`` that was seen last, nobody's change is lost: raises
        Conflict where the file is another by now."""
        nothing_there = None if replace or if_match else "*"
        return self._client.send(sending.put(self._client.group(group), path, data, if_match, nothing_there))

    def download(
        self, path: str, target: str | Path = ".", group: str | None = None, progress: Progress | None = None
    ) -> Path:
        """Fetch a file into a folder, or to a path that is none; says where it is.

        It is there when it is complete; a connection that breaks is taken up where it broke.
        """
        place = Path(target)
        return self._fetch_file(path, place / path.rpartition("/")[2] if place.is_dir() else place, group, progress)

    def download_folder(self, path: str, target: str | Path = ".", group: str | None = None) -> Iterator[Path]:
        """Fetch what is below a folder into a local one, file by file."""
        for entry in self.walk(path, group):
            if entry.kind == "file":
                below = entry.path[len(path.strip("/")) :].lstrip("/")
                yield self._fetch_file(entry.path, target_of(Path(target), below), group, None)

    def archive(self, paths: Iterable[str], target: str | Path, group: str | None = None) -> Path:
        """Fetch files and folders as one zip file."""
        operation = operations.get_groups_group_files_archive(self._client.group(group), path=[*paths])
        with Download(Path(target)) as download, self._client.stream(operation, _ANYTHING) as response:
            download.begin(response)
            for piece in response.iter_bytes():
                download.write(piece)
            download.end()
            return download.finish()

    def upload(
        self,
        local: str | Path,
        path: str,
        group: str | None = None,
        *,
        replace: bool = False,
        checksum: bool = True,
        progress: Progress | None = None,
    ) -> EntryDetail:
        """Send a local file, of any size, to a path; it is there when it is complete.

        A connection that breaks is taken up where it broke, and, with ``checksum`` (the whole is compared at the end),
        an upload of the same file that an earlier program did not end as well.
        """
        chosen = self._client.group(group)
        whole = Sending.of(local, path.strip("/"), replace, checksum)
        for attempt in range(sending.ANEW):
            found = self._unfinished(chosen, whole) if checksum and attempt == 0 else None
            upload = found or self._begin(chosen, whole)
            done = self._send(chosen, upload, whole, progress)
            if str(done.state) == "Done":
                return self.get(whole.path, chosen)
            if found is None:
                break
        raise sending.failed(done)

    def upload_folder(
        self, local: str | Path, path: str, group: str | None = None, *, replace: bool = False
    ) -> Iterator[EntryDetail]:
        """Send all files below a local folder, each to its place below ``path``."""
        for file, below in sending.files_below(Path(local)):
            yield self.upload(file, f"{path.strip('/')}/{below}".lstrip("/"), group, replace=replace)

    def upload_packed(
        self,
        local: str | Path,
        path: str,
        group: str | None = None,
        *,
        replace: bool = False,
        progress: Progress | None = None,
    ) -> FileTaskOut:
        """Send a local folder as one archive, made while it is sent, and unpack it to ``path``: for many small files.

        Room for the archive and for what is in it is needed until then. Links to folders are left out.
        """
        chosen, target = self._client.group(group), path.strip("/")
        packed = packing.Packed.folder(Path(local), packing.place_beside(target))
        if not replace and self.exists(target, chosen):
            raise Conflict(f"{target} is there already.", details={"path": target})
        upload = self._begin(chosen, packed)
        try:
            done = self._send(chosen, upload, packed, progress)
        except BaseException:
            # Nobody would go on with it: the next one has another name.
            with contextlib.suppress(CollegiumError, httpx.TransportError):
                self._client.delete_groups_group_files_uploads_upload(chosen, upload.id, tus_resumable="1.0.0")
            raise
        if str(done.state) != "Done":
            raise sending.failed(done)
        return packing.unpack_sent(self, packed, target, chosen, replace)

    def uploads(self, group: str | None = None) -> Iterator[UploadOut]:
        """One's uploads that are not over, newest first."""
        return self._pages(self._client.get_groups_group_files_uploads, group)

    def make_folder(self, path: str, group: str | None = None) -> EntryOut:
        """Make a folder and those above it; one that is there is fine."""
        return self._client.post_groups_group_files_folders(self._client.group(group), {"path": path})

    def move(self, source: str, target: str, group: str | None = None, *, replace: bool = False) -> FileTaskOut:
        """Rename or move; answers when it is done."""
        body = {"source": source, "target": target, "replace": replace}
        return self.wait(self._client.post_groups_group_files_move(self._client.group(group), body), group)

    def copy(self, source: str, target: str, group: str | None = None, *, replace: bool = False) -> FileTaskOut:
        """Copy within the store; answers when it is done."""
        body = {"source": source, "target": target, "replace": replace}
        return self.wait(self._client.post_groups_group_files_copy(self._client.group(group), body), group)

    def unpack(self, source: str, target: str, group: str | None = None, *, replace: bool = False) -> FileTaskOut:
        """Make the folder ``target`` of what is in an archive, a zip or tar; answers when it is done."""
        body = {"source": source, "target": target, "replace": replace}
        return self.wait(self._client.post_groups_group_files_unpack(self._client.group(group), body), group)

    def delete(self, paths: str | Iterable[str], group: str | None = None) -> FileTaskOut:
        """Put into the trash, from where it can be restored for a while."""
        body = {"paths": [paths] if isinstance(paths, str) else [*paths]}
        return self.wait(self._client.post_groups_group_files_delete(self._client.group(group), body), group)

    def trash(self, group: str | None = None) -> Iterator[TrashOut]:
        """What was deleted, latest first."""
        return self._pages(self._client.get_groups_group_files_trash, group)

    def restore(self, trash: str, group: str | None = None, *, path: str | None = None) -> FileTaskOut:
        """Put something back, to where it was or to a path."""
        body = None if path is None else {"path": path}
        chosen = self._client.group(group)
        return self.wait(self._client.post_groups_group_files_trash_trash_restore(chosen, trash, body), group)

    def purge(self, trash: str | None = None, group: str | None = None) -> PurgedOut:
        """Remove one thing in the trash for good; without a name all that one may."""
        chosen = self._client.group(group)
        if trash is None:
            return self._client.delete_groups_group_files_trash(chosen)
        return self._client.delete_groups_group_files_trash_trash(chosen, trash)

    def storage(self, group: str | None = None) -> StorageOut:
        """How much the group stores, and its limit."""
        return self._client.get_groups_group_files_storage(self._client.group(group))

    def share(self, path: str, group: str | None = None, **fields: Any) -> ShareCreated:
        """Make a link to a file or folder; ``url`` is told only now. Fields: ``expires_in_days``, ``password``,
        ``public``, ``note``."""
        return self._client.post_groups_group_files_shares(self._client.group(group), {"path": path, **fields})

    def shares(self, group: str | None = None) -> Iterator[ShareOut]:
        """Links that were made, newest first."""
        return self._pages(self._client.get_groups_group_files_shares, group)

    def revoke_share(self, share: str, group: str | None = None) -> ShareOut:
        """End a link."""
        return self._client.delete_groups_group_files_shares_share(self._client.group(group), share)

    def wait(self, task: FileTaskOut, group: str | None = None) -> FileTaskOut:
        """Wait for the end of work on files. Raises Conflict, with its words, if it failed."""
        pause = _FIRST_LOOK
        while str(task.state) == "Running":
            time.sleep(pause)
            pause = min(_LAST_LOOK, pause * 1.5)
            task = self._client.get_groups_group_files_tasks_task(self._client.group(group), task.id)
        if str(task.state) == "Failed":
            raise Conflict(task.message or f"the {task.kind} failed", details={"task": task.id})
        return task

    def _pages(self, ask: Any, group: str | None) -> Iterator[Any]:
        chosen, cursor = self._client.group(group), None
        while True:
            page = ask(chosen, cursor=cursor)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _fetch_file(self, path: str, target: Path, group: str | None, progress: Progress | None) -> Path:
        chosen, failures = self._client.group(group), 0
        with Download(target, progress) as download:
            while not download.complete:
                before = download.at
                try:
                    self._fetch(chosen, path, download)
                except (httpx.TransportError, CollegiumError) as error:
                    failures = 1 if download.at > before else failures + 1
                    raise_unless_passing(error, self._client.settings.url, failures, self._client.retry.tries)
                    self._client.pause(failures)
            return download.finish()

    def _fetch(self, group: str, path: str, download: Download) -> None:
        same = download.etag if download.at else None
        operation = operations.get_groups_group_files_content(
            group, path=path, download=True, range=download.range, if_range=same
        )
        with self._client.stream(operation, _ANYTHING) as response:
            download.begin(response)
            for piece in response.iter_bytes():
                download.write(piece)
            download.end()

    def _unfinished(self, group: str, whole: Sending) -> UploadOut | None:
        return next((u for u in self.uploads(group) if whole.is_of(u)), None)

    def _begin(self, group: str, whole: Sending) -> UploadOut:
        if whole.size and self._client.get_groups_group_files_store(group).direct:
            return self._client.post_groups_group_files_uploads(group, whole.body())
        made = self._client.ask(sending.create(group, whole))
        return self._client.get_groups_group_files_uploads_upload(group, sending.id_of(made.headers))

    def _send(self, group: str, upload: UploadOut, whole: Sending, progress: Progress | None) -> UploadOut:
        if upload.part_size is not None:
            send_parts(self._client, group, upload, whole, progress)
        else:
            self._send_by_tus(group, upload, whole, progress)
        pause = sending.FIRST_LOOK
        while True:
            now = self._client.get_groups_group_files_uploads_upload(group, upload.id)
            if str(now.state) in ("Done", "Failed"):
                return now
            time.sleep(pause)
            pause = min(sending.LAST_LOOK, pause * 1.5)

    def _send_by_tus(self, group: str, upload: UploadOut, whole: Sending, progress: Progress | None) -> None:
        chunk = self._client.get_groups_group_files_store(group).chunk_size
        at, failures = upload.offset, 0
        while at < whole.size:
            count = min(chunk, whole.size - at)
            try:
                operation = sending.more(group, upload.id, at, whole.pieces(at, count, progress), count)
                at, failures = sending.offset_of(self._client.ask(operation).headers), 0
            except (httpx.TransportError, CollegiumError) as error:
                failures += 1
                if error_is_final(error):
                    raise
                if failures >= self._client.retry.tries:
                    raise_unless_passing(error, self._client.settings.url, failures, failures)
                self._client.pause(failures)
                at, before = sending.offset_of(self._client.ask(sending.look(group, upload.id)).headers), at
                failures = failures if at <= before else 0
