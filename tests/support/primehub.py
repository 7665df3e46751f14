"""A small PrimeHub to import, and what its import said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collegium.catalog.primehub.findings import Level, PrimeHubError
from collegium.catalog.primehub.translate import Imported, Request, import_primehub
from collegium.catalog.schema import CatalogFile, GroupEntry
from collegium.cli.__main__ import main

HERE = Path(__file__).parents[1] / "unit/catalog/primehub"
REALM, CRDS = HERE / "realm.json", HERE / "crds"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["import", "primehub", *map(str, arguments)])


def said(found: Imported, *levels: Level) -> list[str]:
    return [f"{f.where.what}: {f.text}" for f in found.findings.of(*levels)]


def group(catalog: CatalogFile, name: str) -> GroupEntry:
    return next(g for g in catalog.groups if g.name == name)


def imported(tmp_path: Path, realm: Any, *resources: Any, **options: Any) -> Imported:
    (tmp_path / "realm.json").write_text(realm if isinstance(realm, str) else json.dumps(realm))
    texts = [r if isinstance(r, str) else json.dumps(r) for r in resources]
    (tmp_path / "crds.yaml").write_text("\n---\n".join(texts) if texts else "[]")
    return import_primehub(Request([tmp_path / "realm.json"], [tmp_path / "crds.yaml"], **options))


def refused(tmp_path: Path, realm: Any, *resources: Any, **options: Any) -> str:
    with pytest.raises(PrimeHubError) as refusal:
        imported(tmp_path, realm, *resources, **options)
    return refusal.value.message.replace(f"{tmp_path}/", "")


def a_realm(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    everyone = {"name": "everyone", "realmRoles": []}
    return {"realm": "primehub", "groups": [everyone, *groups], **more}


def a_resource(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "primehub.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def a_size(name: str = "small", **spec: Any) -> dict[str, Any]:
    return a_resource("InstanceType", name, **{"limits.cpu": 1, "limits.memory": "1G", **spec})
