"""Routes of the identity provider."""

from __future__ import annotations

from typing import ClassVar

from collegium.domain.policy import Operation
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from collegium.services.identity.models import IdentityOut


class IdentityHandler(BaseHandler):
    """``/identity``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.IDENTITY_READ, "The identity provider, and what is not set up", IdentityOut)
    }

    async def get(self) -> None:
        """How it is."""
        self.write_json(await self.context.identity.status())
