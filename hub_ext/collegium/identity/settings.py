"""What hub, service and controller must agree on about Keycloak. ``COLLEGIUM_KEYCLOAK`` (JSON, or a JSON file's path)
hands it from process to process; secrets are not in it, only the files that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from collegium.configured import Configured
from collegium.domain.errors import InvalidInput
from collegium.domain.groups import Role
from collegium.domain.quota import Limits

VARIABLE = "COLLEGIUM_KEYCLOAK"
_MAX_SECRET = 4096


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientSettings(_Strict):
    """A confidential client of the realm. The file holds the secret and nothing else."""

    client_id: str = Field(min_length=1, max_length=255)
    client_secret_file: Path

    def secret(self) -> str:
        """The secret, read anew each time so that it can be rotated. Raises InvalidInput, without quoting anything."""
        try:
            text = self.client_secret_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                "keycloak.client_secret_file", f"cannot be read: {type(error).__name__}", str(self.client_secret_file)
            ) from None
        if not 1 <= len(text) <= _MAX_SECRET:
            raise InvalidInput("keycloak.client_secret_file", "is empty or too long", str(self.client_secret_file))
        return text


class GroupRules(_Strict):
    """Which groups of the realm count, and as what.

    ``prefix`` is a path below which they are (``/labs``); ``include`` and ``exclude`` are patterns with ``*`` on what
    follows it. ``names`` says which path is which group where the name does not follow from the path. Groups that
    neither the catalog nor the API declares count only if ``create`` is on; they get ``new_limits``.
    """

    claim: str = "groups"
    #: A claim that is always there if our mappers are: it tells "in no group" from "no mapper".
    marker: str = "collegium"
    prefix: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    names: dict[str, str] = Field(default_factory=dict)
    create: bool = False
    new_limits: dict[str, str | int] = Field(default={"cpu": "4", "memory": "16Gi"})

    @field_validator("prefix")
    @classmethod
    def _path(cls, value: str) -> str:
        value = value.rstrip("/")
        return value if not value or value.startswith("/") else f"/{value}"

    @field_validator("new_limits")
    @classmethod
    def _limits(cls, value: dict[str, str | int]) -> dict[str, str | int]:
        try:
            Limits.parse(value)
        except InvalidInput as error:
            raise ValueError(error.message) from error
        return value


class RoleRules(_Strict):
    """Where a role in a group comes from; a member without one has ``default``.

    ``subgroup``: being in a subgroup with one of ``names``. ``attribute``: the group's attributes of these names list
    user names; only the sync account can read them. ``client-role``: a role of the login client, named by ``pattern``.
    """

    source: Literal["subgroup", "attribute", "client-role"] = "subgroup"
    default: Role = Role.MEMBER
    names: dict[str, Role] = Field(
        default_factory=lambda: {"admins": Role.ADMIN, "maintainers": Role.MAINTAINER, "viewers": Role.VIEWER}
    )
    claim: str = "client_roles"
    pattern: str = "{group}:{role}"

    @property
    def givable(self) -> tuple[Role, ...]:
        """Roles that an account client could give somebody; an attribute of a group is changed in Keycloak alone."""
        if self.source == "client-role":
            return tuple(Role)
        named = self.names.values() if self.source == "subgroup" else ()
        return tuple(r for r in Role if r is self.default or r in named)

    @field_validator("pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        if value.count("{group}") != 1 or value.count("{role}") != 1:
            raise ValueError("must hold {group} and {role} once each")
        return value


class PlatformAdminRule(_Strict):
    """Who runs the platform: holders of one realm role, or of one role of the login client. Never a group."""

    realm_role: str = "platform-admin"
    realm_claim: str = "realm_roles"
    client_role: str = ""
    client_claim: str = "client_roles"


class SyncSettings(ClientSettings):
    """The service account that reads groups and members. Times are seconds."""

    #: How often people who are about are asked for, and how often everything is walked.
    interval: float = Field(default=4.0, ge=1, le=300)
    walk_interval: float = Field(default=300.0, ge=10, le=86400)


class KeycloakSettings(Configured):
    """One realm. ``issuer`` is all that is needed besides the clients; discovery says the rest."""

    called: ClassVar = "keycloak"
    variable: ClassVar = VARIABLE

    issuer: str
    login: ClientSettings
    sync: SyncSettings | None = None
    accounts: ClientSettings | None = None
    groups: GroupRules = GroupRules()
    roles: RoleRules = RoleRules()
    platform_admin: PlatformAdminRule = PlatformAdminRule()
    #: May a user of JupyterHub that is older than Keycloak become the Keycloak account of the same name?
    adopt_users: bool = False
    #: For how many seconds of silence of Keycloak what it last said may still be read.
    outage_grace: Annotated[int, Field(ge=0, le=86400)] = 900
    #: Seconds that one request to Keycloak may take.
    patience: Annotated[float, Field(gt=0, le=60)] = 5.0
    #: A certificate authority for Keycloak's certificate, if the system does not know it.
    ca_file: Path | None = None

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise ValueError("must be the realm's URL, such as https://login.example.org/realms/lab")
        if "/realms/" not in parts.path:
            raise ValueError("must end in /realms/<realm>")
        return value.rstrip("/")

    @property
    def realm(self) -> str:
        """The realm's name."""
        return self.issuer.rpartition("/realms/")[2]

    @property
    def server_url(self) -> str:
        """Keycloak's own address, without the realm."""
        return self.issuer.rpartition("/realms/")[0]

    @property
    def admin_url(self) -> str:
        """The realm in Keycloak's admin API."""
        return f"{self.server_url}/admin/realms/{self.realm}"

    @property
    def account_url(self) -> str:
        """The realm's account console."""
        return f"{self.issuer}/account/"

    @property
    def password_url(self) -> str:
        """Where one changes one's password in the account console."""
        return f"{self.account_url}account-security/signing-in"
