"""The whole import: read, translate, and check that what came out is a catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collegium.catalog.loader import MAX_BYTES, CatalogError, parse_catalog
from collegium.catalog.primehub.entries import Entry, Tools
from collegium.catalog.primehub.findings import Findings, Level, PrimeHubError, Where
from collegium.catalog.primehub.grants import Granted, Grants, grants, only_known, report_people
from collegium.catalog.primehub.groups import add_members, group_entry, report_admins, report_settings
from collegium.catalog.primehub.images import image
from collegium.catalog.primehub.names import group_names, object_names
from collegium.catalog.primehub.quantities import Amounts
from collegium.catalog.primehub.read import KINDS, Resource, as_text, read_resources
from collegium.catalog.primehub.realm import Realm, read_realm
from collegium.catalog.primehub.sizes import gpu_resources, instance_type
from collegium.catalog.primehub.volumes import dataset
from collegium.catalog.primehub.write import catalog_text
from collegium.domain.catalog import AccessMode, SourceKind


@dataclass(frozen=True)
class Request:
    """What to import. ``renames`` are group names or paths → names here."""

    realm: Sequence[Path]
    resources: Sequence[Path] = ()
    prefix: str = ""
    everyone: str = "everyone"
    members: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Imported:
    """The text of the catalog, what there is to say about it, and whether it holds values that may be secret."""

    text: str
    findings: Findings
    counts: Mapping[str, int]
    private: bool

    @property
    def complete(self) -> bool:
        """True if nothing was lost and nothing is left to do."""
        return not self.findings.of(Level.LOST, Level.TODO)


@dataclass
class _Objects:
    """Entries by section, and by kind what each object of PrimeHub is called here."""

    sections: dict[str, list[Entry]]
    names: dict[str, dict[str, str]]
    #: Image → images that came from it.
    images: dict[str, list[Entry]]


def import_primehub(request: Request) -> Imported:
    """Read everything, and translate it. Raises PrimeHubError with every problem at once."""
    findings = Findings()
    tools = Tools(findings, Amounts(findings))
    realm = read_realm(request.realm, findings)
    resources = read_resources(request.resources, findings)
    objects = _objects(resources, tools)
    if realm is None:
        findings.refuse_problems()
        raise PrimeHubError("there is no realm")
    granted = _granted(realm, resources, objects, request, findings)
    paths = [g for g in realm.groups if g.path in granted.by_group]
    names = group_names(paths, request.renames, findings)
    gpus = gpu_resources(objects.sections["instance_types"])
    entries = {
        g.path: group_entry(g, names[g.path], granted.by_group[g.path], objects.names, gpus, tools)
        for g in paths
        if g.path in names
    }
    _grant_to_all(granted.everyone, objects, entries, findings)
    _grant_second_images(entries, objects)
    report_people(realm, findings)
    report_settings(realm, request.everyone, findings)
    sections = {**objects.sections, "groups": list(entries.values())}
    if request.members:
        sections["users"] = add_members(realm, names, entries, request.everyone, findings)
    else:
        report_admins(realm, names, findings)
    if tools.amounts.interpreted:
        findings.changed(
            Where(realm.where.file, "all memory"), "", "1G is 1Gi (1024³ bytes), as for PrimeHub's notebooks and quotas"
        )
    findings.refuse_problems()
    return _written(realm, sections, findings)


def _objects(resources: Sequence[Resource], tools: Tools) -> _Objects:
    by_kind = {kind: [r for r in resources if r.kind == kind] for kind in KINDS}
    names = {k: object_names([(r.where, r.name) for r in found], tools.findings) for k, found in by_kind.items()}
    named = {k: [r for r in found if r.name in names[k]] for k, found in by_kind.items()}
    sizes = [instance_type(r, names["InstanceType"][r.name], tools) for r in named["InstanceType"]]
    taken = set(names["Image"].values())
    images = {r.name: image(r, names["Image"][r.name], taken, tools) for r in named["Image"]}
    datasets = {r.name: dataset(r, names["Dataset"][r.name], tools) for r in named["Dataset"]}
    names["Image"] = {old: new for old, new in names["Image"].items() if images[old]}
    names["Dataset"] = {old: new for old, new in names["Dataset"].items() if datasets[old]}
    return _Objects(
        {
            # PrimeHub offered them in this order.
            "instance_types": sorted(sizes, key=_shown),
            "images": sorted((e for found in images.values() for e in found), key=_shown),
            "datasets": sorted((e for e in datasets.values() if e), key=_shown),
        },
        names,
        images,
    )


def _shown(entry: Entry) -> tuple[str, str]:
    return str(entry.data.get("display_name", entry.name)).casefold(), entry.name


def _granted(
    realm: Realm, resources: Sequence[Resource], objects: _Objects, request: Request, findings: Findings
) -> Grants:
    found = grants(realm, request.everyone, request.prefix, findings)
    by_group = {g.path: dict(found.by_group[g.path]) for g in realm.groups if g.path in found.by_group}
    paths = {g.name: g.path for g in realm.groups}
    for resource in resources:
        owner = as_text(resource.spec.get("groupName"), resource.where, "groupName", findings)
        if resource.kind != "Image" or not owner:
            continue
        if paths.get(owner) in by_group:
            by_group[paths[owner]].setdefault(("Image", resource.name), None)
        else:
            findings.lost(resource.where, "groupName", f"there is no group {owner} to own it")
    wheres = {g.path: g.where for g in realm.groups}
    common = next((g.where for g in realm.groups if g.name == request.everyone), realm.where)
    return Grants(
        {path: only_known(granted, wheres[path], objects.names, findings) for path, granted in by_group.items()},
        only_known(found.everyone, common, objects.names, findings),
    )


def _grant_to_all(everyone: Granted, objects: _Objects, entries: Mapping[str, Entry], findings: Findings) -> None:
    sections = dict(zip(KINDS, ("instance_types", "images", "datasets"), strict=True))
    for (kind, old), access in everyone.items():
        name = objects.names[kind][old]
        found = (
            objects.images[old] if kind == "Image" else [e for e in objects.sections[sections[kind]] if e.name == name]
        )
        for entry in found:
            entry.data["everyone"] = True
        if access is AccessMode.READ_WRITE:
            findings.changed(
                found[0].where,
                "everyone",
                "may be written by all; each group has that grant, groups made later read only",
            )
            for group in entries.values():
                listed = group.data.setdefault("datasets", [])
                listed[:] = [d for d in listed if d != name and (isinstance(d, str) or d["name"] != name)]
                listed.append({"name": name, "access": "rw"})


def _grant_second_images(entries: Mapping[str, Entry], objects: _Objects) -> None:
    """Whoever was granted an image gets the one that was made of its second reference."""
    more = {found[0].name: [e.name for e in found[1:]] for found in objects.images.values() if found}
    for group in entries.values():
        if listed := group.data.get("images"):
            group.data["images"] = [n for name in listed for n in (name, *more[name])]


def _written(realm: Realm, sections: dict[str, list[Entry]], findings: Findings) -> Imported:
    for entries in sections.values():
        for entry in entries:
            said = [] if entry.origin else [f.text for f in findings.about(entry.where)]
            entry.comments = [
                f"{entry.origin or entry.where.what} ({Path(entry.where.file).name})",
                *entry.comments,
                *said,
            ]
    header = [
        f"Made by `collegium import primehub` from the realm {realm.name}.",
        "Memory that PrimeHub wrote as nG is n × 1024³ bytes here (nGi): what its notebooks and its quota gate took it",
        "for; its jobs took it for n × 1000³.",
    ]
    text = catalog_text(header, sections)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise PrimeHubError(f"The catalog would have {size} bytes, at most {MAX_BYTES} are allowed.")
    try:
        parse_catalog(text.encode(), "the catalog made of it")
    except CatalogError as error:
        raise PrimeHubError(error.message) from None
    private = any(e.data["kind"] == SourceKind.ENVIRONMENT.value for e in sections["datasets"])
    return Imported(text, findings, {s: len(e) for s, e in sections.items()}, private)
