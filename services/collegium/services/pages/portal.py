"""The portal, and the pages of invitations: an empty page, the bundle, and what the bundle must know."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from collegium.domain.errors import NotFound
from collegium.domain.policy import Operation
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from collegium.services.pages.base import LoginPage, Page
from collegium.services.pages.bundle import BundleSource
from collegium.stores.settings import FileSettings

#: Pictures and documents of groups are shown from blobs whose type the page itself chooses, never from an address.
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{store}; img-src 'self' data: blob:;"
    " frame-src blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_bundle = BundleSource()


class BundlePage(Page):
    """Draws ``which`` page of the bundle. What it must know is data in the page, under the name JupyterLab uses."""

    which: ClassVar[str]
    policy = _CSP.format(store="")

    def draw(self, token: str = "", user: str = "") -> None:
        """Finish with the page; ``token`` is what the visitor logged in with, and never leaves this page."""
        bundle = _bundle.get()
        if store := FileSettings.from_environment().browser_source:
            self.set_header("Content-Security-Policy", _CSP.format(store=f" {store}"))
        known = {"hubPrefix": self.hub_auth.hub_prefix, "hubUser": user, "token": token, "collegiumPage": self.which}
        self.page("portal.html", script=bundle.script, style=bundle.style, known=_as_data(known))


class PortalHandler(BundlePage, LoginPage):
    """``/portal``."""

    which = "portal"
    endpoints: ClassVar = {"GET": Endpoint(Operation.PAGE_READ, "The portal", media=("text/html",))}

    async def get(self) -> None:
        """The page with the visitor's token, as JupyterHub puts it into JupyterLab's."""
        self.draw(self.caller.token, self.caller.actor.user)


class AcceptHandler(PortalHandler):
    """``/invitation/accept``: the same for somebody who follows an invitation; they may be in no group yet."""

    which = "accept"
    endpoints: ClassVar = {"GET": Endpoint(Operation.PAGE_READ, "Accept an invitation", media=("text/html",))}


class InvitationHandler(BundlePage):
    """``/invitation``: for whoever holds a link. Its token is in the fragment, which no server ever sees."""

    which = "invitation"
    endpoints: ClassVar = {"GET": Endpoint(Operation.INFO_READ, "An invitation's page", media=("text/html",))}

    async def get(self) -> None:
        """The page, which knows nobody."""
        self.draw()


class BundleHandler(BaseHandler):
    """``/bundle/{name}``: script and style of the pages above."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.INFO_READ, "A file of the portal", media=("text/javascript", "text/css"), errors=(404,)
        )
    }

    async def get(self, name: str) -> None:
        """One file; its name changes with its content."""
        found = _bundle.get().file(name)
        if found is None:
            raise NotFound("There is nothing at this address.")
        self.set_header("Content-Type", found[0])
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.finish(found[1])


def _as_data(values: dict[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(values).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
