"""The one table of token scopes: what a token may be used for. Where it may be used is decided by live membership."""

from __future__ import annotations

from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_group_name

#: The service's name at the hub, and so its place: ``/services/collegium/``.
SERVICE = "collegium"
PREFIX = "custom:collegium:"

CUSTOM_SCOPES: dict[str, dict[str, object]] = {
    f"{PREFIX}groups:read": {"description": "See your groups, their quota, usage and catalog in Collegium"},
    f"{PREFIX}jobs:read": {"description": "See jobs, schedules, logs and artifacts of your groups in Collegium"},
    f"{PREFIX}jobs:write": {
        "description": "Submit, schedule, rerun and cancel jobs in your groups in Collegium",
        "subscopes": [f"{PREFIX}jobs:read"],
    },
    f"{PREFIX}files:read": {"description": "Read shared files and datasets of your groups in Collegium"},
    f"{PREFIX}files:write": {
        "description": "Upload, change, share and delete files and datasets of your groups in Collegium",
        "subscopes": [f"{PREFIX}files:read"],
    },
    f"{PREFIX}volumes:read": {"description": "See all datasets and volumes of Collegium (platform admins only)"},
    f"{PREFIX}volumes:write": {
        "description": "Define datasets, volumes and their secrets in Collegium (platform admins only)",
        "subscopes": [f"{PREFIX}volumes:read"],
    },
    f"{PREFIX}secrets:write": {"description": "Set and remove secrets of the groups that you administer in Collegium"},
    f"{PREFIX}invitations:read": {"description": "See invitations to the groups that you administer in Collegium"},
    f"{PREFIX}invitations:write": {
        "description": "Invite people to the groups that you administer in Collegium",
        "subscopes": [f"{PREFIX}invitations:read"],
    },
    f"{PREFIX}invitations:accept": {"description": "Accept an invitation to a group in Collegium"},
    f"{PREFIX}audit:read": {"description": "Read the audit log of the groups that you administer in Collegium"},
    f"{PREFIX}users:read": {"description": "See all users of Collegium (platform admins only)"},
    f"{PREFIX}users:write": {
        "description": "Create, change and disable users of Collegium (platform admins only)",
        "subscopes": [f"{PREFIX}users:read"],
    },
}
#: Not for pages of servers: what notebooks run there could take their token, also a platform admin's.
_PORTAL_ONLY = frozenset(
    f"{PREFIX}{scope}"
    for scope in ("users:read", "users:write", "volumes:read", "volumes:write", "invitations:write", "secrets:write")
)

#: What every user may do with a token of their own: everything here; membership decides the rest.
USER_SCOPES = [f"access:services!service={SERVICE}", *CUSTOM_SCOPES]


def for_owner(user: str) -> list[str]:
    """Scopes for the browser tokens of one user's servers.

    They are filtered to the owner: a visitor's token minted on somebody else's server carries nothing into the
    visitor's own groups.
    """
    return [
        f"access:services!service={SERVICE}",
        *(f"{scope}!user={user}" for scope in CUSTOM_SCOPES if scope not in _PORTAL_ONLY),
    ]


def for_server(user: str, server: str) -> list[str]:
    """Scopes of the token that one server of a user has itself, so that what runs in it may use jobs and files as its
    owner.

    Only in the group that the server is named after, which is the one that it runs in: an image that one group chose
    must not reach another. Servers of other names get no jobs, for nothing says yet which group they will be started
    in. Members only: that the token names a group makes nobody a member.
    """
    scopes = [f"access:services!service={SERVICE}", f"{PREFIX}groups:read!user={user}"]
    try:
        group = check_group_name(server)
        return [*scopes, *(f"{PREFIX}{scope}!group={group}" for scope in ("jobs:write", "files:write"))]
    except InvalidInput:
        return scopes
