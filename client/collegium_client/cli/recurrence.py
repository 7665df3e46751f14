"""``--cron``, ``--every``, ``--at`` and ``--zone``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from collegium_client.cli.common import F
from collegium_client.cli.values import seconds

_OPTIONS = (
    click.option(
        "--cron", metavar="EXPRESSION", help="Minute, hour, day of month, month, day of week: '30 2 * * 1-5'."
    ),
    click.option("--every", metavar="TIME", help="Every 600 (seconds), 30m, 2h or 1d."),
    click.option("--at", "once", metavar="TIME", help="Once, at a local time of the zone such as 2027-01-31T08:00."),
    click.option("--zone", metavar="ZONE", help="Time zone such as Europe/Berlin; without it UTC."),
    click.option("--start", metavar="TIME", help="Not before this local time."),
    click.option("--end", metavar="TIME", help="Not after this local time."),
)


def recurrence_options(command: F) -> F:
    """When."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def recurrence_of(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """What the options say, with the zone of ``before`` if they name none; None if they say nothing."""
    named = [name for name in ("cron", "every", "once") if given[name] is not None]
    if len(named) > 1:
        raise click.UsageError("--cron, --every and --at exclude one another")
    zone = given["zone"] or (before or {}).get("zone")
    more = {"zone": zone} if zone else {}
    if given["cron"] is not None:
        return {"kind": "cron", "expression": given["cron"], **more}
    if given["every"] is not None:
        return {"kind": "interval", "every": seconds(given["every"], "--every"), **more}
    if given["once"] is not None:
        return {"kind": "once", "at": given["once"], **more}
    return {**before, "zone": given["zone"]} if before and given["zone"] else None


def bounds_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Start and end, where given; an empty one takes it away."""
    found = {"start_at": given["start"], "end_at": given["end"]}
    return {name: text or None for name, text in found.items() if text is not None}
