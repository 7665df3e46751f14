"""The pages between browser, hub and Keycloak: login, its way back, logout, and Keycloak's own word of a logout."""

from __future__ import annotations

import secrets
from typing import Any

from jupyterhub.handlers import BaseHandler
from oauthenticator.oauth2 import (
    STATE_COOKIE_NAME,
    OAuthCallbackHandler,
    OAuthLoginHandler,
    OAuthLogoutHandler,
    _deserialize_state,
    _serialize_state,
)
from tornado import web

from collegium.domain.errors import Misconfigured, Unavailable
from collegium.identity.keys import Refused

#: Bytes of a request of Keycloak's back channel.
MAX_LOGOUT_BODY = 64 * 1024
RETRY_AFTER = 10


def unanswered(error: Unavailable | Misconfigured, doing: str) -> web.HTTPError:
    """A 503 for people, with a time to try again."""
    trouble = "is not set up as this hub needs it" if isinstance(error, Misconfigured) else "does not answer now"
    failure = web.HTTPError(503, f"{doing} needs Keycloak, which {trouble}: {error.message} What runs goes on.")
    # Where JupyterHub looks for headers of an error page.
    failure.headers = {"Retry-After": str(RETRY_AFTER)}  # type: ignore[attr-defined]
    return failure


class KeycloakLoginHandler(OAuthLoginHandler):  # type: ignore[misc]  # oauthenticator has no type information
    """Sends the browser to Keycloak. State, nonce and PKCE verifier stay behind in a signed cookie."""

    async def get(self) -> None:
        """Redirect, or 503 while nobody knows where to."""
        await self.authenticator.discover()
        state_id, nonce = self._generate_state_id(), secrets.token_urlsafe(24)
        verifier, challenge = self._generate_pkce_params()
        kept = {"state_id": state_id, "next_url": self._get_next_url(), "code_verifier": verifier, "nonce": nonce}
        self.set_state_cookie(_serialize_state(kept))
        sent = {"state": _serialize_state({"state_id": state_id}), "nonce": nonce}
        self.authorize_redirect(
            redirect_uri=self.authenticator.get_callback_url(self),
            client_id=self.authenticator.client_id,
            scope=self.authenticator.scope,
            extra_params={
                **self.authenticator.extra_authorize_params,
                **sent,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
            response_type="code",
        )


class KeycloakCallbackHandler(OAuthCallbackHandler):  # type: ignore[misc]
    """Takes the code that the browser brings back."""

    def kept(self) -> dict[str, Any]:
        """What the login left in the browser's cookie."""
        return dict(_deserialize_state(self.get_state_cookie() or ""))

    def get_next_url(self, user: Any = None) -> str:
        """Where the login was begun. The cookie is signed, and yet only paths of this hub are followed."""
        wanted = self._validate_next_url(str(self.kept().get("next_url") or ""))
        return wanted or str(BaseHandler.get_next_url(self, user))

    def check_state(self) -> None:
        """The state is this browser's own, of its last login."""
        cookie, brought = self.get_state_cookie(), _deserialize_state(self.get_state_url() or "")
        expected = self.kept().get("state_id") if cookie else None
        given = brought.get("state_id") if isinstance(brought, dict) else None
        if not expected or not isinstance(given, str) or not secrets.compare_digest(str(expected), given):
            self.log.warning("A login came back with a state that this browser did not begin")
            raise web.HTTPError(400, "This login was begun elsewhere, in another window, or long ago. Log in again.")


class KeycloakLogoutHandler(OAuthLogoutHandler):  # type: ignore[misc]
    """Logs out here and at Keycloak."""

    _id_token = ""

    async def get(self) -> None:
        """Forget the tokens first: what follows clears the cookies that say whose they are."""
        user = self.current_user
        if user is not None and hasattr(user, "get_auth_state"):
            state = await user.get_auth_state() or {}
            self._id_token = str(state.get("id_token") or "")
            await self.authenticator.forget(user)
        await super().get()

    async def handle_logout(self) -> None:
        """Clear the cookie of a login under way."""
        self.clear_cookie(STATE_COOKIE_NAME)

    async def render_logout_page(self) -> None:
        """A page that sends itself to Keycloak. The ID token that names the session must not be in a URL."""
        target = self.authenticator.logout_target()
        if not target or not self._id_token:
            await super().render_logout_page()
            return
        self.set_header("Cache-Control", "no-store")
        fields = {
            "id_token_hint": self._id_token,
            "client_id": self.authenticator.client_id,
            "post_logout_redirect_uri": self.authenticator.after_logout(self),
        }
        self.finish(await self.render_template("keycloak-logout.html", target=target, fields=fields))


class BackchannelLogoutHandler(BaseHandler):  # type: ignore[misc]
    """Keycloak tells that somebody's session has ended. The signed token is all that proves it: no cookie, no XSRF."""

    _accept_cookie_auth = False

    def check_xsrf_cookie(self) -> None:
        """A server calls, and not a browser."""

    async def post(self) -> None:
        """204, or 400 with the check that failed (OpenID Connect Back-Channel Logout 1.0, section 2.8)."""
        self.set_header("Cache-Control", "no-store")
        if len(self.request.body) > MAX_LOGOUT_BODY:
            return self._refuse(400, f"the request is larger than {MAX_LOGOUT_BODY} bytes")
        try:
            await self.authenticator.backchannel_logout(self, self.get_body_argument("logout_token", ""))
        except Refused as error:
            self.log.warning("Back-channel logout from %s: %s", self.request.remote_ip, error)
            return self._refuse(400, str(error))
        except (Unavailable, Misconfigured) as error:
            return self._refuse(503, error.message)
        self.set_status(204)

    def _refuse(self, status: int, reason: str) -> None:
        self.set_status(status)
        self.finish(
            {"error": "invalid_request" if status == 400 else "temporarily_unavailable", "error_description": reason}
        )
