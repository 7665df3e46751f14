"""What the service's pages share: templates, a strict policy for what they may load, and the way to the login."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collegium.domain.errors import DomainError, NotAuthenticated
from collegium.services import API_VERSION
from collegium.services.errors import describe
from collegium.services.handlers import BaseHandler

HERE = Path(__file__).parent
_templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)


class Page(BaseHandler):
    """A page for people. ``policy`` is its Content-Security-Policy."""

    policy: ClassVar[str] = (
        "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )

    def set_default_headers(self) -> None:
        """As elsewhere, but a page needs its style."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", self.policy)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The same edge as everywhere, for people."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        status, body = describe(error, self.request_id)
        if isinstance(error, DomainError) and "text/html" not in self.request.headers.get("Accept", ""):
            super().write_error(status_code, **kwargs)
            return
        self.set_status(status)
        self.page("error.html", error=body.error, status=status)

    def page(self, name: str, **values: Any) -> None:
        """Finish with a template."""
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        hub, prefix = self.hub_auth.hub_prefix, self.context.prefix.rstrip("/") + "/"
        values = {"who": None, **values, "hub": hub, "prefix": prefix, "api": f"{prefix}api/{API_VERSION}"}
        self.finish(_templates.get_template(name).render(values))


class LoginPage(Page):
    """A page for whoever is logged in. Only here a missing login leads to the hub's login page and not to a refusal."""

    async def decide(self) -> None:
        """Log in if need be."""
        try:
            await super().decide()
        except NotAuthenticated:
            if "Authorization" in self.request.headers or self.request.method != "GET":
                raise
            # Tornado closes after an answer this early; said, so that a proxy does not use the connection again.
            self.set_header("Connection", "close")
            self.redirect(self.get_login_url())
