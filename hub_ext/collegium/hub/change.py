"""Careful changes of a JupyterHub configuration: add, offer, require; overwrite nothing that the operator has set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from traitlets.config import Config


class ConfigError(Exception):
    """The configuration already holds something that Collegium needs otherwise; the message names trait and value."""


def is_set(section: Config, name: str) -> bool:
    """True if the operator, or a step before, has set this trait."""
    return name in section


def require(section: Config, owner: str, name: str, value: object) -> None:
    """Set what Collegium cannot work without. Raises ConfigError if it is set to something else."""
    if is_set(section, name) and section[name] != value:
        raise ConfigError(f"c.{owner}.{name} = {section[name]!r} is set already; Collegium needs {value!r}")
    section[name] = value


def offer(section: Config, name: str, value: object) -> None:
    """Set a default of ours; what is set already stays."""
    if not is_set(section, name):
        section[name] = value


def offer_bind(hub: Config, ip: str, port: int) -> None:
    """Offer where the proxy listens, as one URL, or in parts if the operator has set one of these."""
    if is_set(hub, "bind_url"):
        return
    if any(is_set(hub, part) for part in ("ip", "port", "base_url")):
        # Beside a part, JupyterHub would take the URL for nothing, and listen on all addresses.
        offer(hub, "ip", ip)
        offer(hub, "port", port)
    else:
        offer(hub, "bind_url", f"http://{ip}:{port}")


def add_scopes(hub: Config, scopes: Iterable[str]) -> None:
    """Add to ``extra_user_scopes``."""
    if is_set(hub, "extra_user_scopes") and isinstance(hub.extra_user_scopes, (list, set, tuple)):
        hub.extra_user_scopes = {*hub.extra_user_scopes, *scopes}
    else:
        # The trait is a set: traitlets would drop what is added with ``extend`` without a word.
        hub.extra_user_scopes.update(set(scopes))


def add_templates(hub: Config, ours: str) -> None:
    """Add a folder to ``template_paths``: the operator's own pages come first, the stock ones last."""
    if is_set(hub, "template_paths") and isinstance(hub.template_paths, list):
        # Pages of ours that the operator's extend are found after them.
        if ours not in hub.template_paths:
            hub.template_paths = [*hub.template_paths, ours]
    elif ours not in hub.template_paths.to_dict().get("prepend", []):
        hub.template_paths.prepend([ours])


def merge(section: Config, name: str, values: Mapping[str, Any]) -> None:
    """Add to a mapping. Raises ConfigError for a key that means something else already."""
    if is_set(section, name) and isinstance(section[name], dict):
        present = section[name]
        for key, value in values.items():
            if key in present and present[key] != value:
                raise ConfigError(f"c.JupyterHub.{name}[{key!r}] = {present[key]!r} is set already; Collegium needs it")
        section[name] = {**present, **values}
    else:
        section[name].update(values)


def add_named(section: Config, name: str, item: Mapping[str, Any]) -> None:
    """Add to a list of entries with names. Raises ConfigError if another entry has the name."""
    whole = isinstance(section[name], list) if is_set(section, name) else False
    # Not set as a whole: what was appended so far is added to the default when the hub reads it.
    present = section[name] if whole else section[name].to_dict().get("extend", [])
    for other in present:
        if other.get("name") == item["name"] and other != item:
            shown = {key: "(not shown)" if key == "api_token" else value for key, value in other.items()}
            raise ConfigError(f"c.JupyterHub.{name} has an entry named {item['name']!r} already: {shown!r}")
    if item in present:
        return
    if whole:
        section[name] = [*present, dict(item)]
    else:
        section[name].append(dict(item))
