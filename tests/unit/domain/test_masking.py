"""What must not be read in logs, however it is written and wherever the log is cut."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collegium.domain import masking
from collegium.domain.errors import InvalidInput, TooLarge
from collegium.domain.masking import Masker, Shapes
from collegium.domain.secrets import MAX_VALUE, check_secret_value, shapes

VALUE = "pä ss/w+ö?rd&1"
# Few letters, so that shapes overlap, repeat and begin in one another.
letters = st.sampled_from([b"a", b"b", b"c"])
looked_for = st.lists(st.lists(letters, min_size=4, max_size=9).map(b"".join), min_size=1, max_size=4)


def blot(text: bytes, wanted: list[bytes]) -> bytes:
    return masking.blot(text, Shapes(wanted).find(text))


def masked(text: bytes, wanted: list[bytes], cuts: list[int]) -> bytes:
    masker = Masker(Shapes(wanted))
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return b"".join([*(masker.feed(text[a:b]) for a, b in pairwise(places)), masker.close()])


@pytest.fixture(params=["few", "many"])
def search(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to look for shapes."""
    if request.param == "many":
        monkeypatch.setattr(masking, "_MANY", 0)


@pytest.mark.usefixtures("search")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(letters, max_size=60).map(b"".join), looked_for, st.lists(st.integers(0, 10_000), max_size=12))
def test_wherever_the_stream_is_cut(text: bytes, wanted: list[bytes], cuts: list[int]) -> None:
    whole = masked(text, wanted, [])
    assert masked(text, wanted, cuts) == whole
    assert not any(shape in whole for shape in wanted)
    covered = {i for s in wanted for at in range(len(text)) if text.startswith(s, at) for i in range(at, at + len(s))}
    assert blot(text, wanted) == bytes(42 if i in covered else c for i, c in enumerate(text))
    # Nothing else is lost but an end that a shape begins with.
    end = Shapes(wanted).undecided(text)
    rest = "".join("*" if i in covered else chr(c) for i, c in enumerate(text))[:end]
    while "**" in rest:
        rest = rest.replace("**", "*")
    assert whole.decode().replace("***", "*").startswith(rest.removesuffix("*"))


@given(st.lists(letters, max_size=30).map(b"".join), looked_for)
def test_ends_and_beginnings(text: bytes, wanted: list[bytes]) -> None:
    proper = [s[:n] for s in wanted for n in range(1, len(s))]
    assert len(text) - Shapes(wanted).undecided(text) == max([0, *(len(p) for p in proper if text.endswith(p))])
    proper = [s[n:] for s in wanted for n in range(1, len(s))]
    assert Shapes(wanted).begun(text) == max([0, *(len(p) for p in proper if text.startswith(p))])


@pytest.mark.parametrize(
    "text",
    [
        VALUE.encode(),
        b64encode(VALUE.encode()),
        urlsafe_b64encode(VALUE.encode()),
        quote(VALUE).encode(),
        quote(VALUE, safe="").lower().encode(),
        quote_plus(VALUE).encode(),
        json.dumps(VALUE)[1:-1].encode(),
        b"<" + VALUE.encode() * 2 + b">",
    ],
)
def test_however_it_is_written(text: bytes) -> None:
    assert set(blot(text, shapes([VALUE])).strip(b"<>")) == set(b"*")


@given(st.binary(max_size=7), st.binary(max_size=7))
def test_base64_of_something_longer(before: bytes, behind: bytes) -> None:
    text = b64encode(before + VALUE.encode() + behind)
    shown = blot(text, shapes([VALUE]))
    # Characters at the border hold bits of what stands around it.
    around = len(b64encode(before)) + len(b64encode(behind)) + 4
    assert shown.count(b"*") >= len(text) - around


def test_lines_of_a_key_by_themselves() -> None:
    key = "-----BEGIN KEY-----\n" + "\n".join(f"line-{n:04}-of-the-key" for n in range(50)) + "\n-----END KEY-----\n"
    wanted = shapes([key])
    assert b"line" not in blot("".join(f"  > {line}\n" for line in key.splitlines()).encode(), wanted)
    text = b64encode(key.encode())
    wrapped = b"\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    for written in (text, wrapped):
        assert set(blot(written, wanted)) <= set(b"*\n")


@pytest.mark.parametrize("value", ["A" * MAX_VALUE, "a-part " * 9000, "\n".join(f"line{n}" for n in range(7000))])
def test_what_is_long_is_looked_for_in_parts(value: str) -> None:
    """Nobody can make the reading of a log slow by the form of a value: this takes no time that one would notice."""
    found = shapes([value])
    assert max(map(len, found)) <= 252
    text = value.encode()[: 64 << 10]
    for written in (text, b64encode(text)):
        assert set(blot(written, found)) <= set(b"*\n")


def test_what_is_short_is_left_alone() -> None:
    assert shapes(["abc", "", "a\nb"]) == []


def test_values() -> None:
    assert check_secret_value("x" * MAX_VALUE)
    for wrong in ("", "a\0b", "\ud800"):
        with pytest.raises(InvalidInput) as refused:
            check_secret_value(wrong)
        assert refused.value.details["value"] is None
    with pytest.raises(TooLarge):
        check_secret_value("ä" * (MAX_VALUE // 2 + 1))
