"""Routes of datasets for those who run the platform."""

from __future__ import annotations

from typing import ClassVar

from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.datasets.handlers import DatasetQuery
from collegium.services.datasets.models import GrantIn, GrantOut, RevokedOut
from collegium.services.datasets.platform_models import (
    PlatformDataset,
    PlatformDatasetIn,
    PlatformDatasetPage,
    PlatformDatasetPatch,
)
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler


class PlatformDatasetsHandler(BaseHandler):
    """``/datasets``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.DATASET_SURVEY,
            "All datasets with source, owner, health and grants, by name",
            PlatformDatasetPage,
            query=DatasetQuery,
            errors=(400,),
        ),
        "POST": Endpoint(
            Operation.DATASET_DEFINE,
            "Define a dataset of the platform's own, of any kind",
            PlatformDataset,
            201,
            body=PlatformDatasetIn,
            errors=(400, 409, 413, 415),
        ),
    }

    async def get(self) -> None:
        """A page of datasets."""
        query = self.read_query(DatasetQuery)
        page = self.context.platform_datasets.page(query.search, query.tag, query.limit, query.cursor)
        self.write_json(await page)

    async def post(self) -> None:
        """Define."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(PlatformDatasetIn)
        self.write_json(await self.context.platform_datasets.create(by, body))


class PlatformDatasetHandler(BaseHandler):
    """``/datasets/{dataset}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.DATASET_SURVEY, "One dataset", PlatformDataset),
        "PATCH": Endpoint(
            Operation.DATASET_DEFINE,
            "Change a dataset",
            PlatformDataset,
            body=PlatformDatasetPatch,
            errors=(400, 409, 413, 415),
        ),
        "DELETE": Endpoint(
            Operation.DATASET_DEFINE,
            "Remove a dataset with its versions, unless something has it now",
            PlatformDataset,
            errors=(400, 409, 413),
        ),
    }

    async def get(self, dataset: str) -> None:
        """One dataset."""
        self.write_json(await self.context.platform_datasets.get(dataset))

    async def patch(self, dataset: str) -> None:
        """Change."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(PlatformDatasetPatch)
        self.write_json(await self.context.platform_datasets.edit(by, dataset, body))

    async def delete(self, dataset: str) -> None:
        """Delete."""
        self.refuse_body()
        self.write_json(await self.context.platform_datasets.delete(By(self.caller.actor, self.request_id), dataset))


class PlatformGrantHandler(BaseHandler):
    """``/datasets/{dataset}/grants/{grantee}``."""

    endpoints: ClassVar = {
        "PUT": Endpoint(
            Operation.DATASET_DEFINE,
            "Let a group use the dataset, or `*` for every group",
            GrantOut,
            body=GrantIn,
            errors=(400, 409, 413, 415),
        ),
        "DELETE": Endpoint(
            Operation.DATASET_DEFINE,
            "Take a grant away; tells who still holds it",
            RevokedOut,
            errors=(400, 409, 413),
        ),
    }

    async def put(self, dataset: str, grantee: str) -> None:
        """Grant."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(GrantIn)
        self.write_json(await self.context.dataset_grants.put(by, None, dataset, grantee, body.access))

    async def delete(self, dataset: str, grantee: str) -> None:
        """Revoke."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.dataset_grants.delete(by, None, dataset, grantee))
