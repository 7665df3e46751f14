"""The one error edge."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from tornado.web import HTTPError

from collegium.domain.errors import DomainError, InvalidInput, Unavailable
from collegium.services.errors import STATUS, describe
from collegium.services.openapi import _WORDS
from integration.services.harness import Service

#: Refusals of programs that are not this one, and of a backend among its own parts.
ELSEWHERE = {"collegium.catalog", "collegium.catalog.primehub", "collegium.cli", "collegium.backends.kubernetes"}


def subclasses(kind: type[DomainError]) -> set[type[DomainError]]:
    found = {c for s in kind.__subclasses__() for c in {s, *subclasses(s)}}
    return {
        c for c in found if c.__module__.startswith("collegium.") and c.__module__.rpartition(".")[0] not in ELSEWHERE
    }


def test_every_refusal_has_a_status_of_its_own() -> None:
    # Without a word of its own it is told like the refusal that it is a kind of.
    assert {c for c in subclasses(DomainError) if "code" in vars(c)} == set(STATUS)
    assert len({c.code for c in STATUS}) == len(STATUS)


@pytest.mark.parametrize("kind", list(STATUS), ids=lambda k: k.code)
def test_body(kind: type[DomainError]) -> None:
    error = kind("field", "is bad") if kind is InvalidInput else kind("a sentence", fact={1, 2})  # type: ignore[call-arg]
    status, body = describe(error, "the-id")
    assert (status, body.error.code, body.error.request_id) == (STATUS[kind], kind.code, "the-id")
    assert json.loads(body.model_dump_json())["error"]["message"] == error.message
    assert status in _WORDS


def test_a_new_kind_of_refusal_takes_the_status_of_its_parent() -> None:
    class Slow(Unavailable):
        code = "slow"

    assert describe(Slow("later"), "x")[0] == 503


@pytest.mark.parametrize(
    "error", [ValueError("secret"), HTTPError(500, "secret"), HTTPError(502), None, DomainError("secret")]
)
def test_what_is_not_ours_to_show_is_internal(error: BaseException | None) -> None:
    status, body = describe(error, "the-id")
    assert (status, body.error.code) == (500, "internal")
    assert "secret" not in body.model_dump_json()
    assert "the-id" in body.error.message


async def test_an_unknown_error_shows_the_request_id_and_is_logged(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("the secret")

    monkeypatch.setattr(service.context.groups, "usage", broken)
    with caplog.at_level(logging.ERROR, "collegium.services"):
        answer = await service.client().get("/groups/physics/usage", headers={"X-Request-ID": "trace-me-12345"})
    assert answer.status_code == 500
    assert "the secret" not in answer.text
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"] == "trace-me-12345"
    assert "the secret" in caplog.text


async def test_headers(service: Service) -> None:
    answer = await service.client().get("/context")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers
    answer = await service.client(None).get("/context", headers={"Origin": "https://evil.example"})
    assert answer.headers["www-authenticate"] == "token"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("given", ["short", "x" * 65, "a b c d e f g h", "<script>alert(1)</script>"])
async def test_odd_request_ids_are_replaced(service: Service, given: str) -> None:
    answer = await service.client().get("/context", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] != given
