"""The launch manifest: what a job resolved to on the day it was submitted, kept with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from collegium.backends.ports import Snapshot
from collegium.catalog.mounts import recorded
from collegium.domain.catalog import Image, InstanceType, Placement
from collegium.domain.jobs import Job, JobSpec
from collegium.domain.launch import LaunchSpec
from collegium.domain.mounts import MountAbilities
from collegium.domain.resources import Resources
from collegium.domain.sweeps import Sweep
from collegium.services import API_VERSION, VERSION


def launch_manifest(
    launch: LaunchSpec,
    spec: JobSpec,
    snapshot: Snapshot | None,
    repeats: Job | Sweep | None = None,
    *,
    abilities: MountAbilities | None = None,
    exact: bool = False,
) -> dict[str, Any]:
    """JSON-ready. Size and image are kept whole, so that a catalog edit does not change what a waiting job runs in.

    A rerun has the files of the job that it repeats, and a sweep's job those of the sweep. ``pins`` are versions of
    datasets that are settled today, whatever is made until the job starts: those that were chosen, and of an ``exact``
    repetition all.
    """
    settled = spec.datasets is not None or exact
    files = None if snapshot is None else {"count": snapshot.files, "bytes": snapshot.size}
    return {
        "group": launch.group,
        "user": launch.user,
        "instance_type": {
            "name": launch.instance_type.name,
            "display_name": launch.instance_type.display_name,
            "limits": launch.resources.texts(),
            "requests": launch.instance_type.requests.texts(),
            "placement": launch.instance_type.placement.to_json(),
        },
        "image": {
            "name": launch.image.name,
            "display_name": launch.image.display_name,
            "reference": launch.image.reference,
            "environment": launch.image.environment,
            "variables": dict(launch.image.variables),
            "pull_secret": launch.image.pull_secret,
        },
        "environment": sorted(spec.environment),
        "kind": spec.kind.value,
        "files": files if repeats is None else repeats.launch.get("files"),
        "datasets": recorded(launch.mounts, abilities or MountAbilities()),
        "pins": {m.dataset: m.version for m in launch.mounts if settled and m.version is not None},
        "versions": {"collegium": VERSION, "api": API_VERSION},
    }


def exactly(granted: LaunchSpec, earlier: Job | Sweep) -> LaunchSpec:
    """The launch of an earlier job, or of a sweep, once more, by somebody to whom image and instance type are granted
    today.

    Of what their names mean today nothing is taken, so that neither a catalog edit since changes what runs nor a push
    to the image's tag, where it is known which image that was.
    """
    kept = earlier.launch["instance_type"]
    size = InstanceType(
        name=kept["name"],
        display_name=kept["display_name"],
        limits=earlier.resources,
        requests=manifest_requests(earlier.launch),
        placement=manifest_placement(earlier.launch),
    )
    image = manifest_image(earlier.launch)
    image = replace(image, reference=earlier.launch["image"].get("digest") or image.reference)
    return replace(granted, instance_type=size, image=image)


def versions_of(launch: Mapping[str, Any]) -> dict[str, int]:
    """Which versions of datasets a launch had, or will have; none in manifests of earlier releases."""
    return {e["name"]: e["version"] for e in launch.get("datasets", ()) if e["version"] is not None}


def left_out(launch: Mapping[str, Any]) -> str:
    """A sentence about datasets that could not be had; empty if there are none."""
    without = [f"{e['name']} ({e['problem']})" for e in launch.get("datasets", ()) if e["problem"]]
    return f"Without the dataset{'s' if len(without) > 1 else ''} {', '.join(without)}." if without else ""


def manifest_image(launch: Mapping[str, Any]) -> Image:
    """The image that a manifest holds; those of earlier releases name no pull secret."""
    image = launch["image"]
    return Image(
        name=image["name"],
        display_name=image["display_name"],
        reference=image["reference"],
        environment=image["environment"],
        variables=image["variables"],
        pull_secret=image.get("pull_secret", ""),
    )


def manifest_requests(launch: Mapping[str, Any]) -> Resources:
    """What is to be set aside for the run; nothing in manifests of earlier releases, which means the limits."""
    return Resources.parse(launch["instance_type"].get("requests", {}))


def manifest_placement(launch: Mapping[str, Any]) -> Placement:
    """Where the run is to go; anywhere in manifests of earlier releases."""
    return Placement.from_json(launch["instance_type"].get("placement", {}))
