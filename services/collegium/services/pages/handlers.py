"""The landing page: who one is, which groups, how full they are, and where API and tokens are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jupyterhub.services.auth import HubOAuthCallbackHandler

from collegium.domain.errors import DomainError, NotAuthenticated
from collegium.domain.jobs import JobFilter
from collegium.domain.policy import Operation
from collegium.services import API_VERSION
from collegium.services.context import Context
from collegium.services.endpoint import Endpoint
from collegium.services.errors import describe
from collegium.services.groups.models import GroupRef
from collegium.services.handlers import BaseHandler

_HERE = Path(__file__).parent
_templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined)
_STYLE = (_HERE / "static" / "style.css").read_text()
_CSP = "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
#: Groups and jobs that the page shows; who has more uses the panels or the API.
_GROUPS, _JOBS = 20, 5


class HomeHandler(BaseHandler):
    """The root. The only place where a missing login leads to the hub's login page and not to a refusal."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.PAGE_READ, "The landing page", media=("text/html",))}

    def set_default_headers(self) -> None:
        """As elsewhere, but a page needs its style."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", _CSP)

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

    async def get(self) -> None:
        """The page."""
        context = await self.context.groups.context(self.caller.actor)
        groups = [await self._group(g) for g in context.groups[:_GROUPS]]
        self._page("home.html", who=context, groups=groups, more=len(context.groups) - len(groups))

    async def _group(self, group: GroupRef) -> dict[str, Any]:
        usage = await self.context.groups.usage(self.caller.actor, group.name)
        jobs = await self.context.jobs.page(group.name, JobFilter(), _JOBS, None)
        return {"group": group, "usage": usage.group, "jobs": jobs.items}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The same edge as everywhere, for people."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        status, body = describe(error, self.request_id)
        if isinstance(error, DomainError) and "text/html" not in self.request.headers.get("Accept", ""):
            super().write_error(status_code, **kwargs)
            return
        self.set_status(status)
        self._page("error.html", error=body.error, status=status)

    def _page(self, name: str, **values: Any) -> None:
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        hub = self.hub_auth.hub_prefix
        prefix = self.context.prefix.rstrip("/") + "/"
        self.finish(
            _templates.get_template(name).render(values, hub=hub, prefix=prefix, api=f"{prefix}api/{API_VERSION}")
        )


class CallbackHandler(HubOAuthCallbackHandler, BaseHandler):  # type: ignore[misc]
    """Where the hub sends the browser after a login. Public: its proof is the OAuth state that we signed."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.INFO_READ, "The end of a login", media=("text/html",))}

    def initialize(self, context: Context) -> None:
        """As elsewhere."""
        BaseHandler.initialize(self, context)

    async def prepare(self) -> None:
        """Find out early and without blocking whether this browser is logged in; the base class asks later."""
        await BaseHandler.prepare(self)
        self._hub_auth_user_cache = await self.hub_auth.get_user(self, sync=False)


class StyleHandler(BaseHandler):
    """The page's style."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.INFO_READ, "The page's style", media=("text/css",))}

    async def get(self) -> None:
        """One small file."""
        self.set_header("Content-Type", "text/css; charset=UTF-8")
        self.set_header("Cache-Control", "max-age=300")
        self.finish(_STYLE)
