"""Login through a Keycloak realm; who is in which group follows it at login, refresh and every start."""

from __future__ import annotations

import sys
from collections import OrderedDict
from datetime import timedelta
from typing import Any

from jupyterhub.utils import maybe_future, url_path_join
from oauthenticator.generic import GenericOAuthenticator
from tornado import web
from traitlets import default

from collegium.authenticator.keycloak_claims import claims_of
from collegium.authenticator.keycloak_handlers import (
    BackchannelLogoutHandler,
    KeycloakCallbackHandler,
    KeycloakLoginHandler,
    KeycloakLogoutHandler,
    unanswered,
)
from collegium.authenticator.keycloak_refresh import Fresh, Known, Refresher, Revoked, believe
from collegium.authenticator.keycloak_sessions import (
    answer_now,
    bound_to_session,
    end_sessions,
    finds_out_who_asks,
    reports_activity,
)
from collegium.authenticator.keycloak_status import Voice
from collegium.authenticator.startup import StartupMixin
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.db.shared import shared_database
from collegium.domain.audit import SYSTEM, AuditEntry
from collegium.domain.errors import DomainError, Forbidden, InvalidInput, Misconfigured, Unavailable
from collegium.domain.identity import Claims, ProviderState, ProviderStatus
from collegium.identity.accept import Accepted, asked_name
from collegium.identity.keys import Refused
from collegium.identity.oidc import GrantRefused, Provider
from collegium.identity.settings import VARIABLE, KeycloakSettings

#: Logout tokens remembered against replay, and how old one may be that is taken at all.
MAX_SEEN_LOGOUTS, LOGOUT_AGE = 10_000, timedelta(minutes=5)


class KeycloakAuthenticator(StartupMixin, GenericOAuthenticator):  # type: ignore[misc]  # no type information
    """One setting, the realm's issuer URL (in ``COLLEGIUM_KEYCLOAK``); discovery does the rest.

    Upstream gives the login flow, its traits and ``check_allowed``; what is asked of Keycloak, and what is believed of
    the answer, is in ``collegium.identity``.
    """

    login_handler = KeycloakLoginHandler
    callback_handler = KeycloakCallbackHandler
    logout_handler = KeycloakLogoutHandler

    @default("manage_groups")
    def _default_manage_groups(self) -> bool:
        return True

    @default("enable_auth_state")
    def _default_enable_auth_state(self) -> bool:
        return True

    @default("auth_refresh_age")
    def _default_auth_refresh_age(self) -> int:
        return 5

    @default("auth_refresh_strict")
    def _default_auth_refresh_strict(self) -> bool:
        return True

    @default("refresh_pre_spawn")
    def _refresh_pre_spawn_default(self) -> bool:
        return True

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        # Whoever the realm lets in; without a group they can do nothing. A list of whom to allow means only those.
        return not (self.allowed_groups or self.allowed_users or self.allowed_scopes)

    @default("login_service")
    def _login_service_default(self) -> str:
        return "Keycloak"

    @default("scope")
    def _default_scope(self) -> list[str]:
        return ["openid", "profile", "email"]

    @default("username_claim")
    def _default_username_claim(self) -> str:
        return "preferred_username"

    @default("client_id")
    def _client_id_default(self) -> str:
        return self.provider.settings.login.client_id

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._provider: Provider | None = None
        self._refresher: Refresher | None = None
        self._logouts: OrderedDict[str, None] = OrderedDict()

    @property
    def database(self) -> Database:
        """The database of this installation."""
        return shared_database()

    @property
    def provider(self) -> Provider:
        """The realm. Raises InvalidInput for settings that are none."""
        if self._provider is None:
            settings = KeycloakSettings.from_environment()
            if settings is None:
                raise InvalidInput(VARIABLE, "is not set; it says which realm people log in at")
            self._provider = Provider(settings)
        return self._provider

    @property
    def refresher(self) -> Refresher:
        """Where refreshes meet."""
        if self._refresher is None:
            voice = Voice(self.provider.settings, self.database, self.log)
            self._refresher = Refresher(self.provider, self.database, voice)
        return self._refresher

    def get_handlers(self, app: Any) -> list[Any]:
        """Login, callback, logout, and the back channel."""
        return [*super().get_handlers(app), (r"/backchannel_logout", BackchannelLogoutHandler)]

    def get_callback_url(self, handler: Any = None) -> str:
        """As configured, else as the browser sees this hub."""
        if self.oauth_callback_url or handler is None:
            return str(super().get_callback_url(handler))
        request = handler.request
        return f"{request.protocol}://{request.host}{url_path_join(handler.hub.base_url, 'oauth_callback')}"

    def on_hub_start(self, app: Any) -> None:
        """Say which provider is in use. Ends the hub where there is none: nobody could log in."""
        try:
            issuer = self.provider.settings.issuer
            self.provider.settings.login.secret()
            with self.database.write() as uow:
                uow.providers.begin(issuer, now())
        except DomainError as error:
            print(f"\nCollegium cannot start:\n{error.message}\n", file=sys.stderr, flush=True)
            raise SystemExit(1) from None

    async def discover(self) -> None:
        """Learn the realm's endpoints. Raises HTTPError 503."""
        try:
            # Nobody is sent to a page that does not open.
            found = await self.provider.discovery(fresh=await self._is_silent())
        except (Unavailable, Misconfigured) as error:
            await self._unanswered(error)
            raise unanswered(error, "A login") from None
        self.authorize_url, self.token_url, self.userdata_url = found.authorize, found.token, found.userinfo

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> dict[str, Any] | None:
        """The auth model of whoever brings a code back. Each refusal is a page that says why."""
        try:
            return await self._login(handler)
        except GrantRefused as error:
            self.log.warning("Login refused: Keycloak did not accept the code (%s)", error)
            raise web.HTTPError(400, "This login was used already, or took too long. Log in again.") from None
        except Refused as error:
            self.log.error("Login refused: %s", error)
            raise web.HTTPError(
                403, f"{error} Log in again; if that does not help, tell whoever runs this hub."
            ) from None
        except (Forbidden, InvalidInput) as error:
            self.log.warning("Login refused: %s", error.message)
            raise web.HTTPError(403, error.message) from None
        except (Unavailable, Misconfigured) as error:
            await self._unanswered(error)
            raise unanswered(error, "A login") from None

    async def _login(self, handler: Any) -> dict[str, Any]:
        kept = handler.kept()
        if not kept.get("code_verifier") or not kept.get("nonce"):
            raise web.HTTPError(400, "This login was begun elsewhere, in another window, or long ago. Log in again.")
        asked_at, settings = now(), self.provider.settings
        callback = self.get_callback_url(handler)
        tokens = await self.provider.exchange(handler.get_argument("code"), callback, str(kept["code_verifier"]))
        proven = await self.provider.verify_id_token(tokens.id_token, str(kept["nonce"]))
        info = await self.provider.userinfo(tokens.access_token)
        claims = claims_of(info, settings)
        if claims.subject != proven["sub"]:
            raise Refused("userinfo", "sub", "it is about another person than the ID token")
        older = _hub_knows(handler, claims)

        def write(uow: UnitOfWork) -> tuple[Accepted, ProviderStatus | None]:
            accepted = believe(uow, settings, claims, asked_at, older_user=older)
            uow.identities.see(accepted.user, asked_at)
            return accepted, uow.providers.current()

        accepted, status = await self.database.writing(write)
        await self.refresher.voice.answered(status)
        self.refresher.began(accepted.user)
        for problem in accepted.problems:
            self.log.warning("Groups of %s: %s", accepted.user, problem)
        return self._model(accepted) | {
            "auth_state": {
                "refresh_token": tokens.refresh_token,
                "access_token": tokens.access_token,
                "id_token": tokens.id_token,
                "sub": claims.subject,
                "sid": str(proven.get("sid") or ""),
            }
        }

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> dict[str, Any] | bool:
        """True if nothing changed or nobody can tell, the new model if something did, False if it is over."""
        known: Known | None = None
        try:
            outcome = await self.refresher.refresh(user, bound_to_session(handler, user))
            if isinstance(outcome, DomainError):
                known = await self.refresher.known(user.name)
        except Unavailable as error:
            outcome = error
        if isinstance(outcome, Revoked):
            return self._over(user, handler, outcome.reason)
        if isinstance(outcome, DomainError):
            if reports_activity(handler) or (known is not None and self.refresher.believed(known, now())):
                return True
            return self._answer(handler, unanswered(outcome, "This"))
        assert isinstance(outcome, Fresh)
        model = self._model(outcome.accepted)
        if not await self._still_allowed(user.name, model):
            return self._over(user, handler, "the account is not allowed here any more")
        if model["admin"] == bool(user.admin) and set(model["groups"]) == {g.name for g in user.groups}:
            return True
        return model

    async def forget(self, user: Any) -> None:
        """Drop the tokens of a user who logs out, and ask anew at the next request."""
        self.refresher.ended(user.name)
        user._auth_refreshed = None
        await user.save_auth_state(None)

    def logout_target(self) -> str:
        """Where Keycloak ends sessions; empty while it is unknown or silent, so that nobody is sent into the void."""
        known = self.provider.known
        return known.logout if known is not None and not self.provider.fetcher.circuit.is_open else ""

    def after_logout(self, handler: Any) -> str:
        """Where Keycloak sends the browser then: the hub's login page, beside the callback."""
        return str(url_path_join(self.get_callback_url(handler).rpartition("/")[0], "login"))

    async def backchannel_logout(self, handler: Any, token: str) -> None:
        """End the browser sessions of whom a logout token names. Raises Refused, Unavailable, Misconfigured."""
        claims = await self.provider.verify_logout_token(token)
        jti = str(claims["jti"])
        if now().timestamp() - float(claims["iat"]) > LOGOUT_AGE.total_seconds():
            raise Refused("logout token", "iat", "it is older than five minutes")
        if jti in self._logouts:
            raise Refused("logout token", "jti", "it was used already")
        settings, subject = self.provider.settings, str(claims["sub"])
        identity = await self.database.reading(lambda uow: uow.identities.of_subject(settings.issuer, subject))
        # A person who never came has no session here; that is no error.
        user = handler.find_user(identity.user) if identity is not None else None
        if identity is not None and user is not None:
            end_sessions(handler.db, user)
            self.refresher.ended(identity.user)
            entry = AuditEntry(now(), SYSTEM, "session.end", identity.user, reason="back-channel logout by Keycloak")
            await self.database.writing(lambda uow: uow.audit.append(entry))
            self.log.info("Keycloak ended the sessions of %s", identity.user)
        # Remembered last: what failed half-way may come again, and does no harm twice.
        self._logouts[jti] = None
        while len(self._logouts) > MAX_SEEN_LOGOUTS:
            self._logouts.popitem(last=False)

    def _model(self, accepted: Accepted) -> dict[str, Any]:
        # Always True or False: None would leave an earlier admin in place.
        return {"name": accepted.user, "admin": accepted.platform_admin, "groups": sorted(accepted.roles)}

    async def _still_allowed(self, name: str, model: dict[str, Any]) -> bool:
        # Upstream looks at login only, and there skips the second question where all are allowed.
        asked = {**model, "auth_state": {}}
        if not await maybe_future(self.check_blocked_users(name, asked)):
            return False
        return bool(self.allow_all or await maybe_future(self.check_allowed(name, asked)))

    def _over(self, user: Any, handler: Any, reason: str) -> bool:
        self.log.info("Session of %s is over: %s", user.name, reason)
        return _nobody(handler)

    def _answer(self, handler: Any, failure: web.HTTPError) -> bool:
        if not finds_out_who_asks(handler):
            raise failure
        answer_now(handler, failure)
        return _nobody(handler)

    async def _is_silent(self) -> bool:
        """Was there no answer a moment ago, to us or to the sync?"""
        try:
            status = await self.database.reading(lambda uow: uow.providers.current())
        except DomainError:
            status = None
        silent = status is not None and status.state is ProviderState.UNAVAILABLE
        return silent or self.provider.fetcher.circuit.is_open

    async def _unanswered(self, error: Unavailable | Misconfigured) -> None:
        try:
            status = await self.database.reading(lambda uow: uow.providers.current())
        except DomainError:
            return
        await self.refresher.voice.failed(error, status)


def _nobody(handler: Any) -> bool:
    """What a refresh returns where the hub must go on without the user."""
    if handler is not None and not hasattr(handler, "_token_authenticated"):
        # JupyterHub 6.1.1 reads it then for everybody and sets it for tokens only.
        handler._token_authenticated = False
    return False


def _hub_knows(handler: Any, claims: Claims) -> bool:
    """JupyterHub keeps users that our database may not know: from before, or of another authenticator."""
    try:
        return handler.find_user(asked_name(claims)) is not None
    except InvalidInput:
        # Only a first login needs a name that can be used; a renamed account keeps the one that it has.
        return False
