"""A hub with Collegium on one machine: ``jupyterhub -f jupyterhub_config.py``, then open http://127.0.0.1:8000.

State goes to ``./state``, or where ``COLLEGIUM_STATE_DIR`` says. Groups, users, images and sizes come from
``catalog.yaml`` beside this file if there is one, else from the demo catalog. Whatever you set on ``c`` before
``install`` stays; a setting that Collegium cannot work with is refused by name.
"""

import os
from pathlib import Path

from collegium.hub import install

here = Path(__file__).parent
own = here / "catalog.yaml"

c = get_config()  # noqa: F821
state = os.environ.get("COLLEGIUM_STATE_DIR") or here / "state"
install(c, state_dir=state, catalog=own if own.exists() else None)
