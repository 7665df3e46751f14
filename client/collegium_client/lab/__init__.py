"""jupyter-scheduler's interface in JupyterLab over a Collegium; docs/jupyter-scheduler.md says how to switch it on.

Works with the token and the group of the server that it runs in. Needs the extra ``jupyter-scheduler``.
"""

from __future__ import annotations

from collegium_client.lab.environments import CollegiumEnvironments
from collegium_client.lab.files import CollegiumJobFiles
from collegium_client.lab.scheduler import CollegiumScheduler

__all__ = ["CollegiumEnvironments", "CollegiumJobFiles", "CollegiumScheduler"]
