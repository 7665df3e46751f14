"""Addresses, domains, and what an invitation's token must be."""

from __future__ import annotations

import pytest

from collegium.domain.addresses import check_address, check_domain, hint
from collegium.domain.errors import InvalidInput


@pytest.mark.parametrize("text", ["ada@example.org", " a.b+c@sub.example.org ", "a@b", "O'Neill@Example.ORG"])
def test_addresses(text: str) -> None:
    assert check_address(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@exa mple.org",
        "ada@-example.org",
        "a..b@example.org",
        ".a@example.org",
        '"a b"@example.org',
        "Ada <ada@example.org>",
        "ada@example.org\nBcc: x@y.z",
        "ada@example.org, bob@example.org",
        "ädä@example.org",
        "ada@exämple.org",
        "a" * 65 + "@example.org",
        "ada@" + "a." * 130 + "org",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_address(text, "email")
    assert caught.value.details["field"] == "email"


def test_domains() -> None:
    assert check_domain(" @Example.ORG") == "example.org"
    for text in ("", "a b", "a@b", "-a.org", "a." * 130, "*.example.org"):
        with pytest.raises(InvalidInput):
            check_domain(text)


def test_hints_do_not_give_an_address_away() -> None:
    assert hint("ada@example.org") == "a…@example.org"
    assert hint("") == ""
