"""Routes of volumes and of the platform's secrets."""

from __future__ import annotations

from typing import ClassVar

from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.datasets.handlers import PageQuery
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from collegium.services.volumes.models import (
    PlatformSecretIn,
    PlatformSecretList,
    PlatformSecretOut,
    ResizeIn,
    VolumeOut,
    VolumePage,
)


class VolumesHandler(BaseHandler):
    """``/volumes``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.VOLUME_LIST,
            "Volumes of files, homes and datasets, with their room and state",
            VolumePage,
            query=PageQuery,
            errors=(400,),
        )
    }

    async def get(self) -> None:
        """A page of volumes."""
        query = self.read_query(PageQuery)
        self.write_json(await self.context.volumes.page(query.limit, query.cursor))


class ResizeHandler(BaseHandler):
    """``/volumes/resize``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.VOLUME_RESIZE,
            "Make a volume larger",
            VolumeOut,
            body=ResizeIn,
            errors=(400, 404, 409, 413, 415),
        )
    }

    async def post(self) -> None:
        """Resize."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(ResizeIn)
        self.write_json(await self.context.volumes.resize(by, body))


class PlatformSecretsHandler(BaseHandler):
    """``/secrets``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.PLATFORM_SECRET_LIST,
            "Secrets that the platform keeps for groups, without their values",
            PlatformSecretList,
        )
    }

    async def get(self) -> None:
        """All of them."""
        self.write_json(await self.context.platform_secrets.list())


class PlatformSecretHandler(BaseHandler):
    """``/secrets/{secret}``."""

    endpoints: ClassVar = {
        "PUT": Endpoint(
            Operation.PLATFORM_SECRET_PUT,
            "Make a secret for groups, or change it; its value cannot be read again",
            PlatformSecretOut,
            body=PlatformSecretIn,
            errors=(400, 409, 413, 415),
        ),
        "DELETE": Endpoint(
            Operation.PLATFORM_SECRET_DELETE,
            "Remove a secret that nothing will use any more",
            PlatformSecretOut,
            errors=(400, 409, 413),
        ),
    }

    async def put(self, secret: str) -> None:
        """Set."""
        by, body = By(self.caller.actor, self.request_id), self.read_private_body(PlatformSecretIn)
        self.write_json(await self.context.platform_secrets.put(by, secret, body))

    async def delete(self, secret: str) -> None:
        """Remove."""
        self.refuse_body()
        self.write_json(await self.context.platform_secrets.delete(By(self.caller.actor, self.request_id), secret))
