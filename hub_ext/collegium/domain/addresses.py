"""E-mail addresses and domains: what is accepted. Whether anybody reads mail there, only a mail can tell."""

from __future__ import annotations

import re

from collegium.domain.errors import InvalidInput

#: RFC 5321: 64 before the @, and 254 in all that a path can hold.
MAX_ADDRESS = 254
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII | re.IGNORECASE)
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII | re.IGNORECASE)


def check_address(text: str, field: str = "email") -> str:
    """An address of plain ASCII, without a display name, comments or quotes; surrounding blanks are dropped."""
    clean = text.strip() if isinstance(text, str) else ""
    local, at, domain = clean.rpartition("@")
    if len(clean) > MAX_ADDRESS:
        raise InvalidInput(field, f"has {len(clean)} characters, at most {MAX_ADDRESS} are allowed", text, MAX_ADDRESS)
    if not at or not 1 <= len(local) <= 64 or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise InvalidInput(field, "must be an e-mail address such as ada@example.org", text)
    return clean


def check_domain(text: str, field: str = "domains") -> str:
    """The part of an address after the @, in lower case; a leading @ may stand there."""
    clean = text.strip().removeprefix("@").lower() if isinstance(text, str) else ""
    if not 1 <= len(clean) <= 253 or not _DOMAIN.fullmatch(clean):
        raise InvalidInput(field, "must be a domain such as example.org", text, 253)
    return clean


def hint(address: str) -> str:
    """Enough of an address for its owner to know it: ``a…@example.org``."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at else ""
