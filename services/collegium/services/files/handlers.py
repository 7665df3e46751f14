"""Routes of shared files: browsing, folders, work that may take long, trash and storage."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.files import MAX_PATH, Order
from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.endpoint import Endpoint, Query
from collegium.services.files.models import (
    DeleteIn,
    EntryDetail,
    EntryOut,
    EntryPage,
    FileTaskOut,
    FileTaskPage,
    FolderIn,
    MoveIn,
    PurgedOut,
    RestoreIn,
    StorageOut,
    TrashPage,
    UnpackIn,
)
from collegium.services.handlers import BaseHandler

#: What can go wrong where something is changed.
CHANGING = (400, 409, 413, 415, 422, 507)
_CURSOR = Field(
    default=None, max_length=8192, pattern="^[A-Za-z0-9_-]*$", description="`next_cursor` of the page before."
)


class PathQuery(Query):
    """One file or folder."""

    path: str = Field(max_length=MAX_PATH, description="Relative to the group's shared files.")


class BrowseQuery(Query):
    """Which folder, in which order."""

    path: str = Field(default="", max_length=MAX_PATH, description="Of the folder; empty is the top.")
    sort: str = Field(default="name", pattern="^(name|size|modified)$", description="Order.")
    descending: bool = Field(default=False, description="Greatest or newest first.")
    search: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="Part of the name, in any case, or a pattern with `*` and `?`; however deep, ordered by path.",
    )
    limit: int = Field(default=200, ge=1, le=1000)
    cursor: str | None = _CURSOR


class PageQuery(Query):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = _CURSOR


class FileHandler(BaseHandler):
    """Base of what changes files."""

    @property
    def by(self) -> By:
        """Who asks."""
        return By(self.caller.actor, self.request_id)


class BrowseHandler(BaseHandler):
    """``/groups/{group}/files``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.FILE_LIST,
            "What is in a folder, or was found below it",
            EntryPage,
            query=BrowseQuery,
            errors=(409,),
        )
    }

    async def get(self, group: str) -> None:
        """A page."""
        q = self.read_query(BrowseQuery)
        files, order = self.context.shared_files, Order(q.sort)
        if q.search is not None:
            self.write_json(await files.search(group, q.path, q.search, q.limit, q.cursor))
        else:
            self.write_json(await files.list(group, q.path, order, q.descending, q.limit, q.cursor))


class EntryHandler(BaseHandler):
    """``/groups/{group}/files/entry``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.FILE_LIST, "One file or folder", EntryDetail, query=PathQuery, errors=(409,))
    }

    async def get(self, group: str) -> None:
        """All about it."""
        self.write_json(await self.context.shared_files.entry(group, self.read_query(PathQuery).path))


class FoldersHandler(FileHandler):
    """``/groups/{group}/files/folders``."""

    endpoints: ClassVar = {
        "POST": Endpoint(Operation.FILE_WRITE, "Make a folder", EntryOut, 201, body=FolderIn, errors=CHANGING)
    }

    async def post(self, group: str) -> None:
        """Make it; one that is there already is fine."""
        body = self.read_body(FolderIn)
        self.write_json(await self.context.shared_files.make_folder(self.by, group, body.path))


class MoveHandler(FileHandler):
    """``/groups/{group}/files/move``."""

    endpoints: ClassVar = {
        "POST": Endpoint(Operation.FILE_WRITE, "Move or rename", FileTaskOut, 201, body=MoveIn, errors=CHANGING)
    }

    async def post(self, group: str) -> None:
        """Begin, and wait a moment."""
        self.write_json(await self.context.file_tasks.move(self.by, group, self.read_body(MoveIn)))


class CopyHandler(FileHandler):
    """``/groups/{group}/files/copy``."""

    endpoints: ClassVar = {
        "POST": Endpoint(Operation.FILE_WRITE, "Copy", FileTaskOut, 201, body=MoveIn, errors=CHANGING)
    }

    async def post(self, group: str) -> None:
        """Begin, and wait a moment."""
        self.write_json(await self.context.file_tasks.copy(self.by, group, self.read_body(MoveIn)))


class UnpackHandler(FileHandler):
    """``/groups/{group}/files/unpack``."""

    endpoints: ClassVar = {
        "POST": Endpoint(Operation.FILE_WRITE, "Unpack an archive", FileTaskOut, 201, body=UnpackIn, errors=CHANGING)
    }

    async def post(self, group: str) -> None:
        """Begin, and wait a moment."""
        self.write_json(await self.context.file_tasks.unpack(self.by, group, self.read_body(UnpackIn)))


class DeleteHandler(FileHandler):
    """``/groups/{group}/files/delete``."""

    endpoints: ClassVar = {
        "POST": Endpoint(Operation.FILE_DELETE, "Put into the trash", FileTaskOut, 201, body=DeleteIn, errors=CHANGING)
    }

    async def post(self, group: str) -> None:
        """Begin, and wait a moment."""
        self.write_json(await self.context.file_tasks.delete(self.by, group, self.read_body(DeleteIn).paths))


class TasksHandler(BaseHandler):
    """``/groups/{group}/files/tasks``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.FILE_TASK, "Work on files, newest first", FileTaskPage, query=PageQuery)
    }

    async def get(self, group: str) -> None:
        """A page."""
        query = self.read_query(PageQuery)
        self.write_json(await self.context.file_tasks.page(group, query.limit, query.cursor))


class TaskHandler(BaseHandler):
    """``/groups/{group}/files/tasks/{task}``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.FILE_TASK, "How far one is", FileTaskOut)}

    async def get(self, group: str, task: str) -> None:
        """One."""
        self.write_json(await self.context.file_tasks.get(group, task))


class TrashHandler(FileHandler):
    """``/groups/{group}/files/trash``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.TRASH_LIST, "What was deleted, latest first", TrashPage, query=PageQuery),
        "DELETE": Endpoint(Operation.TRASH_PURGE, "Empty the trash", PurgedOut, errors=(400, 413)),
    }

    async def get(self, group: str) -> None:
        """A page."""
        query = self.read_query(PageQuery)
        self.write_json(await self.context.trash.page(group, query.limit, query.cursor))

    async def delete(self, group: str) -> None:
        """All that the caller may remove for good: what others deleted is an admin's to purge."""
        self.refuse_body()
        self.write_json(await self.context.trash.empty(self.by, group))


class TrashedHandler(FileHandler):
    """``/groups/{group}/files/trash/{trash}``."""

    endpoints: ClassVar = {
        "DELETE": Endpoint(Operation.TRASH_PURGE, "Remove for good", PurgedOut, errors=(400, 409, 413))
    }

    async def delete(self, group: str, trash: str) -> None:
        """One."""
        self.refuse_body()
        self.write_json(await self.context.trash.purge(self.by, group, trash))


class RestoreHandler(FileHandler):
    """``/groups/{group}/files/trash/{trash}/restore``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.TRASH_RESTORE,
            "Put back from the trash",
            FileTaskOut,
            201,
            body=RestoreIn,
            optional=True,
            errors=CHANGING,
        )
    }

    async def post(self, group: str, trash: str) -> None:
        """Begin, and wait a moment."""
        body = self.read_body(RestoreIn, optional=True)
        self.write_json(await self.context.file_tasks.restore(self.by, group, trash, body.path))


class StorageHandler(BaseHandler):
    """``/groups/{group}/files/storage``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.FILE_LIST, "How much the group stores", StorageOut)}

    async def get(self, group: str) -> None:
        """Used and limit."""
        self.write_json(await self.context.storage.of_group(group))
