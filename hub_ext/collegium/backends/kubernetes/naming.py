"""Names, labels and annotations of every object of ours. Names are bound to identities by 128 bits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from collegium.domain.names import bound_name

DOMAIN = "collegium.io"
MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
#: Labels. A group's name and our ids are valid label values; a user's name is not always, so the label holds a digest.
GROUP = f"{DOMAIN}/group"
USER = f"{DOMAIN}/user"
JOB = f"{DOMAIN}/job"
ATTEMPT = f"{DOMAIN}/attempt"
#: What a pod is for: server, job or copy.
KIND = f"{DOMAIN}/kind"
SERVER, JOB_KIND, COPY = "server", "job", "copy"
#: Annotations: who owns it, in full, and what was resolved.
OWNER = f"{DOMAIN}/owner"
OWNER_GROUP = f"{DOMAIN}/owner-group"
LAUNCH = f"{DOMAIN}/launch"
KEY = f"{DOMAIN}/key"
#: Kueue's: a Job with this label starts when the queue of that name lets it.
QUEUE = "kueue.x-k8s.io/queue-name"
#: Field manager of server-side apply.
MANAGER = "collegium"

ACCOUNT = "collegium-workload"


def labels(instance: str, kind: str, group: str, user: str = "") -> dict[str, str]:
    """Labels of an object that belongs to a group, and to a user if one is given."""
    found = {MANAGED_BY: MANAGER, INSTANCE: instance, KIND: kind, GROUP: group}
    if user:
        found[USER] = user_label(user)
    return found


def selector(wanted: Mapping[str, str]) -> str:
    """A label selector that matches all of these."""
    return ",".join(f"{k}={v}" for k, v in sorted(wanted.items()))


def user_label(user: str) -> str:
    """A user's name as a label value: 160 bits of SHA-256 in hex."""
    return hashlib.sha256(user.encode()).hexdigest()[:40]


def home_claim_name(user: str, group: str) -> str:
    """The claim of a user's home in a group."""
    return bound_name("home", group, user)


def server_pod_name(user: str, server: str) -> str:
    """The pod of a user's server."""
    return bound_name("server", user, server)


def job_name(key: str) -> str:
    """The Job of a run ``<job id>.<attempt>``."""
    return bound_name("run", key)
