"""The Secret of a run: what its pod is told of the group's secrets, for as long as there is its Job."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any

from collegium.backends.kubernetes import client, naming
from collegium.backends.kubernetes.client import Cluster
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.ports import RunRequest
from collegium.domain.errors import NotFound, Unavailable

log = logging.getLogger(__name__)


def secret_manifest(settings: KubernetesSettings, request: RunRequest) -> dict[str, Any] | None:
    """The Secret of a run that has any, named like its Job. Its body must not reach a log."""
    if not request.secrets:
        return None
    job_id, _, attempt = request.key.rpartition(".")
    labels = naming.labels(settings.instance, naming.JOB_KIND, request.group, request.user)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": naming.job_name(request.key),
            "namespace": settings.namespace_of(request.group),
            "labels": {**labels, naming.JOB: job_id, naming.ATTEMPT: attempt},
            "annotations": {naming.KEY: request.key},
        },
        "type": "Opaque",
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in request.secrets.items()},
    }


async def own_secret(cluster: Cluster, job: Mapping[str, Any]) -> None:
    """Make a Job the owner of its run's Secret, so that it goes with the Job whoever removes that."""
    metadata = job["metadata"]
    owner = {"apiVersion": client.JOB.api, "kind": client.JOB.name, "name": metadata["name"], "uid": metadata["uid"]}
    try:
        body = {"metadata": {"ownerReferences": [owner]}}
        await cluster.patch(client.SECRET, metadata["name"], body, metadata["namespace"])
    except NotFound:
        log.warning("the Secret %s was removed by somebody else", metadata["name"])
    except client.Refused as error:
        raise Unavailable(f"the Secret {metadata['name']} cannot be changed: {error.message}") from error


async def remove_secret(cluster: Cluster, name: str, namespace: str) -> None:
    """Remove a run's Secret; an absent one is fine."""
    try:
        await cluster.delete(client.SECRET, name, namespace)
    except client.Refused as error:
        raise Unavailable(f"the Secret {name} cannot be removed: {error.message}") from error
