"""The landing page: who one is, which groups, how full they are, and where API and tokens are."""

from __future__ import annotations

from typing import Any, ClassVar

from jupyterhub.services.auth import HubOAuthCallbackHandler

from collegium.domain.jobs import JobFilter
from collegium.domain.policy import Operation
from collegium.services.context import Context
from collegium.services.endpoint import Endpoint
from collegium.services.groups.models import GroupRef
from collegium.services.handlers import BaseHandler
from collegium.services.pages.base import HERE, LoginPage

_STYLE = (HERE / "static" / "style.css").read_text()
#: Groups and jobs that the page shows; who has more uses the panels or the API.
_GROUPS, _JOBS = 20, 5


class HomeHandler(LoginPage):
    """The root."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.PAGE_READ, "The landing page", media=("text/html",))}

    async def get(self) -> None:
        """The page."""
        context = await self.context.groups.context(self.caller.actor)
        groups = [await self._group(g) for g in context.groups[:_GROUPS]]
        self.page("home.html", who=context, groups=groups, more=len(context.groups) - len(groups))

    async def _group(self, group: GroupRef) -> dict[str, Any]:
        usage = await self.context.groups.usage(self.caller.actor, group.name)
        jobs = await self.context.jobs.page(group.name, JobFilter(), _JOBS, None)
        return {"group": group, "usage": usage.group, "jobs": jobs.items}


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
