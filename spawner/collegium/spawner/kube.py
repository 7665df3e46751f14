"""Servers as pods in their group's namespace: what was granted, and nothing else."""

from __future__ import annotations

import secrets
from typing import Any

from collegium.backends.kubernetes import data
from collegium.backends.kubernetes.homes import ensure_home, home_volume
from collegium.backends.kubernetes.sources import claim_problems
from collegium.domain.errors import InvalidInput, Unavailable
from collegium.domain.launch import LaunchSpec
from collegium.domain.mounts import MountAbilities
from collegium.domain.resources import size_hints
from collegium.spawner import kube_story
from collegium.spawner.kube_manifest import PodPlan, dress, literal_environment, plain
from collegium.spawner.kube_pod import PodSpawner
from collegium.spawner.kube_watch import Pod, hub_side
from collegium.spawner.mixin import STATE_KEY, GroupSpawnerMixin
from collegium.stores.settings import FileSettings


class GroupKubeSpawner(GroupSpawnerMixin, PodSpawner):
    """JupyterLab in a pod, with the user's home of the group, under the instance type's limits.

    Traits of KubeSpawner are the operator's and stay what they are; a launch is put on top of the pod that they make.
    """

    _plan: PodPlan | None = None

    async def start(self) -> Any:
        """See GroupSpawnerMixin; from here on the spawn page has something to show."""
        self._plan = None
        self.begin()
        try:
            return await super().start()
        finally:
            self.story.end()

    async def apply_launch(self, spec: LaunchSpec) -> None:
        """Namespace, image, home and plan of this start; raises a DomainError if one of them cannot be had."""
        await super().apply_launch(spec)
        settings = self.kubernetes
        if not spec.image.reference:
            raise Unavailable(
                f"The image {spec.image.display_name} has no container image (reference); ask a platform admin."
            )
        self.group, self.image = spec.group, spec.image.reference
        self.place(settings.namespace_of(spec.group))
        await self.patiently(
            lambda: ensure_home(hub_side().cluster, settings, spec.user, spec.group),
            "The place in the quota is taken; the home is being prepared.",
            kube_story.RESERVED,
        )
        home = home_volume(settings, spec.user, spec.group)
        spec = await self._without_missing(spec)
        self._plan = PodPlan(settings, spec, self.name, secrets.token_hex(8), home)

    @property
    def mount_abilities(self) -> MountAbilities:
        """Trees of the files volume, and claims; the controller makes both, and has seen them."""
        return data.abilities(self.kubernetes, FileSettings.from_environment(), to_be_seen=True)

    async def _without_missing(self, spec: LaunchSpec) -> LaunchSpec:
        """The launch without what has no claim to mount it by (any more): its pod would wait for ever."""
        problems = await claim_problems(hub_side().cluster, self.kubernetes, spec.group, spec.mounts)
        return await self.leave_out(spec, problems) if problems else spec

    async def manifest(self) -> Pod:
        """The pod of this launch: the operator's, hook included, with what was granted on top."""
        if self._plan is None:
            raise RuntimeError("a pod without a launch")
        if "env" in self.extra_container_config:
            # KubeSpawner would replace all variables and write those of the hub, tokens among them, to the log.
            raise InvalidInput("extra_container_config.env", "is not supported; variables belong into environment")
        pod = await self.get_pod_manifest()
        if self.modify_pod_hook:
            pod = await self._run_hook(self.modify_pod_hook, pod)
        return dress(plain(pod), self._plan)

    def get_env(self) -> dict[str, Any]:
        """The environment of the mixin with HOME and what programs size themselves by; all text literal."""
        env: dict[str, Any] = super().get_env()
        if self.launch is not None:
            env |= data.pod_variables(self.launch.mounts)
            mine = {"HOME": self.kubernetes.home_mount, **size_hints(self.launch.resources)}
            said = {*self.launch.image.variables, *self.environment}
            env.update({k: v for k, v in mine.items() if k not in said})
        return literal_environment(env)

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the pod again, and for which group it was made."""
        super().load_state(state)
        self.group = str((state.get(STATE_KEY) or {}).get("group", ""))
