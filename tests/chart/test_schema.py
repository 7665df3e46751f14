from __future__ import annotations

import subprocess
import sys
from typing import Any

import yaml

from support.installation import ROOT
from support.release import CHART


def test_generated_files_are_fresh() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/chart-schema", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_value_is_described_and_has_a_default() -> None:
    source = yaml.safe_load((CHART / "values.schema.yaml").read_text())
    fragments = source["definitions"]
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def walk(path: str, node: dict[str, Any], value: Any) -> None:
        properties = dict(node.get("properties", {}))
        for name in node.get("include", []):
            properties |= fragments[name]
        # As Kubernetes has them: any part may be left out.
        if "properties" not in node or path.endswith((".resources", ".files.volume")):
            return
        assert node["additionalProperties"] is False, path
        assert set(value) == set(properties) - {"global"}, path
        for name, child in properties.items():
            assert len(child.get("description", "")) >= 5, f"{path}.{name}"
            if name != "global":
                walk(f"{path}.{name}", child, value[name])

    walk("", source, values)


def test_the_manual_names_every_value() -> None:
    manual = (ROOT / "docs" / "values.md").read_text()
    for name in (
        "database.existingSecret",
        "files.volume",
        "controller.replicas",
        "api.topologySpread",
        "hub.extraEnv",
    ):
        assert f"`{name}`" in manual
