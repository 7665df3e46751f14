"""OCI images from folders, without an engine or a registry: layer tars that are the same in every build, and archives
that ``ctr images import`` reads.

Standard library only.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
#: What stays out of every layer: mount points' content and what only a build needs.
EMPTY = ("proc", "sys", "dev", "run", "tmp", "var/cache", "var/lib/apt/lists", "root/.cache", "root/.npm")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Layer:
    """A layer as a file, and the key of what it was made from."""

    key: str
    tar: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Config:
    """How an image's program is started."""

    env: dict[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = "/"
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    stop_signal: str = ""


def _entries(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder in one order, with the name inside the image; the content of EMPTY is left out."""
    stack = [("", str(root))]
    while stack:
        prefix, folder = stack.pop()
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda e: e.name)
        for entry in entries:
            name = prefix + entry.name
            if prefix.rstrip("/") in EMPTY:
                continue
            yield name, entry
            if entry.is_dir(follow_symlinks=False):
                stack.append((name + "/", entry.path))


def _whiteout(tar: tarfile.TarFile, name: str) -> None:
    """Say that a layer removes a name, as the image format does."""
    folder, _, last = name.rpartition("/")
    tar.addfile(tarfile.TarInfo(f"{folder}/.wh.{last}" if folder else f".wh.{last}"))


def _opaque(path: str) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


def write_layer(root: Path, target: Path) -> tuple[str, int]:
    """Write an overlay's upper folder as a layer; returns its digest and size. Times are zero, names are numbers."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, entry in _entries(root):
            known = entry.stat(follow_symlinks=False)
            if stat.S_ISCHR(known.st_mode) and known.st_rdev == 0:  # how overlayfs says "removed"
                _whiteout(tar, name)
                continue
            info = tar.gettarinfo(entry.path, arcname=name)
            if info is None:  # a socket
                continue
            info.mtime, info.uname, info.gname = 0, "", ""
            if info.isreg():
                with open(entry.path, "rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)
            if info.isdir() and _opaque(entry.path):
                tar.addfile(tarfile.TarInfo(f"{name}/.wh..wh..opq"))
    with target.open("rb") as written:
        return "sha256:" + hashlib.file_digest(written, "sha256").hexdigest(), target.stat().st_size


class Image:
    """A named image: layers and how it starts. ``digest`` is its manifest's, as a registry would show it."""

    def __init__(self, name: str, layers: list[Layer], config: Config) -> None:
        self.name = name
        self.layers = layers
        self._small: dict[str, bytes] = {}
        described = self._put(_config(layers, config), "application/vnd.oci.image.config.v1+json")
        kind = "application/vnd.oci.image.layer.v1.tar"
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described,
            "layers": [{"mediaType": kind, "digest": x.digest, "size": x.size} for x in layers],
        }
        self._manifest = self._put(manifest, "application/vnd.oci.image.manifest.v1+json")
        self.digest: str = self._manifest["digest"]

    def _put(self, content: Any, kind: str) -> dict[str, Any]:
        data = json.dumps(content, sort_keys=True).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._small[digest] = data
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    @property
    def size(self) -> int:
        """Bytes of all layers."""
        return sum(x.size for x in self.layers)

    def write(self, target: IO[bytes], present: Collection[str] = ()) -> None:
        """Write an archive, without the blobs that the reader has already."""
        named = {
            **self._manifest,
            "platform": {"architecture": ARCHITECTURE, "os": "linux"},
            "annotations": {
                "io.containerd.image.name": self.name,
                "org.opencontainers.image.ref.name": self.name.rpartition(":")[2],
            },
        }
        index = json.dumps({"schemaVersion": 2, "manifests": [named]}).encode()
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            small = {f"blobs/sha256/{digest[7:]}": data for digest, data in self._small.items()}
            for name, data in {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **small}.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            for layer in {x.digest: x for x in self.layers}.values():
                if layer.digest not in present:
                    info = tarfile.TarInfo(f"blobs/sha256/{layer.digest[7:]}")
                    info.size = layer.size
                    with layer.tar.open("rb") as content:
                        tar.addfile(info, content)


def _config(layers: list[Layer], config: Config) -> dict[str, Any]:
    start: dict[str, Any] = {"WorkingDir": config.workdir}
    start["Env"] = [f"{k}={v}" for k, v in config.env.items()] or [_PATH]
    if not any(e.startswith("PATH=") for e in start["Env"]):
        start["Env"].insert(0, _PATH)
    if config.entrypoint:
        start["Entrypoint"] = list(config.entrypoint)
    if config.cmd:
        start["Cmd"] = list(config.cmd)
    if config.stop_signal:
        start["StopSignal"] = config.stop_signal
    if config.user:
        start["User"] = config.user
    return {
        "created": "1970-01-01T00:00:00Z",
        "architecture": ARCHITECTURE,
        "os": "linux",
        "config": start,
        "rootfs": {"type": "layers", "diff_ids": [x.digest for x in layers]},
    }
