"""Every operation of the API as a value. Generated from docs/openapi.json by scripts/client-api; do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from collegium_client import models as m
from collegium_client.wire import Operation, place


def get_health() -> Operation[m.HealthOut]:
    """Is everything able to work."""
    return Operation("GET", "/health", m.HealthOut)


def get_metrics() -> Operation[bytes]:
    """Numbers for Prometheus."""
    return Operation("GET", "/metrics", bytes)


def get_openapi_json() -> Operation[m.OpenApiOut]:
    """This description."""
    return Operation("GET", "/api/v1/openapi.json", m.OpenApiOut)


def get_info() -> Operation[m.InfoOut]:
    """Program and API version."""
    return Operation("GET", "/api/v1/info", m.InfoOut)


def get_context() -> Operation[m.ContextOut]:
    """You, your groups and roles, your servers."""
    return Operation("GET", "/api/v1/context", m.ContextOut)


def get_groups_group(group: str) -> Operation[m.GroupOut]:
    """The group, and what you may do there and why."""
    return Operation("GET", f"/api/v1/groups/{place(group)}", m.GroupOut)


def get_groups_group_usage(group: str) -> Operation[m.UsageOut]:
    """Used and limit, and every holder."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/usage", m.UsageOut)


def get_groups_group_catalog(group: str) -> Operation[m.CatalogOut]:
    """Instance types, images and datasets."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/catalog", m.CatalogOut)


def get_groups_group_events(
    group: str, *, after: int | None = None, last_event_id: str | None = None
) -> Operation[bytes]:
    """Server-sent events, one per change of state."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/events",
        bytes,
        query={"after": after},
        headers={"Last-Event-ID": last_event_id},
    )


def get_groups_group_members(
    group: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.MemberPage]:
    """Members of the group with role and standing."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/members", m.MemberPage, query={"limit": limit, "cursor": cursor}
    )


def get_groups_group_audit(
    group: str, *, text: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Operation[m.AuditPage]:
    """The group's audit log, newest first."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/audit",
        m.AuditPage,
        query={"text": text, "limit": limit, "cursor": cursor},
    )


def get_groups_group_revocations(group: str) -> Operation[m.RevocationList]:
    """Work that outlived its owner's right to it."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/revocations", m.RevocationList)


def get_groups_group_invitations(group: str) -> Operation[m.InvitationList]:
    """The group's invitations, newest first."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/invitations", m.InvitationList)


def post_groups_group_invitations(
    group: str, body: m.InvitationIn | Mapping[str, Any]
) -> Operation[m.InvitationCreated]:
    """Invite somebody; the link is in this answer only."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/invitations", m.InvitationCreated, body=body)


def delete_groups_group_invitations_invitation(group: str, invitation: str) -> Operation[m.InvitationOut]:
    """Revoke an invitation; whoever used it stays."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/invitations/{place(invitation)}", m.InvitationOut)


def post_invitations_look(body: m.TokenIn | Mapping[str, Any]) -> Operation[m.LookOut]:
    """What a link leads to."""
    return Operation("POST", "/api/v1/invitations/look", m.LookOut, body=body)


def post_invitations_accept(body: m.TokenIn | Mapping[str, Any]) -> Operation[m.AcceptedOut]:
    """Join with one's own account."""
    return Operation("POST", "/api/v1/invitations/accept", m.AcceptedOut, body=body)


def post_invitations_register(body: m.RegisterIn | Mapping[str, Any]) -> Operation[m.RegisteredOut]:
    """Get an account by way of a link."""
    return Operation("POST", "/api/v1/invitations/register", m.RegisteredOut, body=body)


def get_users(
    *, text: str | None = None, enabled: bool | None = None, limit: int | None = None, cursor: str | None = None
) -> Operation[m.UserPage]:
    """Accounts by name."""
    return Operation(
        "GET", "/api/v1/users", m.UserPage, query={"text": text, "enabled": enabled, "limit": limit, "cursor": cursor}
    )


def post_users(body: m.UserIn | Mapping[str, Any], *, idempotency_key: str | None = None) -> Operation[m.UserCreated]:
    """Create an account."""
    return Operation("POST", "/api/v1/users", m.UserCreated, headers={"Idempotency-Key": idempotency_key}, body=body)


def get_users_export() -> Operation[bytes]:
    """All accounts as CSV."""
    return Operation("GET", "/api/v1/users/export", bytes)


def post_users_import(
    body: m.ImportIn | Mapping[str, Any], *, dry_run: bool | None = None, send_mail: bool | None = None
) -> Operation[m.ImportOut]:
    """Create and change accounts from CSV."""
    return Operation(
        "POST", "/api/v1/users/import", m.ImportOut, query={"dry_run": dry_run, "send_mail": send_mail}, body=body
    )


def get_users_user(user: str) -> Operation[m.UserDetail]:
    """One account."""
    return Operation("GET", f"/api/v1/users/{place(user)}", m.UserDetail)


def patch_users_user(user: str, body: m.UserPatch | Mapping[str, Any]) -> Operation[m.UserDetail]:
    """Change an account."""
    return Operation("PATCH", f"/api/v1/users/{place(user)}", m.UserDetail, body=body)


def delete_users_user(user: str) -> Operation[m.DeletedOut]:
    """Delete an account for ever."""
    return Operation("DELETE", f"/api/v1/users/{place(user)}", m.DeletedOut)


def post_users_user_password(user: str) -> Operation[m.PasswordOut]:
    """Make a password for one login, shown once."""
    return Operation("POST", f"/api/v1/users/{place(user)}/password", m.PasswordOut)


def post_users_user_mail(user: str, body: m.MailIn | Mapping[str, Any]) -> Operation[m.MailOut]:
    """Ask a person by mail to do something."""
    return Operation("POST", f"/api/v1/users/{place(user)}/mail", m.MailOut, body=body)


def put_users_user_groups(user: str, body: m.GroupsIn | Mapping[str, Any]) -> Operation[m.GroupsOut]:
    """Make a person's roles exactly these."""
    return Operation("PUT", f"/api/v1/users/{place(user)}/groups", m.GroupsOut, body=body)


def get_audit(
    *, text: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Operation[m.AuditPage]:
    """The whole audit log, newest first."""
    return Operation("GET", "/api/v1/audit", m.AuditPage, query={"text": text, "limit": limit, "cursor": cursor})


def get_activity(
    *,
    kind: str | None = None,
    user: str | None = None,
    mine: bool | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Operation[m.ActivityPage]:
    """What happened in all your groups, newest first."""
    return Operation(
        "GET",
        "/api/v1/activity",
        m.ActivityPage,
        query={"kind": kind, "user": user, "mine": mine, "limit": limit, "cursor": cursor},
    )


def get_groups_group_activity(
    group: str,
    *,
    kind: str | None = None,
    user: str | None = None,
    mine: bool | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Operation[m.ActivityPage]:
    """What happened in the group, newest first."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/activity",
        m.ActivityPage,
        query={"kind": kind, "user": user, "mine": mine, "limit": limit, "cursor": cursor},
    )


def get_identity() -> Operation[m.IdentityOut]:
    """The identity provider, and what is not set up."""
    return Operation("GET", "/api/v1/identity", m.IdentityOut)


def get_groups_group_queue(group: str) -> Operation[m.QueueOut]:
    """The group's queue: its mode, how many wait, who is next."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/queue", m.QueueOut)


def patch_groups_group_queue(group: str, body: m.QueueIn | Mapping[str, Any]) -> Operation[m.QueueOut]:
    """Open, pause or drain the queue."""
    return Operation("PATCH", f"/api/v1/groups/{place(group)}/queue", m.QueueOut, body=body)


def get_groups_group_settings(group: str) -> Operation[m.SettingsOut]:
    """What the group's admins set about jobs and files."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/settings", m.SettingsOut)


def patch_groups_group_settings(group: str, body: m.SettingsIn | Mapping[str, Any]) -> Operation[m.SettingsOut]:
    """Change settings within the platform's bounds."""
    return Operation("PATCH", f"/api/v1/groups/{place(group)}/settings", m.SettingsOut, body=body)


def get_groups_group_secrets(group: str) -> Operation[m.SecretList]:
    """The group's secrets by name, without their values."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/secrets", m.SecretList)


def put_groups_group_secrets_secret(
    group: str, secret: str, body: m.SecretIn | Mapping[str, Any]
) -> Operation[m.SecretOut]:
    """Make a secret, or change it; its value cannot be read again."""
    return Operation("PUT", f"/api/v1/groups/{place(group)}/secrets/{place(secret)}", m.SecretOut, body=body)


def delete_groups_group_secrets_secret(group: str, secret: str) -> Operation[m.SecretOut]:
    """Remove a secret that nothing will use any more."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/secrets/{place(secret)}", m.SecretOut)


def get_groups_group_datasets(
    group: str,
    *,
    limit: int | None = None,
    cursor: str | None = None,
    search: str | None = None,
    tag: str | None = None,
) -> Operation[m.DatasetPage]:
    """Datasets that the group owns or was granted, by name."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/datasets",
        m.DatasetPage,
        query={"limit": limit, "cursor": cursor, "search": search, "tag": tag},
    )


def post_groups_group_datasets(group: str, body: m.DatasetIn | Mapping[str, Any]) -> Operation[m.DatasetDetail]:
    """Make a dataset of the group's own."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/datasets", m.DatasetDetail, body=body)


def get_groups_group_datasets_dataset(group: str, dataset: str) -> Operation[m.DatasetDetail]:
    """One dataset."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}", m.DatasetDetail)


def patch_groups_group_datasets_dataset(
    group: str, dataset: str, body: m.DatasetPatch | Mapping[str, Any]
) -> Operation[m.DatasetDetail]:
    """Change what is told of a dataset."""
    return Operation("PATCH", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}", m.DatasetDetail, body=body)


def delete_groups_group_datasets_dataset(group: str, dataset: str) -> Operation[m.DatasetDetail]:
    """Remove a dataset with its versions, unless something has it now."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}", m.DatasetDetail)


def get_groups_group_datasets_dataset_versions(
    group: str, dataset: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.VersionPage]:
    """Versions, newest first."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/versions",
        m.VersionPage,
        query={"limit": limit, "cursor": cursor},
    )


def post_groups_group_datasets_dataset_versions(
    group: str, dataset: str, body: m.VersionIn | Mapping[str, Any]
) -> Operation[m.VersionOut]:
    """Make a version of what is there now; it is Making until its files are there."""
    return Operation(
        "POST", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/versions", m.VersionOut, body=body
    )


def get_groups_group_datasets_dataset_versions_version(
    group: str, dataset: str, version: str
) -> Operation[m.VersionDetail]:
    """One version with its first tables."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/versions/{place(version)}", m.VersionDetail
    )


def delete_groups_group_datasets_dataset_versions_version(
    group: str, dataset: str, version: str
) -> Operation[m.VersionOut]:
    """Remove a version, unless something has it now."""
    return Operation(
        "DELETE", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/versions/{place(version)}", m.VersionOut
    )


def get_groups_group_datasets_dataset_versions_version_manifest(
    group: str, dataset: str, version: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.ManifestPage]:
    """Files of a version, by path."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/versions/{place(version)}/manifest",
        m.ManifestPage,
        query={"limit": limit, "cursor": cursor},
    )


def get_groups_group_datasets_dataset_uses(
    group: str,
    dataset: str,
    *,
    limit: int | None = None,
    cursor: str | None = None,
    version: int | None = None,
    kind: str | None = None,
) -> Operation[m.UsePage]:
    """Servers, jobs and deployments that used it, newest first; of other groups only for its owner."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/uses",
        m.UsePage,
        query={"limit": limit, "cursor": cursor, "version": version, "kind": kind},
    )


def put_groups_group_datasets_dataset_grants_grantee(
    group: str, dataset: str, grantee: str, body: m.GrantIn | Mapping[str, Any]
) -> Operation[m.GrantOut]:
    """Let another group use the dataset."""
    return Operation(
        "PUT", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/grants/{place(grantee)}", m.GrantOut, body=body
    )


def delete_groups_group_datasets_dataset_grants_grantee(
    group: str, dataset: str, grantee: str
) -> Operation[m.RevokedOut]:
    """Take a grant away; tells who still holds it."""
    return Operation(
        "DELETE", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/grants/{place(grantee)}", m.RevokedOut
    )


def post_groups_group_datasets_dataset_copy(
    group: str, dataset: str, body: m.CopyIn | Mapping[str, Any]
) -> Operation[m.FileTaskOut]:
    """Copy files of the group's shared files into the dataset."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/datasets/{place(dataset)}/copy", m.FileTaskOut, body=body)


def get_datasets(
    *, limit: int | None = None, cursor: str | None = None, search: str | None = None, tag: str | None = None
) -> Operation[m.PlatformDatasetPage]:
    """All datasets with source, owner, health and grants, by name."""
    return Operation(
        "GET",
        "/api/v1/datasets",
        m.PlatformDatasetPage,
        query={"limit": limit, "cursor": cursor, "search": search, "tag": tag},
    )


def post_datasets(body: m.PlatformDatasetIn | Mapping[str, Any]) -> Operation[m.PlatformDataset]:
    """Define a dataset of the platform's own, of any kind."""
    return Operation("POST", "/api/v1/datasets", m.PlatformDataset, body=body)


def get_datasets_dataset(dataset: str) -> Operation[m.PlatformDataset]:
    """One dataset."""
    return Operation("GET", f"/api/v1/datasets/{place(dataset)}", m.PlatformDataset)


def patch_datasets_dataset(
    dataset: str, body: m.PlatformDatasetPatch | Mapping[str, Any]
) -> Operation[m.PlatformDataset]:
    """Change a dataset."""
    return Operation("PATCH", f"/api/v1/datasets/{place(dataset)}", m.PlatformDataset, body=body)


def delete_datasets_dataset(dataset: str) -> Operation[m.PlatformDataset]:
    """Remove a dataset with its versions, unless something has it now."""
    return Operation("DELETE", f"/api/v1/datasets/{place(dataset)}", m.PlatformDataset)


def put_datasets_dataset_grants_grantee(
    dataset: str, grantee: str, body: m.GrantIn | Mapping[str, Any]
) -> Operation[m.GrantOut]:
    """Let a group use the dataset, or `*` for every group."""
    return Operation("PUT", f"/api/v1/datasets/{place(dataset)}/grants/{place(grantee)}", m.GrantOut, body=body)


def delete_datasets_dataset_grants_grantee(dataset: str, grantee: str) -> Operation[m.RevokedOut]:
    """Take a grant away; tells who still holds it."""
    return Operation("DELETE", f"/api/v1/datasets/{place(dataset)}/grants/{place(grantee)}", m.RevokedOut)


def get_volumes(*, limit: int | None = None, cursor: str | None = None) -> Operation[m.VolumePage]:
    """Volumes of files, homes and datasets, with their room and state."""
    return Operation("GET", "/api/v1/volumes", m.VolumePage, query={"limit": limit, "cursor": cursor})


def post_volumes_resize(body: m.ResizeIn | Mapping[str, Any]) -> Operation[m.VolumeOut]:
    """Make a volume larger."""
    return Operation("POST", "/api/v1/volumes/resize", m.VolumeOut, body=body)


def get_secrets() -> Operation[m.PlatformSecretList]:
    """Secrets that the platform keeps for groups, without their values."""
    return Operation("GET", "/api/v1/secrets", m.PlatformSecretList)


def put_secrets_secret(secret: str, body: m.PlatformSecretIn | Mapping[str, Any]) -> Operation[m.PlatformSecretOut]:
    """Make a secret for groups, or change it; its value cannot be read again."""
    return Operation("PUT", f"/api/v1/secrets/{place(secret)}", m.PlatformSecretOut, body=body)


def delete_secrets_secret(secret: str) -> Operation[m.PlatformSecretOut]:
    """Remove a secret that nothing will use any more."""
    return Operation("DELETE", f"/api/v1/secrets/{place(secret)}", m.PlatformSecretOut)


def get_groups_group_tags(group: str) -> Operation[m.TagList]:
    """Tags of the group's jobs."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/tags", m.TagList)


def post_groups_group_notebook_parameters(
    group: str, body: m.SourceIn | Mapping[str, Any]
) -> Operation[m.ParameterList]:
    """What the parameters cell of a notebook declares."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/notebook-parameters", m.ParameterList, body=body)


def get_notifications() -> Operation[m.OwnOut]:
    """What you want to hear by mail."""
    return Operation("GET", "/api/v1/notifications", m.OwnOut)


def put_notifications(body: m.OwnIn | Mapping[str, Any]) -> Operation[m.OwnOut]:
    """Set what you want to hear by mail."""
    return Operation("PUT", "/api/v1/notifications", m.OwnOut, body=body)


def get_groups_group_channels(group: str) -> Operation[m.ChannelList]:
    """The group's notification channels."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/channels", m.ChannelList)


def post_groups_group_channels(group: str, body: m.ChannelIn | Mapping[str, Any]) -> Operation[m.ChannelOut]:
    """Make a channel."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/channels", m.ChannelOut, body=body)


def get_groups_group_channels_channel(group: str, channel: str) -> Operation[m.ChannelOut]:
    """One channel."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/channels/{place(channel)}", m.ChannelOut)


def patch_groups_group_channels_channel(
    group: str, channel: str, body: m.ChannelPatch | Mapping[str, Any]
) -> Operation[m.ChannelOut]:
    """Change a channel."""
    return Operation("PATCH", f"/api/v1/groups/{place(group)}/channels/{place(channel)}", m.ChannelOut, body=body)


def delete_groups_group_channels_channel(group: str, channel: str) -> Operation[m.ChannelOut]:
    """Delete a channel with what it sent."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/channels/{place(channel)}", m.ChannelOut)


def post_groups_group_channels_channel_test(group: str, channel: str) -> Operation[m.DeliveryOut]:
    """Send a test message by a channel."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/channels/{place(channel)}/test", m.DeliveryOut)


def get_groups_group_channels_channel_deliveries(
    group: str, channel: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.DeliveryPage]:
    """What was sent by a channel, the newest first."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/channels/{place(channel)}/deliveries",
        m.DeliveryPage,
        query={"limit": limit, "cursor": cursor},
    )


def get_groups_group_sweeps(
    group: str,
    *,
    limit: int | None = None,
    cursor: str | None = None,
    state: str | None = None,
    user: str | None = None,
    text: str | None = None,
) -> Operation[m.SweepPage]:
    """Sweeps, the newest first."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/sweeps",
        m.SweepPage,
        query={"limit": limit, "cursor": cursor, "state": state, "user": user, "text": text},
    )


def post_groups_group_sweeps(
    group: str, body: m.SweepIn | Mapping[str, Any], *, idempotency_key: str | None = None
) -> Operation[m.SweepDetail]:
    """Submit one job many times, each time with other values."""
    return Operation(
        "POST",
        f"/api/v1/groups/{place(group)}/sweeps",
        m.SweepDetail,
        headers={"Idempotency-Key": idempotency_key},
        body=body,
    )


def post_groups_group_sweeps_preview(group: str, body: m.SweepIn | Mapping[str, Any]) -> Operation[m.SweepPreview]:
    """How many jobs a sweep would be, and the values of the first."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/sweeps/preview", m.SweepPreview, body=body)


def get_groups_group_sweeps_sweep(group: str, sweep: str) -> Operation[m.SweepDetail]:
    """One sweep with its job, space and history."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/sweeps/{place(sweep)}", m.SweepDetail)


def patch_groups_group_sweeps_sweep(
    group: str, sweep: str, body: m.SweepEdit | Mapping[str, Any]
) -> Operation[m.SweepOut]:
    """Change notes, tags, or how many of its jobs run at the same time."""
    return Operation("PATCH", f"/api/v1/groups/{place(group)}/sweeps/{place(sweep)}", m.SweepOut, body=body)


def delete_groups_group_sweeps_sweep(group: str, sweep: str) -> Operation[m.SweepOut]:
    """Remove a sweep that is over; its jobs stay."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/sweeps/{place(sweep)}", m.SweepOut)


def get_groups_group_sweeps_sweep_points(
    group: str, sweep: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.PointPage]:
    """Its points in order, with their jobs."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/sweeps/{place(sweep)}/points",
        m.PointPage,
        query={"limit": limit, "cursor": cursor},
    )


def post_groups_group_sweeps_sweep_cancel(group: str, sweep: str) -> Operation[m.SweepOut]:
    """No more jobs; those that wait or run are ended."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/sweeps/{place(sweep)}/cancel", m.SweepOut)


def get_groups_group_schedules(
    group: str,
    *,
    state: str | None = None,
    user: str | None = None,
    text: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Operation[m.SchedulePage]:
    """Schedules, oldest first."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/schedules",
        m.SchedulePage,
        query={"state": state, "user": user, "text": text, "limit": limit, "cursor": cursor},
    )


def post_groups_group_schedules(group: str, body: m.ScheduleIn | Mapping[str, Any]) -> Operation[m.ScheduleDetail]:
    """Make a schedule."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/schedules", m.ScheduleDetail, body=body)


def post_groups_group_schedules_preview(group: str, body: m.PreviewIn | Mapping[str, Any]) -> Operation[m.PreviewOut]:
    """When a recurrence would be due next."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/schedules/preview", m.PreviewOut, body=body)


def get_groups_group_schedules_schedule(group: str, schedule: str) -> Operation[m.ScheduleDetail]:
    """One schedule with job, trend and history."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/schedules/{place(schedule)}", m.ScheduleDetail)


def patch_groups_group_schedules_schedule(
    group: str, schedule: str, body: m.SchedulePatch | Mapping[str, Any]
) -> Operation[m.ScheduleDetail]:
    """Change a schedule."""
    return Operation("PATCH", f"/api/v1/groups/{place(group)}/schedules/{place(schedule)}", m.ScheduleDetail, body=body)


def delete_groups_group_schedules_schedule(group: str, schedule: str) -> Operation[m.ScheduleOut]:
    """Remove a schedule with its history; its jobs stay."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/schedules/{place(schedule)}", m.ScheduleOut)


def post_groups_group_schedules_schedule_pause(group: str, schedule: str) -> Operation[m.ScheduleDetail]:
    """Nothing is due until it is resumed."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/schedules/{place(schedule)}/pause", m.ScheduleDetail)


def post_groups_group_schedules_schedule_resume(
    group: str, schedule: str, body: m.ResumeIn | Mapping[str, Any]
) -> Operation[m.ScheduleDetail]:
    """Due times count again; perhaps as somebody else's jobs."""
    return Operation(
        "POST", f"/api/v1/groups/{place(group)}/schedules/{place(schedule)}/resume", m.ScheduleDetail, body=body
    )


def post_groups_group_schedules_schedule_run(
    group: str, schedule: str, *, idempotency_key: str | None = None
) -> Operation[m.ScheduleRunOut]:
    """A run beside its times."""
    return Operation(
        "POST",
        f"/api/v1/groups/{place(group)}/schedules/{place(schedule)}/run",
        m.ScheduleRunOut,
        headers={"Idempotency-Key": idempotency_key},
    )


def get_groups_group_schedules_schedule_runs(
    group: str, schedule: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.ScheduleRunPage]:
    """What became of its due times, newest first, and the trend."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/schedules/{place(schedule)}/runs",
        m.ScheduleRunPage,
        query={"limit": limit, "cursor": cursor},
    )


def get_groups_group_files(
    group: str,
    *,
    path: str | None = None,
    sort: str | None = None,
    descending: bool | None = None,
    search: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Operation[m.EntryPage]:
    """What is in a folder, or was found below it."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/files",
        m.EntryPage,
        query={
            "path": path,
            "sort": sort,
            "descending": descending,
            "search": search,
            "limit": limit,
            "cursor": cursor,
        },
    )


def get_groups_group_files_entry(group: str, *, path: str) -> Operation[m.EntryDetail]:
    """One file or folder."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/files/entry", m.EntryDetail, query={"path": path})


def get_groups_group_files_content(
    group: str,
    *,
    path: str,
    download: bool | None = None,
    range: str | None = None,
    if_range: str | None = None,
    if_none_match: str | None = None,
) -> Operation[bytes]:
    """A file's bytes."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/files/content",
        bytes,
        query={"path": path, "download": download},
        headers={"Range": range, "If-Range": if_range, "If-None-Match": if_none_match},
    )


def get_groups_group_files_preview(group: str, *, path: str, rows: int | None = None) -> Operation[m.FilePreviewOut]:
    """What a file looks like."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/files/preview", m.FilePreviewOut, query={"path": path, "rows": rows}
    )


def get_groups_group_files_checksum(group: str, *, path: str) -> Operation[m.ChecksumOut]:
    """The SHA-256 of a file."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/files/checksum", m.ChecksumOut, query={"path": path})


def get_groups_group_files_archive(group: str, *, path: list[str]) -> Operation[bytes]:
    """Files and folders as one zip archive."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/files/archive", bytes, query={"path": path})


def post_groups_group_files_folders(group: str, body: m.FolderIn | Mapping[str, Any]) -> Operation[m.EntryOut]:
    """Make a folder."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/files/folders", m.EntryOut, body=body)


def post_groups_group_files_move(group: str, body: m.MoveIn | Mapping[str, Any]) -> Operation[m.FileTaskOut]:
    """Move or rename."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/files/move", m.FileTaskOut, body=body)


def post_groups_group_files_copy(group: str, body: m.MoveIn | Mapping[str, Any]) -> Operation[m.FileTaskOut]:
    """Copy."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/files/copy", m.FileTaskOut, body=body)


def post_groups_group_files_unpack(group: str, body: m.UnpackIn | Mapping[str, Any]) -> Operation[m.FileTaskOut]:
    """Unpack an archive."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/files/unpack", m.FileTaskOut, body=body)


def post_groups_group_files_delete(group: str, body: m.DeleteIn | Mapping[str, Any]) -> Operation[m.FileTaskOut]:
    """Put into the trash."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/files/delete", m.FileTaskOut, body=body)


def get_groups_group_files_tasks(
    group: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.FileTaskPage]:
    """Work on files, newest first."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/files/tasks", m.FileTaskPage, query={"limit": limit, "cursor": cursor}
    )


def get_groups_group_files_tasks_task(group: str, task: str) -> Operation[m.FileTaskOut]:
    """How far one is."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/files/tasks/{place(task)}", m.FileTaskOut)


def get_groups_group_files_trash(
    group: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.TrashPage]:
    """What was deleted, latest first."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/files/trash", m.TrashPage, query={"limit": limit, "cursor": cursor}
    )


def delete_groups_group_files_trash(group: str) -> Operation[m.PurgedOut]:
    """Empty the trash."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/files/trash", m.PurgedOut)


def delete_groups_group_files_trash_trash(group: str, trash: str) -> Operation[m.PurgedOut]:
    """Remove for good."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/files/trash/{place(trash)}", m.PurgedOut)


def post_groups_group_files_trash_trash_restore(
    group: str, trash: str, body: m.RestoreIn | Mapping[str, Any] | None = None
) -> Operation[m.FileTaskOut]:
    """Put back from the trash."""
    return Operation(
        "POST", f"/api/v1/groups/{place(group)}/files/trash/{place(trash)}/restore", m.FileTaskOut, body=body
    )


def get_groups_group_files_storage(group: str) -> Operation[m.StorageOut]:
    """How much the group stores."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/files/storage", m.StorageOut)


def get_groups_group_jobs(
    group: str,
    *,
    state: str | None = None,
    user: str | None = None,
    text: str | None = None,
    tag: str | None = None,
    sweep: str | None = None,
    finished_before: datetime | None = None,
    kind: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    sort: str | None = None,
    total: bool | None = None,
) -> Operation[m.JobPage]:
    """Jobs, by default the newest first."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/jobs",
        m.JobPage,
        query={
            "state": state,
            "user": user,
            "text": text,
            "tag": tag,
            "sweep": sweep,
            "finished_before": finished_before,
            "kind": kind,
            "limit": limit,
            "cursor": cursor,
            "sort": sort,
            "total": total,
        },
    )


def post_groups_group_jobs(
    group: str, body: m.JobIn | Mapping[str, Any], *, idempotency_key: str | None = None
) -> Operation[m.JobOut]:
    """Submit a job."""
    return Operation(
        "POST", f"/api/v1/groups/{place(group)}/jobs", m.JobOut, headers={"Idempotency-Key": idempotency_key}, body=body
    )


def post_groups_group_jobs_batch(
    group: str, body: m.BatchIn | Mapping[str, Any], *, idempotency_key: str | None = None
) -> Operation[m.BatchOut]:
    """Submit several jobs, which may wait for one another: all or none."""
    return Operation(
        "POST",
        f"/api/v1/groups/{place(group)}/jobs/batch",
        m.BatchOut,
        headers={"Idempotency-Key": idempotency_key},
        body=body,
    )


def post_groups_group_jobs_bulk(group: str, body: m.BulkIn | Mapping[str, Any]) -> Operation[m.BulkOut]:
    """Cancel or delete many jobs; what cannot be done is told and stops nothing else."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/jobs/bulk", m.BulkOut, body=body)


def get_groups_group_jobs_job(group: str, job: str) -> Operation[m.JobDetail]:
    """One job with its spec, manifest and history."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/jobs/{place(job)}", m.JobDetail)


def patch_groups_group_jobs_job(group: str, job: str, body: m.JobEdit | Mapping[str, Any]) -> Operation[m.JobOut]:
    """Change notes, tags, or the priority of a job that waits."""
    return Operation("PATCH", f"/api/v1/groups/{place(group)}/jobs/{place(job)}", m.JobOut, body=body)


def delete_groups_group_jobs_job(group: str, job: str) -> Operation[m.JobOut]:
    """Remove a job that is over, with its files."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/jobs/{place(job)}", m.JobOut)


def post_groups_group_jobs_job_cancel(group: str, job: str) -> Operation[m.JobOut]:
    """Ask for the end of a job."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/jobs/{place(job)}/cancel", m.JobOut)


def post_groups_group_jobs_job_rerun(
    group: str, job: str, body: m.RerunIn | Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
) -> Operation[m.JobOut]:
    """The same job again, from the same files."""
    return Operation(
        "POST",
        f"/api/v1/groups/{place(group)}/jobs/{place(job)}/rerun",
        m.JobOut,
        headers={"Idempotency-Key": idempotency_key},
        body=body,
    )


def get_groups_group_jobs_job_logs(
    group: str,
    job: str,
    *,
    offset: int | None = None,
    limit: int | None = None,
    attempt: int | None = None,
    follow: bool | None = None,
    last_event_id: str | None = None,
) -> Operation[bytes]:
    """The log, as text or followed as server-sent events."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/jobs/{place(job)}/logs",
        bytes,
        query={"offset": offset, "limit": limit, "attempt": attempt, "follow": follow},
        headers={"Last-Event-ID": last_event_id},
    )


def get_groups_group_metrics(
    group: str, *, sweep: str | None = None, job: list[str] | None = None, key: str | None = None
) -> Operation[m.ComparisonOut]:
    """One figure of several jobs, or of the jobs of a sweep, side by side."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/metrics", m.ComparisonOut, query={"sweep": sweep, "job": job, "key": key}
    )


def get_groups_group_jobs_job_metrics(group: str, job: str) -> Operation[m.FiguresOut]:
    """Figures that a job told of itself."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/jobs/{place(job)}/metrics", m.FiguresOut)


def get_groups_group_jobs_job_usage(group: str, job: str, *, attempt: int | None = None) -> Operation[m.JobUsageOut]:
    """CPU, memory and GPUs that an attempt used."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/jobs/{place(job)}/usage", m.JobUsageOut, query={"attempt": attempt}
    )


def get_groups_group_jobs_job_artifacts(group: str, job: str) -> Operation[m.ArtifactList]:
    """The files that the latest attempt left."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/jobs/{place(job)}/artifacts", m.ArtifactList)


def get_groups_group_jobs_job_artifacts_path(
    group: str, job: str, path: str, *, range: str | None = None
) -> Operation[bytes]:
    """One file."""
    return Operation(
        "GET",
        f"/api/v1/groups/{place(group)}/jobs/{place(job)}/artifacts/{place(path, slashes=True)}",
        bytes,
        headers={"Range": range},
    )


def get_groups_group_files_store(group: str) -> Operation[m.StoreOut]:
    """What senders of files should know."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/files/store", m.StoreOut)


def get_groups_group_files_uploads(
    group: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.UploadPage]:
    """One's own uploads, the newest first; those of all for the group's admins."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/files/uploads", m.UploadPage, query={"limit": limit, "cursor": cursor}
    )


def post_groups_group_files_uploads(
    group: str,
    body: m.UploadIn | Mapping[str, Any] | None = None,
    *,
    tus_resumable: str | None = None,
    upload_length: str | None = None,
    upload_defer_length: str | None = None,
    upload_metadata: str | None = None,
    upload_checksum: str | None = None,
) -> Operation[m.UploadOut]:
    """Begin an upload, by tus (the body may be its first bytes) or in JSON."""
    return Operation(
        "POST",
        f"/api/v1/groups/{place(group)}/files/uploads",
        m.UploadOut,
        headers={
            "Tus-Resumable": tus_resumable,
            "Upload-Length": upload_length,
            "Upload-Defer-Length": upload_defer_length,
            "Upload-Metadata": upload_metadata,
            "Upload-Checksum": upload_checksum,
        },
        body=body,
    )


def get_groups_group_files_uploads_upload(group: str, upload: str) -> Operation[m.UploadOut]:
    """One upload."""
    return Operation("GET", f"/api/v1/groups/{place(group)}/files/uploads/{place(upload)}", m.UploadOut)


def delete_groups_group_files_uploads_upload(
    group: str, upload: str, *, tus_resumable: str | None = None
) -> Operation[bytes]:
    """Give an upload up; what came is forgotten."""
    return Operation(
        "DELETE",
        f"/api/v1/groups/{place(group)}/files/uploads/{place(upload)}",
        bytes,
        headers={"Tus-Resumable": tus_resumable},
    )


def post_groups_group_files_uploads_upload_parts(
    group: str, upload: str, body: m.PartsIn | Mapping[str, Any]
) -> Operation[m.PartList]:
    """Addresses to send parts to, straight to the store."""
    return Operation(
        "POST", f"/api/v1/groups/{place(group)}/files/uploads/{place(upload)}/parts", m.PartList, body=body
    )


def post_groups_group_files_uploads_upload_complete(group: str, upload: str) -> Operation[m.UploadOut]:
    """All parts were sent: make the file visible."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/files/uploads/{place(upload)}/complete", m.UploadOut)


def get_groups_group_files_shares(
    group: str, *, limit: int | None = None, cursor: str | None = None
) -> Operation[m.SharePage]:
    """The group's share links, the newest first."""
    return Operation(
        "GET", f"/api/v1/groups/{place(group)}/files/shares", m.SharePage, query={"limit": limit, "cursor": cursor}
    )


def post_groups_group_files_shares(group: str, body: m.ShareIn | Mapping[str, Any]) -> Operation[m.ShareCreated]:
    """Share a file or folder; the link is in this answer only."""
    return Operation("POST", f"/api/v1/groups/{place(group)}/files/shares", m.ShareCreated, body=body)


def delete_groups_group_files_shares_share(group: str, share: str) -> Operation[m.ShareOut]:
    """Revoke a link: from now on it opens nothing."""
    return Operation("DELETE", f"/api/v1/groups/{place(group)}/files/shares/{place(share)}", m.ShareOut)
