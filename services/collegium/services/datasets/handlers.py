"""Routes of datasets in groups."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.datasets.models import (
    CopyIn,
    DatasetDetail,
    DatasetIn,
    DatasetPage,
    DatasetPatch,
    GrantIn,
    GrantOut,
    ManifestPage,
    RevokedOut,
    UsePage,
    VersionDetail,
    VersionIn,
    VersionOut,
    VersionPage,
)
from collegium.services.endpoint import Endpoint, Query
from collegium.services.files.models import FileTaskOut
from collegium.services.handlers import BaseHandler

_SEARCH = Field(
    default=None, max_length=120, pattern=r"^[^\x00]*$", description="Part of name, title or description, in any case."
)
_TAG = Field(default=None, max_length=63, description="Only datasets with this tag.")
_CURSOR = Field(default=None, max_length=200, description="`next_cursor` of the page before.")


class PageQuery(Query):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = _CURSOR


class DatasetQuery(PageQuery):
    """What to list."""

    search: str | None = _SEARCH
    tag: str | None = _TAG


class ManifestQuery(Query):
    """Which page."""

    limit: int = Field(default=200, ge=1, le=1000)
    cursor: str | None = _CURSOR


class UseQuery(PageQuery):
    """Which uses."""

    version: int | None = Field(default=None, ge=1, le=999_999_999, description="Only of this version.")
    kind: str | None = Field(default=None, pattern="^(server|job|deployment)$", description="Only of this kind.")


class DatasetsHandler(BaseHandler):
    """``/groups/{group}/datasets``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.DATASET_LIST,
            "Datasets that the group owns or was granted, by name",
            DatasetPage,
            query=DatasetQuery,
            errors=(400,),
        ),
        "POST": Endpoint(
            Operation.DATASET_CREATE,
            "Make a dataset of the group's own",
            DatasetDetail,
            201,
            body=DatasetIn,
            errors=(400, 409, 413, 415, 507),
        ),
    }

    async def get(self, group: str) -> None:
        """A page of datasets."""
        query = self.read_query(DatasetQuery)
        page = self.context.datasets.page(group, query.search, query.tag, query.limit, query.cursor)
        self.write_json(await page)

    async def post(self, group: str) -> None:
        """Make."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(DatasetIn)
        self.write_json(await self.context.datasets.create(by, group, body))


class DatasetHandler(BaseHandler):
    """``/groups/{group}/datasets/{dataset}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.DATASET_READ, "One dataset", DatasetDetail),
        "PATCH": Endpoint(
            Operation.DATASET_EDIT,
            "Change what is told of a dataset",
            DatasetDetail,
            body=DatasetPatch,
            errors=(400, 409, 413, 415),
        ),
        "DELETE": Endpoint(
            Operation.DATASET_DELETE,
            "Remove a dataset with its versions, unless something has it now",
            DatasetDetail,
            errors=(400, 409, 413),
        ),
    }

    async def get(self, group: str, dataset: str) -> None:
        """One dataset."""
        self.write_json(await self.context.datasets.get(self.caller.actor, group, dataset))

    async def patch(self, group: str, dataset: str) -> None:
        """Change."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(DatasetPatch)
        self.write_json(await self.context.datasets.edit(by, group, dataset, body))

    async def delete(self, group: str, dataset: str) -> None:
        """Delete."""
        self.refuse_body()
        self.write_json(await self.context.datasets.delete(By(self.caller.actor, self.request_id), group, dataset))


class VersionsHandler(BaseHandler):
    """``/groups/{group}/datasets/{dataset}/versions``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.DATASET_READ, "Versions, newest first", VersionPage, query=PageQuery, errors=(400,)),
        "POST": Endpoint(
            Operation.DATASET_VERSION,
            "Make a version of what is there now; it is Making until its files are there",
            VersionOut,
            201,
            body=VersionIn,
            errors=(400, 409, 413, 415),
        ),
    }

    async def get(self, group: str, dataset: str) -> None:
        """A page of versions."""
        query = self.read_query(PageQuery)
        self.write_json(await self.context.dataset_versions.page(group, dataset, query.limit, query.cursor))

    async def post(self, group: str, dataset: str) -> None:
        """Make."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(VersionIn)
        self.write_json(await self.context.dataset_versions.create(by, group, dataset, body))


class VersionHandler(BaseHandler):
    """``/groups/{group}/datasets/{dataset}/versions/{version}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.DATASET_READ, "One version with its first tables", VersionDetail),
        "DELETE": Endpoint(
            Operation.DATASET_DELETE,
            "Remove a version, unless something has it now",
            VersionOut,
            errors=(400, 409, 413),
        ),
    }

    async def get(self, group: str, dataset: str, version: str) -> None:
        """One version."""
        self.write_json(await self.context.dataset_versions.get(group, dataset, version))

    async def delete(self, group: str, dataset: str, version: str) -> None:
        """Delete."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.dataset_versions.delete(by, group, dataset, version))


class ManifestHandler(BaseHandler):
    """``/groups/{group}/datasets/{dataset}/versions/{version}/manifest``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.DATASET_READ, "Files of a version, by path", ManifestPage, query=ManifestQuery, errors=(400, 409)
        )
    }

    async def get(self, group: str, dataset: str, version: str) -> None:
        """A page of its files."""
        query = self.read_query(ManifestQuery)
        page = self.context.dataset_versions.manifest(group, dataset, version, query.limit, query.cursor)
        self.write_json(await page)


class UsesHandler(BaseHandler):
    """``/groups/{group}/datasets/{dataset}/uses``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.DATASET_USES,
            "Servers, jobs and deployments that used it, newest first; of other groups only for its owner",
            UsePage,
            query=UseQuery,
            errors=(400,),
        )
    }

    async def get(self, group: str, dataset: str) -> None:
        """A page of uses."""
        query = self.read_query(UseQuery)
        page = self.context.datasets.uses(group, dataset, query.version, query.kind, query.limit, query.cursor)
        self.write_json(await page)


class GrantHandler(BaseHandler):
    """``/groups/{group}/datasets/{dataset}/grants/{grantee}``."""

    endpoints: ClassVar = {
        "PUT": Endpoint(
            Operation.DATASET_GRANT,
            "Let another group use the dataset",
            GrantOut,
            body=GrantIn,
            errors=(400, 409, 413, 415),
        ),
        "DELETE": Endpoint(
            Operation.DATASET_GRANT,
            "Take a grant away; tells who still holds it",
            RevokedOut,
            errors=(400, 409, 413),
        ),
    }

    async def put(self, group: str, dataset: str, grantee: str) -> None:
        """Grant."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(GrantIn)
        self.write_json(await self.context.dataset_grants.put(by, group, dataset, grantee, body.access))

    async def delete(self, group: str, dataset: str, grantee: str) -> None:
        """Revoke."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.dataset_grants.delete(by, group, dataset, grantee))


class CopyHandler(BaseHandler):
    """``/groups/{group}/datasets/{dataset}/copy``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.DATASET_VERSION,
            "Copy files of the group's shared files into the dataset",
            FileTaskOut,
            body=CopyIn,
            errors=(400, 409, 413, 415, 507),
        )
    }

    async def post(self, group: str, dataset: str) -> None:
        """Copy."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(CopyIn)
        self.write_json(await self.context.datasets.copy(by, group, dataset, body))
