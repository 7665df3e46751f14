"""Servers as processes of this machine: accounted and limited, not isolated from one another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port
from traitlets import Integer, Unicode, default

from collegium.backends.local import mounter
from collegium.backends.local.limits import Limiter
from collegium.backends.local.mounter import Mounter
from collegium.domain.catalog import Image
from collegium.domain.errors import Unavailable
from collegium.domain.launch import LaunchSpec
from collegium.domain.mounts import MountAbilities
from collegium.domain.names import bound_name
from collegium.domain.resources import size_hints
from collegium.settings import Settings
from collegium.spawner import process
from collegium.spawner.homes import home_of, link_mounts, make_trees
from collegium.spawner.mixin import GroupSpawnerMixin
from collegium.spawner.process import ProcessId
from collegium.spawner.refusals import start_failure
from collegium.stores.settings import FileSettings

PROGRAM = "jupyterhub-singleuser"


@functools.cache
def detected_limiter() -> Limiter:
    """The limits that this machine grants, tried once."""
    return Limiter.detect()


def detected_mounter(settings: Settings) -> Mounter:
    """How datasets are mounted on this machine, tried once."""
    return Mounter.detect(FileSettings.from_environment().on_disk(settings.files_dir))


class ProcessSpawner(Spawner):  # type: ignore[misc]  # jupyterhub has no type information
    """Starts ``cmd`` in ``home`` and finds it again after a restart of the hub. Policy is for a mixin before it."""

    interrupt_timeout = Integer(10, min=0, help="Seconds to wait after SIGINT before SIGTERM.").tag(config=True)
    term_timeout = Integer(5, min=0, help="Seconds to wait after SIGTERM before SIGKILL.").tag(config=True)

    #: What keeps the process alive for us to reap; None after a restart of the hub.
    _child: subprocess.Popen[bytes] | None = None
    process_id: ProcessId | None = None
    #: Argument vector and directory of the next start.
    argv: tuple[str, ...] = ()
    home: Path = Path("/")

    @default("env_keep")
    def _default_env_keep(self) -> list[str]:
        # Nothing of the hub's environment but how to speak: PATH is set for the chosen image, secrets stay here.
        return ["LANG", "LC_ALL", "LC_CTYPE", "LANGUAGE", "TZ"]

    @default("default_url")
    def _default_default_url(self) -> str:
        return "/lab"

    @property
    def server_key(self) -> str:
        """A name for files and control groups that no other user, server or installation can be made to share."""
        return bound_name("server", str(Settings.from_environment().state_dir), self.user.name, self.name)

    @property
    def folder(self) -> Path:
        """Where this server's record and log are."""
        return Settings.from_environment().state_dir / "servers" / self.server_key

    async def start(self) -> tuple[str, int]:
        """Start the process and wait until it listens; raises a Refusal that says why it ended before."""
        await asyncio.to_thread(self.end_leftovers)
        self.port = random_port()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = {**self.get_env(), process.MARK: self.server_key}
        try:
            self._child = process.launch(
                self.argv, environment, self.home, self.folder / "process", self.folder / "server.log"
            )
            await self._until_listening(self._child)
        except OSError as error:
            raise start_failure(f"The server could not be started on this machine: {error.strerror}.") from error
        except BaseException:
            # Cancelled or failed: nothing stays behind.
            await asyncio.to_thread(self.end_leftovers)
            raise
        return self.ip or "127.0.0.1", self.port

    async def _until_listening(self, child: subprocess.Popen[bytes]) -> None:
        while True:
            status = child.poll()
            if status is not None:
                how = f"signal {-status}" if status < 0 else f"status {status}"
                tail = process.last_lines(self.folder / "server.log")
                raise start_failure(f"It ended with {how} while it was starting.", tail)
            if self.process_id is None:
                self.process_id = ProcessId.from_file(self.folder / "process")
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                if self.process_id is not None:
                    return
            await asyncio.sleep(0.03)

    async def poll(self) -> int | None:
        """None while the process runs, else its exit status (0 if it was not our child)."""
        if self._child is not None:
            return self._child.poll()
        return None if self.process_id is not None and self.process_id.alive else 0

    async def stop(self, now: bool = False) -> None:
        """Ask twice, then kill; what the server started ends too."""
        waits = [] if now else [(signal.SIGINT, self.interrupt_timeout), (signal.SIGTERM, self.term_timeout)]
        for number, patience in waits:
            if self.process_id is None or await self.poll() is not None:
                break
            self.process_id.send(number)
            for _ in range(patience * 10):
                if await self.poll() is not None:
                    break
                await asyncio.sleep(0.1)
        await asyncio.to_thread(self.end_leftovers)

    def end_leftovers(self) -> None:
        """End all that is left of this server, whichever hub process started it. Blocks."""
        record = self.folder / "process"
        recorded = ProcessId.from_file(record)
        found = process.end_all(self.server_key, recorded)
        if recorded is not None and found and self._child is None and self.process_id is None:
            self.log.warning("Ended %i processes of %s that an earlier hub left", found, self._log_name)
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=5)
        record.unlink(missing_ok=True)
        detected_limiter().release(self.server_key)

    def get_state(self) -> dict[str, Any]:
        """State with the process's identity."""
        state: dict[str, Any] = super().get_state()
        if self.process_id is not None:
            state["process"] = [self.process_id.pid, self.process_id.started]
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the process again."""
        super().load_state(state)
        if "process" in state:
            pid, started = state["process"]
            self.process_id = ProcessId(pid, started)

    def clear_state(self) -> None:
        """Forget the process."""
        super().clear_state()
        self.process_id = None
        self._child = None


class GroupLocalSpawner(GroupSpawnerMixin, ProcessSpawner):
    """JupyterLab from the image's environment, in the user's home of the group, under the instance type's limits."""

    skeleton = Unicode("", help="A folder that every new home starts as a copy of; none if empty.").tag(config=True)

    async def apply_launch(self, spec: LaunchSpec) -> None:
        """Home, program and limits of this start; raises Unavailable for an image that is not on this machine."""
        await super().apply_launch(spec)
        program = program_of(spec.image)
        self.home = Path(await home_of(self.settings, self.user.name, spec.group, self.skeleton))
        self.notebook_dir = str(self.home)
        self.cmd = [str(program)]
        # Jupyter refuses to run as root unless told; containers often have no other user.
        root = ["--allow-root"] if os.geteuid() == 0 else []
        limiter = await asyncio.to_thread(detected_limiter)
        argv = mounter.wrap(await self._mount(spec), [*self.cmd, *self.get_args(), *root])
        self.argv = tuple(limiter.wrap(self.server_key, spec.resources, argv))

    @property
    def mount_abilities(self) -> MountAbilities:
        """Folders of this machine, by mounts or by links."""
        return detected_mounter(self.settings).abilities

    async def _mount(self, spec: LaunchSpec) -> list[str]:
        """Make the places of datasets and shared files below the server's folder, and links to them in the home; the
        steps that fill them."""
        found = await asyncio.to_thread(detected_mounter, self.settings)
        await make_trees(self.settings, spec.mounts)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            await asyncio.to_thread(found.prepare, self.folder, spec.mounts)
            await asyncio.to_thread(link_mounts, self.home, self.folder, spec.mounts)
        except OSError as error:
            raise Unavailable(f"The datasets of {spec.group} could not be prepared here: {error.strerror}.") from error
        return found.steps(self.folder, spec.mounts)

    def get_env(self) -> dict[str, str]:
        """The environment of the mixin, with HOME, a PATH for the image, and what programs read to size themselves."""
        env = super().get_env()
        env["USER"] = env["LOGNAME"] = self.user.name
        env["HOME"] = str(self.home)
        env["SHELL"] = shutil.which("bash") or "/bin/sh"
        env["PATH"] = os.pathsep.join([str(Path(self.cmd[0]).parent), "/usr/local/bin", "/usr/bin", "/bin"])
        if self.launch is not None:
            env.update(mounter.variables(self.folder, self.launch.mounts))
            hints = size_hints(self.launch.resources)
            env.update({k: v for k, v in hints.items() if k not in self.launch.image.variables})
        return env

    async def after_server(self) -> None:
        """End orphans of this server; nothing of it may outlive its place in the ledger."""
        await asyncio.to_thread(self.end_leftovers)


def program_of(image: Image) -> Path:
    """The single-user program of an image's environment; raises Unavailable if it is not there."""
    if not image.environment:
        raise Unavailable(f"The image {image.display_name} has no environment on this machine; ask a platform admin.")
    prefix = Path(sys.prefix if image.environment == "hub" else image.environment)
    program = prefix / "bin" / PROGRAM
    if not os.access(program, os.X_OK):
        raise Unavailable(
            f"The image {image.display_name} is not installed here, ask a platform admin: {program} is missing."
        )
    return program
