"""From a launch to the pod that runs it: pure functions over the pod that KubeSpawner makes of the operator's traits.

What the operator configured stays as the base; what was granted goes on top; what isolates a pod cannot be weakened.
Everything here is computed anew for each start and stored on no spawner, so nothing of one start can reach the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from collegium.backends.kubernetes import data, naming, pods
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.errors import InvalidInput
from collegium.domain.launch import LaunchSpec
from collegium.domain.resources import CPU, MEMORY
from collegium.spawner.kube_affinity import both

#: Annotations beside those of ``naming``: the server's name, and which start made this pod.
SERVER_NAME = f"{naming.DOMAIN}/server"
START = f"{naming.DOMAIN}/start"
#: Linux takes no longer string (``NAME=value`` and its end) into a new process.
MAX_VARIABLE = 128 * 1024 - 1
#: The whole pod must fit into one object of the cluster's store, some 1.5 MiB with everything else.
MAX_ENVIRONMENT = 512 * 1024


@dataclass(frozen=True)
class PodPlan:
    """All that decides a server's pod beside the operator's traits. ``start`` is another word at each start."""

    settings: KubernetesSettings
    spec: LaunchSpec
    server: str
    start: str
    home: tuple[Mapping[str, Any], Mapping[str, Any]]

    @property
    def labels(self) -> dict[str, str]:
        """What the pod is found by."""
        return naming.labels(self.settings.instance, naming.SERVER, self.spec.group, self.spec.user)

    @property
    def annotations(self) -> dict[str, str]:
        """Whose pod it is, in full, and what was resolved."""
        return {
            naming.OWNER: self.spec.user,
            naming.OWNER_GROUP: self.spec.group,
            SERVER_NAME: self.server,
            START: self.start,
            naming.LAUNCH: json.dumps(launch_manifest(self.spec), sort_keys=True),
        }


def launch_manifest(spec: LaunchSpec) -> dict[str, Any]:
    """The resolved launch as an annotation shows it: of variables only the names, as values may be secrets."""
    return {
        "group": spec.group,
        "user": spec.user,
        "instance_type": spec.instance_type.name,
        "limits": spec.instance_type.limits.texts(),
        "requests": spec.instance_type.requests.texts(),
        "placement": spec.instance_type.placement.to_json(),
        "image": spec.image.name,
        "reference": spec.image.reference,
        "pull_secret": spec.image.pull_secret,
        "variables": sorted(spec.image.variables),
        "mounts": [mount.to_json() for mount in spec.mounts],
    }


def is_ours(pod: Mapping[str, Any], instance: str, user: str, server: str) -> bool:
    """Whether a pod is this installation's pod of this user's server; a name alone proves nothing."""
    metadata = pod.get("metadata") or {}
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return (
        labels.get(naming.INSTANCE) == instance
        and labels.get(naming.KIND) == naming.SERVER
        and labels.get(naming.USER) == naming.user_label(user)
        and notes.get(naming.OWNER) == user
        and notes.get(SERVER_NAME) == server
    )


def literal_environment(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Environment whose text reaches the container letter by letter, though Kubernetes expands ``$(NAME)``.

    Other values (KubeSpawner's mappings such as ``{"value_from": …}``) are the operator's and stay as they are. Raises
    InvalidInput, without the value, for what no process can be started with.
    """
    total = 0
    for name, value in environment.items():
        if not isinstance(value, str):
            continue
        try:
            size = len(name) + len(value.encode()) + 1
        except UnicodeEncodeError as error:
            raise InvalidInput(f"environment.{name}", "is not valid Unicode text") from error
        if "\0" in value:
            raise InvalidInput(f"environment.{name}", "must not hold a NUL character")
        if size > MAX_VARIABLE:
            problem = f"has {size} bytes with its name, at most {MAX_VARIABLE} are allowed"
            raise InvalidInput(f"environment.{name}", problem, limit=MAX_VARIABLE)
        total += size
    if total > MAX_ENVIRONMENT:
        problem = f"has {total} bytes in {len(environment)} variables, at most {MAX_ENVIRONMENT} are allowed"
        raise InvalidInput("environment", problem, limit=MAX_ENVIRONMENT)
    return {k: pods.literal(v) if isinstance(v, str) else v for k, v in environment.items()}


def plain(value: Any) -> Any:
    """A model of KubeSpawner's library, or what holds models, as the JSON that is sent."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    names = getattr(value, "attribute_map", None)
    if names is None:
        return value
    return {key: plain(found) for name, key in names.items() if (found := getattr(value, name)) is not None}


def dress(pod: dict[str, Any], plan: PodPlan) -> dict[str, Any]:
    """The pod that KubeSpawner made of its traits, as JSON, with the launch on top; ``pod`` is changed."""
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["namespace"] = plan.settings.namespace_of(plan.spec.group)
    metadata["labels"] = {**metadata.get("labels", {}), **plan.labels}
    metadata["annotations"] = {**metadata.get("annotations", {}), **plan.annotations}
    _pod(spec, plan)
    _container(spec["containers"][0], plan)
    _volumes(spec, spec["containers"][0], plan)
    return pod


def _pod(spec: dict[str, Any], plan: PodPlan) -> None:
    placement = plan.spec.instance_type.placement
    ours = pods.base_pod(plan.settings, placement, plan.spec.image.pull_secret)
    for name in ("tolerations", "imagePullSecrets"):
        ours[name] = _unique([*spec.get(name, []), *ours.get(name, [])])
    ours["nodeSelector"] = {**spec.get("nodeSelector", {}), **ours.get("nodeSelector", {})}
    ours["affinity"] = both(spec.get("affinity"), placement.affinity)
    ours["securityContext"] = {**spec.get("securityContext", {}), **_pod_security(plan.settings)}
    # A server that runs out of memory is started again in its place, as with every KubeSpawner.
    ours["restartPolicy"] = spec.get("restartPolicy", "OnFailure")
    ours |= dict.fromkeys(("hostNetwork", "hostPID", "hostIPC"))
    spec.update(ours)
    for name in [n for n, value in spec.items() if value in (None, {}, [])]:
        del spec[name]


def _pod_security(settings: KubernetesSettings) -> dict[str, Any]:
    context = pods.pod_security(settings)
    if settings.homes == "claim":
        # A home of its own may change hands; without OnRootMismatch every start would walk through all of it.
        context |= {"fsGroup": settings.gid, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def _container(container: dict[str, Any], plan: PodPlan) -> None:
    container["image"] = plan.spec.image.reference
    container.setdefault("imagePullPolicy", plan.settings.image_pull_policy)
    container.setdefault("workingDir", plan.settings.home_mount)
    ours = pods.resource_requirements(plan.spec.instance_type.limits, plan.spec.instance_type.requests)
    for part in ("limits", "requests"):
        # What KubeSpawner wrote for CPU and memory went through floats; other names are the operator's own.
        kept = {k: v for k, v in container["resources"].get(part, {}).items() if k not in (CPU, MEMORY)}
        container["resources"][part] = {**kept, **ours.get(part, {})}
    context = container.get("securityContext", {})
    context.pop("procMount", None)
    container["securityContext"] = {**context, **pods.pod_security(plan.settings), **pods.container_security()}
    if not container.get("lifecycle"):
        container.pop("lifecycle", None)
    # The last lines that it wrote say why a server ended, and nobody has to read its log for that.
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"


def _volumes(spec: dict[str, Any], container: dict[str, Any], plan: PodPlan) -> None:
    volumes, mounts = pods.shared_memory(plan.spec.instance_type.placement)
    more, places = data.pod_parts(plan.settings, plan.spec.group, plan.spec.mounts)
    if any(place["name"] == pods.FILES for place in places):
        more = [pods.files_volume(plan.settings), *more]
    home, where = plan.home
    volumes, mounts = [dict(home), *volumes, *more], [dict(where), *mounts, *places]
    names, paths = {v["name"] for v in volumes}, {m["mountPath"].rstrip("/") for m in mounts}
    for volume in spec.get("volumes", []):
        if volume["name"] in names:
            problem = "is the name of a volume that every server has; give the configured one another"
            raise InvalidInput("volumes", problem, volume["name"])
    # Kubernetes takes no two volumes at one path, and the granted ones stay.
    kept = [m for m in container.get("volumeMounts", []) if m["mountPath"].rstrip("/") not in paths]
    spec["volumes"] = [*spec.get("volumes", []), *volumes]
    container["volumeMounts"] = [*kept, *mounts]


def _unique(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(t) for t in {json.dumps(dict(i), sort_keys=True): i for i in items}.values()]
