"""Names and labels as Kubernetes accepts them, so that a catalog with a wrong one is refused before a pod is."""

from __future__ import annotations

import re

from collegium.domain.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_SUBDOMAIN = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){0,126}", re.ASCII
)


def check_label_key(key: str, field: str = "key") -> str:
    """A label's key: a name of 1 to 63 characters, after a DNS name and ``/`` if it has a prefix."""
    prefix, slash, name = key.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and not _is_subdomain(prefix)):
        raise InvalidInput(
            field,
            "must be a label key: up to 63 of A-Z, a-z, 0-9, '.', '_' or '-', after 'a.dns.name/' if any",
            key,
            63,
        )
    return key


def check_label_value(value: str, field: str = "value") -> str:
    """A label's value: empty, or 1 to 63 letters, digits, ``-``, ``_`` and ``.``, alphanumeric at both ends."""
    if value and not _NAME.fullmatch(value):
        raise InvalidInput(
            field,
            "must be a label value: up to 63 of A-Z, a-z, 0-9, '.', '_' or '-', with a letter or digit at both ends",
            value,
            63,
        )
    return value


def check_dns_name(name: str, field: str = "name") -> str:
    """The name of most objects (secrets, priority classes, nodes): a DNS subdomain of at most 253 characters."""
    if not _is_subdomain(name):
        raise InvalidInput(
            field, "must be up to 253 lower-case letters, digits, '-' or '.', alphanumeric at both ends", name, 253
        )
    return name


def _is_subdomain(text: str) -> bool:
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None
