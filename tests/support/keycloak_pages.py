"""Keycloak's own pages as a browser goes through them, with httpx."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx


def browser(**options: Any) -> httpx.Client:
    """A client that keeps cookies and follows to where it is sent."""
    client = httpx.Client(follow_redirects=True, timeout=60, **options)
    # At each step: Keycloak sets some on the way.
    client.event_hooks = {"response": [lambda _: _accept_cookies(client)]}
    return client


def login_form(client: httpx.Client, url: str, user: str, password: str) -> httpx.Response:
    """Open a page that leads to Keycloak and log in there; where one lands is returned.

    Whoever is logged in at Keycloak already never sees the form.
    """
    page = client.get(url, follow_redirects=True)
    if 'id="kc-form-login"' not in page.text:
        return page
    return fill_login_form(client, page, user, password)


def fill_login_form(
    client: httpx.Client, page: httpx.Response, user: str, password: str, follow: bool = True
) -> httpx.Response:
    """Send the login form on a page."""
    fields = {"username": user, "password": password, "credentialId": ""}
    return send_form(client, page, "kc-form-login", fields, follow)


def send_form(
    client: httpx.Client, page: httpx.Response, form: str, fields: dict[str, str], follow: bool = True
) -> httpx.Response:
    """Send one of Keycloak's forms, such as ``kc-passwd-update-form``."""
    assert page.status_code == 200, f"{page.status_code} {page.url}\n{page.text}"
    tags = [tag for tag in re.findall(r"<form[^>]*>", page.text) if f'id="{form}"' in tag]
    assert tags, f"no form {form} on {page.url}:\n{page.text}"
    action = re.search(r'action="([^"]+)"', tags[0])
    assert action, tags[0]
    return client.post(html.unescape(action[1]), data=fields, follow_redirects=follow)


def message(page: httpx.Response) -> str:
    """What Keycloak complains of on a page, empty if it does not."""
    where = r'(?:id="(?:input-error|kc-error-message)(?!-container)|class="[^"]*kc-feedback-text)[^"]*"'
    found = re.search(where + r"[^>]*>(.*?)</(?:span|div)>", page.text, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", " ", found[1])).strip() if found else ""


def _accept_cookies(client: httpx.Client) -> None:
    """Keycloak's cookies are for https only; browsers make an exception for this machine, Python does not."""
    for cookie in client.cookies.jar:
        cookie.secure = False
