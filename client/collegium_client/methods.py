"""The API as methods. Generated from docs/openapi.json by scripts/client-api; do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from collegium_client import models as m
from collegium_client import operations
from collegium_client.wire import Operation

T = TypeVar("T")


class Methods:
    """One method per operation."""

    def send(self, operation: Operation[T]) -> T:
        """Carry it out."""
        raise NotImplementedError

    def get_health(self) -> m.HealthOut:
        """Is everything able to work."""
        return self.send(operations.get_health())

    def get_metrics(self) -> bytes:
        """Numbers for Prometheus."""
        return self.send(operations.get_metrics())

    def get_openapi_json(self) -> m.OpenApiOut:
        """This description."""
        return self.send(operations.get_openapi_json())

    def get_info(self) -> m.InfoOut:
        """Program and API version."""
        return self.send(operations.get_info())

    def get_context(self) -> m.ContextOut:
        """You, your groups and roles, your servers."""
        return self.send(operations.get_context())

    def get_groups_group(self, group: str) -> m.GroupOut:
        """The group, and what you may do there and why."""
        return self.send(operations.get_groups_group(group))

    def get_groups_group_usage(self, group: str) -> m.UsageOut:
        """Used and limit, and every holder."""
        return self.send(operations.get_groups_group_usage(group))

    def get_groups_group_catalog(self, group: str) -> m.CatalogOut:
        """Instance types, images and datasets."""
        return self.send(operations.get_groups_group_catalog(group))

    def get_groups_group_members(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.MemberPage:
        """Members of the group with role and standing."""
        return self.send(operations.get_groups_group_members(group, limit=limit, cursor=cursor))

    def get_groups_group_audit(
        self, group: str, *, text: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> m.AuditPage:
        """The group's audit log, newest first."""
        return self.send(operations.get_groups_group_audit(group, text=text, limit=limit, cursor=cursor))

    def get_groups_group_revocations(self, group: str) -> m.RevocationList:
        """Work that outlived its owner's right to it."""
        return self.send(operations.get_groups_group_revocations(group))

    def get_groups_group_invitations(self, group: str) -> m.InvitationList:
        """The group's invitations, newest first."""
        return self.send(operations.get_groups_group_invitations(group))

    def post_groups_group_invitations(
        self, group: str, body: m.InvitationIn | Mapping[str, Any]
    ) -> m.InvitationCreated:
        """Invite somebody; the link is in this answer only."""
        return self.send(operations.post_groups_group_invitations(group, body))

    def delete_groups_group_invitations_invitation(self, group: str, invitation: str) -> m.InvitationOut:
        """Revoke an invitation; whoever used it stays."""
        return self.send(operations.delete_groups_group_invitations_invitation(group, invitation))

    def post_invitations_look(self, body: m.TokenIn | Mapping[str, Any]) -> m.LookOut:
        """What a link leads to."""
        return self.send(operations.post_invitations_look(body))

    def post_invitations_accept(self, body: m.TokenIn | Mapping[str, Any]) -> m.AcceptedOut:
        """Join with one's own account."""
        return self.send(operations.post_invitations_accept(body))

    def post_invitations_register(self, body: m.RegisterIn | Mapping[str, Any]) -> m.RegisteredOut:
        """Get an account by way of a link."""
        return self.send(operations.post_invitations_register(body))

    def get_users(
        self,
        *,
        text: str | None = None,
        enabled: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.UserPage:
        """Accounts by name."""
        return self.send(operations.get_users(text=text, enabled=enabled, limit=limit, cursor=cursor))

    def post_users(self, body: m.UserIn | Mapping[str, Any], *, idempotency_key: str | None = None) -> m.UserCreated:
        """Create an account."""
        return self.send(operations.post_users(body, idempotency_key=idempotency_key))

    def get_users_export(self) -> bytes:
        """All accounts as CSV."""
        return self.send(operations.get_users_export())

    def post_users_import(
        self, body: m.ImportIn | Mapping[str, Any], *, dry_run: bool | None = None, send_mail: bool | None = None
    ) -> m.ImportOut:
        """Create and change accounts from CSV."""
        return self.send(operations.post_users_import(body, dry_run=dry_run, send_mail=send_mail))

    def get_users_user(self, user: str) -> m.UserDetail:
        """One account."""
        return self.send(operations.get_users_user(user))

    def patch_users_user(self, user: str, body: m.UserPatch | Mapping[str, Any]) -> m.UserDetail:
        """Change an account."""
        return self.send(operations.patch_users_user(user, body))

    def delete_users_user(self, user: str) -> m.DeletedOut:
        """Delete an account for ever."""
        return self.send(operations.delete_users_user(user))

    def post_users_user_password(self, user: str) -> m.PasswordOut:
        """Make a password for one login, shown once."""
        return self.send(operations.post_users_user_password(user))

    def post_users_user_mail(self, user: str, body: m.MailIn | Mapping[str, Any]) -> m.MailOut:
        """Ask a person by mail to do something."""
        return self.send(operations.post_users_user_mail(user, body))

    def put_users_user_groups(self, user: str, body: m.GroupsIn | Mapping[str, Any]) -> m.GroupsOut:
        """Make a person's roles exactly these."""
        return self.send(operations.put_users_user_groups(user, body))

    def get_audit(self, *, text: str | None = None, limit: int | None = None, cursor: str | None = None) -> m.AuditPage:
        """The whole audit log, newest first."""
        return self.send(operations.get_audit(text=text, limit=limit, cursor=cursor))

    def get_activity(
        self,
        *,
        kind: str | None = None,
        user: str | None = None,
        mine: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.ActivityPage:
        """What happened in all your groups, newest first."""
        return self.send(operations.get_activity(kind=kind, user=user, mine=mine, limit=limit, cursor=cursor))

    def get_groups_group_activity(
        self,
        group: str,
        *,
        kind: str | None = None,
        user: str | None = None,
        mine: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.ActivityPage:
        """What happened in the group, newest first."""
        return self.send(
            operations.get_groups_group_activity(group, kind=kind, user=user, mine=mine, limit=limit, cursor=cursor)
        )

    def get_identity(self) -> m.IdentityOut:
        """The identity provider, and what is not set up."""
        return self.send(operations.get_identity())

    def get_groups_group_queue(self, group: str) -> m.QueueOut:
        """The group's queue: its mode, how many wait, who is next."""
        return self.send(operations.get_groups_group_queue(group))

    def patch_groups_group_queue(self, group: str, body: m.QueueIn | Mapping[str, Any]) -> m.QueueOut:
        """Open, pause or drain the queue."""
        return self.send(operations.patch_groups_group_queue(group, body))

    def get_groups_group_settings(self, group: str) -> m.SettingsOut:
        """What the group's admins set about jobs and files."""
        return self.send(operations.get_groups_group_settings(group))

    def patch_groups_group_settings(self, group: str, body: m.SettingsIn | Mapping[str, Any]) -> m.SettingsOut:
        """Change settings within the platform's bounds."""
        return self.send(operations.patch_groups_group_settings(group, body))

    def get_groups_group_secrets(self, group: str) -> m.SecretList:
        """The group's secrets by name, without their values."""
        return self.send(operations.get_groups_group_secrets(group))

    def put_groups_group_secrets_secret(
        self, group: str, secret: str, body: m.SecretIn | Mapping[str, Any]
    ) -> m.SecretOut:
        """Make a secret, or change it; its value cannot be read again."""
        return self.send(operations.put_groups_group_secrets_secret(group, secret, body))

    def delete_groups_group_secrets_secret(self, group: str, secret: str) -> m.SecretOut:
        """Remove a secret that nothing will use any more."""
        return self.send(operations.delete_groups_group_secrets_secret(group, secret))

    def get_groups_group_datasets(
        self,
        group: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        search: str | None = None,
        tag: str | None = None,
    ) -> m.DatasetPage:
        """Datasets that the group owns or was granted, by name."""
        return self.send(
            operations.get_groups_group_datasets(group, limit=limit, cursor=cursor, search=search, tag=tag)
        )

    def post_groups_group_datasets(self, group: str, body: m.DatasetIn | Mapping[str, Any]) -> m.DatasetDetail:
        """Make a dataset of the group's own."""
        return self.send(operations.post_groups_group_datasets(group, body))

    def get_groups_group_datasets_dataset(self, group: str, dataset: str) -> m.DatasetDetail:
        """One dataset."""
        return self.send(operations.get_groups_group_datasets_dataset(group, dataset))

    def patch_groups_group_datasets_dataset(
        self, group: str, dataset: str, body: m.DatasetPatch | Mapping[str, Any]
    ) -> m.DatasetDetail:
        """Change what is told of a dataset."""
        return self.send(operations.patch_groups_group_datasets_dataset(group, dataset, body))

    def delete_groups_group_datasets_dataset(self, group: str, dataset: str) -> m.DatasetDetail:
        """Remove a dataset with its versions, unless something has it now."""
        return self.send(operations.delete_groups_group_datasets_dataset(group, dataset))

    def get_groups_group_datasets_dataset_versions(
        self, group: str, dataset: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.VersionPage:
        """Versions, newest first."""
        return self.send(
            operations.get_groups_group_datasets_dataset_versions(group, dataset, limit=limit, cursor=cursor)
        )

    def post_groups_group_datasets_dataset_versions(
        self, group: str, dataset: str, body: m.VersionIn | Mapping[str, Any]
    ) -> m.VersionOut:
        """Make a version of what is there now; it is Making until its files are there."""
        return self.send(operations.post_groups_group_datasets_dataset_versions(group, dataset, body))

    def get_groups_group_datasets_dataset_versions_version(
        self, group: str, dataset: str, version: str
    ) -> m.VersionDetail:
        """One version with its first tables."""
        return self.send(operations.get_groups_group_datasets_dataset_versions_version(group, dataset, version))

    def delete_groups_group_datasets_dataset_versions_version(
        self, group: str, dataset: str, version: str
    ) -> m.VersionOut:
        """Remove a version, unless something has it now."""
        return self.send(operations.delete_groups_group_datasets_dataset_versions_version(group, dataset, version))

    def get_groups_group_datasets_dataset_versions_version_manifest(
        self, group: str, dataset: str, version: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.ManifestPage:
        """Files of a version, by path."""
        return self.send(
            operations.get_groups_group_datasets_dataset_versions_version_manifest(
                group, dataset, version, limit=limit, cursor=cursor
            )
        )

    def get_groups_group_datasets_dataset_uses(
        self,
        group: str,
        dataset: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        version: int | None = None,
        kind: str | None = None,
    ) -> m.UsePage:
        """Servers, jobs and deployments that used it, newest first; of other groups only for its owner."""
        return self.send(
            operations.get_groups_group_datasets_dataset_uses(
                group, dataset, limit=limit, cursor=cursor, version=version, kind=kind
            )
        )

    def put_groups_group_datasets_dataset_grants_grantee(
        self, group: str, dataset: str, grantee: str, body: m.GrantIn | Mapping[str, Any]
    ) -> m.GrantOut:
        """Let another group use the dataset."""
        return self.send(operations.put_groups_group_datasets_dataset_grants_grantee(group, dataset, grantee, body))

    def delete_groups_group_datasets_dataset_grants_grantee(
        self, group: str, dataset: str, grantee: str
    ) -> m.RevokedOut:
        """Take a grant away; tells who still holds it."""
        return self.send(operations.delete_groups_group_datasets_dataset_grants_grantee(group, dataset, grantee))

    def post_groups_group_datasets_dataset_copy(
        self, group: str, dataset: str, body: m.CopyIn | Mapping[str, Any]
    ) -> m.FileTaskOut:
        """Copy files of the group's shared files into the dataset."""
        return self.send(operations.post_groups_group_datasets_dataset_copy(group, dataset, body))

    def get_datasets(
        self, *, limit: int | None = None, cursor: str | None = None, search: str | None = None, tag: str | None = None
    ) -> m.PlatformDatasetPage:
        """All datasets with source, owner, health and grants, by name."""
        return self.send(operations.get_datasets(limit=limit, cursor=cursor, search=search, tag=tag))

    def post_datasets(self, body: m.PlatformDatasetIn | Mapping[str, Any]) -> m.PlatformDataset:
        """Define a dataset of the platform's own, of any kind."""
        return self.send(operations.post_datasets(body))

    def get_datasets_dataset(self, dataset: str) -> m.PlatformDataset:
        """One dataset."""
        return self.send(operations.get_datasets_dataset(dataset))

    def patch_datasets_dataset(
        self, dataset: str, body: m.PlatformDatasetPatch | Mapping[str, Any]
    ) -> m.PlatformDataset:
        """Change a dataset."""
        return self.send(operations.patch_datasets_dataset(dataset, body))

    def delete_datasets_dataset(self, dataset: str) -> m.PlatformDataset:
        """Remove a dataset with its versions, unless something has it now."""
        return self.send(operations.delete_datasets_dataset(dataset))

    def put_datasets_dataset_grants_grantee(
        self, dataset: str, grantee: str, body: m.GrantIn | Mapping[str, Any]
    ) -> m.GrantOut:
        """Let a group use the dataset, or `*` for every group."""
        return self.send(operations.put_datasets_dataset_grants_grantee(dataset, grantee, body))

    def delete_datasets_dataset_grants_grantee(self, dataset: str, grantee: str) -> m.RevokedOut:
        """Take a grant away; tells who still holds it."""
        return self.send(operations.delete_datasets_dataset_grants_grantee(dataset, grantee))

    def get_volumes(self, *, limit: int | None = None, cursor: str | None = None) -> m.VolumePage:
        """Volumes of files, homes and datasets, with their room and state."""
        return self.send(operations.get_volumes(limit=limit, cursor=cursor))

    def post_volumes_resize(self, body: m.ResizeIn | Mapping[str, Any]) -> m.VolumeOut:
        """Make a volume larger."""
        return self.send(operations.post_volumes_resize(body))

    def get_secrets(self) -> m.PlatformSecretList:
        """Secrets that the platform keeps for groups, without their values."""
        return self.send(operations.get_secrets())

    def put_secrets_secret(self, secret: str, body: m.PlatformSecretIn | Mapping[str, Any]) -> m.PlatformSecretOut:
        """Make a secret for groups, or change it; its value cannot be read again."""
        return self.send(operations.put_secrets_secret(secret, body))

    def delete_secrets_secret(self, secret: str) -> m.PlatformSecretOut:
        """Remove a secret that nothing will use any more."""
        return self.send(operations.delete_secrets_secret(secret))

    def get_groups_group_tags(self, group: str) -> m.TagList:
        """Tags of the group's jobs."""
        return self.send(operations.get_groups_group_tags(group))

    def post_groups_group_notebook_parameters(
        self, group: str, body: m.SourceIn | Mapping[str, Any]
    ) -> m.ParameterList:
        """What the parameters cell of a notebook declares."""
        return self.send(operations.post_groups_group_notebook_parameters(group, body))

    def get_notifications(self) -> m.OwnOut:
        """What you want to hear by mail."""
        return self.send(operations.get_notifications())

    def put_notifications(self, body: m.OwnIn | Mapping[str, Any]) -> m.OwnOut:
        """Set what you want to hear by mail."""
        return self.send(operations.put_notifications(body))

    def get_groups_group_channels(self, group: str) -> m.ChannelList:
        """The group's notification channels."""
        return self.send(operations.get_groups_group_channels(group))

    def post_groups_group_channels(self, group: str, body: m.ChannelIn | Mapping[str, Any]) -> m.ChannelOut:
        """Make a channel."""
        return self.send(operations.post_groups_group_channels(group, body))

    def get_groups_group_channels_channel(self, group: str, channel: str) -> m.ChannelOut:
        """One channel."""
        return self.send(operations.get_groups_group_channels_channel(group, channel))

    def patch_groups_group_channels_channel(
        self, group: str, channel: str, body: m.ChannelPatch | Mapping[str, Any]
    ) -> m.ChannelOut:
        """Change a channel."""
        return self.send(operations.patch_groups_group_channels_channel(group, channel, body))

    def delete_groups_group_channels_channel(self, group: str, channel: str) -> m.ChannelOut:
        """Delete a channel with what it sent."""
        return self.send(operations.delete_groups_group_channels_channel(group, channel))

    def post_groups_group_channels_channel_test(self, group: str, channel: str) -> m.DeliveryOut:
        """Send a test message by a channel."""
        return self.send(operations.post_groups_group_channels_channel_test(group, channel))

    def get_groups_group_channels_channel_deliveries(
        self, group: str, channel: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.DeliveryPage:
        """What was sent by a channel, the newest first."""
        return self.send(
            operations.get_groups_group_channels_channel_deliveries(group, channel, limit=limit, cursor=cursor)
        )

    def get_groups_group_sweeps(
        self,
        group: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: str | None = None,
        user: str | None = None,
        text: str | None = None,
    ) -> m.SweepPage:
        """Sweeps, the newest first."""
        return self.send(
            operations.get_groups_group_sweeps(group, limit=limit, cursor=cursor, state=state, user=user, text=text)
        )

    def post_groups_group_sweeps(
        self, group: str, body: m.SweepIn | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> m.SweepDetail:
        """Submit one job many times, each time with other values."""
        return self.send(operations.post_groups_group_sweeps(group, body, idempotency_key=idempotency_key))

    def post_groups_group_sweeps_preview(self, group: str, body: m.SweepIn | Mapping[str, Any]) -> m.SweepPreview:
        """How many jobs a sweep would be, and the values of the first."""
        return self.send(operations.post_groups_group_sweeps_preview(group, body))

    def get_groups_group_sweeps_sweep(self, group: str, sweep: str) -> m.SweepDetail:
        """One sweep with its job, space and history."""
        return self.send(operations.get_groups_group_sweeps_sweep(group, sweep))

    def patch_groups_group_sweeps_sweep(
        self, group: str, sweep: str, body: m.SweepEdit | Mapping[str, Any]
    ) -> m.SweepOut:
        """Change notes, tags, or how many of its jobs run at the same time."""
        return self.send(operations.patch_groups_group_sweeps_sweep(group, sweep, body))

    def delete_groups_group_sweeps_sweep(self, group: str, sweep: str) -> m.SweepOut:
        """Remove a sweep that is over; its jobs stay."""
        return self.send(operations.delete_groups_group_sweeps_sweep(group, sweep))

    def get_groups_group_sweeps_sweep_points(
        self, group: str, sweep: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.PointPage:
        """Its points in order, with their jobs."""
        return self.send(operations.get_groups_group_sweeps_sweep_points(group, sweep, limit=limit, cursor=cursor))

    def post_groups_group_sweeps_sweep_cancel(self, group: str, sweep: str) -> m.SweepOut:
        """No more jobs; those that wait or run are ended."""
        return self.send(operations.post_groups_group_sweeps_sweep_cancel(group, sweep))

    def get_groups_group_schedules(
        self,
        group: str,
        *,
        state: str | None = None,
        user: str | None = None,
        text: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.SchedulePage:
        """Schedules, oldest first."""
        return self.send(
            operations.get_groups_group_schedules(group, state=state, user=user, text=text, limit=limit, cursor=cursor)
        )

    def post_groups_group_schedules(self, group: str, body: m.ScheduleIn | Mapping[str, Any]) -> m.ScheduleDetail:
        """Make a schedule."""
        return self.send(operations.post_groups_group_schedules(group, body))

    def post_groups_group_schedules_preview(self, group: str, body: m.PreviewIn | Mapping[str, Any]) -> m.PreviewOut:
        """When a recurrence would be due next."""
        return self.send(operations.post_groups_group_schedules_preview(group, body))

    def get_groups_group_schedules_schedule(self, group: str, schedule: str) -> m.ScheduleDetail:
        """One schedule with job, trend and history."""
        return self.send(operations.get_groups_group_schedules_schedule(group, schedule))

    def patch_groups_group_schedules_schedule(
        self, group: str, schedule: str, body: m.SchedulePatch | Mapping[str, Any]
    ) -> m.ScheduleDetail:
        """Change a schedule."""
        return self.send(operations.patch_groups_group_schedules_schedule(group, schedule, body))

    def delete_groups_group_schedules_schedule(self, group: str, schedule: str) -> m.ScheduleOut:
        """Remove a schedule with its history; its jobs stay."""
        return self.send(operations.delete_groups_group_schedules_schedule(group, schedule))

    def post_groups_group_schedules_schedule_pause(self, group: str, schedule: str) -> m.ScheduleDetail:
        """Nothing is due until it is resumed."""
        return self.send(operations.post_groups_group_schedules_schedule_pause(group, schedule))

    def post_groups_group_schedules_schedule_resume(
        self, group: str, schedule: str, body: m.ResumeIn | Mapping[str, Any]
    ) -> m.ScheduleDetail:
        """Due times count again; perhaps as somebody else's jobs."""
        return self.send(operations.post_groups_group_schedules_schedule_resume(group, schedule, body))

    def post_groups_group_schedules_schedule_run(
        self, group: str, schedule: str, *, idempotency_key: str | None = None
    ) -> m.ScheduleRunOut:
        """A run beside its times."""
        return self.send(
            operations.post_groups_group_schedules_schedule_run(group, schedule, idempotency_key=idempotency_key)
        )

    def get_groups_group_schedules_schedule_runs(
        self, group: str, schedule: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.ScheduleRunPage:
        """What became of its due times, newest first, and the trend."""
        return self.send(
            operations.get_groups_group_schedules_schedule_runs(group, schedule, limit=limit, cursor=cursor)
        )

    def get_groups_group_files(
        self,
        group: str,
        *,
        path: str | None = None,
        sort: str | None = None,
        descending: bool | None = None,
        search: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.EntryPage:
        """What is in a folder, or was found below it."""
        return self.send(
            operations.get_groups_group_files(
                group, path=path, sort=sort, descending=descending, search=search, limit=limit, cursor=cursor
            )
        )

    def get_groups_group_files_entry(self, group: str, *, path: str) -> m.EntryDetail:
        """One file or folder."""
        return self.send(operations.get_groups_group_files_entry(group, path=path))

    def get_groups_group_files_preview(self, group: str, *, path: str, rows: int | None = None) -> m.FilePreviewOut:
        """What a file looks like."""
        return self.send(operations.get_groups_group_files_preview(group, path=path, rows=rows))

    def get_groups_group_files_checksum(self, group: str, *, path: str) -> m.ChecksumOut:
        """The SHA-256 of a file."""
        return self.send(operations.get_groups_group_files_checksum(group, path=path))

    def post_groups_group_files_folders(self, group: str, body: m.FolderIn | Mapping[str, Any]) -> m.EntryOut:
        """Make a folder."""
        return self.send(operations.post_groups_group_files_folders(group, body))

    def post_groups_group_files_move(self, group: str, body: m.MoveIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Move or rename."""
        return self.send(operations.post_groups_group_files_move(group, body))

    def post_groups_group_files_copy(self, group: str, body: m.MoveIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Copy."""
        return self.send(operations.post_groups_group_files_copy(group, body))

    def post_groups_group_files_unpack(self, group: str, body: m.UnpackIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Unpack an archive."""
        return self.send(operations.post_groups_group_files_unpack(group, body))

    def post_groups_group_files_delete(self, group: str, body: m.DeleteIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Put into the trash."""
        return self.send(operations.post_groups_group_files_delete(group, body))

    def get_groups_group_files_tasks(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.FileTaskPage:
        """Work on files, newest first."""
        return self.send(operations.get_groups_group_files_tasks(group, limit=limit, cursor=cursor))

    def get_groups_group_files_tasks_task(self, group: str, task: str) -> m.FileTaskOut:
        """How far one is."""
        return self.send(operations.get_groups_group_files_tasks_task(group, task))

    def get_groups_group_files_trash(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.TrashPage:
        """What was deleted, latest first."""
        return self.send(operations.get_groups_group_files_trash(group, limit=limit, cursor=cursor))

    def delete_groups_group_files_trash(self, group: str) -> m.PurgedOut:
        """Empty the trash."""
        return self.send(operations.delete_groups_group_files_trash(group))

    def delete_groups_group_files_trash_trash(self, group: str, trash: str) -> m.PurgedOut:
        """Remove for good."""
        return self.send(operations.delete_groups_group_files_trash_trash(group, trash))

    def post_groups_group_files_trash_trash_restore(
        self, group: str, trash: str, body: m.RestoreIn | Mapping[str, Any] | None = None
    ) -> m.FileTaskOut:
        """Put back from the trash."""
        return self.send(operations.post_groups_group_files_trash_trash_restore(group, trash, body))

    def get_groups_group_files_storage(self, group: str) -> m.StorageOut:
        """How much the group stores."""
        return self.send(operations.get_groups_group_files_storage(group))

    def get_groups_group_jobs(
        self,
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
    ) -> m.JobPage:
        """Jobs, by default the newest first."""
        return self.send(
            operations.get_groups_group_jobs(
                group,
                state=state,
                user=user,
                text=text,
                tag=tag,
                sweep=sweep,
                finished_before=finished_before,
                kind=kind,
                limit=limit,
                cursor=cursor,
                sort=sort,
                total=total,
            )
        )

    def post_groups_group_jobs(
        self, group: str, body: m.JobIn | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> m.JobOut:
        """Submit a job."""
        return self.send(operations.post_groups_group_jobs(group, body, idempotency_key=idempotency_key))

    def post_groups_group_jobs_batch(
        self, group: str, body: m.BatchIn | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> m.BatchOut:
        """Submit several jobs, which may wait for one another: all or none."""
        return self.send(operations.post_groups_group_jobs_batch(group, body, idempotency_key=idempotency_key))

    def post_groups_group_jobs_bulk(self, group: str, body: m.BulkIn | Mapping[str, Any]) -> m.BulkOut:
        """Cancel or delete many jobs; what cannot be done is told and stops nothing else."""
        return self.send(operations.post_groups_group_jobs_bulk(group, body))

    def get_groups_group_jobs_job(self, group: str, job: str) -> m.JobDetail:
        """One job with its spec, manifest and history."""
        return self.send(operations.get_groups_group_jobs_job(group, job))

    def patch_groups_group_jobs_job(self, group: str, job: str, body: m.JobEdit | Mapping[str, Any]) -> m.JobOut:
        """Change notes, tags, or the priority of a job that waits."""
        return self.send(operations.patch_groups_group_jobs_job(group, job, body))

    def delete_groups_group_jobs_job(self, group: str, job: str) -> m.JobOut:
        """Remove a job that is over, with its files."""
        return self.send(operations.delete_groups_group_jobs_job(group, job))

    def post_groups_group_jobs_job_cancel(self, group: str, job: str) -> m.JobOut:
        """Ask for the end of a job."""
        return self.send(operations.post_groups_group_jobs_job_cancel(group, job))

    def post_groups_group_jobs_job_rerun(
        self,
        group: str,
        job: str,
        body: m.RerunIn | Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> m.JobOut:
        """The same job again, from the same files."""
        return self.send(operations.post_groups_group_jobs_job_rerun(group, job, body, idempotency_key=idempotency_key))

    def get_groups_group_metrics(
        self, group: str, *, sweep: str | None = None, job: list[str] | None = None, key: str | None = None
    ) -> m.ComparisonOut:
        """One figure of several jobs, or of the jobs of a sweep, side by side."""
        return self.send(operations.get_groups_group_metrics(group, sweep=sweep, job=job, key=key))

    def get_groups_group_jobs_job_metrics(self, group: str, job: str) -> m.FiguresOut:
        """Figures that a job told of itself."""
        return self.send(operations.get_groups_group_jobs_job_metrics(group, job))

    def get_groups_group_jobs_job_usage(self, group: str, job: str, *, attempt: int | None = None) -> m.JobUsageOut:
        """CPU, memory and GPUs that an attempt used."""
        return self.send(operations.get_groups_group_jobs_job_usage(group, job, attempt=attempt))

    def get_groups_group_jobs_job_artifacts(self, group: str, job: str) -> m.ArtifactList:
        """The files that the latest attempt left."""
        return self.send(operations.get_groups_group_jobs_job_artifacts(group, job))

    def get_groups_group_files_store(self, group: str) -> m.StoreOut:
        """What senders of files should know."""
        return self.send(operations.get_groups_group_files_store(group))

    def get_groups_group_files_uploads(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.UploadPage:
        """One's own uploads, the newest first; those of all for the group's admins."""
        return self.send(operations.get_groups_group_files_uploads(group, limit=limit, cursor=cursor))

    def post_groups_group_files_uploads(
        self,
        group: str,
        body: m.UploadIn | Mapping[str, Any] | None = None,
        *,
        tus_resumable: str | None = None,
        upload_length: str | None = None,
        upload_defer_length: str | None = None,
        upload_metadata: str | None = None,
        upload_checksum: str | None = None,
    ) -> m.UploadOut:
        """Begin an upload, by tus (the body may be its first bytes) or in JSON."""
        return self.send(
            operations.post_groups_group_files_uploads(
                group,
                body,
                tus_resumable=tus_resumable,
                upload_length=upload_length,
                upload_defer_length=upload_defer_length,
                upload_metadata=upload_metadata,
                upload_checksum=upload_checksum,
            )
        )

    def get_groups_group_files_uploads_upload(self, group: str, upload: str) -> m.UploadOut:
        """One upload."""
        return self.send(operations.get_groups_group_files_uploads_upload(group, upload))

    def delete_groups_group_files_uploads_upload(
        self, group: str, upload: str, *, tus_resumable: str | None = None
    ) -> bytes:
        """Give an upload up; what came is forgotten."""
        return self.send(
            operations.delete_groups_group_files_uploads_upload(group, upload, tus_resumable=tus_resumable)
        )

    def post_groups_group_files_uploads_upload_parts(
        self, group: str, upload: str, body: m.PartsIn | Mapping[str, Any]
    ) -> m.PartList:
        """Addresses to send parts to, straight to the store."""
        return self.send(operations.post_groups_group_files_uploads_upload_parts(group, upload, body))

    def post_groups_group_files_uploads_upload_complete(self, group: str, upload: str) -> m.UploadOut:
        """All parts were sent: make the file visible."""
        return self.send(operations.post_groups_group_files_uploads_upload_complete(group, upload))

    def get_groups_group_files_shares(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.SharePage:
        """The group's share links, the newest first."""
        return self.send(operations.get_groups_group_files_shares(group, limit=limit, cursor=cursor))

    def post_groups_group_files_shares(self, group: str, body: m.ShareIn | Mapping[str, Any]) -> m.ShareCreated:
        """Share a file or folder; the link is in this answer only."""
        return self.send(operations.post_groups_group_files_shares(group, body))

    def delete_groups_group_files_shares_share(self, group: str, share: str) -> m.ShareOut:
        """Revoke a link: from now on it opens nothing."""
        return self.send(operations.delete_groups_group_files_shares_share(group, share))


class AsyncMethods:
    """One awaitable method per operation."""

    async def send(self, operation: Operation[T]) -> T:
        """Carry it out."""
        raise NotImplementedError

    async def get_health(self) -> m.HealthOut:
        """Is everything able to work."""
        return await self.send(operations.get_health())

    async def get_metrics(self) -> bytes:
        """Numbers for Prometheus."""
        return await self.send(operations.get_metrics())

    async def get_openapi_json(self) -> m.OpenApiOut:
        """This description."""
        return await self.send(operations.get_openapi_json())

    async def get_info(self) -> m.InfoOut:
        """Program and API version."""
        return await self.send(operations.get_info())

    async def get_context(self) -> m.ContextOut:
        """You, your groups and roles, your servers."""
        return await self.send(operations.get_context())

    async def get_groups_group(self, group: str) -> m.GroupOut:
        """The group, and what you may do there and why."""
        return await self.send(operations.get_groups_group(group))

    async def get_groups_group_usage(self, group: str) -> m.UsageOut:
        """Used and limit, and every holder."""
        return await self.send(operations.get_groups_group_usage(group))

    async def get_groups_group_catalog(self, group: str) -> m.CatalogOut:
        """Instance types, images and datasets."""
        return await self.send(operations.get_groups_group_catalog(group))

    async def get_groups_group_members(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.MemberPage:
        """Members of the group with role and standing."""
        return await self.send(operations.get_groups_group_members(group, limit=limit, cursor=cursor))

    async def get_groups_group_audit(
        self, group: str, *, text: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> m.AuditPage:
        """The group's audit log, newest first."""
        return await self.send(operations.get_groups_group_audit(group, text=text, limit=limit, cursor=cursor))

    async def get_groups_group_revocations(self, group: str) -> m.RevocationList:
        """Work that outlived its owner's right to it."""
        return await self.send(operations.get_groups_group_revocations(group))

    async def get_groups_group_invitations(self, group: str) -> m.InvitationList:
        """The group's invitations, newest first."""
        return await self.send(operations.get_groups_group_invitations(group))

    async def post_groups_group_invitations(
        self, group: str, body: m.InvitationIn | Mapping[str, Any]
    ) -> m.InvitationCreated:
        """Invite somebody; the link is in this answer only."""
        return await self.send(operations.post_groups_group_invitations(group, body))

    async def delete_groups_group_invitations_invitation(self, group: str, invitation: str) -> m.InvitationOut:
        """Revoke an invitation; whoever used it stays."""
        return await self.send(operations.delete_groups_group_invitations_invitation(group, invitation))

    async def post_invitations_look(self, body: m.TokenIn | Mapping[str, Any]) -> m.LookOut:
        """What a link leads to."""
        return await self.send(operations.post_invitations_look(body))

    async def post_invitations_accept(self, body: m.TokenIn | Mapping[str, Any]) -> m.AcceptedOut:
        """Join with one's own account."""
        return await self.send(operations.post_invitations_accept(body))

    async def post_invitations_register(self, body: m.RegisterIn | Mapping[str, Any]) -> m.RegisteredOut:
        """Get an account by way of a link."""
        return await self.send(operations.post_invitations_register(body))

    async def get_users(
        self,
        *,
        text: str | None = None,
        enabled: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.UserPage:
        """Accounts by name."""
        return await self.send(operations.get_users(text=text, enabled=enabled, limit=limit, cursor=cursor))

    async def post_users(
        self, body: m.UserIn | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> m.UserCreated:
        """Create an account."""
        return await self.send(operations.post_users(body, idempotency_key=idempotency_key))

    async def get_users_export(self) -> bytes:
        """All accounts as CSV."""
        return await self.send(operations.get_users_export())

    async def post_users_import(
        self, body: m.ImportIn | Mapping[str, Any], *, dry_run: bool | None = None, send_mail: bool | None = None
    ) -> m.ImportOut:
        """Create and change accounts from CSV."""
        return await self.send(operations.post_users_import(body, dry_run=dry_run, send_mail=send_mail))

    async def get_users_user(self, user: str) -> m.UserDetail:
        """One account."""
        return await self.send(operations.get_users_user(user))

    async def patch_users_user(self, user: str, body: m.UserPatch | Mapping[str, Any]) -> m.UserDetail:
        """Change an account."""
        return await self.send(operations.patch_users_user(user, body))

    async def delete_users_user(self, user: str) -> m.DeletedOut:
        """Delete an account for ever."""
        return await self.send(operations.delete_users_user(user))

    async def post_users_user_password(self, user: str) -> m.PasswordOut:
        """Make a password for one login, shown once."""
        return await self.send(operations.post_users_user_password(user))

    async def post_users_user_mail(self, user: str, body: m.MailIn | Mapping[str, Any]) -> m.MailOut:
        """Ask a person by mail to do something."""
        return await self.send(operations.post_users_user_mail(user, body))

    async def put_users_user_groups(self, user: str, body: m.GroupsIn | Mapping[str, Any]) -> m.GroupsOut:
        """Make a person's roles exactly these."""
        return await self.send(operations.put_users_user_groups(user, body))

    async def get_audit(
        self, *, text: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> m.AuditPage:
        """The whole audit log, newest first."""
        return await self.send(operations.get_audit(text=text, limit=limit, cursor=cursor))

    async def get_activity(
        self,
        *,
        kind: str | None = None,
        user: str | None = None,
        mine: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.ActivityPage:
        """What happened in all your groups, newest first."""
        return await self.send(operations.get_activity(kind=kind, user=user, mine=mine, limit=limit, cursor=cursor))

    async def get_groups_group_activity(
        self,
        group: str,
        *,
        kind: str | None = None,
        user: str | None = None,
        mine: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.ActivityPage:
        """What happened in the group, newest first."""
        return await self.send(
            operations.get_groups_group_activity(group, kind=kind, user=user, mine=mine, limit=limit, cursor=cursor)
        )

    async def get_identity(self) -> m.IdentityOut:
        """The identity provider, and what is not set up."""
        return await self.send(operations.get_identity())

    async def get_groups_group_queue(self, group: str) -> m.QueueOut:
        """The group's queue: its mode, how many wait, who is next."""
        return await self.send(operations.get_groups_group_queue(group))

    async def patch_groups_group_queue(self, group: str, body: m.QueueIn | Mapping[str, Any]) -> m.QueueOut:
        """Open, pause or drain the queue."""
        return await self.send(operations.patch_groups_group_queue(group, body))

    async def get_groups_group_settings(self, group: str) -> m.SettingsOut:
        """What the group's admins set about jobs and files."""
        return await self.send(operations.get_groups_group_settings(group))

    async def patch_groups_group_settings(self, group: str, body: m.SettingsIn | Mapping[str, Any]) -> m.SettingsOut:
        """Change settings within the platform's bounds."""
        return await self.send(operations.patch_groups_group_settings(group, body))

    async def get_groups_group_secrets(self, group: str) -> m.SecretList:
        """The group's secrets by name, without their values."""
        return await self.send(operations.get_groups_group_secrets(group))

    async def put_groups_group_secrets_secret(
        self, group: str, secret: str, body: m.SecretIn | Mapping[str, Any]
    ) -> m.SecretOut:
        """Make a secret, or change it; its value cannot be read again."""
        return await self.send(operations.put_groups_group_secrets_secret(group, secret, body))

    async def delete_groups_group_secrets_secret(self, group: str, secret: str) -> m.SecretOut:
        """Remove a secret that nothing will use any more."""
        return await self.send(operations.delete_groups_group_secrets_secret(group, secret))

    async def get_groups_group_datasets(
        self,
        group: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        search: str | None = None,
        tag: str | None = None,
    ) -> m.DatasetPage:
        """Datasets that the group owns or was granted, by name."""
        return await self.send(
            operations.get_groups_group_datasets(group, limit=limit, cursor=cursor, search=search, tag=tag)
        )

    async def post_groups_group_datasets(self, group: str, body: m.DatasetIn | Mapping[str, Any]) -> m.DatasetDetail:
        """Make a dataset of the group's own."""
        return await self.send(operations.post_groups_group_datasets(group, body))

    async def get_groups_group_datasets_dataset(self, group: str, dataset: str) -> m.DatasetDetail:
        """One dataset."""
        return await self.send(operations.get_groups_group_datasets_dataset(group, dataset))

    async def patch_groups_group_datasets_dataset(
        self, group: str, dataset: str, body: m.DatasetPatch | Mapping[str, Any]
    ) -> m.DatasetDetail:
        """Change what is told of a dataset."""
        return await self.send(operations.patch_groups_group_datasets_dataset(group, dataset, body))

    async def delete_groups_group_datasets_dataset(self, group: str, dataset: str) -> m.DatasetDetail:
        """Remove a dataset with its versions, unless something has it now."""
        return await self.send(operations.delete_groups_group_datasets_dataset(group, dataset))

    async def get_groups_group_datasets_dataset_versions(
        self, group: str, dataset: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.VersionPage:
        """Versions, newest first."""
        return await self.send(
            operations.get_groups_group_datasets_dataset_versions(group, dataset, limit=limit, cursor=cursor)
        )

    async def post_groups_group_datasets_dataset_versions(
        self, group: str, dataset: str, body: m.VersionIn | Mapping[str, Any]
    ) -> m.VersionOut:
        """Make a version of what is there now; it is Making until its files are there."""
        return await self.send(operations.post_groups_group_datasets_dataset_versions(group, dataset, body))

    async def get_groups_group_datasets_dataset_versions_version(
        self, group: str, dataset: str, version: str
    ) -> m.VersionDetail:
        """One version with its first tables."""
        return await self.send(operations.get_groups_group_datasets_dataset_versions_version(group, dataset, version))

    async def delete_groups_group_datasets_dataset_versions_version(
        self, group: str, dataset: str, version: str
    ) -> m.VersionOut:
        """Remove a version, unless something has it now."""
        return await self.send(
            operations.delete_groups_group_datasets_dataset_versions_version(group, dataset, version)
        )

    async def get_groups_group_datasets_dataset_versions_version_manifest(
        self, group: str, dataset: str, version: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.ManifestPage:
        """Files of a version, by path."""
        return await self.send(
            operations.get_groups_group_datasets_dataset_versions_version_manifest(
                group, dataset, version, limit=limit, cursor=cursor
            )
        )

    async def get_groups_group_datasets_dataset_uses(
        self,
        group: str,
        dataset: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        version: int | None = None,
        kind: str | None = None,
    ) -> m.UsePage:
        """Servers, jobs and deployments that used it, newest first; of other groups only for its owner."""
        return await self.send(
            operations.get_groups_group_datasets_dataset_uses(
                group, dataset, limit=limit, cursor=cursor, version=version, kind=kind
            )
        )

    async def put_groups_group_datasets_dataset_grants_grantee(
        self, group: str, dataset: str, grantee: str, body: m.GrantIn | Mapping[str, Any]
    ) -> m.GrantOut:
        """Let another group use the dataset."""
        return await self.send(
            operations.put_groups_group_datasets_dataset_grants_grantee(group, dataset, grantee, body)
        )

    async def delete_groups_group_datasets_dataset_grants_grantee(
        self, group: str, dataset: str, grantee: str
    ) -> m.RevokedOut:
        """Take a grant away; tells who still holds it."""
        return await self.send(operations.delete_groups_group_datasets_dataset_grants_grantee(group, dataset, grantee))

    async def post_groups_group_datasets_dataset_copy(
        self, group: str, dataset: str, body: m.CopyIn | Mapping[str, Any]
    ) -> m.FileTaskOut:
        """Copy files of the group's shared files into the dataset."""
        return await self.send(operations.post_groups_group_datasets_dataset_copy(group, dataset, body))

    async def get_datasets(
        self, *, limit: int | None = None, cursor: str | None = None, search: str | None = None, tag: str | None = None
    ) -> m.PlatformDatasetPage:
        """All datasets with source, owner, health and grants, by name."""
        return await self.send(operations.get_datasets(limit=limit, cursor=cursor, search=search, tag=tag))

    async def post_datasets(self, body: m.PlatformDatasetIn | Mapping[str, Any]) -> m.PlatformDataset:
        """Define a dataset of the platform's own, of any kind."""
        return await self.send(operations.post_datasets(body))

    async def get_datasets_dataset(self, dataset: str) -> m.PlatformDataset:
        """One dataset."""
        return await self.send(operations.get_datasets_dataset(dataset))

    async def patch_datasets_dataset(
        self, dataset: str, body: m.PlatformDatasetPatch | Mapping[str, Any]
    ) -> m.PlatformDataset:
        """Change a dataset."""
        return await self.send(operations.patch_datasets_dataset(dataset, body))

    async def delete_datasets_dataset(self, dataset: str) -> m.PlatformDataset:
        """Remove a dataset with its versions, unless something has it now."""
        return await self.send(operations.delete_datasets_dataset(dataset))

    async def put_datasets_dataset_grants_grantee(
        self, dataset: str, grantee: str, body: m.GrantIn | Mapping[str, Any]
    ) -> m.GrantOut:
        """Let a group use the dataset, or `*` for every group."""
        return await self.send(operations.put_datasets_dataset_grants_grantee(dataset, grantee, body))

    async def delete_datasets_dataset_grants_grantee(self, dataset: str, grantee: str) -> m.RevokedOut:
        """Take a grant away; tells who still holds it."""
        return await self.send(operations.delete_datasets_dataset_grants_grantee(dataset, grantee))

    async def get_volumes(self, *, limit: int | None = None, cursor: str | None = None) -> m.VolumePage:
        """Volumes of files, homes and datasets, with their room and state."""
        return await self.send(operations.get_volumes(limit=limit, cursor=cursor))

    async def post_volumes_resize(self, body: m.ResizeIn | Mapping[str, Any]) -> m.VolumeOut:
        """Make a volume larger."""
        return await self.send(operations.post_volumes_resize(body))

    async def get_secrets(self) -> m.PlatformSecretList:
        """Secrets that the platform keeps for groups, without their values."""
        return await self.send(operations.get_secrets())

    async def put_secrets_secret(
        self, secret: str, body: m.PlatformSecretIn | Mapping[str, Any]
    ) -> m.PlatformSecretOut:
        """Make a secret for groups, or change it; its value cannot be read again."""
        return await self.send(operations.put_secrets_secret(secret, body))

    async def delete_secrets_secret(self, secret: str) -> m.PlatformSecretOut:
        """Remove a secret that nothing will use any more."""
        return await self.send(operations.delete_secrets_secret(secret))

    async def get_groups_group_tags(self, group: str) -> m.TagList:
        """Tags of the group's jobs."""
        return await self.send(operations.get_groups_group_tags(group))

    async def post_groups_group_notebook_parameters(
        self, group: str, body: m.SourceIn | Mapping[str, Any]
    ) -> m.ParameterList:
        """What the parameters cell of a notebook declares."""
        return await self.send(operations.post_groups_group_notebook_parameters(group, body))

    async def get_notifications(self) -> m.OwnOut:
        """What you want to hear by mail."""
        return await self.send(operations.get_notifications())

    async def put_notifications(self, body: m.OwnIn | Mapping[str, Any]) -> m.OwnOut:
        """Set what you want to hear by mail."""
        return await self.send(operations.put_notifications(body))

    async def get_groups_group_channels(self, group: str) -> m.ChannelList:
        """The group's notification channels."""
        return await self.send(operations.get_groups_group_channels(group))

    async def post_groups_group_channels(self, group: str, body: m.ChannelIn | Mapping[str, Any]) -> m.ChannelOut:
        """Make a channel."""
        return await self.send(operations.post_groups_group_channels(group, body))

    async def get_groups_group_channels_channel(self, group: str, channel: str) -> m.ChannelOut:
        """One channel."""
        return await self.send(operations.get_groups_group_channels_channel(group, channel))

    async def patch_groups_group_channels_channel(
        self, group: str, channel: str, body: m.ChannelPatch | Mapping[str, Any]
    ) -> m.ChannelOut:
        """Change a channel."""
        return await self.send(operations.patch_groups_group_channels_channel(group, channel, body))

    async def delete_groups_group_channels_channel(self, group: str, channel: str) -> m.ChannelOut:
        """Delete a channel with what it sent."""
        return await self.send(operations.delete_groups_group_channels_channel(group, channel))

    async def post_groups_group_channels_channel_test(self, group: str, channel: str) -> m.DeliveryOut:
        """Send a test message by a channel."""
        return await self.send(operations.post_groups_group_channels_channel_test(group, channel))

    async def get_groups_group_channels_channel_deliveries(
        self, group: str, channel: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.DeliveryPage:
        """What was sent by a channel, the newest first."""
        return await self.send(
            operations.get_groups_group_channels_channel_deliveries(group, channel, limit=limit, cursor=cursor)
        )

    async def get_groups_group_sweeps(
        self,
        group: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: str | None = None,
        user: str | None = None,
        text: str | None = None,
    ) -> m.SweepPage:
        """Sweeps, the newest first."""
        return await self.send(
            operations.get_groups_group_sweeps(group, limit=limit, cursor=cursor, state=state, user=user, text=text)
        )

    async def post_groups_group_sweeps(
        self, group: str, body: m.SweepIn | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> m.SweepDetail:
        """Submit one job many times, each time with other values."""
        return await self.send(operations.post_groups_group_sweeps(group, body, idempotency_key=idempotency_key))

    async def post_groups_group_sweeps_preview(self, group: str, body: m.SweepIn | Mapping[str, Any]) -> m.SweepPreview:
        """How many jobs a sweep would be, and the values of the first."""
        return await self.send(operations.post_groups_group_sweeps_preview(group, body))

    async def get_groups_group_sweeps_sweep(self, group: str, sweep: str) -> m.SweepDetail:
        """One sweep with its job, space and history."""
        return await self.send(operations.get_groups_group_sweeps_sweep(group, sweep))

    async def patch_groups_group_sweeps_sweep(
        self, group: str, sweep: str, body: m.SweepEdit | Mapping[str, Any]
    ) -> m.SweepOut:
        """Change notes, tags, or how many of its jobs run at the same time."""
        return await self.send(operations.patch_groups_group_sweeps_sweep(group, sweep, body))

    async def delete_groups_group_sweeps_sweep(self, group: str, sweep: str) -> m.SweepOut:
        """Remove a sweep that is over; its jobs stay."""
        return await self.send(operations.delete_groups_group_sweeps_sweep(group, sweep))

    async def get_groups_group_sweeps_sweep_points(
        self, group: str, sweep: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.PointPage:
        """Its points in order, with their jobs."""
        return await self.send(
            operations.get_groups_group_sweeps_sweep_points(group, sweep, limit=limit, cursor=cursor)
        )

    async def post_groups_group_sweeps_sweep_cancel(self, group: str, sweep: str) -> m.SweepOut:
        """No more jobs; those that wait or run are ended."""
        return await self.send(operations.post_groups_group_sweeps_sweep_cancel(group, sweep))

    async def get_groups_group_schedules(
        self,
        group: str,
        *,
        state: str | None = None,
        user: str | None = None,
        text: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.SchedulePage:
        """Schedules, oldest first."""
        return await self.send(
            operations.get_groups_group_schedules(group, state=state, user=user, text=text, limit=limit, cursor=cursor)
        )

    async def post_groups_group_schedules(self, group: str, body: m.ScheduleIn | Mapping[str, Any]) -> m.ScheduleDetail:
        """Make a schedule."""
        return await self.send(operations.post_groups_group_schedules(group, body))

    async def post_groups_group_schedules_preview(
        self, group: str, body: m.PreviewIn | Mapping[str, Any]
    ) -> m.PreviewOut:
        """When a recurrence would be due next."""
        return await self.send(operations.post_groups_group_schedules_preview(group, body))

    async def get_groups_group_schedules_schedule(self, group: str, schedule: str) -> m.ScheduleDetail:
        """One schedule with job, trend and history."""
        return await self.send(operations.get_groups_group_schedules_schedule(group, schedule))

    async def patch_groups_group_schedules_schedule(
        self, group: str, schedule: str, body: m.SchedulePatch | Mapping[str, Any]
    ) -> m.ScheduleDetail:
        """Change a schedule."""
        return await self.send(operations.patch_groups_group_schedules_schedule(group, schedule, body))

    async def delete_groups_group_schedules_schedule(self, group: str, schedule: str) -> m.ScheduleOut:
        """Remove a schedule with its history; its jobs stay."""
        return await self.send(operations.delete_groups_group_schedules_schedule(group, schedule))

    async def post_groups_group_schedules_schedule_pause(self, group: str, schedule: str) -> m.ScheduleDetail:
        """Nothing is due until it is resumed."""
        return await self.send(operations.post_groups_group_schedules_schedule_pause(group, schedule))

    async def post_groups_group_schedules_schedule_resume(
        self, group: str, schedule: str, body: m.ResumeIn | Mapping[str, Any]
    ) -> m.ScheduleDetail:
        """Due times count again; perhaps as somebody else's jobs."""
        return await self.send(operations.post_groups_group_schedules_schedule_resume(group, schedule, body))

    async def post_groups_group_schedules_schedule_run(
        self, group: str, schedule: str, *, idempotency_key: str | None = None
    ) -> m.ScheduleRunOut:
        """A run beside its times."""
        return await self.send(
            operations.post_groups_group_schedules_schedule_run(group, schedule, idempotency_key=idempotency_key)
        )

    async def get_groups_group_schedules_schedule_runs(
        self, group: str, schedule: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.ScheduleRunPage:
        """What became of its due times, newest first, and the trend."""
        return await self.send(
            operations.get_groups_group_schedules_schedule_runs(group, schedule, limit=limit, cursor=cursor)
        )

    async def get_groups_group_files(
        self,
        group: str,
        *,
        path: str | None = None,
        sort: str | None = None,
        descending: bool | None = None,
        search: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> m.EntryPage:
        """What is in a folder, or was found below it."""
        return await self.send(
            operations.get_groups_group_files(
                group, path=path, sort=sort, descending=descending, search=search, limit=limit, cursor=cursor
            )
        )

    async def get_groups_group_files_entry(self, group: str, *, path: str) -> m.EntryDetail:
        """One file or folder."""
        return await self.send(operations.get_groups_group_files_entry(group, path=path))

    async def get_groups_group_files_preview(
        self, group: str, *, path: str, rows: int | None = None
    ) -> m.FilePreviewOut:
        """What a file looks like."""
        return await self.send(operations.get_groups_group_files_preview(group, path=path, rows=rows))

    async def get_groups_group_files_checksum(self, group: str, *, path: str) -> m.ChecksumOut:
        """The SHA-256 of a file."""
        return await self.send(operations.get_groups_group_files_checksum(group, path=path))

    async def post_groups_group_files_folders(self, group: str, body: m.FolderIn | Mapping[str, Any]) -> m.EntryOut:
        """Make a folder."""
        return await self.send(operations.post_groups_group_files_folders(group, body))

    async def post_groups_group_files_move(self, group: str, body: m.MoveIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Move or rename."""
        return await self.send(operations.post_groups_group_files_move(group, body))

    async def post_groups_group_files_copy(self, group: str, body: m.MoveIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Copy."""
        return await self.send(operations.post_groups_group_files_copy(group, body))

    async def post_groups_group_files_unpack(self, group: str, body: m.UnpackIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Unpack an archive."""
        return await self.send(operations.post_groups_group_files_unpack(group, body))

    async def post_groups_group_files_delete(self, group: str, body: m.DeleteIn | Mapping[str, Any]) -> m.FileTaskOut:
        """Put into the trash."""
        return await self.send(operations.post_groups_group_files_delete(group, body))

    async def get_groups_group_files_tasks(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.FileTaskPage:
        """Work on files, newest first."""
        return await self.send(operations.get_groups_group_files_tasks(group, limit=limit, cursor=cursor))

    async def get_groups_group_files_tasks_task(self, group: str, task: str) -> m.FileTaskOut:
        """How far one is."""
        return await self.send(operations.get_groups_group_files_tasks_task(group, task))

    async def get_groups_group_files_trash(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.TrashPage:
        """What was deleted, latest first."""
        return await self.send(operations.get_groups_group_files_trash(group, limit=limit, cursor=cursor))

    async def delete_groups_group_files_trash(self, group: str) -> m.PurgedOut:
        """Empty the trash."""
        return await self.send(operations.delete_groups_group_files_trash(group))

    async def delete_groups_group_files_trash_trash(self, group: str, trash: str) -> m.PurgedOut:
        """Remove for good."""
        return await self.send(operations.delete_groups_group_files_trash_trash(group, trash))

    async def post_groups_group_files_trash_trash_restore(
        self, group: str, trash: str, body: m.RestoreIn | Mapping[str, Any] | None = None
    ) -> m.FileTaskOut:
        """Put back from the trash."""
        return await self.send(operations.post_groups_group_files_trash_trash_restore(group, trash, body))

    async def get_groups_group_files_storage(self, group: str) -> m.StorageOut:
        """How much the group stores."""
        return await self.send(operations.get_groups_group_files_storage(group))

    async def get_groups_group_jobs(
        self,
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
    ) -> m.JobPage:
        """Jobs, by default the newest first."""
        return await self.send(
            operations.get_groups_group_jobs(
                group,
                state=state,
                user=user,
                text=text,
                tag=tag,
                sweep=sweep,
                finished_before=finished_before,
                kind=kind,
                limit=limit,
                cursor=cursor,
                sort=sort,
                total=total,
            )
        )

    async def post_groups_group_jobs(
        self, group: str, body: m.JobIn | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> m.JobOut:
        """Submit a job."""
        return await self.send(operations.post_groups_group_jobs(group, body, idempotency_key=idempotency_key))

    async def post_groups_group_jobs_batch(
        self, group: str, body: m.BatchIn | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> m.BatchOut:
        """Submit several jobs, which may wait for one another: all or none."""
        return await self.send(operations.post_groups_group_jobs_batch(group, body, idempotency_key=idempotency_key))

    async def post_groups_group_jobs_bulk(self, group: str, body: m.BulkIn | Mapping[str, Any]) -> m.BulkOut:
        """Cancel or delete many jobs; what cannot be done is told and stops nothing else."""
        return await self.send(operations.post_groups_group_jobs_bulk(group, body))

    async def get_groups_group_jobs_job(self, group: str, job: str) -> m.JobDetail:
        """One job with its spec, manifest and history."""
        return await self.send(operations.get_groups_group_jobs_job(group, job))

    async def patch_groups_group_jobs_job(self, group: str, job: str, body: m.JobEdit | Mapping[str, Any]) -> m.JobOut:
        """Change notes, tags, or the priority of a job that waits."""
        return await self.send(operations.patch_groups_group_jobs_job(group, job, body))

    async def delete_groups_group_jobs_job(self, group: str, job: str) -> m.JobOut:
        """Remove a job that is over, with its files."""
        return await self.send(operations.delete_groups_group_jobs_job(group, job))

    async def post_groups_group_jobs_job_cancel(self, group: str, job: str) -> m.JobOut:
        """Ask for the end of a job."""
        return await self.send(operations.post_groups_group_jobs_job_cancel(group, job))

    async def post_groups_group_jobs_job_rerun(
        self,
        group: str,
        job: str,
        body: m.RerunIn | Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> m.JobOut:
        """The same job again, from the same files."""
        return await self.send(
            operations.post_groups_group_jobs_job_rerun(group, job, body, idempotency_key=idempotency_key)
        )

    async def get_groups_group_metrics(
        self, group: str, *, sweep: str | None = None, job: list[str] | None = None, key: str | None = None
    ) -> m.ComparisonOut:
        """One figure of several jobs, or of the jobs of a sweep, side by side."""
        return await self.send(operations.get_groups_group_metrics(group, sweep=sweep, job=job, key=key))

    async def get_groups_group_jobs_job_metrics(self, group: str, job: str) -> m.FiguresOut:
        """Figures that a job told of itself."""
        return await self.send(operations.get_groups_group_jobs_job_metrics(group, job))

    async def get_groups_group_jobs_job_usage(
        self, group: str, job: str, *, attempt: int | None = None
    ) -> m.JobUsageOut:
        """CPU, memory and GPUs that an attempt used."""
        return await self.send(operations.get_groups_group_jobs_job_usage(group, job, attempt=attempt))

    async def get_groups_group_jobs_job_artifacts(self, group: str, job: str) -> m.ArtifactList:
        """The files that the latest attempt left."""
        return await self.send(operations.get_groups_group_jobs_job_artifacts(group, job))

    async def get_groups_group_files_store(self, group: str) -> m.StoreOut:
        """What senders of files should know."""
        return await self.send(operations.get_groups_group_files_store(group))

    async def get_groups_group_files_uploads(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.UploadPage:
        """One's own uploads, the newest first; those of all for the group's admins."""
        return await self.send(operations.get_groups_group_files_uploads(group, limit=limit, cursor=cursor))

    async def post_groups_group_files_uploads(
        self,
        group: str,
        body: m.UploadIn | Mapping[str, Any] | None = None,
        *,
        tus_resumable: str | None = None,
        upload_length: str | None = None,
        upload_defer_length: str | None = None,
        upload_metadata: str | None = None,
        upload_checksum: str | None = None,
    ) -> m.UploadOut:
        """Begin an upload, by tus (the body may be its first bytes) or in JSON."""
        return await self.send(
            operations.post_groups_group_files_uploads(
                group,
                body,
                tus_resumable=tus_resumable,
                upload_length=upload_length,
                upload_defer_length=upload_defer_length,
                upload_metadata=upload_metadata,
                upload_checksum=upload_checksum,
            )
        )

    async def get_groups_group_files_uploads_upload(self, group: str, upload: str) -> m.UploadOut:
        """One upload."""
        return await self.send(operations.get_groups_group_files_uploads_upload(group, upload))

    async def delete_groups_group_files_uploads_upload(
        self, group: str, upload: str, *, tus_resumable: str | None = None
    ) -> bytes:
        """Give an upload up; what came is forgotten."""
        return await self.send(
            operations.delete_groups_group_files_uploads_upload(group, upload, tus_resumable=tus_resumable)
        )

    async def post_groups_group_files_uploads_upload_parts(
        self, group: str, upload: str, body: m.PartsIn | Mapping[str, Any]
    ) -> m.PartList:
        """Addresses to send parts to, straight to the store."""
        return await self.send(operations.post_groups_group_files_uploads_upload_parts(group, upload, body))

    async def post_groups_group_files_uploads_upload_complete(self, group: str, upload: str) -> m.UploadOut:
        """All parts were sent: make the file visible."""
        return await self.send(operations.post_groups_group_files_uploads_upload_complete(group, upload))

    async def get_groups_group_files_shares(
        self, group: str, *, limit: int | None = None, cursor: str | None = None
    ) -> m.SharePage:
        """The group's share links, the newest first."""
        return await self.send(operations.get_groups_group_files_shares(group, limit=limit, cursor=cursor))

    async def post_groups_group_files_shares(self, group: str, body: m.ShareIn | Mapping[str, Any]) -> m.ShareCreated:
        """Share a file or folder; the link is in this answer only."""
        return await self.send(operations.post_groups_group_files_shares(group, body))

    async def delete_groups_group_files_shares_share(self, group: str, share: str) -> m.ShareOut:
        """Revoke a link: from now on it opens nothing."""
        return await self.send(operations.delete_groups_group_files_shares_share(group, share))
