"""The web application: one table of routes, and a check that each is covered by the policy."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from collegium.domain.policy import POLICY
from collegium.services import API_VERSION
from collegium.services.activity.handlers import ActivityHandler, GroupActivityHandler
from collegium.services.audit.handlers import AuditHandler, GroupAuditHandler
from collegium.services.context import Context
from collegium.services.datasets import handlers as datasets
from collegium.services.datasets import platform_handlers as platform
from collegium.services.files import content_handlers as file_contents
from collegium.services.files import handlers as files
from collegium.services.groups.handlers import CatalogHandler, ContextHandler, EventsHandler, GroupHandler, UsageHandler
from collegium.services.handlers import BaseHandler, NotFoundHandler
from collegium.services.identity.handlers import IdentityHandler
from collegium.services.invitations import handlers as invitations
from collegium.services.jobs.bulk_handlers import BulkHandler
from collegium.services.jobs.figure_handlers import CompareHandler, FiguresHandler, JobUsageHandler
from collegium.services.jobs.handlers import (
    ArtifactHandler,
    ArtifactsHandler,
    BatchHandler,
    CancelHandler,
    JobHandler,
    JobsHandler,
    LogsHandler,
    ParametersHandler,
    RerunHandler,
    TagsHandler,
)
from collegium.services.jsonlog import log_request
from collegium.services.members.handlers import MembersHandler, RevocationsHandler
from collegium.services.notifications import handlers as notifications
from collegium.services.openapi import describe_api
from collegium.services.pages.handlers import CallbackHandler, HomeHandler, StyleHandler
from collegium.services.pages.portal import AcceptHandler, BundleHandler, InvitationHandler, PortalHandler
from collegium.services.queues.handlers import QueueHandler, SettingsHandler
from collegium.services.schedules import handlers as schedules
from collegium.services.secrets.handlers import SecretHandler, SecretsHandler
from collegium.services.shares import handlers as shares
from collegium.services.shares import pages as share_pages
from collegium.services.sweeps import handlers as sweeps
from collegium.services.system import (
    HealthHandler,
    InfoHandler,
    LiveHandler,
    MetricsHandler,
    OpenApiHandler,
    ReadyHandler,
)
from collegium.services.uploads import handlers as uploads
from collegium.services.users import handlers as users
from collegium.services.volumes import handlers as volumes

#: More than this is not even read to be refused.
MAX_READ = 128 << 20
#: Bytes that are taken from a connection at once.
READ_AT_ONCE = 256 << 10
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Route:
    """A path below the service's prefix, with ``{name}`` for one part and ``{name...}`` for the rest."""

    path: str
    handler: type[BaseHandler]

    @property
    def pattern(self) -> str:
        """As a regular expression."""
        parts = []
        for part in self.path.split("/"):
            if part.endswith("...}"):
                parts.append(f"(?P<{part[1:-4]}>.+)")
            else:
                parts.append(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else part.replace(".", r"\."))
        return "/".join(parts)


_API = f"api/{API_VERSION}"
_GROUP = f"{_API}/groups/{{group}}"
ROUTES: tuple[Route, ...] = (
    Route("", HomeHandler),
    Route("oauth_callback", CallbackHandler),
    Route("style.css", StyleHandler),
    Route("portal", PortalHandler),
    Route("invitation", InvitationHandler),
    Route("invitation/accept", AcceptHandler),
    Route("bundle/{name}", BundleHandler),
    Route("share/{token}", share_pages.ShareHandler),
    Route("share/{token}/content", share_pages.ShareContentHandler),
    Route("share/{token}/login", share_pages.ShareLoginHandler),
    Route("health", HealthHandler),
    Route("health/live", LiveHandler),
    Route("health/ready", ReadyHandler),
    Route("metrics", MetricsHandler),
    Route(f"{_API}/openapi.json", OpenApiHandler),
    Route(f"{_API}/info", InfoHandler),
    Route(f"{_API}/context", ContextHandler),
    Route(_GROUP, GroupHandler),
    Route(f"{_GROUP}/usage", UsageHandler),
    Route(f"{_GROUP}/catalog", CatalogHandler),
    Route(f"{_GROUP}/events", EventsHandler),
    Route(f"{_GROUP}/members", MembersHandler),
    Route(f"{_GROUP}/audit", GroupAuditHandler),
    Route(f"{_GROUP}/revocations", RevocationsHandler),
    Route(f"{_GROUP}/invitations", invitations.InvitationsHandler),
    Route(f"{_GROUP}/invitations/{{invitation}}", invitations.InvitationHandler),
    Route(f"{_API}/invitations/look", invitations.LookHandler),
    Route(f"{_API}/invitations/accept", invitations.AcceptHandler),
    Route(f"{_API}/invitations/register", invitations.RegisterHandler),
    Route(f"{_API}/users", users.UsersHandler),
    # Fixed names first: they would pass for ids.
    Route(f"{_API}/users/export", users.ExportHandler),
    Route(f"{_API}/users/import", users.ImportHandler),
    Route(f"{_API}/users/{{user}}", users.UserHandler),
    Route(f"{_API}/users/{{user}}/password", users.PasswordHandler),
    Route(f"{_API}/users/{{user}}/mail", users.MailHandler),
    Route(f"{_API}/users/{{user}}/groups", users.GroupsHandler),
    Route(f"{_API}/audit", AuditHandler),
    Route(f"{_API}/activity", ActivityHandler),
    Route(f"{_GROUP}/activity", GroupActivityHandler),
    Route(f"{_API}/identity", IdentityHandler),
    Route(f"{_GROUP}/queue", QueueHandler),
    Route(f"{_GROUP}/settings", SettingsHandler),
    Route(f"{_GROUP}/secrets", SecretsHandler),
    Route(f"{_GROUP}/secrets/{{secret}}", SecretHandler),
    Route(f"{_GROUP}/datasets", datasets.DatasetsHandler),
    Route(f"{_GROUP}/datasets/{{dataset}}", datasets.DatasetHandler),
    Route(f"{_GROUP}/datasets/{{dataset}}/versions", datasets.VersionsHandler),
    Route(f"{_GROUP}/datasets/{{dataset}}/versions/{{version}}", datasets.VersionHandler),
    Route(f"{_GROUP}/datasets/{{dataset}}/versions/{{version}}/manifest", datasets.ManifestHandler),
    Route(f"{_GROUP}/datasets/{{dataset}}/uses", datasets.UsesHandler),
    Route(f"{_GROUP}/datasets/{{dataset}}/grants/{{grantee}}", datasets.GrantHandler),
    Route(f"{_GROUP}/datasets/{{dataset}}/copy", datasets.CopyHandler),
    Route(f"{_API}/datasets", platform.PlatformDatasetsHandler),
    Route(f"{_API}/datasets/{{dataset}}", platform.PlatformDatasetHandler),
    Route(f"{_API}/datasets/{{dataset}}/grants/{{grantee}}", platform.PlatformGrantHandler),
    Route(f"{_API}/volumes", volumes.VolumesHandler),
    Route(f"{_API}/volumes/resize", volumes.ResizeHandler),
    Route(f"{_API}/secrets", volumes.PlatformSecretsHandler),
    Route(f"{_API}/secrets/{{secret}}", volumes.PlatformSecretHandler),
    Route(f"{_GROUP}/tags", TagsHandler),
    Route(f"{_GROUP}/notebook-parameters", ParametersHandler),
    Route(f"{_API}/notifications", notifications.OwnHandler),
    Route(f"{_GROUP}/channels", notifications.ChannelsHandler),
    Route(f"{_GROUP}/channels/{{channel}}", notifications.ChannelHandler),
    Route(f"{_GROUP}/channels/{{channel}}/test", notifications.TestHandler),
    Route(f"{_GROUP}/channels/{{channel}}/deliveries", notifications.DeliveriesHandler),
    Route(f"{_GROUP}/sweeps", sweeps.SweepsHandler),
    # A fixed name first: it would pass for an id.
    Route(f"{_GROUP}/sweeps/preview", sweeps.PreviewHandler),
    Route(f"{_GROUP}/sweeps/{{sweep}}", sweeps.SweepHandler),
    Route(f"{_GROUP}/sweeps/{{sweep}}/points", sweeps.PointsHandler),
    Route(f"{_GROUP}/sweeps/{{sweep}}/cancel", sweeps.CancelHandler),
    Route(f"{_GROUP}/schedules", schedules.SchedulesHandler),
    # A fixed name first: it would pass for an id.
    Route(f"{_GROUP}/schedules/preview", schedules.PreviewHandler),
    Route(f"{_GROUP}/schedules/{{schedule}}", schedules.ScheduleHandler),
    Route(f"{_GROUP}/schedules/{{schedule}}/pause", schedules.PauseHandler),
    Route(f"{_GROUP}/schedules/{{schedule}}/resume", schedules.ResumeHandler),
    Route(f"{_GROUP}/schedules/{{schedule}}/run", schedules.RunNowHandler),
    Route(f"{_GROUP}/schedules/{{schedule}}/runs", schedules.RunsHandler),
    Route(f"{_GROUP}/files", files.BrowseHandler),
    Route(f"{_GROUP}/files/entry", files.EntryHandler),
    Route(f"{_GROUP}/files/content", file_contents.ContentHandler),
    Route(f"{_GROUP}/files/preview", file_contents.PreviewHandler),
    Route(f"{_GROUP}/files/checksum", file_contents.ChecksumHandler),
    Route(f"{_GROUP}/files/archive", file_contents.ArchiveHandler),
    Route(f"{_GROUP}/files/folders", files.FoldersHandler),
    Route(f"{_GROUP}/files/move", files.MoveHandler),
    Route(f"{_GROUP}/files/copy", files.CopyHandler),
    Route(f"{_GROUP}/files/unpack", files.UnpackHandler),
    Route(f"{_GROUP}/files/delete", files.DeleteHandler),
    Route(f"{_GROUP}/files/tasks", files.TasksHandler),
    Route(f"{_GROUP}/files/tasks/{{task}}", files.TaskHandler),
    Route(f"{_GROUP}/files/trash", files.TrashHandler),
    Route(f"{_GROUP}/files/trash/{{trash}}", files.TrashedHandler),
    Route(f"{_GROUP}/files/trash/{{trash}}/restore", files.RestoreHandler),
    Route(f"{_GROUP}/files/storage", files.StorageHandler),
    Route(f"{_GROUP}/jobs", JobsHandler),
    # Fixed names first: they would pass for ids.
    Route(f"{_GROUP}/jobs/batch", BatchHandler),
    Route(f"{_GROUP}/jobs/bulk", BulkHandler),
    Route(f"{_GROUP}/jobs/{{job}}", JobHandler),
    Route(f"{_GROUP}/jobs/{{job}}/cancel", CancelHandler),
    Route(f"{_GROUP}/jobs/{{job}}/rerun", RerunHandler),
    Route(f"{_GROUP}/jobs/{{job}}/logs", LogsHandler),
    Route(f"{_GROUP}/metrics", CompareHandler),
    Route(f"{_GROUP}/jobs/{{job}}/metrics", FiguresHandler),
    Route(f"{_GROUP}/jobs/{{job}}/usage", JobUsageHandler),
    Route(f"{_GROUP}/jobs/{{job}}/artifacts", ArtifactsHandler),
    Route(f"{_GROUP}/jobs/{{job}}/artifacts/{{path...}}", ArtifactHandler),
    Route(f"{_GROUP}/files/store", uploads.StoreHandler),
    Route(f"{_GROUP}/files/uploads", uploads.UploadsHandler),
    Route(f"{_GROUP}/files/uploads/{{upload}}", uploads.UploadHandler),
    Route(f"{_GROUP}/files/uploads/{{upload}}/parts", uploads.PartsHandler),
    Route(f"{_GROUP}/files/uploads/{{upload}}/complete", uploads.CompleteHandler),
    Route(f"{_GROUP}/files/shares", shares.SharesHandler),
    Route(f"{_GROUP}/files/shares/{{share}}", shares.ShareHandler),
)


def check_routes(routes: Iterable[Route]) -> None:
    """Raise RuntimeError for a method without a policy row, or a declaration without a method."""
    for route in routes:
        handler = route.handler
        for method in _METHODS:
            written = getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())
            declared = method in handler.endpoints
            if written != declared:
                raise RuntimeError(
                    f"{handler.__name__}.{method.lower()} of /{route.path}: method and policy row differ"
                )
            if declared and handler.endpoints[method].operation not in POLICY:
                raise RuntimeError(f"{handler.__name__}.{method.lower()}: its operation has no row in the policy table")
            if declared and (POLICY[handler.endpoints[method].operation].role is not None) != ("{group}" in route.path):
                raise RuntimeError(
                    f"{handler.__name__}.{method.lower()}: an operation on groups needs a group in its path"
                )


def build_app(context: Context, cookie_secret: bytes = b"", routes: Sequence[Route] = ROUTES) -> Application:
    """The application over a context; raises RuntimeError as ``check_routes`` does."""
    check_routes(routes)
    prefix = context.prefix.rstrip("/") + "/"
    arguments = {"context": context}
    table: list[Any] = [(prefix + route.pattern, route.handler, arguments) for route in routes]
    return Application(
        table,
        default_handler_class=NotFoundHandler,
        default_handler_args=arguments,
        cookie_secret=base64.b64encode(cookie_secret).decode() or None,
        log_function=lambda handler: log_request(handler, context.metrics),
        openapi=describe_api(tuple(routes), prefix),
    )


def serve(app: Application) -> HTTPServer:
    """A server with bounds on what a client may make it keep."""
    return HTTPServer(
        app,
        xheaders=True,
        # A path of 4,096 bytes in a query is three times as long there.
        max_header_size=65536,
        max_body_size=MAX_READ,
        max_buffer_size=MAX_READ,
        chunk_size=READ_AT_ONCE,
        idle_connection_timeout=3600,
        body_timeout=300,
    )
