"""Retries, keys, and what a refusal carries."""

from __future__ import annotations

import httpx
import pytest

from collegium_client import errors, models
from unit.client.conftest import DETAIL, JOB, SITE, Made, detail, error, job

BODY = {"name": "train", "command": "true", "image": "base", "instance_type": "small"}


def test_a_submit_is_tried_again_with_one_key(made: Made) -> None:
    client = made.plain(
        httpx.ReadError("gone"), error(503, "unavailable"), httpx.Response(502, text="<html>"), job(state="Running")
    )
    handle = client.jobs.submit(BODY)
    assert (handle.id, handle.state, handle.created) == ("job-1", "Running", True)
    keys = {r.headers["Idempotency-Key"] for r in made.script.asked}
    assert len(made.script.asked) == 4
    assert len(keys) == 1
    assert made.script.bodies() == [BODY] * 4
    assert str(made.script.asked[0].url) == f"{SITE.url}/api/v1/groups/physics/jobs"
    assert made.script.asked[0].headers["Authorization"] == "token secret"


async def test_the_async_client_does_the_same(made: Made) -> None:
    client = made.awaitable(httpx.ReadError("gone"), error(503, "unavailable"), job())
    handle = await client.jobs.submit(BODY, key="mine")
    assert [r.headers["Idempotency-Key"] for r in made.script.asked] == ["mine"] * 3
    assert handle.created
    await client.aclose()


def test_two_submits_are_two_jobs_and_a_key_of_ones_own_is_kept(made: Made) -> None:
    client = made.plain(job())
    for key in (None, None, "mine"):
        client.jobs.submit(BODY, key=key)
    first, second, third = [r.headers["Idempotency-Key"] for r in made.script.asked]
    assert first != second
    assert third == "mine"
    for wrong in ("", "two words", "ü", "x" * 129):
        with pytest.raises(errors.InvalidInput) as caught:
            client.jobs.submit(BODY, key=wrong)
        assert caught.value.field == "key"


def test_a_replayed_submit_says_so(made: Made) -> None:
    replayed = httpx.Response(201, json=JOB, headers={"Idempotency-Replayed": "true"})
    assert not made.plain(replayed).jobs.submit(BODY, key="k").created


def test_what_may_have_been_done_is_not_done_twice(made: Made) -> None:
    client = made.plain(httpx.ReadError("gone"), job())
    with pytest.raises(errors.Unreachable, match=r"hub\.example"):
        client.jobs.cancel("job-1")
    assert len(made.script.asked) == 1
    # Nothing was sent, or nothing was done: that is another matter.
    client = made.plain(httpx.ConnectError("refused"), error(429, "too_many_requests"), job())
    assert client.jobs.cancel("job-1").id == "job-1"


def test_the_server_says_how_long_to_wait(made: Made) -> None:
    busy = error(429, "too_many_requests")
    busy.headers["Retry-After"] = "7"
    made.plain(busy, detail()).jobs.get("job-1")
    assert made.pauses == [7.0]


def test_it_gives_up(made: Made) -> None:
    client = made.plain(error(503, "unavailable", "The database does not answer."), tries=3)
    with pytest.raises(errors.ServerTrouble, match="database") as caught:
        client.jobs.get("job-1")
    assert len(made.script.asked) == 3
    assert (caught.value.code, caught.value.status) == ("unavailable", 503)
    client = made.plain(httpx.ConnectTimeout(""), tries=2)
    with pytest.raises(errors.Unreachable, match="nobody answers there"):
        client.context()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid", errors.InvalidInput),
        (401, "not_authenticated", errors.NotAuthenticated),
        (403, "forbidden", errors.Forbidden),
        (404, "not_found", errors.NotFound),
        (409, "conflict", errors.Conflict),
        (422, "not_granted", errors.NotGranted),
        (422, "quota_exceeded", errors.QuotaExceeded),
        (422, "idempotency_mismatch", errors.KeyUsedOtherwise),
        (418, "teapot", errors.CollegiumError),
    ],
)
def test_a_refusal_carries_all_that_the_server_says(made: Made, status: int, code: str, kind: type) -> None:
    client = made.plain(error(status, code, "timeout_seconds: is too much", field="timeout_seconds", value=9, limit=5))
    with pytest.raises(kind) as caught:
        client.jobs.submit(BODY)
    found = caught.value
    assert (found.code, found.message, found.status) == (code, "timeout_seconds: is too much", status)
    assert found.details == {"field": "timeout_seconds", "value": 9, "limit": 5}
    assert (found.field, found.request_id) == ("timeout_seconds", "r1")
    assert len(made.script.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>Log in</html>"),
        httpx.Response(302, headers={"Location": "https://evil.example/login"}),
        httpx.Response(404, text="nginx"),
        httpx.Response(200, json={"id": 3}),
    ],
)
def test_something_else_answers(made: Made, answer: httpx.Response) -> None:
    with pytest.raises(errors.Unreachable, match="Is the URL right") as caught:
        made.plain(answer).jobs.get("job-1")
    assert len(made.script.asked) == 1
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("bad", [float("nan"), b"bytes", {1}, "\ud800"])
def test_what_is_not_json_is_said_here(made: Made, bad: object) -> None:
    with pytest.raises(errors.InvalidInput, match="not JSON"):
        made.plain(job()).jobs.submit({**BODY, "environment": {"A": bad}})
    assert made.script.asked == []


def test_fields_as_arguments(made: Made) -> None:
    client = made.plain(job())
    client.jobs.submit(**BODY, retries=2)
    assert made.script.bodies() == [{**BODY, "retries": 2}]
    with pytest.raises(errors.InvalidInput) as caught:
        client.jobs.submit(name="n", image="i")
    assert caught.value.field == "instance_type"
    with pytest.raises(errors.InvalidInput, match="not both"):
        client.jobs.submit(BODY, name="n")


def test_pages_are_fetched_as_they_are_needed(made: Made) -> None:
    def page(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params.get("cursor", 0))
        items = [{**JOB, "id": f"job-{n}"} for n in range(start, start + int(request.url.params["limit"]))]
        return httpx.Response(200, json={"items": items, "next_cursor": str(start + len(items))})

    client = made.plain(page)
    ids = [j.id for j in client.jobs.list(limit=450, state=["Running", "Failed"])]
    assert ids == [f"job-{n}" for n in range(450)]
    assert [r.url.params["limit"] for r in made.script.asked] == ["200", "200", "50"]
    assert made.script.asked[0].url.params["state"] == "Running,Failed"


def test_waiting(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collegium_client.jobs.time.sleep", lambda _: None)
    seen: list[str] = []
    client = made.plain(
        detail(), detail(), detail(state="Running"), detail(state="Failed", reason="ExitCode", exit_code=7, message="!")
    )
    handle = client.jobs.handle("job-1")
    job = handle.wait(on_change=lambda j: seen.append(str(j.state)))
    assert (job.exit_code, handle.exit_status, handle.succeeded) == (7, 7, False)
    assert seen == ["Pending", "Running", "Failed"]
    with pytest.raises(errors.JobFailed, match="ended as Failed: !") as caught:
        handle.wait(check=True)
    assert (caught.value.exit_code, caught.value.reason) == (7, "ExitCode")
    client = made.plain(detail())
    with pytest.raises(errors.TimedOut, match="still Pending"):
        client.jobs.handle("job-1").wait(0)


def test_the_only_group_is_the_group(made: Made) -> None:
    from dataclasses import replace

    context = {
        "user": {"name": "ann", "platform_admin": False},
        "groups": [{"name": "physics", "display_name": "", "description": "", "role": "member"}],
        "servers": [],
        "no_group_message": "",
        "notice": "",
        "account": dict.fromkeys(models.AccountLinks.model_fields, ""),
        "ending": [],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=context if request.url.path.endswith("/context") else DETAIL)

    client = made.plain(answer, settings=replace(SITE, group=""))
    assert client.jobs.get("job-1").group == "physics"
    client.jobs.get("job-1")
    assert [r.url.path.rsplit("/", 1)[1] for r in made.script.asked] == ["context", "job-1", "job-1"]
