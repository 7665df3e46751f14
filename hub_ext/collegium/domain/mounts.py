"""What a workload finds where: the one computation of mounts for servers, jobs and deployments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from collegium.domain.catalog import AccessMode, Dataset, Offer, SourceKind
from collegium.domain.datasets import DatasetChoice, Health, SourceHealth
from collegium.domain.errors import Conflict, InvalidInput, NotGranted
from collegium.domain.files import PLATFORM, Root
from collegium.domain.names import check_env_name

#: Where a workload on a cluster finds datasets and the shared files of its group; on one machine the variables below
#: say where they are.
DATASETS_AT, PROJECT_AT = "/datasets", "/project"
#: Variables that say it everywhere.
DATASETS_VARIABLE, PROJECT_VARIABLE = "COLLEGIUM_DATASETS", "COLLEGIUM_PROJECT"
#: What no dataset of kind environment may set: words of the hub and of ours to a workload.
RESERVED_PREFIXES = ("JUPYTERHUB_", "JPY_", "COLLEGIUM_")
#: Kinds that nothing can be written to through a mount.
_NEVER_WRITTEN = frozenset({SourceKind.GIT, SourceKind.S3, SourceKind.ENVIRONMENT})


@dataclass(frozen=True)
class Mount:
    """One folder of a workload.

    ``path`` is absolute, as on a cluster (``/datasets/digits``, ``/project/physics``), and empty for a dataset that is
    no folder: nothing but ``variables``, or what is read by its address because it cannot be mounted. Either ``root``
    says which tree of the file store it is, or ``kind`` and ``source`` which source elsewhere. ``dataset`` and
    ``version`` are for lineage; ``problem`` is why it is left out of the start, empty if it is not.
    """

    path: str
    access: AccessMode
    root: Root | None = None
    dataset: str = ""
    version: int | None = None
    kind: SourceKind | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def name(self) -> str:
        """The last part of the path: a dataset's name or a group's."""
        return self.path.rpartition("/")[2]

    @property
    def read_only(self) -> bool:
        """True if nothing may be written."""
        return self.access is AccessMode.READ_ONLY

    def to_json(self) -> dict[str, Any]:
        """As launch manifests hold it; no value of a variable."""
        return {
            "path": self.path,
            "access": self.access.value,
            "dataset": self.dataset,
            "version": self.version,
            "kind": self.kind.value if self.kind else "",
            "problem": self.problem,
        }


def _nowhere(dataset: Dataset) -> str:
    return f"a dataset of kind {dataset.kind.value} cannot be mounted here"


@dataclass(frozen=True)
class MountAbilities:
    """What a place to run things can mount.

    ``store`` is why trees of the file store cannot be mounted there, empty if they can: datasets among them are read by
    their addresses then. ``elsewhere`` says the same of a dataset that lies somewhere else. ``enforced``: nobody can
    write through a mount that is read-only; ``notice`` is a sentence about that for people. ``rooted``: mounts are at
    their very paths, else only the variables say where. ``to_be_seen``: what nobody has looked at yet may not be there,
    and is not mounted.
    """

    store: str = ""
    elsewhere: Callable[[Dataset], str] = _nowhere
    enforced: bool = True
    notice: str = ""
    rooted: bool = True
    to_be_seen: bool = False

    def shown(self, mount: Mount) -> str:
        """Where a workload finds it, as people are told."""
        if self.rooted or not mount.path:
            return mount.path
        variable = DATASETS_VARIABLE if mount.dataset else PROJECT_VARIABLE
        return f"${variable}/{mount.name}" if mount.dataset else f"${variable}"


def plan_mounts(
    offer: Offer,
    abilities: MountAbilities,
    *,
    chosen: Sequence[DatasetChoice] | None = None,
    versions: Mapping[str, Collection[int]] | None = None,
    health: Iterable[SourceHealth] = (),
) -> tuple[Mount, ...]:
    """All that a workload of a group gets: its shared files, then datasets in the order of the offer.

    ``chosen`` None is every dataset that the group was granted; those that cannot be had now stay in the answer, with a
    ``problem``. What was chosen by name is refused instead: NotGranted for one that the group does not have,
    InvalidInput for a version that is not among ``versions`` (those that are ready) and for a name that comes twice,
    Conflict for a source that is not well.
    """
    found = _well(health, offer.group)
    granted = {dataset.name: (dataset, access) for dataset, access in offer.datasets}
    wanted = _wanted(offer, granted, chosen)
    mounts: list[Mount] = []
    taken: dict[str, str] = {}
    for name, (dataset, access) in granted.items():
        if chosen is not None and name not in wanted:
            continue
        version = _version(dataset, wanted.get(name), (versions or {}).get(name, ()))
        mount = dataset_mount(dataset, offer.group, access, version)
        if (mount.root is not None and abilities.store) or (
            dataset.kind is SourceKind.S3 and mount.path and abilities.elsewhere(dataset)
        ):
            mount = by_address(mount)
        problem = _problem(dataset, mount, abilities, found.get(name))
        if not problem and dataset.kind is SourceKind.ENVIRONMENT:
            problem = _claim_variables(dataset, taken)
        if problem and chosen is not None:
            raise Conflict(
                f"datasets: {wanted[name]} cannot be used: {problem}", field="datasets", value=str(wanted[name])
            )
        mounts.append(replace(mount, problem=problem, variables={}) if problem else mount)
    return (project_mount(offer.group, abilities), *mounts)


def project_mount(group: str, abilities: MountAbilities) -> Mount:
    """The group's shared files; whoever may start something there may write."""
    return Mount(f"{PROJECT_AT}/{group}", AccessMode.READ_WRITE, Root(group), problem=abilities.store)


def dataset_mount(dataset: Dataset, group: str, access: AccessMode, version: int | None = None) -> Mount:
    """A dataset in a workload of a group that was granted ``access``: what it holds now, or one version, which nobody
    may write. Whoever owns a dataset may write it."""
    path, owner = f"{DATASETS_AT}/{dataset.name}", dataset.owner or PLATFORM
    if dataset.owner == group:
        access = AccessMode.READ_WRITE
    if version is not None or dataset.kind in _NEVER_WRITTEN:
        access = AccessMode.READ_ONLY
    if version is not None and dataset.kind is SourceKind.S3:
        # A list of what was in the bucket, which is read through the service; nothing of it is here to be mounted.
        return Mount("", access, None, dataset.name, version, dataset.kind)
    if version is not None:
        root = Root.version(owner, dataset.name, version)
        return Mount(path, access, root, dataset.name, version, dataset.kind)
    if dataset.kind is SourceKind.MANAGED:
        return Mount(path, access, Root.head(owner, dataset.name), dataset.name, None, dataset.kind)
    if dataset.kind is SourceKind.ENVIRONMENT:
        variables = {_variable(dataset.name, key): value for key, value in dataset.source.items()}
        return Mount("", access, None, dataset.name, None, dataset.kind, variables=variables)
    return Mount(path, access, None, dataset.name, None, dataset.kind, dict(dataset.source))


def by_address(mount: Mount) -> Mount:
    """The same without a folder: programs read it at ``collegium://<group>/.datasets/<name>``."""
    return replace(mount, path="", root=None, source={})


def variables_of(mounts: Iterable[Mount]) -> dict[str, str]:
    """What datasets of kind environment set, of those that are not left out."""
    return {name: value for mount in mounts if not mount.problem for name, value in mount.variables.items()}


def folders_of(mounts: Iterable[Mount]) -> list[Mount]:
    """Those that are folders and not left out."""
    return [mount for mount in mounts if mount.path and not mount.problem]


def _well(health: Iterable[SourceHealth], group: str) -> dict[str, SourceHealth]:
    """What was found of each dataset; what was found in this group counts for more than what holds for all."""
    found: dict[str, SourceHealth] = {}
    for each in health:
        if each.group == group or (not each.group and each.dataset not in found):
            found[each.dataset] = each
    return found


def _wanted(
    offer: Offer, granted: Mapping[str, object], chosen: Sequence[DatasetChoice] | None
) -> dict[str, DatasetChoice]:
    wanted: dict[str, DatasetChoice] = {}
    for choice in chosen or ():
        if choice.name in wanted:
            raise InvalidInput("datasets", f"name {choice.name} more than once", str(choice))
        if choice.name not in granted:
            available = list(granted)
            may = f"it may use {', '.join(available)}" if available else "it was granted none yet"
            raise NotGranted(
                f"datasets: group {offer.group} has no dataset {choice.name}; {may}.",
                field="datasets",
                value=choice.name,
                available=available,
            )
        wanted[choice.name] = choice
    return wanted


def _version(dataset: Dataset, choice: DatasetChoice | None, ready: Collection[int]) -> int | None:
    """The number of the version to be mounted, None for what is in it now. Of git there are only versions, so what is
    in it now is the newest."""
    asked = None if choice is None else choice.version
    if asked is None:
        return max(ready) if dataset.kind is SourceKind.GIT and ready else None
    if (asked and asked not in ready) or not ready:
        which = f"no version {asked} that is ready" if asked else "no version that is ready yet"
        there = f"; ready are {', '.join(map(str, sorted(ready)[-20:]))}" if ready else ""
        raise InvalidInput("datasets", f"dataset {dataset.name} has {which}{there}", str(choice))
    return asked or max(ready)


def _problem(dataset: Dataset, mount: Mount, abilities: MountAbilities, found: SourceHealth | None) -> str:
    """Why a dataset cannot be had now, empty if it can."""
    if mount.version is None:
        if dataset.kind is SourceKind.GIT:
            return "nothing of it was fetched yet; make a version of it"
        if mount.root is None and mount.path and (why := abilities.elsewhere(dataset)):
            return why
        # A version is a copy: it is there whatever became of the source.
        if found is not None and found.state in (Health.MISSING, Health.BROKEN):
            return f"its source is {found.state.value}" + (f": {found.message}" if found.message else "")
        if abilities.to_be_seen and mount.path and (found is None or found.state is Health.UNKNOWN):
            return "it is being prepared; it is there in a moment" + (
                f" ({found.message})" if found and found.message else ""
            )
    return ""


def _variable(name: str, key: str) -> str:
    """``digits`` and ``api-key`` make ``DIGITS_API_KEY``; a key that begins so already is not made longer."""
    prefix, rest = (text.replace("-", "_").replace(".", "_").upper() for text in (name, key))
    return rest if rest.startswith(f"{prefix}_") else f"{prefix}_{rest}"


def _claim_variables(dataset: Dataset, taken: dict[str, str]) -> str:
    """Note the variables of a dataset as taken, or say why it cannot set them."""
    mine: dict[str, str] = {}
    for key in dataset.source:
        name = _variable(dataset.name, key)
        try:
            check_env_name(name)
        except InvalidInput:
            return f"its key {key} makes {name}, which cannot be the name of a variable"
        if name.startswith(RESERVED_PREFIXES):
            return f"its key {key} makes {name}, which is not for datasets to set"
        if name in mine:
            return f"its keys {mine[name]} and {key} both make the variable {name}"
        if name in taken:
            return f"its key {key} makes the variable {name}, as dataset {taken[name]} does"
        mine[name] = key
    taken.update(dict.fromkeys(mine, dataset.name))
    return ""
