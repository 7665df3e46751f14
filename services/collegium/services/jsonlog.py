"""Structured logs: one JSON object per line."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

from tornado.web import RequestHandler

from collegium.domain.policy import Operation
from collegium.services.handlers import BaseHandler, operation_name
from collegium.services.metrics import Metrics

_requests = logging.getLogger("collegium.request")
_FIELDS = ("request_id", "user", "operation", "group", "status", "milliseconds", "method", "job", "event")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, our own fields, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; line breaks inside are escaped by JSON, so nobody can forge a second one."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({f: getattr(record, f) for f in _FIELDS if hasattr(record, f)})
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def set_up(level: str) -> None:
    """Send everything to standard error in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=int(level) if level.isdecimal() else level, handlers=[handler], force=True)
    # The hub's client logs whole user models at debug level, and tornado every path with its query.
    for name in ("tornado.access", "tornado.application", "tornado.general", "aiohttp", "asyncio", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def log_request(handler: RequestHandler, metrics: Metrics) -> None:
    """One line and two numbers per request; no body, no query, no token."""
    seconds = time.monotonic() - getattr(handler, "started_at", time.monotonic())
    operation, status = operation_name(handler), handler.get_status()
    metrics.request(operation, status, seconds)
    identity = handler.identity if isinstance(handler, BaseHandler) else None
    # A method that nobody knows is refused before there are any.
    group = (getattr(handler, "path_kwargs", None) or {}).get("group", "")[:64]
    # Probes come every few seconds for ever; only bad news of them is news.
    routine = operation == Operation.HEALTH_READ and status < 400
    _requests.log(
        logging.DEBUG if routine else logging.INFO,
        "request",
        extra={
            "request_id": handler.request_id if isinstance(handler, BaseHandler) else "",
            "user": identity.actor.user if identity else None,
            "operation": operation,
            "group": group or None,
            "status": status,
            "method": handler.request.method,
            "milliseconds": round(seconds * 1000, 1),
        },
    )
