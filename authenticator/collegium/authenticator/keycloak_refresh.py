"""Is what we believe of a person still so? Three outcomes: fresh, revoked, or no answer (then the error says why)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from collegium.authenticator.keycloak_claims import claims_of
from collegium.authenticator.keycloak_status import Voice
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import DomainError, Forbidden, InvalidInput, Misconfigured, Unavailable
from collegium.domain.identity import Claims, ProviderStatus, Standing, UserIdentity
from collegium.identity.accept import Accepted, accept, as_stored, dismiss
from collegium.identity.oidc import GrantRefused, Provider, TokenEnded
from collegium.identity.settings import KeycloakSettings

T = TypeVar("T")
#: So old may what the sync has confirmed be: without a further look, and while the provider is known to be well.
RECENT, RECENT_WHILE_OK = timedelta(seconds=15), timedelta(seconds=30)
#: Seconds between two looks whether a browser session still lives at Keycloak, where groups come by the sync.
SESSION_AGE = 30.0
#: Seconds between two notes that somebody is about, and between two looks whether the sync has been there.
SEE_AGE, LOOK_AGE = 60.0, 0.25
#: Keycloak's words where the account of a refresh token may not be used any more.
_DISABLED = ("user disabled", "account disabled")


@dataclass(frozen=True)
class Fresh:
    """The person as they are now."""

    accepted: Accepted


@dataclass(frozen=True)
class Revoked:
    """The session, or the account, is over. A new login may help."""

    reason: str


#: The errors are Unavailable and Misconfigured: nothing was learned, so nobody loses anything yet.
Outcome = Fresh | Revoked | Unavailable | Misconfigured


@dataclass(frozen=True)
class Known:
    """What the database holds before anybody is asked."""

    identity: UserIdentity | None
    accepted: Accepted | None
    status: ProviderStatus | None


class Refresher:
    """``refresh`` may be called by many requests at once; Keycloak hears one question per person.

    ``user`` is JupyterHub's: its name, and where its tokens are kept. Tokens are written as soon as Keycloak has given
    them, in the one flight that asked for them: a refresh token that rotates is worthless after its use, and a process
    that dies must not take the new one along.
    """

    def __init__(
        self, provider: Provider, database: Database, voice: Voice, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.provider, self.voice = provider, voice
        self.settings = provider.settings
        self._database, self._clock = database, clock
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        self._alive: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    async def refresh(self, user: Any, session: bool) -> Outcome:
        """``session`` says that the request lives off a browser session, which must be alive at Keycloak too.

        Without a sync account nobody else watches: everything is asked for with the person's own tokens.
        """
        name = user.name
        await self._see(name)
        known = await self.known(name)
        if known.identity is None or known.accepted is None:
            return Revoked("this user has never logged in through Keycloak")
        if known.identity.standing is not Standing.ACTIVE:
            return Revoked(f"the account is {known.identity.standing.value} in Keycloak")
        if self.settings.sync is None:
            return await self._by_tokens(user, known)
        if session and self._clock() - self._alive.get(name, -SESSION_AGE) >= SESSION_AGE:
            return await self._by_tokens(user, known)
        if _is_recent(known):
            return Fresh(known.accepted)
        outcome = await self._by_tokens(user, known)
        if session or not isinstance(outcome, Revoked):
            return outcome
        # No session is needed: the account's word is the sync's.
        return await self._once(("sync", name), lambda: self._by_sync(name))

    def began(self, name: str) -> None:
        """A session of this person was seen alive just now."""
        self._alive[name] = self._clock()

    def ended(self, name: str) -> None:
        """Look again at the next request."""
        self._alive.pop(name, None)

    def believed(self, known: Known, at: datetime) -> bool:
        """May what was last said still be read, though nobody confirms it?"""
        grace = timedelta(seconds=self.settings.outage_grace)
        if known.status is not None and not known.status.ok:
            return at - known.status.since <= grace
        confirmed = known.identity.checked_at if known.identity is not None else None
        return confirmed is not None and at - confirmed <= grace

    async def known(self, name: str) -> Known:
        """Identity, groups and the provider's state as they are stored."""

        def look(uow: UnitOfWork) -> Known:
            identity = uow.identities.of_user(name)
            return Known(identity, as_stored(uow, identity) if identity else None, uow.providers.current())

        return await self._database.reading(look)

    async def _by_tokens(self, user: Any, known: Known) -> Outcome:
        return await self._once(("tokens", user.name), lambda: self._ask(user, known))

    async def _ask(self, user: Any, known: Known) -> Outcome:
        asked_at = now()
        try:
            found = await self._claims(user)
        except (Unavailable, Misconfigured) as error:
            await self.voice.failed(error, known.status)
            return error
        await self.voice.answered(known.status)
        outcome = await self._believe(user.name, found, known, asked_at)
        if isinstance(outcome, Fresh):
            self.began(user.name)
        elif isinstance(outcome, Revoked):
            # What Keycloak will never take again need not be shown to it at each request.
            self.ended(user.name)
            await user.save_auth_state(None)
        return outcome

    async def _claims(self, user: Any) -> Claims | Revoked:
        state = await user.get_auth_state()
        if not state or not state.get("access_token"):
            return Revoked("no session at Keycloak is known")
        try:
            return claims_of(await self.provider.userinfo(state["access_token"]), self.settings)
        except TokenEnded:
            pass
        try:
            tokens = await self.provider.refresh(state.get("refresh_token") or "")
        except GrantRefused as error:
            return Revoked(str(error))
        fresh = {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token}
        await user.save_auth_state({**state, **fresh, "id_token": tokens.id_token or state.get("id_token", "")})
        try:
            return claims_of(await self.provider.userinfo(tokens.access_token), self.settings)
        except TokenEnded:
            return Revoked("Keycloak does not accept the token that it has just given")

    async def _believe(self, name: str, found: Claims | Revoked, known: Known, asked_at: datetime) -> Outcome:
        try:
            if isinstance(found, Revoked):
                if found.reason.casefold() in _DISABLED:
                    await self._database.writing(
                        lambda uow: dismiss(uow, name, Standing.DISABLED, now(), "Keycloak ended the session: disabled")
                    )
                return found
            if known.identity is None or found.subject != known.identity.subject:
                return Revoked("the tokens belong to another account")
            return Fresh(await self._database.writing(lambda uow: believe(uow, self.settings, found, asked_at)))
        except (Forbidden, InvalidInput) as error:
            return Revoked(error.message)
        except DomainError as error:
            # Our own database, and not Keycloak.
            return error if isinstance(error, Unavailable) else Unavailable(error.message)

    async def _by_sync(self, name: str) -> Outcome:
        """Wait until the sync, which now knows that the person is about, has been there."""
        sync = self.settings.sync
        deadline = self._clock() + (sync.interval if sync else 0.0) + 2.0
        while True:
            known = await self.known(name)
            if known.status is not None and not known.status.ok:
                return Unavailable(known.status.message or "Keycloak does not answer.")
            if known.identity is not None and known.identity.standing is not Standing.ACTIVE:
                return Revoked(f"the account is {known.identity.standing.value} in Keycloak")
            if known.accepted is not None and _is_recent(known):
                return Fresh(known.accepted)
            if self._clock() >= deadline:
                return Unavailable(f"Nobody has confirmed the groups of {name} yet; the sync with Keycloak is late.")
            await asyncio.sleep(LOOK_AGE)

    async def _see(self, name: str) -> None:
        if self._clock() - self._seen.get(name, -SEE_AGE) < SEE_AGE:
            return
        self._seen[name] = self._clock()

        def see(uow: UnitOfWork) -> None:
            if uow.identities.see(name, now()):
                uow.announce()

        await self._database.writing(see)

    async def _once(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        task = self._flights.get(key)
        if task is None:
            task = asyncio.ensure_future(work())
            self._flights[key] = task
            task.add_done_callback(lambda _: self._flights.pop(key, None))
        # A caller that goes away must not end the question for the others, nor lose the tokens that it brings.
        result: T = await asyncio.shield(task)
        return result


def _is_recent(known: Known) -> bool:
    confirmed = known.identity.checked_at if known.identity is not None else None
    if confirmed is None:
        return False
    age = now() - confirmed
    return age <= RECENT or (age <= RECENT_WHILE_OK and known.status is not None and known.status.ok)


def believe(
    uow: UnitOfWork, settings: KeycloakSettings, claims: Claims, asked_at: datetime, *, older_user: bool = False
) -> Accepted:
    """As ``accept``; but where the sync looks after groups, an answer without any takes none away.

    A removed groups mapper looks just like somebody who left the last group, for the marker is a mapper of its own. The
    sync sees the difference, and a few seconds sooner than a browser's session is looked at.
    """
    identity = uow.identities.of_subject(settings.issuer, claims.subject)
    if settings.sync is not None and not claims.paths and identity is not None and identity.standing is Standing.ACTIVE:
        stored = as_stored(uow, identity)
        if stored.roles:
            return stored
    return accept(uow, settings, claims, asked_at, older_user=older_user)
