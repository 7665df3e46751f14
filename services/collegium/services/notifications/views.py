"""Channels and deliveries as they are shown."""

from __future__ import annotations

from collections.abc import Callable

from collegium.domain.addresses import hint
from collegium.domain.destinations import without_query
from collegium.domain.errors import Misconfigured
from collegium.domain.notifications import Channel, ChannelKind, Delivery, DeliveryState
from collegium.services.notifications.models import ChannelOut, DeliveryOut


def channel_out(channel: Channel, last: Delivery | None, open_url: Callable[[Channel], str] | None) -> ChannelOut:
    """One channel; ``open_url`` is given for those who may change it."""
    return ChannelOut(
        name=channel.name,
        kind=channel.kind,
        addresses=list(channel.addresses) if open_url else [hint(a) for a in channel.addresses],
        url=_shown(channel, open_url),
        has_secret=bool(channel.secret),
        events=sorted(channel.events),
        enabled=channel.enabled,
        created_by=channel.created_by,
        created_at=channel.created_at,
        updated_at=channel.updated_at,
        last_delivery=None if last is None else delivery_out(last),
    )


def _shown(channel: Channel, open_url: Callable[[Channel], str] | None) -> str:
    if not channel.url:
        return ""
    masked = f"{channel.origin}/…"
    if open_url is None or channel.kind is ChannelKind.SLACK:
        return masked
    try:
        return without_query(open_url(channel))
    except Misconfigured:
        # With another key than it was sealed with; that it must be given anew is told where it is used.
        return masked


def delivery_out(delivery: Delivery) -> DeliveryOut:
    """One delivery."""
    return DeliveryOut(
        id=delivery.id,
        event=delivery.topic,
        object_id=delivery.object_id,
        state=delivery.state,
        message=delivery.message,
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        next_at=delivery.next_at if delivery.state is DeliveryState.PENDING else None,
        finished_at=delivery.finished_at,
    )
