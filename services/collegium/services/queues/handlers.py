"""Routes of queues and settings."""

from __future__ import annotations

from typing import ClassVar

from collegium.domain.policy import Operation
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from collegium.services.queues.models import QueueIn, QueueOut, SettingsIn, SettingsOut


class QueueHandler(BaseHandler):
    """``/groups/{group}/queue``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.QUEUE_READ, "The group's queue: its mode, how many wait, who is next", QueueOut),
        "PATCH": Endpoint(
            Operation.QUEUE_CONTROL,
            "Open, pause or drain the queue",
            QueueOut,
            body=QueueIn,
            errors=(400, 413, 415),
        ),
    }

    async def get(self, group: str) -> None:
        """The queue."""
        self.write_json(await self.context.queues.queue(group))

    async def patch(self, group: str) -> None:
        """Change its mode."""
        change = self.read_body(QueueIn)
        self.write_json(await self.context.queues.set_mode(self.caller.actor, group, change))


class SettingsHandler(BaseHandler):
    """``/groups/{group}/settings``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.SETTINGS_READ, "What the group's admins set about jobs and files", SettingsOut),
        "PATCH": Endpoint(
            Operation.SETTINGS_EDIT,
            "Change settings within the platform's bounds",
            SettingsOut,
            body=SettingsIn,
            errors=(400, 413, 415),
        ),
    }

    async def get(self, group: str) -> None:
        """The settings."""
        self.write_json(await self.context.queues.settings(group))

    async def patch(self, group: str) -> None:
        """Change some."""
        change = self.read_body(SettingsIn)
        self.write_json(await self.context.queues.change_settings(self.caller.actor, group, change))
