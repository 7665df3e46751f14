"""Logging in where any replica may answer the next request: what a login remembers travels with the browser."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from jupyterhub.services.auth import HubOAuth

#: A longer address to return to is not carried along: the state must fit a cookie, and stands in addresses itself.
MAX_NEXT = 1024


class BrowserStateOAuth(HubOAuth):  # type: ignore[misc]
    """HubOAuth whose state is the browser's to keep and not this process's.

    JupyterHub puts a random id into cookie and address, and what it stands for into the memory of the process. Here the
    "id" is all of it, encrypted: nobody can read it (it holds the PKCE verifier) or change it, and it ends by itself.
    What the base class checks stays: the address must bring the very state that the cookie holds, the cookie ends with
    the first use, and the hub takes each code once.
    """

    def generate_state(self, next_url: str | None = None, **extra_state: Any) -> str:
        """The state for cookie and address."""
        if next_url is not None and len(next_url) > MAX_NEXT:
            next_url = None
        text = json.dumps({"next_url": next_url, **extra_state}, separators=(",", ":"))
        token: str = self._fernet().encrypt(text.encode()).decode()
        return token

    def clear_oauth_state(self, state_id: str) -> None:
        """Nothing is kept here; the cookie was ended by the caller."""

    def get_state_cookie_name(self, state_id: str = "", /) -> str:
        """The cookie that must hold this state; for a state that is not ours or too old, one that is never set."""
        state = self._decode_state(state_id)
        name: str = state.get("cookie_name") or self.state_cookie_name
        return name if state else f"{name}-none"

    def _decode_state(self, state_id: str, /) -> dict[str, Any]:
        try:
            # The token is ASCII; anything else would be an error instead of a refusal.
            raw = self._fernet().decrypt(state_id.encode("ascii", "replace"), ttl=self.oauth_state_max_age)
        except InvalidToken:
            return {}
        state: dict[str, Any] = json.loads(raw)
        return state

    def _fernet(self) -> Fernet:
        # The same for all replicas and after a restart, without a secret more to keep.
        key = hmac.digest(self.api_token.encode(), b"collegium oauth state", hashlib.sha256)
        return Fernet(base64.urlsafe_b64encode(key))
