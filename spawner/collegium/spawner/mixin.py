"""The policy of every start, for any spawner: who, in which group, with what, and is there room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from traitlets import HasTraits, Unicode, default

from collegium.catalog.mounts import begin_uses, end_uses, mounts_of, recorded
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.db.shared import shared_database
from collegium.domain.errors import DomainError, Forbidden, NotFound
from collegium.domain.groups import Actor
from collegium.domain.identity import refuse_inactive, refuse_unconfirmed
from collegium.domain.launch import LaunchOptions, LaunchSpec, resolve
from collegium.domain.mounts import RESERVED_PREFIXES, MountAbilities, variables_of
from collegium.domain.policy import Operation
from collegium.domain.quota import Reservation, WorkloadKind
from collegium.domain.resources import CPU, MEMORY, Resources
from collegium.hub.scopes import SERVICE, for_owner, for_server
from collegium.quota.ledger import Claim, Ledger, usage
from collegium.quota.servers import server_workload, tell_of_server
from collegium.settings import Settings
from collegium.spawner import form
from collegium.spawner.options import leave_options_to_start, options_form, options_from_form
from collegium.spawner.refusals import refusal

T = TypeVar("T")
#: Where the launch manifest is in a spawner's state.
STATE_KEY = "collegium"

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner as _Spawner
else:
    _Spawner = HasTraits


class GroupSpawnerMixin(_Spawner):  # type: ignore[misc]  # jupyterhub has no type information
    """Put this before a spawner class: ``class Mine(GroupSpawnerMixin, KubeSpawner)``.

    Each start resolves the options anew against live membership and grants, takes a place in the reservation ledger,
    and gives it back when the start fails or the server is over. A refusal is a ``Refusal`` (a SpawnException).
    Subclasses override ``apply_launch`` and, to clean up what a server left, ``after_server``.
    """

    service_address = Unicode(
        "",
        help="""Where servers reach Collegium's service: scheme, host and port, such as http://127.0.0.1:10101.

        It is told to programs in servers as COLLEGIUM_SERVICE_URL, so that they need no settings; empty tells nothing.
        """,
    ).tag(config=True)

    #: What is or was started by this object; None before the first start and after a hub restart.
    launch: LaunchSpec | None = None
    _manifest: dict[str, Any] | None = None
    #: Done once it is known what is started; another one for each start, made by who comes first.
    _planned: asyncio.Event | None = None
    _starting = False
    _accounted = False  # True once this process has seen that the running server has its place.

    @default("oauth_client_allowed_scopes")
    def _default_oauth_client_allowed_scopes(self) -> list[str]:
        # A list and not a callable: JupyterHub 6.1.1 puts the trait itself into JSON and every spawn fails.
        return for_owner(self.user.name)

    @default("server_token_scopes")
    def _default_server_token_scopes(self) -> list[str]:
        from jupyterhub import orm

        # What JupyterHub would take by itself, and what programs in the server need to use jobs as its owner.
        role = orm.Role.find(self.user.db, "server")
        return [*(role.scopes if role else ()), *for_server(self.user.name, self.name)]

    @default("options_form")
    def _default_options_form(self) -> Callable[[Any], Awaitable[str]]:
        return options_form

    @default("options_from_form")
    def _default_options_from_form(self) -> Callable[..., Awaitable[dict[str, Any]]]:
        return options_from_form

    async def options_from_query(self, query_data: Mapping[str, Any]) -> dict[str, Any]:
        """``?opt-group=…&opt-instance_type=…&opt-image=…`` as options; the same rules as for the form."""
        return await self.checked_options(query_data)

    async def checked_options(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What was posted or linked, as options; raises Refusal for what ``start`` would refuse now.

        ``start`` decides, and decides again. Asking here puts the reason beside the form at once, where a start that is
        refused a second later would show it on the hub's progress page only.
        """
        options = form.options_from(data)
        try:
            await self.database.reading(lambda uow: self._would_fit(uow, options))
        except DomainError as error:
            raise refusal(error) from error
        return options

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Callable[[Any, Any], None]:
        # Options are applied in start, from what was resolved; without this the hub warns at each start.
        return leave_options_to_start

    @property
    def settings(self) -> Settings:
        """Where this installation keeps its things."""
        return Settings.from_environment()

    @property
    def database(self) -> Database:
        """The database of this installation."""
        return shared_database()

    @property
    def mount_abilities(self) -> MountAbilities:
        """What can be mounted into servers; may take a moment when it is asked first."""
        return MountAbilities()

    @property
    def workload_id(self) -> str:
        """The ledger's key of this server."""
        return server_workload(self.user.name, self.name)

    async def start(self) -> Any:
        """Resolve, reserve, start, bind. Raises Refusal; whatever goes wrong, the place is given back."""
        self._starting, self._accounted = True, False
        self.launch, self._manifest = None, None
        self._planned = planned = self._planned or asyncio.Event()
        try:
            # Shielded: a write that is already on its way must not land after its own undoing.
            spec = await settled(self.database.writing(self._admit))
            self._accounted = True
            self.launch, self._manifest = spec, _manifest(spec, self.mount_abilities)
            planned.set()
            await self.apply_launch(spec)
            address = await super().start()
            await settled(self.database.writing(self._bind))
            return address
        except DomainError as error:
            await self._give_back_if_over()
            raise refusal(error) from error
        except BaseException:
            # Cancelled starts too: the hub does not call stop for all of them.
            await self._give_back_if_over()
            raise
        finally:
            self._starting = False
            planned.set()
            self._planned = None

    async def apply_launch(self, spec: LaunchSpec) -> None:
        """Turn the resolved choice into traits. Every trait set here is set at every start, so that none leaks on.

        Subclasses call this and set their own in the same way.
        """
        memory, cpu = spec.resources[MEMORY], spec.resources[CPU]
        self.mem_limit = memory or None
        # Hints in the environment and on the admin page; what is enforced and counted stays exact.
        self.cpu_limit = cpu / 1000 if cpu else None
        self.mem_guarantee = spec.instance_type.requests[MEMORY] or None
        self.cpu_guarantee = spec.instance_type.requests[CPU] / 1000 or None

    async def stop(self, now: bool = False) -> None:
        """Stop the server and, when it is seen to be over, give its place back."""
        await super().stop(now)
        if await super().poll() is None:
            self.log.error("Server %s was told to stop and still runs; it keeps its place", self.workload_id)
            return
        await self._over()

    async def poll(self) -> int | None:
        """None while the server runs, else its exit status; the ledger follows what is seen."""
        status: int | None = await super().poll()
        if self._starting:
            # The place was taken before there was anything to see.
            return status
        if status is not None:
            await self._over()
        elif not self._accounted:
            await self._adopt()
        return status

    def get_state(self) -> dict[str, Any]:
        """State with the launch manifest: group, instance_type, image, resources (units of the ledger)."""
        state: dict[str, Any] = super().get_state()
        if self._manifest:
            state[STATE_KEY] = self._manifest
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Read the manifest back after a restart of the hub."""
        super().load_state(state)
        self._manifest = state.get(STATE_KEY)

    def clear_state(self) -> None:
        """Forget the manifest."""
        super().clear_state()
        self._manifest = None

    @property
    def launch_manifest(self) -> Mapping[str, Any]:
        """What the server was started with; empty if it does not run."""
        return self._manifest or {}

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the spawner tells, and once which datasets the server will be without."""
        told = ""
        planned = self._planned = self._planned or asyncio.Event()
        async for event in super().progress():
            if not told and (told := self._without()):
                yield {"progress": event.get("progress", 0), "message": told}
            yield event
        if not told:
            await planned.wait()
            if told := self._without():
                yield {"progress": 50, "message": told}

    def _without(self) -> str:
        missing = [e for e in self.launch_manifest.get("datasets", ()) if e["problem"]]
        return " ".join(f"The server will be without the dataset {e['name']}: {e['problem']}." for e in missing)

    def get_env(self) -> dict[str, str]:
        """The server's environment: what datasets and the image say, the hub's own, and what group and size this is."""
        env: dict[str, str] = super().get_env()
        if self.launch is not None:
            wanted = {**variables_of(self.launch.mounts), **self.launch.image.variables}
            env.update({k: v for k, v in wanted.items() if not k.startswith(RESERVED_PREFIXES)})
            env["COLLEGIUM_GROUP"] = self.launch.group
            env["COLLEGIUM_INSTANCE_TYPE"] = self.launch.instance_type.name
            env["COLLEGIUM_IMAGE"] = self.launch.image.name
            if self.service_address:
                base = self.hub.base_url.removesuffix("hub/")
                env["COLLEGIUM_SERVICE_URL"] = f"{self.service_address.rstrip('/')}{base}services/{SERVICE}"
        return env

    async def after_server(self) -> None:
        """Called when the server is seen to be over, maybe more than once: remove what it left."""

    def _admit(self, uow: UnitOfWork) -> LaunchSpec:
        spec, claim = self._resolve(uow, self.user_options)
        decision = Ledger().reserve(uow, claim)
        if not decision.granted:
            raise decision.error()
        text = f"{spec.image.display_name} on {spec.instance_type.display_name}."
        tell_of_server(uow, claim, "Starting", "Requested", text, now())
        self._use(uow, claim, recorded(spec.mounts, self.mount_abilities))
        return spec

    async def leave_out(self, spec: LaunchSpec, problems: Mapping[str, str]) -> LaunchSpec:
        """A launch without datasets that turned out not to be there, and why; it is written down that it has none."""
        mounts = tuple(replace(m, problem=problems.get(m.dataset, m.problem)) for m in spec.mounts)
        self.launch = left = replace(spec, mounts=mounts)
        self._manifest = manifest = _manifest(left, self.mount_abilities)

        def write(uow: UnitOfWork) -> None:
            if place := uow.reservations.live_of(WorkloadKind.SERVER, self.workload_id):
                self._use(uow, place, manifest["datasets"])

        await settled(self.database.writing(write))
        return left

    def _use(self, uow: UnitOfWork, place: Claim | Reservation, datasets: list[Any], anew: bool = True) -> None:
        if anew:
            end_uses(uow, place.kind, place.workload_id, now())
        begin_uses(uow, datasets, place.kind, place.workload_id, place.group, place.user, place.label, now())

    def _bind(self, uow: UnitOfWork) -> None:
        Ledger().bind(uow, WorkloadKind.SERVER, self.workload_id)
        place = uow.reservations.live_of(WorkloadKind.SERVER, self.workload_id)
        if place is not None:
            tell_of_server(uow, place, "Running", "Started", "", now())

    def _release(self, uow: UnitOfWork) -> None:
        place = uow.reservations.live_of(WorkloadKind.SERVER, self.workload_id)
        if place is not None and Ledger().release(uow, WorkloadKind.SERVER, self.workload_id):
            how = ("StartFailed", "It did not start.") if self._starting else ("Stopped", "")
            tell_of_server(uow, place, "Stopped", *how, now())
            end_uses(uow, WorkloadKind.SERVER, self.workload_id, now())

    def _would_fit(self, uow: UnitOfWork, asked: Any) -> None:
        _, claim = self._resolve(uow, asked)
        decision = usage(uow, claim.group).decide(claim.user, claim.kind, claim.resources)
        if not decision.granted:
            raise decision.error()

    def _resolve(self, uow: UnitOfWork, asked: Any) -> tuple[LaunchSpec, Claim]:
        options = LaunchOptions.from_json(asked)
        self._refuse_unconfirmed(uow)
        actor: Actor = uow.memberships.actor(self.user.name)
        if actor.role_in(self.name) is not None and self.name != options.group:
            raise Forbidden(
                f"The server {self.name} belongs to the group {self.name}; start one for {options.group} instead.",
                group=options.group,
                server=self.name,
            )
        offer = uow.catalog.offer(options.group)
        spec = resolve(actor, options, offer, Operation.SERVER_START)
        spec = replace(spec, mounts=mounts_of(uow, offer, self.mount_abilities))
        claim = Claim(
            spec.group,
            self.user.name,
            WorkloadKind.SERVER,
            self.workload_id,
            spec.resources,
            label=self.name or "default",
            instance_type=spec.instance_type.name,
        )
        return spec, claim

    def _refuse_unconfirmed(self, uow: UnitOfWork) -> None:
        provider = uow.providers.current()
        refuse_unconfirmed(provider, "Starting a server")
        if provider is not None:
            # Accounts count only where their provider is in use.
            refuse_inactive(uow.identities.of_user(self.user.name))

    async def _give_back_if_over(self) -> None:
        # Where something still runs, the hub calls stop next, which gives the place back when that has worked.
        if not self._accounted or await super().poll() is not None:
            await self._over()

    async def _over(self) -> None:
        try:
            await self.after_server()
            await settled(self.database.writing(self._release))
        except (DomainError, OSError) as error:
            # The service's sweep finds it; the hub must not fail to stop a server because of it.
            self.log.error("Could not give back the place of %s: %s", self.workload_id, error)
        else:
            self._accounted = False

    async def _adopt(self) -> None:
        manifest = self._manifest
        if not manifest:
            self.log.warning("Server %s runs without a launch manifest and is not accounted", self.workload_id)
            self._accounted = True
            return
        claim = Claim(
            manifest["group"],
            self.user.name,
            WorkloadKind.SERVER,
            self.workload_id,
            Resources(manifest["resources"]),
            label=self.name or "default",
            instance_type=manifest["instance_type"],
        )

        def adopt(uow: UnitOfWork) -> None:
            Ledger().adopt(uow, claim)
            self._use(uow, claim, manifest.get("datasets", []), anew=False)

        try:
            await settled(self.database.writing(adopt))
        except NotFound as error:
            self.log.warning("Server %s runs on without a place: %s", self.workload_id, error.message)
        except DomainError as error:
            self.log.error("Could not account for %s, trying again later: %s", self.workload_id, error.message)
            return
        self._accounted = True


def _manifest(spec: LaunchSpec, abilities: MountAbilities) -> dict[str, Any]:
    return {
        "group": spec.group,
        "instance_type": spec.instance_type.name,
        "image": spec.image.name,
        "resources": dict(spec.resources),
        "datasets": recorded(spec.mounts, abilities),
    }


async def settled(work: Awaitable[T]) -> T:
    """Wait for a write to its end even if the caller is cancelled meanwhile, then let the cancellation go on."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
