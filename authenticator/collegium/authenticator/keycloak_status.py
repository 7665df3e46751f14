"""What this hub tells the others of Keycloak: only what is new, and nothing over the sync's head."""

from __future__ import annotations

import logging

from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.errors import DomainError, Misconfigured
from collegium.domain.identity import ProviderState, ProviderStatus
from collegium.identity.settings import KeycloakSettings


class Voice:
    """Writes ``identity_providers`` where a question of this hub changed the picture.

    Where a sync account is configured the controller looks every few seconds and has the last word: this hub then says
    only that Keycloak is silent, and takes back only what it said itself. Else the two would contradict one another
    for ever where one of them is set up well and the other is not.
    """

    def __init__(self, settings: KeycloakSettings, database: Database, log: logging.Logger) -> None:
        self._settings, self._database, self._log = settings, database, log
        self._said: tuple[ProviderState, str] | None = None
        self._complained = ""

    async def answered(self, status: ProviderStatus | None) -> None:
        """A question was answered well."""
        self._complained = ""
        if status is None or status.ok:
            return
        if self._settings.sync is None or (status.state, status.message) == self._said:
            await self._say(ProviderState.OK, "")

    async def failed(self, error: DomainError, status: ProviderStatus | None) -> None:
        """A question was not answered, or not so that it could be used."""
        if isinstance(error, Misconfigured):
            self._complain(error)
            # One person's oversized answer must not keep everybody else from working.
            if self._settings.sync is not None or "person" in error.details:
                return
            state = ProviderState.MISCONFIGURED
        else:
            state = ProviderState.UNAVAILABLE
        if status is None or status.state is not state:
            await self._say(state, error.message)

    def _complain(self, error: DomainError) -> None:
        if error.message != self._complained:
            self._complained = error.message
            self._log.critical("Keycloak is not set up as Collegium needs it: %s", error.message)

    async def _say(self, state: ProviderState, message: str) -> None:
        # It becomes part of other sentences.
        issuer, message = self._settings.issuer, message.rstrip(".")
        try:
            new = await self._database.writing(lambda uow: uow.providers.say(issuer, state, message, now()))
        except DomainError as error:
            # The next question tells it again.
            self._log.error("Could not note that Keycloak is %s: %s", state.value, error.message)
            return
        self._said = (state, message)
        if new:
            told = "answers again" if state is ProviderState.OK else f"is {state.value}: {message}"
            self._log.warning("Keycloak %s", told)
