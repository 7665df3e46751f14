"""Sources of datasets: one table says what each kind holds."""

from __future__ import annotations

from typing import Any

import pytest

from collegium.domain.catalog import SourceKind as Kind
from collegium.domain.errors import InvalidInput
from collegium.domain.sources import check_group_kind, check_revision, check_source, git_place


@pytest.mark.parametrize(
    ("kind", "source", "stored"),
    [
        (Kind.MANAGED, {}, {}),
        (Kind.GIT, {"url": "https://example.org/a.git", "secret": ""}, {"url": "https://example.org/a.git"}),
        (Kind.GIT, {"url": "git@example.org:lab/a.git"}, {"url": "git@example.org:lab/a.git"}),
        (Kind.GIT, {"url": "ssh://git@[2001:db8::1]:22/a", "folder": "/b/"}, {"url": "ssh://git@[2001:db8::1]:22/a"}),
        (Kind.S3, {"bucket": "data", "prefix": "/a/b/"}, {"bucket": "data", "prefix": "a/b"}),
        (Kind.S3, {"bucket": "data", "endpoint": "https://s3.example.org/"}, {"endpoint": "https://s3.example.org"}),
        (Kind.NFS, {"server": "nas", "path": "/srv/"}, {"server": "nas", "path": "/srv"}),
        (Kind.CLAIM, {"claim": "data", "size": "10Gi", "access_mode": "ReadOnlyMany"}, {"size": "10Gi"}),
        (Kind.FOLDER, {"path": "/srv/data"}, {"path": "/srv/data"}),
        (Kind.ENVIRONMENT, {"KEY": "x", "api-key": ""}, {"api-key": ""}),
    ],
)
def test_accepted(kind: Kind, source: dict[str, str], stored: dict[str, str]) -> None:
    found = check_source(kind, source)
    assert stored.items() <= found.items() and check_source(kind, found) == found


@pytest.mark.parametrize(
    ("kind", "source", "field"),
    [
        (Kind.MANAGED, {"path": "/etc"}, "source.path"),
        *((Kind.GIT, {"url": url}, "source.url") for url in ("", "file:///x", "ext::sh -c id", "-x", "http://a/b")),
        *(
            (Kind.GIT, {"url": url}, "source.url")
            for url in ("https://a", "https://a/b?c", "https://a/b#c", "git://a/b")
        ),
        *((Kind.GIT, {"url": url}, "source.url") for url in ("https://u@a/b", "ssh://u:p@a/b", "ssh://-oX=y/b")),
        *(
            (Kind.GIT, {"url": url}, "source.url")
            for url in ("git@-oProxyCommand=x:y", "https://a /b", "https://a\\b/c")
        ),
        *((Kind.GIT, {"url": url}, "source.url") for url in ("https://a:99999/b", "https://ä/b", "host:path", "/x")),
        (Kind.GIT, {"url": "https://a/b", "folder": "../c"}, "source.folder"),
        (Kind.GIT, {"url": "https://a/b", "revision": "-x"}, "source.revision"),
        (Kind.GIT, {"url": "https://a/b", "depth": "1"}, "source.depth"),
        (Kind.S3, {"bucket": "a/b"}, "source.bucket"),
        (Kind.S3, {"bucket": "abc", "endpoint": "https://a/b"}, "source.endpoint"),
        (Kind.S3, {"bucket": "abc", "endpoint": "ftp://a"}, "source.endpoint"),
        (Kind.S3, {"bucket": "abc", "region": "x y"}, "source.region"),
        (Kind.NFS, {"server": "a b", "path": "/x"}, "source.server"),
        (Kind.NFS, {"server": "a", "path": "x"}, "source.path"),
        (Kind.FOLDER, {"path": "/a/../b"}, "source.path"),
        (Kind.FOLDER, {"path": "/a\nb"}, "source.path"),
        (Kind.CLAIM, {"claim": "Data"}, "source.claim"),
        (Kind.CLAIM, {"claim": "data", "size": "0"}, "source.size"),
        (Kind.CLAIM, {"claim": "data", "access_mode": "any"}, "source.access_mode"),
        (Kind.ENVIRONMENT, {}, "source"),
        (Kind.ENVIRONMENT, {"A B": "x"}, "source"),
        (Kind.ENVIRONMENT, {"A": "x\0"}, "source.A"),
    ],
)
def test_refused_with_the_field(kind: Kind, source: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_source(kind, source)
    assert refused.value.details["field"] == field


def test_a_password_in_an_address_is_not_quoted() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_source(Kind.GIT, {"url": "https://user:marker@example.org/a"})
    assert "marker" not in str(refused.value) + str(refused.value.details)


@pytest.mark.parametrize("text", ["main", "v1.0", "feature/a_b", "a" * 40, "1.x"])
def test_revisions(text: str) -> None:
    assert check_revision(text) == text


@pytest.mark.parametrize(
    "text", ["", "-x", "a..b", "a:b", "+a", "a b", "a//b", ".a", "a/.b", "a.lock", "a/", "a~1", "a^{}", "@{u}"]
)
def test_no_revisions(text: str) -> None:
    with pytest.raises(InvalidInput):
        check_revision(text)


def test_places_of_repositories() -> None:
    assert git_place("git@example.org:a/b").host == "example.org"
    place = git_place("ssh://bob@example.org:2222/a")
    assert (place.scheme, place.host, place.port, place.user) == ("ssh", "example.org", 2222, "bob")


def test_kinds_of_groups() -> None:
    assert check_group_kind(Kind.S3) is Kind.S3
    with pytest.raises(InvalidInput):
        check_group_kind(Kind.FOLDER)
