"""Handlers about the program itself: version, description, health, metrics."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from collegium.domain.policy import Operation
from collegium.services import API_VERSION, OLDEST_CLIENT, VERSION
from collegium.services.endpoint import Endpoint
from collegium.services.groups.models import InfoOut
from collegium.services.handlers import BaseHandler
from collegium.services.health import HealthOut, ReadyOut
from collegium.services.metrics import CONTENT_TYPE


class OpenApiOut(BaseModel):
    """An OpenAPI 3.1 document."""

    openapi: str


class InfoHandler(BaseHandler):
    """``/info``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.INFO_READ, "Program and API version", InfoOut)}

    async def get(self) -> None:
        """The version, for clients that must know whether they fit."""
        self.write_json(
            InfoOut(name="collegium", version=VERSION, api_version=API_VERSION, oldest_client=OLDEST_CLIENT)
        )


class OpenApiHandler(BaseHandler):
    """``/openapi.json``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.INFO_READ, "This description", OpenApiOut)}

    async def get(self) -> None:
        """The description of the API that is served here."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(self.application.settings["openapi"])


class HealthHandler(BaseHandler):
    """``/health``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.HEALTH_READ, "Is everything able to work", HealthOut, errors=(503,))
    }

    async def get(self) -> None:
        """200 if all parts are well, 503 otherwise."""
        health = await self.context.health.look()
        self.write_json(health, 200 if health.status == "ok" else 503)


class LiveOut(BaseModel):
    """``status`` is ``ok``: no answer at all is the other one."""

    status: str


class LiveHandler(BaseHandler):
    """``/health/live``: for whoever would start a dead process again. A database that is away is no reason to."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.HEALTH_READ, "Does this process answer", LiveOut)}

    async def get(self) -> None:
        """Always 200."""
        self.write_json(LiveOut(status="ok"))


class ReadyHandler(BaseHandler):
    """``/health/ready``: for whoever sends requests to one of several processes."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.HEALTH_READ, "Can this process do its part", ReadyOut, errors=(503,))
    }

    async def get(self) -> None:
        """200 or 503."""
        ready = await self.context.health.ready()
        self.write_json(ready, 200 if ready.status == "ok" else 503)


class MetricsHandler(BaseHandler):
    """``/metrics``: for platform admins, and for tokens that hold the hub's own ``read:metrics``."""

    services_allowed = True
    cookie_for_get = False
    endpoints: ClassVar = {"GET": Endpoint(Operation.METRICS_READ, "Numbers for Prometheus", media=("text/plain",))}

    async def get(self) -> None:
        """The exposition format."""
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(self.context.metrics.text())
