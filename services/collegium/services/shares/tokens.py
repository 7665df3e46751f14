"""What a share link holds: an id, the moment of its end, 256 random bits, and our signature over the first two.

A link that nobody of us wrote, or whose time is over, is refused without a look at the database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collegium.cipher import Cipher

#: The clocks of two replicas, and of whoever looks at one, may differ by so much.
SKEW = timedelta(seconds=60)
#: Says to scanners what it is.
PREFIX = "cshr_"
_ABOUT = "share link"
_TOKEN = re.compile(
    PREFIX + r"(shr-[0-9a-v]{26})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{22})", re.ASCII
)


@dataclass(frozen=True)
class ShareToken:
    """A link's token, read and found to be ours and in time."""

    share_id: str
    expires_at: datetime
    token_hash: str


def make_token(cipher: Cipher, share_id: str, expires_at: datetime) -> tuple[str, str]:
    """The token, told once, and the hash that is kept. Raises Misconfigured without a key."""
    end, secret = f"{int(expires_at.timestamp()):x}", secrets.token_urlsafe(32)
    return f"{PREFIX}{share_id}.{end}.{secret}.{cipher.sign(f'{share_id}.{end}', _ABOUT)}", _hash(share_id, secret)


def read_token(cipher: Cipher, token: str, moment: datetime) -> ShareToken | None:
    """What a token says; None for one that we did not make, or that is over."""
    match = _TOKEN.fullmatch(token)
    if match is None or not cipher.signed(f"{match[1]}.{match[2]}", _ABOUT, match[4]):
        return None
    expires_at = datetime.fromtimestamp(int(match[2], 16), UTC)
    if expires_at + SKEW <= moment:
        return None
    return ShareToken(match[1], expires_at, _hash(match[1], match[3]))


def _hash(share_id: str, secret: str) -> str:
    return hashlib.sha256(f"{share_id}.{secret}".encode()).hexdigest()
