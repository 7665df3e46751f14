"""Invitations: a link that makes whoever holds it a member of one group, within bounds."""

from __future__ import annotations

import enum
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from collegium.domain.errors import Conflict, Forbidden, InvalidInput
from collegium.domain.groups import Role

#: 256 random bits; a prefix says to scanners what it is.
PREFIX = "cinv_"


class InvitationState(enum.StrEnum):
    """What a look at an invitation finds."""

    OPEN = "open"
    USED_UP = "used up"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Invitation:
    """``email`` or ``domains`` bind it to an address; ``uses`` counts the accepted ones. Only a hash is kept."""

    id: str
    group: str
    role: Role
    token_hash: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    max_uses: int = 1
    uses: int = 0
    email: str = ""
    domains: tuple[str, ...] = ()
    note: str = ""
    mailed_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""

    def state(self, now: datetime) -> InvitationState:
        """Open, or why it is not; a revoked one is revoked whatever else."""
        if self.revoked_at is not None:
            return InvitationState.REVOKED
        if self.uses >= self.max_uses:
            return InvitationState.USED_UP
        return InvitationState.EXPIRED if now >= self.expires_at else InvitationState.OPEN

    def require_open(self, now: datetime) -> None:
        """Raise Conflict unless it can be used."""
        state = self.state(now)
        if state is not InvitationState.OPEN:
            raise Conflict(f"This invitation is {state.value}. Ask for a new one.", state=state.value)

    def require_address(self, email: str, verified: bool) -> None:
        """Raise Forbidden if it is bound to another address. An unverified address proves nothing."""
        if not self.email and not self.domains:
            return
        if not verified:
            raise Forbidden("This invitation is bound to an e-mail address, and yours is not verified yet.")
        name, _, domain = email.strip().casefold().rpartition("@")
        if self.email and email.strip().casefold() != self.email.casefold():
            raise Forbidden("This invitation was made for another e-mail address.")
        if self.domains and (not name or domain not in {d.casefold() for d in self.domains}):
            raise Forbidden(
                f"This invitation is for addresses of {', '.join(self.domains)}.", domains=list(self.domains)
            )


def new_token() -> str:
    """What the link holds; shown once."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is stored. Raises InvalidInput for what cannot be a token, without quoting it."""
    if not isinstance(token, str) or not token.startswith(PREFIX) or not 20 <= len(token) <= 200 or not token.isascii():
        raise InvalidInput("token", "is not an invitation's")
    return hashlib.sha256(token.encode()).hexdigest()
