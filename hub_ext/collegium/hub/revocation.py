"""What ``install(c, revocation=…)`` says of work whose owner lost the right to it, handed on to the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collegium.hub.change import ConfigError

#: What is told apart, and the words for it.
WORDS = {"servers": ("stop", "keep"), "jobs": ("cancel", "finish")}
#: Seconds. Longer than this is a forgotten right, not a grace.
MAX_GRACE = 30 * 86400


def revocation_arguments(values: Mapping[str, Any] | None, service_is_ours: bool) -> list[str]:
    """Arguments of the service's command; none for what is left out. Raises ConfigError that names the setting."""
    if values is None:
        return []
    if not service_is_ours:
        raise ConfigError(
            "revocation is for a service that this hub starts; one that somebody else starts is given "
            "--CollegiumService.revocation_grace, _servers and _jobs there (the chart: auth.revocation)"
        )
    if not isinstance(values, Mapping):
        raise ConfigError(f"revocation must be a dictionary of grace, servers and jobs (got {values!r})")
    for name, value in values.items():
        if name == "grace":
            # True is a number to Python.
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_GRACE:
                raise ConfigError(
                    f"revocation.grace must be a whole number of seconds, 0 to {MAX_GRACE} (got {value!r})"
                )
        elif name not in WORDS:
            raise ConfigError(f"revocation.{name}: there is grace, {', '.join(WORDS)}")
        elif value not in WORDS[name]:
            raise ConfigError(f"revocation.{name} must be {' or '.join(WORDS[name])} (got {value!r})")
    return [f"--CollegiumService.revocation_{name}={value}" for name, value in values.items()]
