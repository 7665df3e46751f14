"""Route of what is done to many jobs at once."""

from __future__ import annotations

from typing import ClassVar

from collegium.domain.policy import Operation
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from collegium.services.jobs.bulk_models import BulkIn, BulkOut, RefusedOut


class BulkHandler(BaseHandler):
    """``/groups/{group}/jobs/bulk``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.JOB_BULK,
            "Cancel or delete many jobs; what cannot be done is told and stops nothing else",
            BulkOut,
            body=BulkIn,
            errors=(400, 413, 415),
        )
    }

    async def post(self, group: str) -> None:
        """Do it."""
        asked = self.read_body(BulkIn)
        done = await self.context.bulk.run(self.caller.actor, group, asked.action, asked.wanted(), asked.dry_run)
        self.write_json(
            BulkOut(
                matched=done.matched,
                changed=done.changed,
                refused=[RefusedOut(id=r.id, reason=r.reason) for r in done.refused],
                refused_count=done.refused_count,
                remaining=done.remaining,
            )
        )
