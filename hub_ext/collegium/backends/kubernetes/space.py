"""GroupSpace on a cluster: a namespace per group with its fences, made and kept by the controller."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from collegium.backends.kubernetes import manifests, naming
from collegium.backends.kubernetes.client import (
    CLAIM,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    VOLUME,
    AlreadyExists,
    Cluster,
    Kind,
    Refused,
)
from collegium.backends.kubernetes.network import network_policies
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from collegium.domain.quota import Limits

log = logging.getLogger(__name__)
#: Annotation of the namespace: digest of all that was applied, written last; one per group where they share it.
DIGEST = f"{naming.DOMAIN}/space"
#: The same: names of the pull secrets that the platform's admins keep for a group.
PULLS = f"{naming.DOMAIN}/pulls"
#: After so many seconds all is applied again, in case somebody removed a part by hand.
_AGAIN = 6 * 3600.0
#: A binding that was just made takes a moment until it counts.
_RIGHTS_WITHIN, _RIGHTS_EVERY = 5.0, 0.25

Manifest = dict[str, Any]


class KubernetesSpace:
    """See GroupSpace. What is there and unchanged costs one request."""

    def __init__(self, cluster: Cluster, settings: KubernetesSettings) -> None:
        self._cluster, self._settings = cluster, settings
        self._applied: dict[str, float] = {}
        #: Hashes of pull secrets that were written, and when; they stand nowhere else.
        self._pulls: dict[str, tuple[str, float]] = {}

    async def ensure(self, group: str, limits: Limits) -> None:
        """See GroupSpace. Raises Conflict for a namespace that is not ours, Unavailable for one that is going away."""
        name = self._settings.namespace_of(group)
        with _refusals(name):
            if self._settings.manage_namespaces:
                await self._ensure(name, group, limits)
            else:
                await self._there(name)

    async def _ensure(self, name: str, group: str, limits: Limits) -> None:
        wanted = await asyncio.to_thread(self._manifests, group, limits)
        digest = _digest([manifests.namespace(self._settings, group), *(body for _, body in wanted)])
        found, note = await self._namespace(group), self._note(group)
        if (found["metadata"].get("annotations") or {}).get(note) == digest and self._recent(group):
            return
        for kind, body in wanted:
            await self._put(kind, body, name)
        await self._prune(group, [body["metadata"]["name"] for kind, body in wanted if kind is NETWORK_POLICY])
        await self._cluster.apply(NAMESPACE, manifests.namespace(self._settings, group))
        await self._annotate(name, note, digest)
        self._applied[group] = time.monotonic()

    async def remove(self, group: str) -> None:
        """See GroupSpace. The namespace stays, for homes are in it: closed to new pods, to the hub and to pulls.

        An administrator who wants the data gone deletes the namespace. ``ensure`` opens it again.
        """
        name = self._settings.namespace_of(group)
        self._applied.pop(group, None)
        if self._settings.manage_namespaces:
            with _refusals(name):
                await self._remove(name, group)

    async def pull_secrets(self, group: str, contents: Mapping[str, str]) -> None:
        """See GroupSpace. Those of the settings are not touched; the namespace says which are ours, for nobody here may
        list or read secrets."""
        name, note = self._settings.namespace_of(group), f"{PULLS}-{group}"
        wanted = {n: content for n, content in sorted(contents.items()) if n not in self._settings.pull_secrets}
        digest, moment = hashlib.sha256(json.dumps(wanted).encode()).hexdigest(), time.monotonic()
        known, at = self._pulls.get(group, ("", -_AGAIN))
        if known == digest and moment - at < _AGAIN:
            return
        with _refusals(name):
            try:
                found = await self._cluster.get(NAMESPACE, name)
            except NotFound:
                return
            before = set(filter(None, ((found["metadata"].get("annotations") or {}).get(note) or "").split(",")))
            if before | wanted.keys() != before:
                await self._annotate(name, note, ",".join(sorted(before | wanted.keys())))
            for secret, content in wanted.items():
                await self._put(SECRET, manifests.pull_secret(self._settings, group, secret, content.encode()), name)
            for secret in sorted(before - wanted.keys()):
                await self._cluster.delete(SECRET, secret, name)
            if before - wanted.keys():
                await self._annotate(name, note, ",".join(sorted(wanted)) or None)
        self._pulls[group] = digest, moment

    async def _remove(self, name: str, group: str) -> None:
        settings = self._settings
        if not manifests.own_namespace(settings):
            await self._cluster.delete(NETWORK_POLICY, f"collegium-within-{group}", name)
            await self._annotate(name, self._note(group), None)
            return
        try:
            found = await self._cluster.get(NAMESPACE, name)
            self._check(found, group)
        except (NotFound, Unavailable):
            return
        if (found["metadata"].get("labels") or {}).get(manifests.REMOVED):
            return
        await self._annotate(name, self._note(group), None)
        await self._cluster.apply(
            RESOURCE_QUOTA, manifests.resource_quota(settings, group, Limits(), removed=True), name
        )
        await self._cluster.delete(ROLE_BINDING, f"{settings.instance}-hub", name)
        if settings.pull_secrets_dir:
            for secret in settings.pull_secrets:
                await self._cluster.delete(SECRET, secret, name)
        await self._cluster.apply(NAMESPACE, manifests.namespace(settings, group, removed=True))

    def _manifests(self, group: str, limits: Limits) -> list[tuple[Kind, Manifest]]:
        """All but the namespace, in order: rights first, for the controller has none in a namespace without."""
        settings = self._settings
        made = [(ROLE_BINDING, body) for body in manifests.role_bindings(settings, group)]
        made.append((SERVICE_ACCOUNT, manifests.service_account(settings, group)))
        made += [(NETWORK_POLICY, body) for body in network_policies(settings, group)]
        if manifests.own_namespace(settings):
            made.append((LIMIT_RANGE, manifests.limit_range(settings, group)))
            made.append((RESOURCE_QUOTA, manifests.resource_quota(settings, group, limits)))
        if settings.files_volume:
            made.append((VOLUME, manifests.files_volume(settings, group)))
            made.append((CLAIM, manifests.files_claim(settings, group)))
        if settings.pull_secrets_dir:
            for name in settings.pull_secrets:
                content = _pull_secret(Path(settings.pull_secrets_dir) / name / ".dockerconfigjson")
                made.append((SECRET, manifests.pull_secret(settings, group, name, content)))
        return made

    def _note(self, group: str) -> str:
        return DIGEST if manifests.own_namespace(self._settings) else f"{DIGEST}-{group}"

    async def _annotate(self, name: str, note: str, digest: str | None) -> None:
        # Not applied but patched: groups that share a namespace keep one another's.
        with contextlib.suppress(NotFound):
            await self._cluster.patch(NAMESPACE, name, {"metadata": {"annotations": {note: digest}}})

    def _recent(self, group: str) -> bool:
        # Spread over the time: after a restart not all groups are due at once.
        now = time.monotonic()
        return now - self._applied.setdefault(group, now - random.uniform(0, _AGAIN)) < _AGAIN

    async def _there(self, name: str) -> None:
        try:
            found = await self._cluster.get(NAMESPACE, name)
        except NotFound as error:
            raise Unavailable(f"the namespace {name} does not exist yet; an administrator must make it") from error
        _check_alive(found)

    async def _namespace(self, group: str) -> Manifest:
        """The group's namespace, made if it is not there, never somebody else's."""
        wanted = manifests.namespace(self._settings, group)
        name = wanted["metadata"]["name"]
        try:
            found = await self._cluster.get(NAMESPACE, name)
        except NotFound:
            try:
                return await self._cluster.create(NAMESPACE, wanted)
            except AlreadyExists:
                found = await self._cluster.get(NAMESPACE, name)
        self._check(found, group)
        return found

    def _check(self, found: Mapping[str, Any], group: str) -> None:
        name, labels = found["metadata"]["name"], found["metadata"].get("labels") or {}
        wanted = manifests.namespace_labels(self._settings, group)
        missing = [f"{key}={value}" for key, value in wanted.items() if labels.get(key) != value]
        if missing:
            raise Conflict(
                f"the namespace {name} exists and is not of this installation, so group {group} cannot have it; an"
                f" administrator may remove it, or hand it over by the labels {', '.join(missing)}",
                namespace=name,
                group=group,
            )
        _check_alive(found)

    async def _put(self, kind: Kind, body: Manifest, name: str) -> None:
        place = name if kind.namespaced else None
        until = time.monotonic() + _RIGHTS_WITHIN
        while True:
            try:
                if kind in (VOLUME, CLAIM):
                    await self._keep(kind, body, place)
                else:
                    await self._cluster.apply(kind, body, place)
                return
            except Refused as error:
                if error.status != 403 or time.monotonic() > until:
                    raise Unavailable(
                        f"{kind.name} {body['metadata']['name']} of namespace {name} was refused: {error.message}"
                    ) from error
            await asyncio.sleep(_RIGHTS_EVERY)

    async def _keep(self, kind: Kind, body: Manifest, place: str | None) -> None:
        """Make a volume or a claim if it is not there: they cannot be changed. Never take over another's."""
        name = body["metadata"]["name"]
        try:
            found = await self._cluster.get(kind, name, place)
        except NotFound:
            try:
                found = await self._cluster.create(kind, body, place)
            except AlreadyExists:
                found = await self._cluster.get(kind, name, place)
        if (found["metadata"].get("labels") or {}).get(naming.INSTANCE) != self._settings.instance:
            raise Conflict(f"the {kind.name} {name} exists and is not of this installation", name=name)
        if found["metadata"].get("deletionTimestamp"):
            raise Unavailable(f"the {kind.name} {name} is being deleted; try again when it is gone", name=name)
        if kind is VOLUME and (found.get("status") or {}).get("phase") == "Released":
            # Of a claim that is gone: let the next of its name have it.
            free = {"spec": {"claimRef": {"uid": None, "resourceVersion": None}}}
            await self._cluster.patch(VOLUME, name, free)

    async def _prune(self, group: str, keep: list[str]) -> None:
        """Remove policies that the settings no longer ask for: an opening must not outlive its setting."""
        ours = manifests.common_labels(self._settings)
        name = self._settings.namespace_of(group)
        found, _ = await self._cluster.list(NETWORK_POLICY, name, labels=naming.selector(ours))
        for policy in found:
            metadata = policy["metadata"]
            if metadata["name"] not in keep and metadata["labels"].get(naming.GROUP, group) == group:
                await self._cluster.delete(NETWORK_POLICY, metadata["name"], name)


@contextlib.contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Our own rights, or a webhook: nothing that the group did wrong, and later it may be otherwise."""
    try:
        yield
    except Refused as error:
        raise Unavailable(f"the cluster refuses to prepare the namespace {name}: {error.message}") from error


def _check_alive(found: Mapping[str, Any]) -> None:
    if found["metadata"].get("deletionTimestamp") or (found.get("status") or {}).get("phase") == "Terminating":
        name = found["metadata"]["name"]
        raise Unavailable(f"the namespace {name} is being deleted; the group's space is made anew when it is gone")


def _digest(bodies: list[Manifest]) -> str:
    return hashlib.sha256(json.dumps(bodies, sort_keys=True).encode()).hexdigest()[:40]


def _pull_secret(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        json.loads(content)
    except (OSError, ValueError) as error:
        # Not the text of the error: it may quote the secret.
        problem = f"has no readable pull secret {path.parent.name}/{path.name} ({type(error).__name__})"
        raise InvalidInput("kubernetes.pull_secrets_dir", problem, str(path.parent.parent)) from None
    return content
