"""Builds the images in ``images/`` without a Docker engine: their Dockerfiles, step by step, in overlay mounts over a
Debian made by mmdebstrap. Needs root. A step is kept by the content of what goes into it, so that a change of our own
source makes only the small last layer anew.

Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import _fetch
import _setup
from _dockerfile import Bind, Run, Stage, parse
from _oci import Image, Layer, write_layer

LAYERS = _setup.CACHE / "cluster/layers"
NAMES = {
    "hub": "localhost/collegium-hub:test",
    "user": "localhost/collegium-user:test",
    "postgresql": "localhost/collegium-postgresql:test",
}
SUITE = "bookworm"
#: The image's own list: no mirror of this machine, and none that we choose for others.
SOURCES = "# Put your mirror here to install more.\n"
_SLIM = ("man", "doc", "locale", "info", "lintian", "doc-base")
#: What is built comes from a stage of its own.
_JUNK = shutil.ignore_patterns("__pycache__", "*.egg-info", ".ipynb_checkpoints", _setup.PORTAL.name)
#: Layers that no build has used for so long are removed.
_KEPT_SECONDS = 14 * 24 * 3600

# Runs in a mount namespace of its own, so that nothing stays mounted however it ends.
_STEP = """\
set -eu
root=$1 command=$2; shift 2
mount -t overlay overlay -o "$1" "$root"; shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for d in null zero full random urandom; do : > "$root/dev/$d"; mount --bind "/dev/$d" "$root/dev/$d"; done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
while [ $# -gt 0 ]; do
  if [ -d "$1" ]; then mkdir -p "$root/$2"; elif [ ! -e "$root/$2" ]; then : > "$root/$2"; fi
  mount --bind "$1" "$root/$2"; mount -o remount,bind,ro "$root/$2"; shift 2
done
# npm writes into its cache while it reads: a copy.
[ ! -d "$root/fetched/npm" ] || cp -R "$root/fetched/npm" "$root/tmp/npm"
exec chroot "$root" /bin/sh -c "$command"
"""


def content_key(*parts: str | Path) -> str:
    """A key of texts, and of the names, modes and content of files and folders."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(b"t" + part.encode() + b"\0")
            continue
        files = [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file() or p.is_symlink())
        for file in files:
            if "__pycache__" in file.parts:
                continue
            name = file.name if file == part else str(file.relative_to(part))
            total.update(f"f{name}\0{file.lstat().st_mode & 0o100:o}\0".encode())
            content = os.readlink(file).encode() if file.is_symlink() else file.read_bytes()
            total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:24]


class Builder:
    """Builds one image after the other; ``contexts`` stand for stages that are built elsewhere, as in BuildKit."""

    def __init__(self, contexts: dict[str, Path]) -> None:
        self._contexts = dict(contexts)
        self._scratch = Path(tempfile.mkdtemp(prefix="collegium-images-"))
        LAYERS.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Remove what was staged, and layers that are out of use."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        for layer in LAYERS.iterdir():
            if time.time() - layer.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(layer, ignore_errors=True)

    def image(self, which: str) -> Image:
        """Build what changed of an image."""
        stages = parse(_setup.ROOT / "images" / which / "Dockerfile")
        for stage in stages[:-1]:
            if stage.name not in self._contexts:
                self._contexts[stage.name] = self._staged(stage)
        layers = [self._base()]
        for number, run in enumerate(stages[-1].runs, 1):
            layers.append(self._step(f"{which}, step {number} of {len(stages[-1].runs)}", layers, run))
        return Image(NAMES[which], layers, stages[-1].config)

    def _staged(self, stage: Stage) -> Path:
        """A stage that only copies: a folder."""
        if stage.base != "scratch" or stage.runs:
            raise SystemExit(f"images: the stage {stage.name} must be given as a folder")
        folder = self._scratch / stage.name
        folder.mkdir()
        for sources, target in stage.copies:
            for source in sources:
                found, place = _setup.ROOT / source, folder / target.strip("/")
                if found.is_dir():
                    shutil.copytree(found, place, ignore=_JUNK, dirs_exist_ok=True)
                else:
                    place.mkdir(parents=True, exist_ok=True)
                    shutil.copy(found, place)
        return folder

    def _source(self, bind: Bind) -> Path:
        root = self._contexts[bind.stage] if bind.stage else _setup.ROOT
        # A context that stands for a stage holds what the stage would have left at the named place.
        return root if bind.stage else root / bind.source

    def _base(self) -> Layer:
        key = content_key("base", SUITE, SOURCES, *_SLIM)
        return kept(key) or _make(key, "Debian", _debian)

    def _step(self, label: str, below: list[Layer], run: Run) -> Layer:
        binds = {bind.target: self._source(bind) for bind in run.binds}
        parts: list[str | Path] = [below[-1].key, run.command]
        for target, source in binds.items():
            parts += [target, source]
        key = content_key(*parts)

        def build(upper: Path, draft: Path) -> None:
            _chroot(below, run.command, binds, upper, draft)

        return kept(key) or _make(key, label, build)


def kept(key: str) -> Layer | None:
    folder = LAYERS / key
    if not (folder / "layer.json").exists():
        return None
    os.utime(folder)
    known = json.loads((folder / "layer.json").read_text())
    return Layer(key, folder / "layer.tar", known["digest"], known["size"])


def _make(key: str, label: str, build: object) -> Layer:
    """Build a layer in a draft folder and give it its name when it is whole."""
    assert callable(build)
    _setup.say(f"building {label}")
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=LAYERS))
    try:
        upper = draft / "root"
        upper.mkdir()
        build(upper, draft)
        digest, size = write_layer(upper, draft / "layer.tar")
        for name in ("fetched", "merged", "work"):
            shutil.rmtree(draft / name, ignore_errors=True)
        (draft / "layer.json").write_text(json.dumps({"digest": digest, "size": size}))
        shutil.rmtree(LAYERS / key, ignore_errors=True)
        draft.chmod(0o755)
        draft.rename(LAYERS / key)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Layer(key, LAYERS / key / "layer.tar", digest, size)


def _debian(upper: Path, _draft: Path) -> None:
    """Debian's smallest system that has apt, from the mirrors this machine uses."""
    slim = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _SLIM]
    _fetch.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", *slim, SUITE, str(upper), "-"], text=_fetch.mirrors(SUITE)
    )
    for name in ("etc/resolv.conf", "etc/hostname", "etc/machine-id"):
        (upper / name).unlink(missing_ok=True)
    (upper / "etc/hostname").write_text("localhost\n")
    for listed in (upper / "etc/apt/sources.list.d").iterdir():
        listed.unlink()
    (upper / "etc/apt/sources.list").write_text(SOURCES)


def _chroot(below: list[Layer], command: str, binds: dict[str, Path], upper: Path, draft: Path) -> None:
    """Run a step over the layers below; what it changes lands in ``upper``.

    A step called ``system`` gets this machine's way to Debian, ``dependencies`` what its lock file names.
    """
    fetched = draft / "fetched"
    fetched.mkdir()
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    environment |= {"SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8"}
    inside = {**binds}
    if command.endswith(" dependencies"):
        environment |= _fetch.locked(binds, _python_of(below), fetched)
        inside["/fetched"] = fetched
    elif command.endswith(" system"):
        environment |= _fetch.packages(SUITE, fetched)
        inside |= {"/fetched": fetched, "/etc/resolv.conf": Path("/etc/resolv.conf")}
        inside["/etc/apt/sources.list"] = fetched / "sources.list"
    root, work = draft / "merged", draft / "work"
    root.mkdir()
    work.mkdir()
    lower = ":".join(str(LAYERS / layer.key / "root") for layer in reversed(below))
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    arguments = [str(root), command, options]
    for target, source in inside.items():
        arguments += [str(source), target]
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    _fetch.run([*unshare, "/bin/sh", "-c", _STEP, "step", *arguments], environment=environment)
    for target in inside:
        _unmade(upper, below, target)


def _unmade(upper: Path, below: list[Layer], target: str) -> None:
    """Remove the place that was made only to mount something there."""
    place = upper / target.strip("/")
    if not any(os.path.lexists(LAYERS / layer.key / "root" / target.strip("/")) for layer in below):
        if place.is_dir():
            place.rmdir()
        else:
            place.unlink(missing_ok=True)


def _python_of(below: list[Layer]) -> str:
    """The full version of the Python in the image."""
    for layer in reversed(below):
        status = LAYERS / layer.key / "root/var/lib/dpkg/status"
        if status.exists():
            paragraphs = status.read_text().split("\n\n")
            (found,) = [p for p in paragraphs if p.startswith("Package: python3\n")]
            version = next(line for line in found.splitlines() if line.startswith("Version: "))
            return version.removeprefix("Version: ").split("-")[0].split("+")[0]
    raise SystemExit("images: no Python below this step")


def build(which: Iterable[str] = tuple(NAMES)) -> list[Image]:
    """The named images, as they are to be for this checkout."""
    wanted = list(which)
    contexts = {}
    if "hub" in wanted:
        _setup.proxy()
        _setup.portal()
        contexts["portal"] = _setup.PORTAL
    if "user" in wanted:
        _setup.sidebar()
        contexts["sidebar"] = _setup.VENV / "share/jupyter/labextensions/@collegium/lab"
    with _setup.only_one("images"):
        builder = Builder(contexts)
        try:
            return [builder.image(name) for name in wanted]
        finally:
            builder.close()
