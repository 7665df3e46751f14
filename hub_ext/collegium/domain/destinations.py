"""Where a webhook may lead: the form of its address, and which networks are out of reach.

A name is checked when it was resolved, and the connection goes to what was checked (see the service's ``web``): what a
name means when a channel is made says nothing of what it means later.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from collegium.domain.errors import InvalidInput

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
MAX_URL = 2048
_TEXT = re.compile(r"[!-~]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?\.?", re.ASCII | re.IGNORECASE)
#: Addresses that stand for an IPv4 address in their last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")


def check_url(text: str, field: str = "url") -> str:
    """An http or https URL of plain ASCII, without a user, password or fragment. Raises InvalidInput, which does not
    quote it: it may hold a token."""
    if not isinstance(text, str) or not _TEXT.fullmatch(text) or "\\" in text:
        raise InvalidInput(field, "must be an address such as https://example.org/hook, of plain ASCII without blanks")
    if len(text) > MAX_URL:
        raise InvalidInput(field, f"has {len(text)} characters, at most {MAX_URL} are allowed", limit=MAX_URL)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidInput(field, "has a host or port that cannot be") from None
    if parts.scheme not in ("http", "https"):
        raise InvalidInput(field, "must begin with https:// or http://", limit="https, http")
    if "@" in parts.netloc:
        raise InvalidInput(field, "must not hold a user name or password; give a secret, which signs what is sent")
    if parts.fragment or text.endswith("#"):
        raise InvalidInput(field, "must not have a part after #, which is never sent")
    if literal(host) is None and not _HOST.fullmatch(host):
        raise InvalidInput(field, "must name a host")
    if port == 0:
        raise InvalidInput(field, "has a port that cannot be", port)
    return text


def origin(url: str) -> str:
    """Scheme and host, which is what may be shown of a URL that is a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def without_query(url: str) -> str:
    """The URL as it may be shown to those who look after it: values in a query are mostly tokens."""
    head, mark, _ = url.partition("?")
    return f"{head}?…" if mark else head


def literal(host: str) -> Address | None:
    """The address that a host is written as, None for a name. `localhost` and all below it mean this machine."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(name.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None


def read_networks(texts: Sequence[str], field: str) -> tuple[Network, ...]:
    """Networks such as 10.0.0.0/8. Raises InvalidInput."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text.strip()))
        except ValueError:
            raise InvalidInput(field, "must be networks such as 10.1.0.0/16", text) from None
    return tuple(found)


def forbidden(address: Address, allowed: Sequence[Network]) -> str:
    """Why nothing is sent to an address, empty if something may be.

    Only addresses of the public internet are in reach, and what the operator allows. What an IPv6 address carries of
    an IPv4 address is what counts: it is where the packets end.
    """
    plain = _carried(address)
    if any(a.version == n.version and a in n for a in (address, plain) for n in allowed):
        return ""
    for name, kind in _KINDS:
        if getattr(plain, kind):
            return name
    # Old site-local addresses, and NAT64 prefixes of a site: both end inside, and not every Python knows it.
    if isinstance(plain, IPv6Address) and (plain.is_site_local or plain in _LOCAL_NAT64):
        return "a private address"
    return "" if plain.is_global else "an address that is not public"


_KINDS = (
    ("an address that means none", "is_unspecified"),
    ("a loopback address", "is_loopback"),
    ("a link-local address", "is_link_local"),
    ("a multicast address", "is_multicast"),
    ("a private address", "is_private"),
    ("a reserved address", "is_reserved"),
)


def _carried(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
