"""Where the pod of a server is: its names, what of them outlives a restart of the hub, and whose pod is found there."""

from __future__ import annotations

import functools
import os
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from kubespawner import KubeSpawner
from traitlets import default

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import POD
from collegium.backends.kubernetes.settings import VARIABLE, KubernetesSettings
from collegium.domain.errors import NotFound
from collegium.spawner.kube_manifest import is_ours
from collegium.spawner.kube_story import is_running
from collegium.spawner.kube_watch import Pod, hub_side


@functools.cache
def _settings(text: str) -> KubernetesSettings:
    return KubernetesSettings.from_environment({VARIABLE: text})


class PlacedSpawner(KubeSpawner):  # type: ignore[misc]  # kubespawner has no type information
    """KubeSpawner with names that are bound to identities, in a namespace that each start chooses."""

    #: True while there is, or may be, a pod of this server where ``namespace`` and ``pod_name`` say.
    placed = False
    #: True once the pod is known to have been there, so that its absence is news.
    _made = False
    _restarts = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pod_name = naming.server_pod_name(self.user.name, self.name)

    @default("cmd")
    def _default_cmd(self) -> list[str]:
        return ["jupyterhub-singleuser"]

    @default("default_url")
    def _default_default_url(self) -> str:
        return "/lab"

    @default("notebook_dir")
    def _default_notebook_dir(self) -> str:
        return self.kubernetes.home_mount

    @default("port")
    def _default_port(self) -> int:
        return self.kubernetes.server_port

    @default("start_timeout")
    def _default_start_timeout(self) -> int:
        return self.kubernetes.start_deadline

    @property
    def kubernetes(self) -> KubernetesSettings:
        """What this installation's parts agreed on."""
        return _settings(os.environ.get(VARIABLE, ""))

    def place(self, namespace: str) -> None:
        """Say where the pod will be."""
        self.namespace, self.pod_name = namespace, naming.server_pod_name(self.user.name, self.name)
        self.dns_name = self.dns_name_template.format(namespace=self.namespace, name=self.pod_name)
        self.placed, self._made, self._restarts = False, False, 0

    def get_state(self) -> dict[str, Any]:
        """State with namespace and name of the pod, if there may be one."""
        state: dict[str, Any] = super().get_state()
        if not self.placed:
            for name in ("namespace", "pod_name", "dns_name"):
                state.pop(name, None)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the pod again, where it was made and not where it would be made now."""
        super().load_state(state)
        self.placed = self._made = bool(state.get("namespace") and state.get("pod_name"))

    def clear_state(self) -> None:
        """Forget the pod."""
        super().clear_state()
        self.placed = False
        self.pod_name = naming.server_pod_name(self.user.name, self.name)

    def remember(self) -> None:
        """Write down where the pod will be before it is: a hub that dies now finds it when it is back."""
        self.placed = True
        self.orm_spawner.state = self.get_state()
        self._commit()

    def _commit(self) -> None:
        orm = sa.inspect(self.orm_spawner, raiseerr=False)
        if orm is not None and orm.session is not None:
            orm.session.commit()

    def owns(self, pod: Pod) -> bool:
        """Whether a pod is of this very server, by what is written on it."""
        return is_ours(pod, self.kubernetes.instance, self.user.name, self.name)

    async def read(self) -> Pod | None:
        """The pod as the API server has it; None if there is none of this server. Raises Unavailable, Refused."""
        try:
            found = await hub_side().cluster.get(POD, self.pod_name, self.namespace)
        except NotFound:
            return None
        return found if self.owns(found) else None

    def follow_address(self, pod: Pod) -> None:
        """A pod has another address after its node was started again; the hub's next check of routes reads ours."""
        if not self.server:
            return
        url = urlsplit(self._get_pod_url(pod))
        if (self.server.ip, self.server.port) != (url.hostname, url.port):
            self.log.warning("Server %s is now at %s", self.pod_name, url.netloc)
            self.server.ip, self.server.port = url.hostname, url.port
            self._commit()

    async def get_url(self) -> str:
        """Where the server answers, as its pod says if that is known."""
        view = await hub_side().pods(self.kubernetes, self.namespace)
        pod = view.get(self.namespace, self.pod_name)
        if pod is not None and is_running(pod) and self.owns(pod):
            return str(self._get_pod_url(pod))
        return str(self.server.url)

    async def delete_forever(self) -> None:
        """Nothing: a home outlives the servers that used it, and is the group's matter."""
