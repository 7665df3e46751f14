from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from jupyterhub.spawner import SpawnException

from collegium.db.engine import now
from collegium.domain.catalog import Grant, GrantKind, Image, InstanceType
from collegium.domain.errors import Unavailable
from collegium.domain.groups import ManagedBy, Membership, Role
from collegium.domain.identity import ProviderState, Standing, UserIdentity
from collegium.domain.quota import Limits, ReservationState
from collegium.domain.resources import Resources

GOOD = {"group": "physics", "instance_type": "small", "image": "scientific-python"}


async def refused(spawner) -> SpawnException:
    with pytest.raises(SpawnException) as caught:
        await spawner.start()
    assert "start" not in spawner.seen
    # What JupyterHub's pages and its API look for, both free of Python's words.
    assert caught.value.jupyterhub_message == caught.value.message
    assert caught.value.jupyterhub_html_message.startswith("<strong>")
    return caught.value


async def test_a_start_holds_a_place_and_binds_it(bench) -> None:
    spawner = bench.spawner(server="physics")
    states = []

    async def look() -> None:
        states.extend(r.state for r in bench.live())

    spawner.on_start = look
    assert await spawner.start() == ("127.0.0.1", 4711)
    assert states == [ReservationState.HELD]
    (place,) = bench.live()
    assert (place.state, place.workload_id, place.label) == (ReservationState.BOUND, "ann/physics", "physics")
    assert dict(place.resources) == {"cpu": 1000, "memory": 1 << 30}
    assert place.instance_type == "small"
    await spawner.stop()
    assert bench.live() == []


@pytest.mark.parametrize(
    ("user", "options", "status", "reason", "text"),
    [
        ("ann", {}, 400, "options", "group: is required"),
        ("ann", {**GOOD, "group": ""}, 400, "options", "group: is required"),
        ("ann", {"group": "physics"}, 400, "options", "instance_type: is required"),
        ("ann", {**GOOD, "profile": "gpu"}, 400, "options", "profile: is not an option"),
        ("ann", {**GOOD, "mem_limit": "64G"}, 400, "options", "mem_limit: is not an option"),
        ("ann", {**GOOD, "image": ["scientific-python"]}, 400, "options", "image"),
        ("ann", {**GOOD, "image": "x\n"}, 400, "options", "image"),
        ("ann", {**GOOD, "group": "physics\n"}, 400, "options", "group"),
        ("ann", {**GOOD, "group": "nonesuch"}, 404, "not_granted", "no group nonesuch that you belong to"),
        ("ann", {**GOOD, "group": "biology"}, 404, "not_granted", "no group biology that you belong to"),
        ("zoe", GOOD, 404, "not_granted", "no group physics that you belong to"),
        ("admin", GOOD, 404, "not_granted", "no group physics that you belong to"),
        ("nobody", GOOD, 404, "not_granted", "no group physics that you belong to"),
        ("ann", {**GOOD, "image": "other"}, 403, "not_granted", "no image other"),
        ("ann", {**GOOD, "group": "chemistry", "instance_type": "large"}, 403, "not_granted", "no instance type large"),
        ("vic", GOOD, 403, "forbidden", "you are viewer"),
    ],
)
async def test_refusals(bench, user, options, status, reason, text) -> None:
    error = await refused(bench.spawner(user, options=options))
    assert (error.status_code, error.reason) == (status, reason)
    assert text in error.message
    assert bench.live() == []


async def test_over_quota_says_how_much_and_who(bench) -> None:
    await bench.spawner("ann", "physics", {**GOOD, "instance_type": "large"}).start()
    with bench.database.write() as uow:
        uow.memberships.put(Membership("physics", "bob", Role.MEMBER, Limits({"memory": 1 << 30})))
    error = await refused(bench.spawner("bob", "physics", {**GOOD, "instance_type": "large"}))
    assert (error.status_code, error.reason) == (409, "quota")
    assert "Group physics: 4 of 6 CPU in use; 4 CPU more was asked (ann holds 4)." in error.message
    assert "<br>" in error.jupyterhub_html_message
    assert len(bench.live()) == 1


async def test_hostile_text_in_a_refusal_is_escaped(bench) -> None:
    error = await refused(bench.spawner(options={**GOOD, "<img src=x onerror=alert(1)>": "1"}))
    assert "<img" not in error.jupyterhub_html_message
    assert "&lt;img" in error.jupyterhub_html_message


async def test_a_server_named_like_a_group_runs_in_that_group_only(bench) -> None:
    error = await refused(bench.spawner("ann", "chemistry", GOOD))
    assert (error.status_code, error.reason) == (403, "forbidden")
    assert "The server chemistry belongs to the group chemistry" in error.message
    await bench.spawner("ann", "scratch", GOOD).start()
    await bench.spawner("ann", "", GOOD).start()
    assert [r.workload_id for r in bench.live()] == ["ann/scratch", "ann/"]


async def test_membership_is_read_at_each_start(bench) -> None:
    spawner = bench.spawner("bob")
    await spawner.start()
    await spawner.stop()
    with bench.database.write() as uow:
        uow.memberships.replace_for_user("bob", {"chemistry": Role.MEMBER})
    spawner.seen.clear()
    assert (await refused(spawner)).status_code == 404


@pytest.mark.parametrize("failure", [RuntimeError("no"), OSError("no"), Unavailable("no"), asyncio.CancelledError()])
async def test_a_failed_start_gives_the_place_back(bench, failure) -> None:
    spawner = bench.spawner()
    spawner.fails["start"] = failure
    with pytest.raises((type(failure), SpawnException)):
        await spawner.start()
    assert bench.live() == []


@pytest.mark.parametrize("failure", [RuntimeError("no"), asyncio.CancelledError()])
async def test_a_start_that_fails_while_something_runs_keeps_the_place_until_that_is_stopped(bench, failure) -> None:
    spawner = bench.spawner()
    spawner.fails["late"] = failure
    with pytest.raises(type(failure)):
        await spawner.start()
    assert len(bench.live()) == 1
    # As the hub does.
    assert await spawner.poll() is None
    await spawner.stop()
    assert bench.live() == []


async def test_cancelled_while_the_place_is_being_taken(bench, monkeypatch) -> None:
    spawner = bench.spawner()
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = spawner._admit

    def slow(uow):
        loop.call_soon_threadsafe(entered.set)
        spec = real(uow)
        import time

        time.sleep(0.2)
        return spec

    monkeypatch.setattr(spawner, "_admit", slow)
    task = asyncio.create_task(spawner.start())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.live() == []
    assert spawner.seen == []


async def test_binding_fails(bench, monkeypatch) -> None:
    spawner = bench.spawner()
    real, calls = bench.database.writing, []

    async def flaky(function):
        calls.append(function)
        if len(calls) == 2:
            raise Unavailable("The database does not answer now.")
        return await real(function)

    monkeypatch.setattr(bench.database, "writing", flaky)
    with pytest.raises(SpawnException) as caught:
        await spawner.start()
    assert (caught.value.status_code, caught.value.reason) == (503, "unavailable")
    await spawner.stop()
    assert bench.live() == []


async def test_a_server_that_ends_by_itself_gives_its_place_back_when_polled(bench) -> None:
    spawner = bench.spawner()
    await spawner.start()
    assert await spawner.poll() is None
    assert len(bench.live()) == 1
    spawner.running = False
    assert await spawner.poll() == 7
    assert bench.live() == []


async def test_polling_while_starting_takes_nothing_away(bench) -> None:
    spawner = bench.spawner()

    async def poll() -> None:
        assert await spawner.poll() == 7
        assert len(bench.live()) == 1

    spawner.on_start = poll
    await spawner.start()
    assert len(bench.live()) == 1


@pytest.mark.parametrize("how", ["stop", "survives"])
async def test_a_server_that_does_not_stop_keeps_its_place(bench, how) -> None:
    spawner = bench.spawner()
    await spawner.start()
    spawner.fails[how] = RuntimeError("stuck")
    if how == "stop":
        with pytest.raises(RuntimeError):
            await spawner.stop()
    else:
        await spawner.stop()
    assert len(bench.live()) == 1


async def test_stop_and_poll_do_not_fail_without_a_database(bench, monkeypatch) -> None:
    spawner = bench.spawner()
    await spawner.start()

    async def broken(_function):
        raise Unavailable("The database does not answer now.")

    monkeypatch.setattr(bench.database, "writing", broken)
    await spawner.stop()
    assert await spawner.poll() == 7


def restarted(bench, state, server="physics"):
    """The same server in a new hub process."""
    other = bench.spawner("ann", server)
    other.load_state(json.loads(json.dumps(state)))
    other.running = True
    return other


async def test_after_a_restart_of_the_hub_the_place_is_kept(bench) -> None:
    first = bench.spawner("ann", "physics")
    await first.start()
    (before,) = bench.live()
    second = restarted(bench, first.get_state())
    assert await second.poll() is None
    assert bench.live() == [before]
    await second.stop()
    assert bench.live() == []


async def test_a_lost_place_is_made_again_whatever_the_limits_say(bench) -> None:
    first = bench.spawner("ann", "physics", {**GOOD, "instance_type": "large"})
    await first.start()
    state = first.get_state()
    first.running = False
    await first.poll()
    for user in ("ann", "bob"):
        await bench.spawner(user, "other", {**GOOD, "instance_type": "medium"}).start()
    second = restarted(bench, state)
    assert await second.poll() is None
    mine = [r for r in bench.live() if r.workload_id == "ann/physics"]
    assert [(r.state, dict(r.resources), r.instance_type) for r in mine] == [
        (ReservationState.BOUND, {"cpu": 4000, "memory": 4 << 30}, "large")
    ]


async def test_adoption_is_tried_again_when_the_database_was_away(bench, monkeypatch) -> None:
    first = bench.spawner("ann", "physics")
    await first.start()
    state = first.get_state()
    first.running = False
    await first.poll()
    second = restarted(bench, state)
    with monkeypatch.context() as patch:

        async def broken(_function):
            raise Unavailable("The database does not answer now.")

        patch.setattr(bench.database, "writing", broken)
        assert await second.poll() is None
    assert bench.live() == []
    assert await second.poll() is None
    assert len(bench.live()) == 1


async def test_a_running_server_of_a_group_that_is_gone_goes_on(bench) -> None:
    first = bench.spawner("ann", "physics")
    await first.start()
    state = first.get_state()
    first.running = False
    await first.poll()
    with bench.database.write() as uow:
        uow.groups.delete("physics")
    assert await restarted(bench, state).poll() is None


async def test_the_manifest_is_in_the_state_and_gone_after_it_is_cleared(bench) -> None:
    spawner = bench.spawner("ann", "physics")
    await spawner.start()
    size = {"cpu": 1000, "memory": 1 << 30}
    assert spawner.get_state()["collegium"] == {**GOOD, "resources": size, "datasets": []}
    spawner.clear_state()
    assert "collegium" not in spawner.get_state()
    assert spawner.launch_manifest == {}


async def test_nothing_of_one_start_leaks_into_the_next(bench) -> None:
    with bench.database.write() as uow:
        catalog = uow.catalog
        big = InstanceType(
            "big", "Big", Resources({"cpu": 1500, "memory": 1 << 30}), Resources({"cpu": 500, "memory": 1 << 20})
        )
        bare = InstanceType("bare", "Bare", Resources({"nvidia.com/gpu": 1}))
        loud = Image("loud", "Loud", environment="hub", variables={"LOUD": "1", "JUPYTERHUB_API_TOKEN": "stolen"})
        plain = Image("plain", "Plain", environment="hub")
        grants = [Grant("physics", GrantKind.INSTANCE_TYPE, n) for n in ("big", "bare")]
        grants += [Grant("physics", GrantKind.IMAGE, n) for n in ("loud", "plain")]
        catalog.replace(ManagedBy.API, [big, bare], [loud, plain], [], grants)
    spawner = bench.spawner(options={"group": "physics", "instance_type": "big", "image": "loud"})
    await spawner.start()
    assert (spawner.mem_limit, spawner.cpu_limit, spawner.mem_guarantee, spawner.cpu_guarantee) == (
        1 << 30,
        1.5,
        1 << 20,
        0.5,
    )
    env = spawner.get_env()
    assert (env["LOUD"], env["COLLEGIUM_INSTANCE_TYPE"], env["COLLEGIUM_IMAGE"]) == ("1", "big", "loud")
    assert env["JUPYTERHUB_API_TOKEN"] == "token"
    await spawner.stop()
    # The hub keeps the object after a failed start, so the next choice meets the same one.
    spawner.user_options = {"group": "physics", "instance_type": "bare", "image": "plain"}
    await spawner.start()
    assert (spawner.mem_limit, spawner.cpu_limit, spawner.mem_guarantee, spawner.cpu_guarantee) == (None,) * 4
    env = spawner.get_env()
    assert "LOUD" not in env
    assert (env["COLLEGIUM_INSTANCE_TYPE"], env["COLLEGIUM_IMAGE"]) == ("bare", "plain")
    await spawner.stop()
    spawner.user_options = {}
    with pytest.raises(SpawnException):
        await spawner.start()
    assert spawner.launch is None
    assert "COLLEGIUM_GROUP" not in spawner.get_env()


async def test_the_same_server_started_in_another_size_is_counted_once(bench) -> None:
    spawner = bench.spawner()
    await spawner.start()
    spawner.running = False
    spawner.user_options = {**GOOD, "instance_type": "medium"}
    await spawner.start()
    assert [dict(r.resources)["cpu"] for r in bench.live()] == [2000]


def test_scopes_of_browser_tokens_are_a_list_filtered_to_the_owner(bench) -> None:
    scopes = bench.spawner("ann").oauth_client_allowed_scopes
    assert isinstance(scopes, list)
    json.dumps(scopes)
    assert all(s.endswith("!user=ann") for s in scopes if s.startswith("custom:"))


@pytest.mark.parametrize("door", ["run_options_from_form", "options_from_query"])
async def test_forms_and_links_are_refused_before_anything_starts(bench, door: str) -> None:
    spawner = bench.spawner("bob", "physics", {})
    ask = getattr(spawner, door)
    assert await ask({k: [v] for k, v in GOOD.items()}) == GOOD
    assert bench.live() == []
    for data, status in (
        ({}, 400),
        ({"group": ["physics"]}, 400),
        ({**{k: [v] for k, v in GOOD.items()}, "odd": ["1"]}, 400),
        ({k: [v, v] for k, v in GOOD.items()}, 400),
        ({**{k: [v] for k, v in GOOD.items()}, "group": ["chemistry"]}, 403),
    ):
        with pytest.raises(SpawnException) as caught:
            await ask(data)
        assert caught.value.status_code == status
    await bench.spawner("ann", "physics", {**GOOD, "instance_type": "large"}).start()
    with pytest.raises(SpawnException) as caught:
        await ask({k: [v] for k, v in {**GOOD, "instance_type": "large"}.items()})
    assert (caught.value.status_code, caught.value.reason) == (409, "quota")
    assert callable(spawner.options_form)


@pytest.mark.parametrize("state", [ProviderState.UNAVAILABLE, ProviderState.MISCONFIGURED])
async def test_nothing_starts_while_nobody_can_confirm_who_is_in_which_group(bench, state) -> None:
    spawner = bench.spawner(server="physics")
    with bench.database.write() as uow:
        uow.providers.begin("https://kc.example/realms/lab", now())
        uow.providers.say("https://kc.example/realms/lab", state, "it is away", now())
    refusal = await refused(spawner)
    assert (refusal.status_code, refusal.reason) == (503, "unavailable")
    assert "waits until the identity provider answers again: it is away" in refusal.message
    # The form says so before anything is sent.
    with pytest.raises(SpawnException, match="identity provider"):
        await spawner.checked_options({k: [v] for k, v in GOOD.items()})
    with bench.database.write() as uow:
        uow.providers.say("https://kc.example/realms/lab", ProviderState.OK, "", now())
    assert await spawner.start()


@pytest.mark.parametrize("standing", [Standing.DISABLED, Standing.DELETED])
async def test_an_account_that_is_over_starts_nothing(bench, standing) -> None:
    spawner = bench.spawner(server="physics")
    with bench.database.write() as uow:
        uow.identities.put(UserIdentity("ann", "https://kc.example/realms/lab", "s", standing=standing))
        uow.providers.begin("https://kc.example/realms/lab", now())
    refusal = await refused(spawner)
    assert refusal.status_code == 403
    assert f"is {standing.value} at the identity provider" in refusal.message
    with bench.database.write() as uow:
        # Where the catalog says who there is again, accounts of the provider count no more.
        uow.providers.begin("", now())
    assert await spawner.start()


@pytest.mark.parametrize(
    ("server", "jobs"),
    [
        ("physics", [f"custom:collegium:{what}:write!group=physics" for what in ("jobs", "files")]),
        ("", []),
        ("a!user=bob", []),
        ("x,y", []),
        ("A B", []),
    ],
)
def test_a_servers_own_token_is_for_jobs_of_its_group(bench, server: str, jobs: list[str], monkeypatch) -> None:
    from jupyterhub import orm

    monkeypatch.setattr(orm.Role, "find", lambda db, name: SimpleNamespace(scopes=["users:activity!user"]))
    spawner = bench.spawner("ann", server)
    spawner.user.db = None
    assert spawner.server_token_scopes == [
        "users:activity!user",
        "access:services!service=collegium",
        "custom:collegium:groups:read!user=ann",
        *jobs,
    ]


async def test_servers_are_told_where_the_service_is(bench) -> None:
    spawner = bench.spawner()
    await spawner.start()
    assert "COLLEGIUM_SERVICE_URL" not in spawner.get_env()
    spawner.service_address = "http://127.0.0.1:10101/"
    spawner.hub.base_url = "/jupyter/hub/"
    assert spawner.get_env()["COLLEGIUM_SERVICE_URL"] == "http://127.0.0.1:10101/jupyter/services/collegium"


async def test_what_becomes_of_a_server_is_told_in_its_group(bench) -> None:
    spawner = bench.spawner(server="physics")
    await spawner.start()
    await spawner.stop()
    # Seen to be over once more, which is no news.
    await spawner.poll()
    with bench.database.read() as uow:
        told = uow.events.page(["physics"], 10, kinds=["server"], user="ann")
    assert [(e.state, e.reason, e.name, e.object_id) for e in told] == [
        ("Stopped", "Stopped", "physics", "ann/physics"),
        ("Running", "Started", "physics", "ann/physics"),
        ("Starting", "Requested", "physics", "ann/physics"),
    ]
