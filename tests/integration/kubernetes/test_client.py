"""The client against a server of ours that fails in every way a real one does."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kubernetes.aio.config import incluster_config

from collegium.backends.kubernetes.client import (
    CLAIM,
    JOB,
    NAMESPACE,
    POD,
    SECRET,
    AlreadyExists,
    Cluster,
    Gone,
    Refused,
)
from collegium.backends.kubernetes.scrub import refusal
from collegium.domain.errors import Conflict, NotFound, Unavailable
from support.fake_api import FakeApi, settled

CANARY = "canary-7c9e6679f742"


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {}}


def secret_pod() -> dict[str, Any]:
    env = [{"name": "JUPYTERHUB_API_TOKEN", "value": CANARY}, {"name": "KEY", "value": f'-----\n{CANARY}"\n-----'}]
    return {"metadata": {"name": "run-x"}, "spec": {"containers": [{"name": "main", "image": "img", "env": env}]}}


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi(second=0.1).running() as server:
        yield server


@pytest.fixture
async def cluster(api: FakeApi, tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(kubeconfig=api.kubeconfig(tmp_path), request_timeout=5.0, pause=0.001, margin=0.1)
    yield made
    await made.close()


@pytest.fixture
async def hasty(api: FakeApi, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A client that waits only for a moment."""
    made = Cluster(kubeconfig=api.kubeconfig(tmp_path), request_timeout=0.3, pause=0.001, margin=-0.8)
    # The first request loads the library, which takes longer than that.
    warm = Cluster(kubeconfig=api.kubeconfig(tmp_path))
    await warm.list(POD)
    await warm.close()
    api.requests.clear()
    yield made
    await made.close()


def chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            waiting += [one.__cause__, one.__context__]
            yield one


def words_of(error: BaseException) -> str:
    """All that an exception and those behind it could ever show."""
    shown = [f"{one!s} {one!r} {one.args!r} {vars(one)!r}" for one in chain(error)]
    return "\n".join([*shown, *traceback.format_exception(error)])


# -- verbs


async def test_verbs(api: FakeApi, cluster: Cluster) -> None:
    made = await cluster.create(POD, pod("a", app="x"), "default")
    assert (made["kind"], made["apiVersion"], made["metadata"]["name"]) == ("Pod", "v1", "a")
    assert await cluster.get(POD, "a", "default") == made
    changed = await cluster.patch(POD, "a", {"metadata": {"labels": {"app": "y"}}}, "default")
    assert changed["metadata"]["labels"] == {"app": "y"}
    applied = await cluster.apply(NAMESPACE, {"metadata": {"name": "n", "labels": {"x": "1"}}})
    assert (applied["kind"], applied["metadata"]["labels"]) == ("Namespace", {"x": "1"})
    await cluster.create(JOB, {"metadata": {"name": "j", "namespace": "team"}})
    assert [(v, p) for v, p, _ in api.requests] == [
        ("create", "/api/v1/namespaces/default/pods"),
        ("get", "/api/v1/namespaces/default/pods/a"),
        ("patch", "/api/v1/namespaces/default/pods/a"),
        ("apply", "/api/v1/namespaces/n"),
        ("create", "/apis/batch/v1/namespaces/team/jobs"),
    ]
    assert api.requests[3][2] == {"fieldManager": "collegium", "force": "true"}
    await cluster.delete(POD, "a", "default", grace_seconds=0)
    await cluster.delete(POD, "a", "default")
    with pytest.raises(NotFound, match="reading Pod a in default"):
        await cluster.get(POD, "a", "default")


async def test_lists_all_pages_and_says_what_the_items_are(api: FakeApi, cluster: Cluster) -> None:
    for number in range(1203):
        api.put("pods", pod(f"p{number:05}", app="x" if number % 2 else "y"))
    items, version = await cluster.list(POD)
    assert len({i["metadata"]["name"] for i in items}) == 1203 and version == str(api.version)
    assert {(i["kind"], i["apiVersion"]) for i in items} == {("Pod", "v1")}
    assert api.count("list") == 3
    odd, _ = await cluster.list(POD, "default", labels="app=x", fields="spec.nodeName=n")
    assert len(odd) == 601
    assert api.requests[-1][2]["fieldSelector"] == "spec.nodeName=n"
    assert await cluster.list(POD, "other") == ([], str(api.version))


async def test_a_list_survives_that_its_pages_expire(api: FakeApi, cluster: Cluster) -> None:
    for number in range(1001):
        api.put("pods", pod(f"p{number:05}"))
    api.fail("list", "delay", times=1)
    api.fail("list", "status", status=410, reason="Expired")
    items, _ = await cluster.list(POD)
    assert len(items) == 1001
    assert [q.get("limit") for _, _, q in api.requests] == ["500", "500", None]


async def test_delete_only_this_one(api: FakeApi, cluster: Cluster) -> None:
    made = api.put("pods", pod("a"))
    with pytest.raises(Conflict):
        await cluster.delete(POD, "a", "default", uid="another")
    await cluster.delete(POD, "a", "default", uid=made["metadata"]["uid"])
    assert not api.objects


async def test_conflicts(api: FakeApi, cluster: Cluster) -> None:
    api.put("pods", pod("a"))
    with pytest.raises(AlreadyExists):
        await cluster.create(POD, pod("a"), "default")
    with pytest.raises(Conflict) as caught:
        await cluster.patch(POD, "a", {"metadata": {"resourceVersion": "1"}}, "default")
    assert not isinstance(caught.value, AlreadyExists)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "%2e%2e"])
async def test_an_odd_name_is_never_sent(api: FakeApi, cluster: Cluster, name: str) -> None:
    # DELETE of an empty name would be DELETE of all pods.
    with pytest.raises(ValueError, match="is not a name"):
        await cluster.delete(POD, name, "default")
    with pytest.raises(ValueError, match=r"namespace|is not a name"):
        await cluster.delete(POD, "a", name)
    with pytest.raises(ValueError, match="needs a namespace"):
        await cluster.delete(POD, "a")
    assert not api.requests


# -- refusals


async def test_a_webhook_or_a_quota_says_no(api: FakeApi, cluster: Cluster) -> None:
    api.fail("create", "status", status=400, reason="BadRequest", message='admission webhook "p" denied: no :latest')
    with pytest.raises(Refused, match="no :latest") as caught:
        await cluster.create(POD, pod("a"), "default")
    assert (caught.value.status, caught.value.reason) == (400, "BadRequest")
    quota = 'pods "a" is forbidden: exceeded quota: collegium, requested: limits.cpu=2, used: limits.cpu=3'
    api.fail("create", "status", status=403, reason="Forbidden", message=quota)
    with pytest.raises(Refused) as caught:
        await cluster.create(POD, pod("a"), "default")
    assert caught.value.message == f"creating Pod a in default: {quota}"
    causes = [{"reason": "NamespaceTerminating", "message": "namespace is being terminated"}]
    api.fail("create", "status", status=403, reason="Forbidden", message="it is being terminated", causes=causes)
    with pytest.raises(Refused) as caught:
        await cluster.create(POD, pod("a"), "default")
    assert caught.value.reason == "NamespaceTerminating"
    assert api.count("create") == 3


def test_validation_errors_name_the_field_and_drop_the_value() -> None:
    dump = f'core.PodTemplateSpec{{Env:[]core.EnvVar{{{{Name:"T", Value:"{CANARY}"}}}}}}'
    causes = [
        {"field": "spec.template", "message": f"Invalid value: {dump}: field is immutable"},
        {"field": "spec.a", "message": f'Invalid value: "{CANARY}": must be a DNS label'},
        {"field": "spec.b", "message": f'Unsupported value: "{CANARY}": supported values: "Always", "Never"'},
        {"field": "spec", "message": f"Forbidden: pod updates may not change fields\n  core.PodSpec{{\n- {CANARY}"},
        {"field": "spec.c", "message": "Required value"},
        {"field": "spec.d", "message": "Invalid value: 66: must be less than 60"},
    ]
    status = {"reason": "Invalid", "message": f"all of it: {dump}", "details": {"causes": causes}}
    text = refusal(status, {})
    assert CANARY not in text
    assert text.split("; ") == [
        "is invalid: spec.template: field is immutable",
        "spec.a: must be a DNS label",
        'spec.b: supported values: "Always", "Never"',
        "spec: Forbidden: pod updates may not change fields core.PodSpec…",
        "spec.c: Required value",
        "spec.d: must be less than 60",
    ]
    assert CANARY not in refusal({**status, "details": None}, {})


def test_masks_what_was_sent_wherever_it_comes_back() -> None:
    encoded = base64.b64encode(CANARY.encode()).decode()
    for sent in (
        {"data": {"k": encoded}},
        {"stringData": {"k": CANARY}},
        {"spec": {"containers": [{"command": ["sh", CANARY]}]}},
        {"metadata": {"annotations": {"collegium.io/launch": CANARY}}},
        secret_pod(),
    ):
        text = refusal({"message": f"denied: {CANARY} and {encoded}"}, sent)
        assert (CANARY in text, encoded in text, "denied" in text) == (False, False, True)
    assert len(refusal({"message": "x" * 5000}, {})) <= 1000


REFUSALS = [(400, "BadRequest"), (403, "Forbidden"), (409, "AlreadyExists"), (422, "Invalid"), (500, "InternalError")]


@pytest.mark.parametrize(("status", "reason"), [*REFUSALS, (410, "Gone"), (429, "TooManyRequests"), (401, "")])
async def test_nothing_of_a_body_is_in_an_error_or_a_log(
    api: FakeApi, cluster: Cluster, caplog: pytest.LogCaptureFixture, status: int, reason: str
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "asyncio", "kubernetes", "kubernetes.client.rest", "kubernetes_asyncio.client.rest"):
        caplog.set_level(logging.DEBUG, name)
    asyncio.get_running_loop().set_debug(True)
    api.fail("*", "status", times=-1, status=status, reason=reason, message=f"no {CANARY}: ", echo=True)
    for verb in (cluster.create, cluster.apply):
        with pytest.raises(Exception) as caught:
            await verb(POD, secret_pod(), "default")
        assert CANARY not in words_of(caught.value)
        assert "run-x" in str(caught.value)
        assert len(list(chain(caught.value))) == 1
    # That is what the libraries write when they are told to debug.
    for name in ("kubernetes.client.rest", "kubernetes_asyncio.client.rest"):
        logging.getLogger(name).debug("response body: %s", json.dumps(secret_pod()))
    assert CANARY not in caplog.text and api.token not in caplog.text


async def test_nor_when_the_connection_breaks_or_the_answer_is_nonsense(api: FakeApi, hasty: Cluster) -> None:
    for act in ("reset", "hang", "lost", "html"):
        api.heal()
        api.fail("*", act, times=-1, status=200)
        with pytest.raises((Unavailable, AlreadyExists)) as caught:
            await hasty.create(POD, secret_pod(), "default")
        assert CANARY not in words_of(caught.value) and api.token not in words_of(caught.value)
        assert len(list(chain(caught.value))) == 1


async def test_nor_of_a_secret_that_was_read(api: FakeApi, cluster: Cluster) -> None:
    made = api.put("secrets", {"metadata": {"name": "s"}, "stringData": {"k": CANARY}})
    assert (await cluster.get(SECRET, "s", "default"))["stringData"] == {"k": CANARY}
    api.fail("watch", "mute", times=-1)
    stream = cluster.watch(SECRET, "default", resource_version="1", timeout_seconds=1)
    assert CANARY not in repr(stream) + repr(cluster) + repr(vars(cluster))
    assert made["metadata"]["name"] == "s"


# -- faults


async def test_waits_as_it_is_told_and_then_succeeds(api: FakeApi, cluster: Cluster) -> None:
    api.put("pods", pod("a"))
    api.fail("get", "status", times=3, status=429, reason="TooManyRequests", retry_after="0")
    assert (await cluster.get(POD, "a", "default"))["metadata"]["name"] == "a"
    assert api.count("get") == 4


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_gives_up_after_a_few_tries(api: FakeApi, cluster: Cluster, status: int) -> None:
    api.fail("*", "status", times=-1, status=status, reason="Busy", message="overloaded", retry_after="0")
    with pytest.raises(Unavailable, match=r"listing pods.*overloaded"):
        await cluster.list(POD)
    assert api.count("list") == 4
    api.heal()
    assert (await cluster.list(POD))[0] == []


async def test_does_not_wait_longer_than_a_request_may_take(api: FakeApi, cluster: Cluster) -> None:
    api.fail("*", "status", times=-1, status=503, retry_after="3600")
    with pytest.raises(Unavailable) as caught:
        await cluster.list(POD)
    assert (api.count("list"), caught.value.details) == (1, {"retry_after": 3600.0})


async def test_a_broken_connection_is_tried_again(api: FakeApi, cluster: Cluster) -> None:
    api.fail("*", "reset", times=2)
    assert (await cluster.list(POD))[0] == []
    api.fail("*", "html", status=502)
    assert (await cluster.list(POD))[0] == []


async def test_a_create_whose_answer_was_lost_meets_itself(api: FakeApi, cluster: Cluster) -> None:
    api.fail("create", "lost")
    with pytest.raises(AlreadyExists):
        await cluster.create(CLAIM, pod("a"), "default")
    assert api.count("create") == 2 and len(api.objects) == 1


async def test_a_create_without_a_name_is_sent_once(api: FakeApi, cluster: Cluster) -> None:
    api.fail("create", "reset")
    with pytest.raises(Unavailable):
        await cluster.create(POD, {"metadata": {"generateName": "a-"}}, "default")
    assert api.count("create") == 1


async def test_a_create_that_lost_the_race_for_the_quota_comes_again(api: FakeApi, cluster: Cluster) -> None:
    api.fail("create", "status", times=2, status=409, reason="Conflict", message="cannot fulfil on resourcequotas")
    assert (await cluster.create(POD, pod("a"), "default"))["metadata"]["name"] == "a"


@pytest.mark.parametrize("fault", [{"act": "delay", "seconds": 10.0}, {"act": "hang"}])
async def test_stops_waiting_for_a_slow_or_half_open_server(
    api: FakeApi, hasty: Cluster, fault: dict[str, Any]
) -> None:
    api.fail("list", times=1, **fault)
    with pytest.raises(Unavailable, match="no answer within"):
        await hasty.list(POD)
    assert api.count("list") == 1
    assert (await hasty.list(POD))[0] == []


async def test_a_server_that_is_down(api: FakeApi, cluster: Cluster) -> None:
    await cluster.list(POD)
    await api.down()
    with pytest.raises(Unavailable, match="does not answer"):
        await cluster.list(POD)
    await api.up()
    await cluster.list(POD)


async def test_many_requests_at_a_time(api: FakeApi, cluster: Cluster) -> None:
    await asyncio.gather(*(cluster.create(POD, pod(f"p{n}"), "default") for n in range(100)))
    assert len(api.objects) == 100


# -- configuration


@pytest.mark.parametrize(
    "config",
    [
        {
            "users": [{"name": "u", "token": CANARY}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        },
        {"users": [{"name": "u", "user": {"token": CANARY}}], "contexts": []},
        {},
    ],
)
async def test_a_bad_kubeconfig_is_unavailable_and_keeps_its_secrets(tmp_path: Path, config: dict[str, Any]) -> None:
    (tmp_path / "k").write_text(
        json.dumps({"clusters": [{"name": "c", "cluster": {}}], "current-context": "x", **config})
    )
    for path in (tmp_path / "k", tmp_path / "absent"):
        with pytest.raises(Unavailable, match="configuration") as caught:
            await Cluster(kubeconfig=str(path), pause=0.001).list(POD)
        assert CANARY not in words_of(caught.value)


async def test_kubeconfig_of_the_environment(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", api.kubeconfig(tmp_path))
    monkeypatch.delenv(incluster_config.SERVICE_HOST_ENV_NAME, raising=False)
    cluster = Cluster()
    assert (await cluster.list(POD))[0] == []
    await cluster.close()
    assert (await cluster.list(POD))[0] == []
    await cluster.close()


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context; what clients trust is ``ca.crt``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "api")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "tls.key")
    return context


async def test_in_a_pod_with_a_token_that_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("the-first-token\n")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    async with FakeApi(tls=certificate(tmp_path)).running() as api:
        monkeypatch.setenv(incluster_config.SERVICE_HOST_ENV_NAME, "127.0.0.1")
        monkeypatch.setenv(incluster_config.SERVICE_PORT_ENV_NAME, str(api.port))
        api.token = "the-first-token"
        cluster = Cluster(pause=0.001)
        await cluster.list(POD)
        # The old one is refused at once, and the new one is there already.
        api.token = "the-second-token"
        token.write_text(api.token)
        await asyncio.gather(*(cluster.list(POD) for _ in range(5)))
        api.token = "a-token-that-we-never-get"
        with pytest.raises(Unavailable) as caught:
            await cluster.list(POD)
        assert "second-token" not in words_of(caught.value)
        await cluster.close()


# -- watches


async def test_watches_history_and_what_comes(api: FakeApi, cluster: Cluster) -> None:
    start = str(api.version)
    api.put("pods", pod("a", app="x"))
    events = cluster.watch(POD, "default", labels="app=x", resource_version=start, timeout_seconds=60)
    async with aclosing(events):
        assert [k async for k, _ in _some(events, 1)] == ["ADDED"]
        api.put("pods", pod("a", app="x"))
        api.put("pods", pod("b", app="other"))
        api.put("pods", pod("c", app="x", big="x" * 3_000_000))
        api.remove("pods", "a")
        api.bookmark()
        seen = [(k, o["metadata"].get("name")) async for k, o in _some(events, 4)]
    assert seen == [("MODIFIED", "a"), ("ADDED", "c"), ("DELETED", "a"), ("BOOKMARK", None)]
    assert api.requests[-1][2]["allowWatchBookmarks"] == "true"
    await settled(lambda: not api.watchers)


async def _some(events: AsyncIterator[tuple[str, Any]], count: int) -> AsyncIterator[tuple[str, Any]]:
    for _ in range(count):
        yield await anext(events)


async def _all(cluster: Cluster, **more: Any) -> list[str]:
    return [kind async for kind, _ in cluster.watch(POD, resource_version="10", **{"timeout_seconds": 1, **more})]


async def test_ends_when_the_server_says_so(cluster: Cluster) -> None:
    assert await _all(cluster) == ["BOOKMARK"]


async def test_gone_as_a_status_and_as_an_event(api: FakeApi, cluster: Cluster) -> None:
    api.fail("watch", "error", status=410, reason="Expired", message="too old")
    with pytest.raises(Gone):
        await _all(cluster)
    api.compact()
    with pytest.raises(Gone, match="too old resource version"):
        await _all(cluster)


@pytest.mark.parametrize("act", ["error", "garbage", "cut", "short", "reset", "status"])
async def test_a_broken_watch_is_unavailable(api: FakeApi, cluster: Cluster, act: str) -> None:
    # A reset GET is sent again once by the HTTP library.
    api.fail("watch", act, times=2 if act == "reset" else 1, status=500, message="etcdserver: leader changed")
    with pytest.raises(Unavailable, match="watching pods") as caught:
        await _all(cluster)
    assert len(list(chain(caught.value))) == 1
    assert await _all(cluster) == ["BOOKMARK"]


async def test_a_watch_cut_in_the_middle(api: FakeApi, cluster: Cluster) -> None:
    events = cluster.watch(POD, resource_version="10", timeout_seconds=100)
    api.put("pods", pod("a"))
    await anext(events)
    api.break_watches()
    with pytest.raises(Unavailable):
        await anext(events)


async def test_a_refused_watch(api: FakeApi, cluster: Cluster) -> None:
    api.fail("watch", "status", status=403, reason="Forbidden", message="not yours")
    with pytest.raises(Refused, match="not yours"):
        await _all(cluster)


@pytest.mark.parametrize(("act", "message"), [("hang", "no answer within"), ("mute", "silent")])
async def test_a_watch_on_a_half_open_connection(api: FakeApi, hasty: Cluster, act: str, message: str) -> None:
    await hasty.list(POD)
    api.fail("watch", act)
    with pytest.raises(Unavailable, match=message):
        await _all(hasty)
