"""A hub with Collegium on one machine: ``jupyterhub -f jupyterhub_config.py``, then open http://127.0.0.1:8000.

State goes to ``./state``. Groups, users, images and sizes come from ``catalog.yaml`` beside this file if there is one,
else from the demo catalog. Whatever you set on ``c`` before ``install`` stays; a setting that Collegium cannot work
with is refused by name.
"""

from pathlib import Path

from collegium.hub import install

here = Path(__file__).parent
own = here / "catalog.yaml"

c = get_config()  # noqa: F821
install(c, state_dir=here / "state", catalog=own if own.exists() else None)
