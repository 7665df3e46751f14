"""Which Collegium, as whom, and in which group.

Arguments come first, then ``COLLEGIUM_URL``/``COLLEGIUM_TOKEN``, then the file that ``collegium login`` wrote, then the
Collegium server that this process runs in. Address and token always come from the same place: a token is never sent
anywhere but where it was meant for.
"""

from __future__ import annotations

import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from collegium_client.errors import SettingsError

#: Where the service is below its hub.
SERVICE_PATH = "/services/collegium"
URL, TOKEN, GROUP, CONFIG = "COLLEGIUM_URL", "COLLEGIUM_TOKEN", "COLLEGIUM_GROUP", "COLLEGIUM_CONFIG"
#: What a Collegium server tells what runs in it: where the service is for it. The token is the hub's for this server;
#: it goes to this address only.
SERVER_URL, SERVER_TOKEN = "COLLEGIUM_SERVICE_URL", "JUPYTERHUB_API_TOKEN"
#: The source of settings that nobody made.
FROM_SERVER = "this server"
_FIELDS = ("url", "token", "group")
_HELP = "Run 'collegium login --url https://your.hub', or set COLLEGIUM_URL and COLLEGIUM_TOKEN."


@dataclass(frozen=True)
class Settings:
    """``url`` is the service's address without a slash at its end; ``source`` says where it came from, for people."""

    url: str
    token: str
    group: str = ""
    source: str = ""

    def __repr__(self) -> str:
        """Without the token."""
        return f"Settings(url={self.url!r}, group={self.group!r}, source={self.source!r})"

    @classmethod
    def find(
        cls,
        url: str | None = None,
        token: str | None = None,
        group: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Settings:
        """The settings of this process. Raises SettingsError, which says what to do."""
        env = os.environ if environment is None else environment
        chosen = group or env.get(GROUP) or ""
        if url is None and token is None:
            return _ambient(env, chosen)
        if url is not None and token is not None:
            return cls(service_url(url), _checked(token, "token"), chosen, "arguments")
        known = _ambient(env, chosen)
        if url is None:
            return cls(known.url, _checked(token or "", "token"), known.group, known.source)
        if service_url(url) != known.url:
            raise SettingsError(f"url is {url}, but the token at hand is for {known.url}; give the token too.")
        return known


def _ambient(env: Mapping[str, str], group: str) -> Settings:
    if env.get(URL) and env.get(TOKEN):
        return Settings(service_url(env[URL], URL), _checked(env[TOKEN], TOKEN), group, "environment")
    if env.get(TOKEN) and env.get(SERVER_URL):
        # Somebody's own token, in a server: it is for the hub of this server.
        return Settings(service_url(env[SERVER_URL], SERVER_URL), _checked(env[TOKEN], TOKEN), group, "environment")
    if env.get(URL) or env.get(TOKEN):
        given, missing = (URL, TOKEN) if env.get(URL) else (TOKEN, URL)
        stored = read_file(config_file(env))
        if not (given == URL and stored.get("url") and service_url(stored["url"]) == service_url(env[URL], URL)):
            raise SettingsError(f"{given} is set, but {missing} is not. Set both.")
        return _stored(stored, env, group)
    stored = read_file(config_file(env))
    if not stored.get("url") and env.get(SERVER_URL) and env.get(SERVER_TOKEN):
        return Settings(service_url(env[SERVER_URL], SERVER_URL), env[SERVER_TOKEN], group, FROM_SERVER)
    if not stored.get("url"):
        raise SettingsError(f"There is no address of a Collegium. {_HELP}")
    return _stored(stored, env, group)


def _stored(stored: Mapping[str, str], env: Mapping[str, str], group: str) -> Settings:
    path = config_file(env)
    if not stored.get("token"):
        raise SettingsError(f"{path} has no token. {_HELP}")
    url = service_url(stored["url"], f"url in {path}")
    return Settings(url, _checked(stored["token"], f"token in {path}"), group or stored.get("group", ""), str(path))


def service_url(url: str, name: str = "url") -> str:
    """The service's address from the hub's or its own. Raises SettingsError."""
    given = url.strip()
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{name}: {given!r} is no address such as https://your.hub")
    if parts.username or parts.password:
        raise SettingsError(f"{name}: an address must hold no user name or password")
    path = parts.path.rstrip("/")
    before, found, _ = path.partition(SERVICE_PATH)
    if not found:
        # Copied from a browser: what comes after the hub's own place is not part of it.
        before = path.partition("/hub/")[0] if "/hub/" in path + "/" else path
        before = before.removesuffix("/hub")
    return f"{parts.scheme}://{parts.netloc}{before}{SERVICE_PATH}"


def config_file(environment: Mapping[str, str] | None = None) -> Path:
    """``$COLLEGIUM_CONFIG``, else ``~/.config/collegium/config.toml``."""
    env = os.environ if environment is None else environment
    if env.get(CONFIG):
        return Path(env[CONFIG])
    base = env.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "collegium" / "config.toml"


def read_file(path: Path) -> dict[str, str]:
    """What is stored; empty if nothing is. Raises SettingsError also for a token that others can read."""
    try:
        text = path.read_text(encoding="utf-8")
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    for name, value in values.items():
        if name not in _FIELDS or not isinstance(value, str):
            raise SettingsError(f"{path}: {name} is none of {', '.join(_FIELDS)}, or no text")
    if os.name == "posix" and values.get("token") and mode & 0o077:
        raise SettingsError(f"{path} holds a token and others may read it (mode {mode:04o}): chmod 600 {path}")
    return dict(values)


def write_file(path: Path, values: Mapping[str, str]) -> None:
    """Store, readable by its owner alone from the first byte on; all of it or nothing. Raises SettingsError."""
    text = "".join(f"{name} = {_quoted(values[name])}\n" for name in _FIELDS if values.get(name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".config-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _checked(token: str, name: str) -> str:
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(f"{name}: a token is one word of letters, digits and signs")
    return token


def only_group(names: list[str]) -> str:
    """One's only group; raises SettingsError where there is a choice, or none."""
    if len(names) == 1:
        return names[0]
    if not names:
        raise SettingsError("You are in no group yet; ask a platform admin.")
    raise SettingsError(f"You are in several groups ({', '.join(sorted(names))}): say which, or set COLLEGIUM_GROUP.")
