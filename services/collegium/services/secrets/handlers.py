"""Routes of secrets."""

from __future__ import annotations

from typing import ClassVar

from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from collegium.services.secrets.models import SecretIn, SecretList, SecretOut


class SecretsHandler(BaseHandler):
    """``/groups/{group}/secrets``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.SECRET_LIST, "The group's secrets by name, without their values", SecretList)
    }

    async def get(self, group: str) -> None:
        """All of them."""
        self.write_json(await self.context.secrets.list(group))


class SecretHandler(BaseHandler):
    """``/groups/{group}/secrets/{secret}``."""

    endpoints: ClassVar = {
        "PUT": Endpoint(
            Operation.SECRET_PUT,
            "Make a secret, or change it; its value cannot be read again",
            SecretOut,
            body=SecretIn,
            errors=(400, 409, 413, 415, 503),
        ),
        "DELETE": Endpoint(
            Operation.SECRET_DELETE,
            "Remove a secret that nothing will use any more",
            SecretOut,
            errors=(400, 409, 413),
        ),
    }

    async def put(self, group: str, secret: str) -> None:
        """Set."""
        by, body = By(self.caller.actor, self.request_id), self.read_private_body(SecretIn)
        self.write_json(await self.context.secrets.put(by, group, secret, body))

    async def delete(self, group: str, secret: str) -> None:
        """Remove."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.secrets.delete(by, group, secret))
