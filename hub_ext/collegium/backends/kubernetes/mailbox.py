"""How a service without a Kubernetes identity asks the controller to make homes and snapshots: files on the volume.

A request is a file in ``requests``, its answer a file of the same random name in ``answers``; both are written whole.
Whatever is killed may start again: an unanswered request is taken up again, and copies are idempotent by job id.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collegium.backends.kubernetes import exchange
from collegium.backends.kubernetes.snapshots import DEADLINE, Copier
from collegium.backends.local import tree
from collegium.backends.local.layout import write_durable
from collegium.backends.local.snapshot import check_working_directory
from collegium.backends.ports import Snapshot
from collegium.domain.errors import DomainError, InvalidInput, StorageFull, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import check_group_name, check_object_name, check_user_name

log = logging.getLogger(__name__)
FOLDER = "mailbox"
_REQUESTS, _ANSWERS, _LOCK = "requests", "answers", "server.lock"
_NAME = re.compile(r"[0-9a-f]{32}\.json", re.ASCII)
#: Seconds between two looks into a folder.
_LOOK_EVERY = 0.25
#: Requests that are worked on at a time.
_AT_ONCE = 16
#: Answers that nobody came for are removed after this many seconds, and clocks may differ by so many.
_KEEP, _SKEW = 3600.0, 60.0
#: How long somebody waits for an answer: longer than a copy may take.
PATIENCE = DEADLINE + 30.0


def _prepare(folder: Path) -> None:
    for below in (folder, folder / _REQUESTS, folder / _ANSWERS):
        below.mkdir(mode=0o700, parents=True, exist_ok=True)


class MailboxCopier:
    """A Copier that asks. ``folder`` is on the files volume, where the controller serves it."""

    def __init__(self, folder: Path, patience: float = PATIENCE) -> None:
        self._folder, self._patience = folder, patience

    async def home(self, user: str, group: str) -> str:
        """See VolumeProvider."""
        answer = await self._ask({"verb": "home", "user": check_user_name(user), "group": check_group_name(group)})
        exchange.raise_error(answer)
        if not isinstance(answer.get("home"), str):
            raise Unavailable("the controller's answer cannot be read")
        return str(answer["home"])

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """See VolumeProvider."""
        check_working_directory(source)
        request = {
            "verb": "snapshot",
            "job_id": check_object_name(job_id, "job_id"),
            "user": check_user_name(user),
            "group": check_group_name(group),
            "working_directory": exchange.write_working_directory(source),
        }
        return exchange.read_snapshot(await self._ask(request))

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = f"{secrets.token_hex(16)}.json"
        data = json.dumps({**request, "until": time.time() + self._patience}).encode()
        if len(data) > exchange.MAX_MESSAGE:
            raise InvalidInput("working_directory.files", "is too long a list", limit=exchange.MAX_MESSAGE)
        asked, answer = self._folder / _REQUESTS / name, self._folder / _ANSWERS / name
        until = time.monotonic() + self._patience
        try:
            await asyncio.to_thread(self._send, asked, data)
            while time.monotonic() < until:
                with contextlib.suppress(FileNotFoundError):
                    return await asyncio.to_thread(exchange.read_message, answer)
                await asyncio.sleep(_LOOK_EVERY)
        except ValueError as error:
            raise Unavailable("the controller's answer cannot be read") from error
        except OSError as error:
            if error.errno in tree.NO_ROOM:
                raise StorageFull("there is no room on the files volume") from error
            raise Unavailable(f"the files volume does not work: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):
                await asyncio.shield(asyncio.to_thread(_unlink, asked, answer))
        raise Unavailable("the controller did not copy the files in time; try again later")

    def _send(self, path: Path, data: bytes) -> None:
        _prepare(self._folder)
        write_durable(path, data)


class MailboxServer:
    """Answers requests, one server at a time however many are started; it belongs to the controller."""

    def __init__(self, folder: Path, copier: Copier) -> None:
        self._folder, self._copier = folder, copier
        self._task: asyncio.Task[None] | None = None
        self._working: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Serve from now on; again does nothing."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve(), name="mailbox")

    async def stop(self) -> None:
        """Leave what is not answered to the next server."""
        tasks = [task for task in (self._task, *self._working.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    async def _serve(self) -> None:
        while True:
            lock: int | None = None
            try:
                lock = await asyncio.to_thread(self._lock)
                while lock is not None:
                    await self._round()
                    await asyncio.sleep(_LOOK_EVERY)
            except OSError as error:
                log.warning("requests for copies cannot be read: %s", error.strerror)
            except Exception:
                log.exception("requests for copies are not served for a moment")
            finally:
                if lock is not None:
                    os.close(lock)
            await asyncio.sleep(4 * _LOOK_EVERY)

    def _lock(self) -> int | None:
        """Held while this server serves; None if another does. A file, for folders cannot be locked over NFS."""
        _prepare(self._folder)
        fd = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        return fd

    async def _round(self) -> None:
        for name in await asyncio.to_thread(self._waiting):
            if len(self._working) >= _AT_ONCE:
                return
            if name not in self._working:
                task = self._working[name] = asyncio.create_task(self._work(name), name=f"mailbox {name}")
                task.add_done_callback(lambda _, name=name: self._working.pop(name, None))  # type: ignore[misc]

    def _waiting(self) -> list[str]:
        """Requests, oldest first; what is too old to matter to anyone is removed."""
        found, now = [], time.time()
        for below, keep in ((_ANSWERS, _KEEP), (_REQUESTS, _KEEP)):
            with os.scandir(self._folder / below) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                        since = entry.stat(follow_symlinks=False).st_mtime
                        if since < now - keep:
                            os.unlink(entry.path)
                        elif (
                            below == _REQUESTS and _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
                        ):
                            found.append((since, entry.name))
        return [name for _, name in sorted(found)]

    async def _work(self, name: str) -> None:
        asked, answered = self._folder / _REQUESTS / name, self._folder / _ANSWERS / name
        try:
            answer = await self._answer(asked)
            if answer is not None:
                data = json.dumps(answer).encode()
                await asyncio.to_thread(write_durable, answered, data)
            # Last: a request whose answer was not written is taken up again.
            await asyncio.to_thread(_unlink, asked)
        except OSError as error:
            log.warning("a request for a copy could not be answered: %s", error.strerror)

    async def _answer(self, asked: Path) -> dict[str, Any] | None:
        try:
            request = await asyncio.to_thread(exchange.read_message, asked)
        except FileNotFoundError:
            return None
        except ValueError as error:
            return exchange.write_error(InvalidInput("request", f"cannot be read: {error}"))
        try:
            until = request.get("until")
            if not isinstance(until, (int, float)) or until + _SKEW < time.time():
                return None
            return await self._do(request)
        except DomainError as error:
            return exchange.write_error(error)
        except Exception:
            log.exception("a request for a copy failed")
            return exchange.write_error(Unavailable("the files could not be copied; the controller's log says why"))

    async def _do(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Everything is checked again: the writer may not be who one thinks."""
        user, group = check_user_name(request.get("user", "")), check_group_name(request.get("group", ""))
        if request.get("verb") == "home":
            return {"home": await self._copier.home(user, group)}
        if request.get("verb") != "snapshot":
            raise InvalidInput("verb", "must be home or snapshot", request.get("verb"))
        job_id = check_object_name(request.get("job_id", ""), "job_id")
        source = exchange.read_working_directory(request.get("working_directory"))
        check_working_directory(source)
        return exchange.write_snapshot(await self._copier.snapshot(job_id, user, group, source))


def _unlink(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
