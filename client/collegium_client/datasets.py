"""Datasets for plain programs: make them, take snapshots, grant them, and see who used which."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from collegium_client.errors import Conflict
from collegium_client.models import (
    DatasetDetail,
    DatasetIn,
    DatasetPatch,
    DatasetSummary,
    FileTaskOut,
    GrantOut,
    ManifestLine,
    RevokedOut,
    UseOut,
    VersionDetail,
    VersionOut,
)
from collegium_client.outcome import body_of

if TYPE_CHECKING:
    from collegium_client.client import Client

#: Seconds between looks at a version that is being made: at first, and at most.
_FIRST_LOOK, _LAST_LOOK = 0.25, 3.0


class Datasets:
    """The datasets that a group has or was granted. ``group`` is that of the client where it is left out.

    Their files are ``client.files``' under ``.datasets/<name>`` and ``.datasets/<name>@<number>``.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self, group: str | None = None, *, search: str | None = None, tag: str | None = None, limit: int | None = None
    ) -> Iterator[DatasetSummary]:
        """Datasets by name; pages are fetched as they are needed."""
        ask = self._client.get_groups_group_datasets
        return self._pages(ask, limit, self._client.group(group), search=search, tag=tag)

    def get(self, dataset: str, group: str | None = None) -> DatasetDetail:
        """One dataset with its source and grants."""
        return self._client.get_groups_group_datasets_dataset(self._client.group(group), dataset)

    def create(
        self, dataset: DatasetIn | Mapping[str, Any] | None = None, *, group: str | None = None, **fields: Any
    ) -> DatasetDetail:
        """Make a dataset: a model, a mapping, or its fields. Its name is the only one of the platform."""
        body = body_of(DatasetIn, "dataset", dataset, fields)
        return self._client.post_groups_group_datasets(self._client.group(group), body)

    def edit(self, dataset: str, group: str | None = None, **changes: Any) -> DatasetDetail:
        """Change what people read of it."""
        body = body_of(DatasetPatch, "change", None, changes)
        return self._client.patch_groups_group_datasets_dataset(self._client.group(group), dataset, body)

    def delete(self, dataset: str, group: str | None = None) -> DatasetDetail:
        """Remove it with its versions and files; nothing may use it."""
        return self._client.delete_groups_group_datasets_dataset(self._client.group(group), dataset)

    def versions(self, dataset: str, group: str | None = None, *, limit: int | None = None) -> Iterator[VersionOut]:
        """Its versions, newest first."""
        ask = self._client.get_groups_group_datasets_dataset_versions
        return self._pages(ask, limit, self._client.group(group), dataset)

    def version(self, dataset: str, number: int, group: str | None = None) -> VersionDetail:
        """One version, with what its tables hold."""
        return self._client.get_groups_group_datasets_dataset_versions_version(
            self._client.group(group), dataset, str(number)
        )

    def snapshot(
        self, dataset: str, note: str = "", group: str | None = None, *, revision: str | None = None, wait: bool = True
    ) -> VersionOut:
        """Make a version of what it holds now, or of a git ``revision``; with ``wait`` answers when it is ready, and
        raises Conflict, with its words, if it failed."""
        body: dict[str, Any] = {"note": note}
        if revision is not None:
            body["revision"] = revision
        made: Any = self._client.post_groups_group_datasets_dataset_versions(self._client.group(group), dataset, body)
        pause = _FIRST_LOOK
        while wait and str(made.state) == "Making":
            time.sleep(pause)
            pause = min(_LAST_LOOK, pause * 1.5)
            made = self.version(dataset, made.number, group)
        if str(made.state) == "Failed":
            raise Conflict(made.message or f"version {made.number} of {dataset} could not be made")
        return VersionOut.model_validate(made.model_dump())

    def delete_version(self, dataset: str, number: int, group: str | None = None) -> VersionOut:
        """Remove a version that nothing uses."""
        return self._client.delete_groups_group_datasets_dataset_versions_version(
            self._client.group(group), dataset, str(number)
        )

    def manifest(self, dataset: str, number: int, group: str | None = None) -> Iterator[ManifestLine]:
        """The files of a version with size and digest."""
        ask = self._client.get_groups_group_datasets_dataset_versions_version_manifest
        return self._pages(ask, None, self._client.group(group), dataset, str(number))

    def uses(self, dataset: str, group: str | None = None, *, version: int | None = None) -> Iterator[UseOut]:
        """Which servers, jobs and deployments used it, newest first."""
        ask = self._client.get_groups_group_datasets_dataset_uses
        return self._pages(ask, None, self._client.group(group), dataset, version=version)

    def grant(self, dataset: str, to: str, access: str = "ro", group: str | None = None) -> GrantOut:
        """Let another group use it: ``ro`` or ``rw``."""
        ask = self._client.put_groups_group_datasets_dataset_grants_grantee
        return ask(self._client.group(group), dataset, to, {"access": access})

    def revoke(self, dataset: str, of: str, group: str | None = None) -> RevokedOut:
        """Take a grant back; answers with what still holds it."""
        return self._client.delete_groups_group_datasets_dataset_grants_grantee(self._client.group(group), dataset, of)

    def copy(self, dataset: str, paths: str | Iterable[str], target: str = "", group: str | None = None) -> FileTaskOut:
        """Copy shared files into it; answers when it is done."""
        body = {"paths": [paths] if isinstance(paths, str) else [*paths], "target": target}
        task = self._client.post_groups_group_datasets_dataset_copy(self._client.group(group), dataset, body)
        return self._client.files.wait(task, group)

    def _pages(self, ask: Any, limit: int | None, *where: Any, **asked: Any) -> Iterator[Any]:
        cursor, left = None, limit
        while left is None or left > 0:
            page = ask(*where, **asked, cursor=cursor, limit=min(200, left or 200))
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return
