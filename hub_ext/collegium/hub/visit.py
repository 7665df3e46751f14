"""A user at a hub, over HTTP, as a browser is one: login page, cookies, then a token. Standard library only."""

from __future__ import annotations

import html
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from typing import Any

#: Seconds that one request may take.
PATIENCE = 60.0
_FIELD = re.compile(r'name="_xsrf" value="([^"]+)"')
#: A login page with a button that leads to the provider.
_OAUTH = re.compile(r'href=["\']([^"\']*/oauth_login[^"\']*)["\']')


class Failure(Exception):
    """Something answered otherwise than it should; the message holds no secret."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Tells where a redirect leads and does not go there."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


class Visit:
    """One user's session below ``url``. Paths are relative to that."""

    def __init__(self, url: str, user: str = "") -> None:
        self.url, self.user = url.rstrip("/") + "/", user
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        # Programs with a token send no cookies: a hub that gets both wants the proof that a browser would give.
        self._plain = urllib.request.build_opener()
        self._token = ""

    def login(self, password: str) -> None:
        """Log in through the page. Raises Failure."""
        page = self._open("GET", "hub/login")[1].decode(errors="replace")
        field = _FIELD.search(page)
        if field is None:
            raise Failure("the login page has no form; is this a JupyterHub with a password login?")
        form = {"username": self.user, "password": password, "_xsrf": field[1]}
        status, _ = self._open("POST", "hub/login", urllib.parse.urlencode(form).encode())
        if not any(cookie.name == "jupyterhub-session-id" for cookie in self._cookies) or status >= 400:
            raise Failure(f"{self.user} could not log in ({status}); was the first password changed since?")

    def make_token(self, note: str, seconds: int) -> str:
        """Make a token, use it from here on, and return its id."""
        self._open("GET", "hub/home")
        proof = next((c.value for c in self._cookies if c.name == "_xsrf" and c.path.rstrip("/").endswith("hub")), "")
        body = json.dumps({"note": note, "expires_in": seconds}).encode()
        headers = {"Content-Type": "application/json", "X-XSRFToken": proof or ""}
        status, answer = self._open("POST", f"hub/api/users/{self.user}/tokens", body, headers)
        if status >= 400:
            raise Failure(f"{self.user} could not make a token: {status} {_message(answer)}")
        model = json.loads(answer)
        self._token = model["token"]
        return str(model["id"])

    def use_token(self, token: str) -> None:
        """Use a token that was made elsewhere, and be whose it is. Raises Failure."""
        self._token = token
        self.user = str(self.ask("GET", "hub/api/user")["name"])

    def door(self) -> tuple[int, str, bytes]:
        """What a stranger who wants to log in gets: status, where it leads to outside of the hub, and the body."""
        home = urllib.parse.urlsplit(self.url)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), _Stay())
        url = self.url + "hub/login"
        for _ in range(5):
            status, body, headers = self._answer(urllib.request.Request(url), opener)
            link = _OAUTH.search(body.decode(errors="replace")) if status == 200 else None
            target = headers.get("Location") or (html.unescape(link[1]) if link else "")
            url = urllib.parse.urljoin(url, target)
            if not target or urllib.parse.urlsplit(url).netloc != home.netloc:
                return status, url if target else "", body
        raise Failure("hub/login leads in circles")

    def request(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, bytes]:
        """Status and body of a request with the token (or another one)."""
        headers = {"Content-Type": "application/json"}
        if token is None:
            token = self._token
        if token:
            headers["Authorization"] = f"token {token}"
        data = None if body is None else json.dumps(body).encode()
        return self._open(method, path, data, headers, self._plain)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer (None if there is none). Raises Failure for an error, with its message."""
        status, answer = self.request(method, path, body)
        if status >= 400:
            raise Failure(f"{method} {path} was answered by {status}: {_message(answer)}")
        return json.loads(answer) if answer.strip() else None

    def _open(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        opener: urllib.request.OpenerDirector | None = None,
    ) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, data, headers or {}, method=method)
        return self._answer(request, opener or self._opener)[:2]

    def _answer(
        self, request: urllib.request.Request, opener: urllib.request.OpenerDirector
    ) -> tuple[int, bytes, Message]:
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return int(answer.status), answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers
        except OSError as error:
            path = request.full_url.removeprefix(self.url)
            raise Failure(f"{request.get_method()} {path}: no answer, {error}") from error


def _message(answer: bytes) -> str:
    """What an error says, from our form of errors or JupyterHub's."""
    try:
        body = json.loads(answer)
        error = body.get("error")
        return str(error["message"] if isinstance(error, dict) else body.get("message") or body)[:500]
    except (ValueError, AttributeError, KeyError):
        return repr(answer[:200])
