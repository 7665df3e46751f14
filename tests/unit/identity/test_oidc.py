"""What is believed of a provider's answers, and what never is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from collegium.domain.errors import Misconfigured, Unavailable
from collegium.identity.fetch import FAILURES, MAX_ANSWER, Circuit
from collegium.identity.keys import REFETCH_PAUSE, Refused
from collegium.identity.oidc import DISCOVERY_AGE, GrantRefused, Provider, TokenEnded
from collegium.identity.settings import KeycloakSettings
from support.scripted_oidc import CLIENT, SECRET, Key, Script, person, scripted_provider


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with scripted_provider() as found:
        found.people["ann"] = person("ann", "/physics")
        yield found


def provider(script: Script, folder: Path, clock: Any = time.monotonic, **more: Any) -> Provider:
    return Provider(KeycloakSettings.from_mapping(script.settings(folder, **more)), clock=clock)


async def test_discovery_is_asked_for_once_an_hour_and_outlives_an_outage(script: Script, tmp_path: Path) -> None:
    clock = Clock()
    p = provider(script, tmp_path, clock)
    found = await asyncio.gather(*[p.discovery() for _ in range(20)])
    assert (len(set(map(id, found))), script.asked) == (1, ["openid-configuration"])
    clock.now += DISCOVERY_AGE + 1
    script.down = True
    assert await p.discovery() is found[0]
    script.down = False
    script.discovery = {"userinfo_endpoint": f"{script.url}/elsewhere"}
    assert (await p.discovery()).userinfo.endswith("/elsewhere")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"issuer": "http://evil.example/realms/lab"}, "the realm calls itself http://evil.example"),
        ({"issuer": None}, "keycloak.issuer"),
        ({"token_endpoint": "javascript:alert(1)"}, "no usable token_endpoint"),
        ({"userinfo_endpoint": None}, "no usable userinfo_endpoint"),
    ],
)
async def test_discovery_of_another_realm_is_refused(script: Script, tmp_path: Path, answer: Any, words: str) -> None:
    script.discovery = answer
    with pytest.raises(Misconfigured, match=words):
        await provider(script, tmp_path).discovery()


async def test_no_realm_there(script: Script, tmp_path: Path) -> None:
    settings = script.settings(tmp_path) | {"issuer": f"{script.url}/realms/nonesuch"}
    with pytest.raises(Misconfigured, match=r"there is no realm at .*404"):
        await Provider(KeycloakSettings.from_mapping(settings)).discovery()


def tampered(script: Script, **claims: Any) -> str:
    merged = {**script.claims("ann"), **claims}
    return script.sign({k: v for k, v in merged.items() if v is not None})


def handmade(script: Script, algorithm: str, secret: bytes | None) -> str:
    """What PyJWT itself refuses to make, and an attacker's tool does not."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    head = part(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "first"}).encode())
    body = part(json.dumps(script.claims("ann")).encode())
    mark = b"" if secret is None else hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{part(mark)}"


FORGERIES = {
    "alg none": (lambda s: handmade(s, "none", None), "alg"),
    "alg None": (lambda s: handmade(s, "None", None), "alg"),
    "HS256 with the public key": (lambda s: handmade(s, "HS256", s.keys[0].pem()), "alg"),
    "another's key, our kid": (lambda s: s.sign(s.claims("ann"), Key("first")), "signature"),
    "an unknown kid": (lambda s: s.sign(s.claims("ann"), Key("other")), "key"),
    "PS256 where the key is for RS256": (
        lambda s: jwt.encode(s.claims("ann"), s.keys[0].private, "PS256", {"kid": "first"}),
        "alg",
    ),
    "wrong issuer": (lambda s: tampered(s, iss="http://evil.example/realms/lab"), "iss"),
    "issuer with a slash more": (lambda s: tampered(s, iss=s.issuer + "/"), "iss"),
    "wrong audience": (lambda s: tampered(s, aud="account"), "aud"),
    "no audience": (lambda s: tampered(s, aud=None), "aud"),
    "given to another client": (lambda s: tampered(s, azp="other"), "azp"),
    "several audiences, no azp": (lambda s: tampered(s, aud=[CLIENT, "other"], azp=None), "azp"),
    "expired": (lambda s: tampered(s, iat=int(time.time()) - 900, exp=int(time.time()) - 600), "exp"),
    "no expiry": (lambda s: tampered(s, exp=None), "exp"),
    "of the future": (lambda s: tampered(s, iat=int(time.time()) + 600, exp=int(time.time()) + 900), "iat"),
    "no subject": (lambda s: tampered(s, sub=None), "sub"),
    "another login's nonce": (lambda s: tampered(s, nonce="other"), "nonce"),
    "no nonce": (tampered, "nonce"),
    "empty": (lambda s: "", "form"),
    "no token at all": (lambda s: "a.b.c", "form"),
    "huge": (lambda s: "x" * 70_000, "form"),
    "a list for a body": (lambda s: f"{s.sign({}).split('.')[0]}.W10.AAAA", "signature"),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_forged_tokens(script: Script, tmp_path: Path, name: str) -> None:
    make, check = FORGERIES[name]
    token = make(script)
    with pytest.raises(Refused) as caught:
        await provider(script, tmp_path).verify_id_token(token, "expected")
    assert caught.value.check == check, str(caught.value)
    # Nothing of the token in the text: it may reach a log.
    assert not token or token[-20:] not in str(caught.value)


async def test_a_good_token(script: Script, tmp_path: Path) -> None:
    p = provider(script, tmp_path)
    assert (await p.verify_id_token(tampered(script, nonce="n"), "n"))["sub"] == "sub-ann"
    # Clocks may differ by a minute.
    moment = int(time.time())
    assert await p.verify_id_token(tampered(script, iat=moment + 50, exp=moment + 350, nonce="n"), "n")
    assert await p.verify_id_token(tampered(script, iat=moment - 350, exp=moment - 50, nonce="n"), "n")


@pytest.mark.parametrize(
    ("clock", "words"), [(300, r"clock is (29\d|300) s ahead of"), (-900, r"clock is 90\d s behind")]
)
async def test_clocks_that_differ_are_named(script: Script, tmp_path: Path, clock: float, words: str) -> None:
    script.clock = clock
    with pytest.raises(Refused, match=words):
        await provider(script, tmp_path).verify_id_token(tampered(script))


async def test_keys_rotate_between_two_logins(script: Script, tmp_path: Path) -> None:
    clock = Clock()
    p = provider(script, tmp_path, clock)
    await p.verify_id_token(tampered(script))
    script.keys.append(Key("second"))
    # It answers a question of ours, so nobody has to wait.
    assert await p.verify_id_token(tampered(script))
    # The old key is gone from the realm: what it signed counts no more.
    old = script.sign(script.claims("ann"), script.keys[0])
    assert await p.verify_id_token(old)
    del script.keys[0]
    clock.now += 601
    with pytest.raises(Refused, match="no key first"):
        await p.verify_id_token(old)


async def test_whoever_sends_tokens_makes_us_look_for_keys_only_so_often(script: Script, tmp_path: Path) -> None:
    clock = Clock()
    p = provider(script, tmp_path, clock)
    await p.verify_id_token(tampered(script))
    script.keys.append(Key("second"))
    fresh = script.logout_token("ann")
    for _ in range(5):
        with pytest.raises(Refused, match="no key second"):
            await p.verify_logout_token(fresh)
    assert script.asked.count("certs") == 1
    clock.now += REFETCH_PAUSE + 1
    assert await p.verify_logout_token(fresh)


async def test_codes_serve_once_and_secrets_stay_out_of_errors(script: Script, tmp_path: Path) -> None:
    p = provider(script, tmp_path)
    tokens_for = (await p.discovery()).authorize
    assert tokens_for.endswith("/auth")
    script.codes["c"] = ("n", "ann", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
    tokens = await p.exchange("c", "http://hub/cb", "")
    assert repr(tokens) == "Tokens(…)"
    with pytest.raises(GrantRefused, match="Code not valid"):
        await p.exchange("c", "http://hub/cb", "")
    assert (await p.userinfo(tokens.access_token))["preferred_username"] == "ann"
    with pytest.raises(TokenEnded):
        await p.userinfo("another")
    fresh = await p.refresh(tokens.refresh_token)
    assert fresh.refresh_token not in ("", tokens.refresh_token)
    with pytest.raises(GrantRefused, match="Session not active"):
        await p.refresh(tokens.refresh_token)


async def test_a_wrong_client_secret_logs_nobody_out(script: Script, tmp_path: Path) -> None:
    p = provider(script, tmp_path)
    (tmp_path / "login-secret").write_text("wrong-secret")
    with pytest.raises(Misconfigured, match="refuses the client collegium: Invalid client credentials") as caught:
        await p.refresh("r")
    assert "wrong-secret" not in str(caught.value)
    (tmp_path / "login-secret").unlink()
    with pytest.raises(Misconfigured, match="client_secret_file: cannot be read"):
        await p.refresh("r")
    # It can be rotated without a restart.
    (tmp_path / "login-secret").write_text(SECRET)
    with pytest.raises(GrantRefused):
        await p.refresh("r")


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_trouble_of_the_server_is_no_refusal(script: Script, tmp_path: Path, status: int) -> None:
    p = provider(script, tmp_path)
    await p.discovery()
    script.statuses = {"token": status, "userinfo": status}
    with pytest.raises(Unavailable):
        await p.refresh("r")
    with pytest.raises(Unavailable):
        await p.userinfo("a")


@pytest.mark.parametrize("size", [MAX_ANSWER + 10, 3 * MAX_ANSWER, 20 * MAX_ANSWER])
async def test_an_oversized_answer_is_an_error_and_never_an_empty_one(
    script: Script, tmp_path: Path, size: int
) -> None:
    p = provider(script, tmp_path)
    tokens = script.grant("ann")
    script.userinfo = person("ann", *[f"/g{i:06}" for i in range(size // 10)])
    with pytest.raises(Misconfigured, match="larger than 262144 bytes"):
        await p.userinfo(tokens["access_token"])
    # It did answer: the circuit stays closed.
    script.userinfo = None
    assert await p.userinfo(tokens["access_token"])


async def test_five_hundred_groups_with_long_names_fit(script: Script, tmp_path: Path) -> None:
    script.userinfo = person("ann", *[f"/{'x' * 250}{i:04}" for i in range(500)])
    answer = await provider(script, tmp_path).userinfo(script.grant("ann")["access_token"])
    assert len(answer["groups"]) == 500


@pytest.mark.parametrize("body", ["eyJhbGciOiJSUzI1NiJ9.e30.x", "[]", "null", '"text"', "{", "[" * 100_000])
async def test_userinfo_that_is_no_object(script: Script, tmp_path: Path, body: str) -> None:
    script.userinfo = body
    with pytest.raises(Misconfigured, match="signed response algorithm"):
        await provider(script, tmp_path).userinfo(script.grant("ann")["access_token"])


async def test_slow_answers_open_the_circuit(script: Script, tmp_path: Path) -> None:
    p = provider(script, tmp_path, patience=0.2)
    await p.discovery()
    script.delay = 30
    for _ in range(FAILURES):
        with pytest.raises(Unavailable, match=r"within 0.2 seconds"):
            await p.userinfo("a")
    asked = len(script.asked)
    for _ in range(50):
        with pytest.raises(Unavailable, match="asked again"):
            await p.userinfo("a")
    assert len(script.asked) == asked


async def test_a_closed_port(tmp_path: Path) -> None:
    async with scripted_provider() as gone:
        pass
    with pytest.raises(Unavailable, match="cannot be reached"):
        await provider(gone, tmp_path).discovery()


async def test_the_circuit_closes_when_a_probe_is_answered() -> None:
    asked: list[bool] = []

    async def probe() -> bool:
        asked.append(True)
        return len(asked) == 3

    circuit = Circuit(probe, (0.001, 0.002))
    for _ in range(FAILURES):
        circuit.enter()
        circuit.failed()
    with pytest.raises(Unavailable):
        circuit.enter()
    # Late failures of questions that were under way begin no second probing.
    circuit.failed()
    while circuit.is_open:
        await asyncio.sleep(0.001)
    circuit.enter()
    assert len(asked) == 3
    # One answer in between, and it counts from the beginning.
    circuit.failed()
    circuit.answered()
    for _ in range(FAILURES - 1):
        circuit.failed()
    circuit.enter()


async def test_after_an_outage_it_is_found_without_anybody_waiting(script: Script, tmp_path: Path) -> None:
    p = provider(script, tmp_path)
    await p.discovery()
    script.down = True
    for _ in range(FAILURES):
        with pytest.raises(Unavailable):
            await p.userinfo("a")
    assert p.fetcher.circuit.is_open
    script.down = False
    while p.fetcher.circuit.is_open:
        await asyncio.sleep(0.01)
    with pytest.raises(TokenEnded):
        await p.userinfo("a")


LOGOUTS = {
    "no events": ({"events": None}, "events"),
    "other events": ({"events": {"other": {}}}, "events"),
    "a nonce": ({"nonce": "n"}, "nonce"),
    "no subject": ({"sub": None}, "sub"),
    "no jti": ({"jti": None}, "jti"),
    "no iat": ({"iat": None}, "iat"),
    "wrong audience": ({"aud": "other"}, "aud"),
    "wrong issuer": ({"iss": "http://evil.example/realms/x"}, "iss"),
}


@pytest.mark.parametrize("name", LOGOUTS)
async def test_logout_tokens(script: Script, tmp_path: Path, name: str) -> None:
    changes, check = LOGOUTS[name]
    p = provider(script, tmp_path)
    assert (await p.verify_logout_token(script.logout_token("ann")))["sub"] == "sub-ann"
    with pytest.raises(Refused) as caught:
        await p.verify_logout_token(script.logout_token("ann", **changes))
    assert caught.value.check == check
    with pytest.raises(Refused, match="events"):
        await p.verify_logout_token(tampered(script, jti="x"))
