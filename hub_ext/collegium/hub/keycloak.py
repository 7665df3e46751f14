"""What ``install(c, authenticator="keycloak")`` sets beyond the rest: the realm, and the key of its tokens."""

from __future__ import annotations

import base64
import binascii
import contextlib
import importlib.util
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config import Config

from collegium.domain.errors import InvalidInput
from collegium.hub.change import ConfigError
from collegium.identity.settings import VARIABLE, KeycloakSettings
from collegium.settings import Settings

if TYPE_CHECKING:
    from collegium.hub.kubernetes import Pods

AUTHENTICATORS = ("local", "keycloak")
CLASS = "collegium-keycloak"
#: Seconds for which the hub believes what it knows of somebody. A look is one request to Keycloak, or none with sync.
REFRESH_AGE = 5
#: JupyterHub's variable for the key that encrypts stored tokens, and our file with it.
KEY_VARIABLE, KEY_FILE = "JUPYTERHUB_CRYPT_KEY", "crypt-key"


def read_keycloak(
    authenticator: str | None, keycloak: Mapping[str, Any] | str | Path | None
) -> KeycloakSettings | None:
    """The realm, None where Collegium itself checks passwords. Raises ConfigError.

    Without ``authenticator`` it is Keycloak where there are settings for it, as an argument or in the environment.
    """
    if authenticator not in (None, *AUTHENTICATORS):
        raise ConfigError(f"authenticator = {authenticator!r}: there is {', '.join(AUTHENTICATORS)}")
    if authenticator == "local":
        if keycloak is not None:
            raise ConfigError("authenticator = 'local' and keycloak are both given; leave one out")
        # Nobody may take it for the other one later.
        os.environ.pop(VARIABLE, None)
        return None
    try:
        settings = _settings(keycloak)
    except InvalidInput as error:
        raise ConfigError(error.message) from None
    if settings is None:
        if authenticator is None:
            return None
        raise ConfigError(f"authenticator = 'keycloak' needs its settings: give keycloak, or set {VARIABLE}")
    return settings


def check_keycloak(settings: KeycloakSettings, service_is_ours: bool) -> None:
    """What is needed is there and can be read. Raises ConfigError, without quoting a secret."""
    missing = [name for name in ("oauthenticator", "jwt") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"Keycloak needs {' and '.join(missing)}: pip install 'collegium[keycloak]'")
    # Elsewhere each pod has its own client's secret and no other.
    clients = [settings.login, *((settings.sync, settings.accounts) if service_is_ours else ())]
    for client in clients:
        try:
            if client is not None:
                client.secret()
        except InvalidInput as error:
            raise ConfigError(f"{error.message}; it must hold the secret of the client {client.client_id}") from None
    if settings.ca_file is not None and not os.access(settings.ca_file, os.R_OK):
        raise ConfigError(f"keycloak.ca_file: cannot be read (got {settings.ca_file})")


def share(settings: KeycloakSettings) -> None:
    """Tell this process, and with it the objects that the hub makes without arguments. No secret is in there."""
    os.environ[VARIABLE] = settings.to_json()


def provide_key(c: Config, settings: Settings, pods: Pods | None) -> None:
    """See that JupyterHub has a key for the tokens that it stores: given, mounted, or made once and kept."""
    # A Zero-to-JupyterHub release brings keys of its own, in its configuration.
    if os.environ.get(KEY_VARIABLE) or c.CryptKeeper.get("keys"):
        return
    mounted = pods.secret(KEY_FILE) if pods is not None else None
    if mounted is None and pods is not None and pods.separate:
        where = pods.secrets or "the folder with secrets"
        raise ConfigError(
            f"there is no file {KEY_FILE} in {where}, nor {KEY_VARIABLE}: without the same key after a restart nobody "
            "stays logged in"
        )
    path = mounted or _made(settings.state_dir / KEY_FILE)
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}") from None
    if not text or not all(_is_key(part) for part in text.split(";")):
        raise ConfigError(f"{path} must hold 32 bytes, as 64 hexadecimal digits or in base64 (several: with ; between)")
    os.environ[KEY_VARIABLE] = text


def _settings(given: Mapping[str, Any] | str | Path | None) -> KeycloakSettings | None:
    if given is None:
        return KeycloakSettings.from_environment()
    if isinstance(given, Mapping):
        return KeycloakSettings.from_mapping(given)
    return KeycloakSettings.from_environment({VARIABLE: str(Path(given).expanduser().absolute())})


def _made(path: Path) -> Path:
    if path.exists():
        return path
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Whoever comes second keeps what is there: two keys would make tokens of the first unreadable.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
    return path


def _is_key(text: str) -> bool:
    with contextlib.suppress(ValueError, binascii.Error):
        return len(bytes.fromhex(text) if len(text) == 64 else base64.urlsafe_b64decode(text)) == 32
    return False
