"""What an operator chooses for the controller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from collegium.domain.queues import JobBounds
from collegium.domain.shares import FileBounds
from collegium.domain.uploads import UploadOptions
from collegium.identity.directory import Directory
from collegium.identity.settings import KeycloakSettings
from collegium.services.controller.revocation import RevocationPolicy
from collegium.services.datasets.options import DatasetOptions
from collegium.services.notifications.options import NotificationOptions


def keycloak_directory(settings: KeycloakSettings) -> Directory:
    """Keycloak's admin API. Its library is an extra, so it is imported only where Keycloak is used."""
    from collegium.identity.admin import KeycloakDirectory

    return KeycloakDirectory(settings)


@dataclass(frozen=True)
class ControlOptions:
    """Without ``keycloak``, or without its sync account, nothing is synchronised."""

    revocation: RevocationPolicy = field(default_factory=RevocationPolicy)
    audit_age: timedelta = timedelta(days=365)
    keycloak: KeycloakSettings | None = None
    directory: Callable[[KeycloakSettings], Directory] = keycloak_directory
    bounds: JobBounds = field(default_factory=JobBounds)
    files: FileBounds = field(default_factory=FileBounds)
    datasets: DatasetOptions = field(default_factory=DatasetOptions)
    uploads: UploadOptions = field(default_factory=UploadOptions)
    notifications: NotificationOptions = field(default_factory=NotificationOptions)
    #: Where runs of jobs reach the service, with its place there; empty tells them nothing.
    service_url: str = ""
