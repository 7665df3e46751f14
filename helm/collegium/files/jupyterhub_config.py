"""The chart's JupyterHub configuration. Values come from files and the environment; none is written into this text."""

import json
from pathlib import Path

from collegium.hub import install

config = Path(__file__).parent
c = get_config()  # noqa: F821
for name, traits in json.loads((config / "hub.json").read_text()).items():
    c[name].update(traits)
for extra in sorted(config.glob("extra-*.py")):
    exec(compile(extra.read_text(), str(extra), "exec"))  # noqa: S102 - hub.extraConfig of the values
install(c, backend="kubernetes", catalog="/etc/collegium/catalog/catalog.yaml", service_port=None)
