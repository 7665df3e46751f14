"""What of a channel is kept sealed, and what about: one channel's secret opens as no other's."""

from __future__ import annotations

from collegium.cipher import Cipher
from collegium.domain.notifications import Channel


def seal(cipher: Cipher, channel_id: str, part: str, text: str) -> str:
    """``part`` is ``url`` or ``secret``. Nothing stays nothing. Raises Misconfigured without a key."""
    return cipher.seal(text, _about(channel_id, part)) if text else ""


def open_url(cipher: Cipher, channel: Channel) -> str:
    """The whole URL. Raises Misconfigured."""
    return cipher.open(channel.url, _about(channel.id, "url")) if channel.url else ""


def open_secret(cipher: Cipher, channel: Channel) -> str:
    """The signing secret, empty if there is none. Raises Misconfigured."""
    return cipher.open(channel.secret, _about(channel.id, "secret")) if channel.secret else ""


def renewed(cipher: Cipher, channel: Channel) -> tuple[str, str]:
    """URL and secret sealed with the first key, as they are if they were. Raises Misconfigured."""
    parts = (("url", channel.url), ("secret", channel.secret))
    url, secret = ((cipher.renew(s, _about(channel.id, part)) or s) if s else s for part, s in parts)
    return url, secret


def _about(channel_id: str, part: str) -> str:
    return f"{part} of channel {channel_id}"
