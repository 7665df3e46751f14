"""Secrets that open sources: named when a dataset is made, opened when it is read."""

from __future__ import annotations

import json

from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.catalog import Dataset
from collegium.domain.errors import InvalidInput, Misconfigured
from collegium.domain.files import PLATFORM
from collegium.domain.sources import SECRETS


def check_secret(uow: UnitOfWork, dataset: Dataset, field: str = "source.secret") -> None:
    """Raise InvalidInput unless its owner may use the secret that its source names, and it is of the right kind."""
    name = dataset.source.get("secret")
    if not name:
        return
    owner, wanted = dataset.owner or PLATFORM, SECRETS[dataset.kind]
    found = uow.secrets.usable(owner, [name]).get(name)
    whose = f"group {dataset.owner}" if dataset.owner else "the platform"
    if found is None:
        raise InvalidInput(field, f"{whose} has no such secret", name)
    if found[0].kind is not wanted:
        raise InvalidInput(field, f"is of kind {found[0].kind.value}, {wanted.value} is needed", name)


class SourceSecrets:
    """Opens what a source needs, for the moment that it is needed."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database, self._cipher = database, cipher

    async def of(self, dataset: Dataset) -> dict[str, str]:
        """Its fields, empty if the source needs none. Raises Misconfigured for one that is gone or does not open."""
        name = dataset.source.get("secret")
        if not name or dataset.kind not in SECRETS:
            return {}
        owner = dataset.owner or PLATFORM
        found = (await self._database.reading(lambda uow: uow.secrets.usable(owner, [name]))).get(name)
        if found is None or found[0].kind is not SECRETS[dataset.kind]:
            raise Misconfigured(f"The secret {name} of its source is no more there, or of another kind.")
        secret, sealed = found
        fields: dict[str, str] = json.loads(self._cipher.open(sealed, secret.about))
        return fields
