"""Jobs of a Collegium hub from Python.

    from collegium_client import Client

    with Client() as collegium:
        job = collegium.jobs.submit(name="train", command="python train.py", image="base", instance_type="small")
        for piece in job.follow():
            print(piece.text, end="")
        print(job.wait().state)

In a server of a Collegium hub that needs no settings; elsewhere ``COLLEGIUM_URL`` and ``COLLEGIUM_TOKEN``, or what
``collegium login`` stored. ``AsyncClient`` is the same, to be awaited.
"""

from __future__ import annotations

from collegium_client import errors, models
from collegium_client.aio import AsyncClient
from collegium_client.aio_jobs import AsyncJobHandle
from collegium_client.aio_sweeps import AsyncSweepHandle
from collegium_client.client import Client
from collegium_client.errors import CollegiumError, JobFailed, SweepFailed, TimedOut
from collegium_client.exchange import VERSION as __version__
from collegium_client.exchange import Retry
from collegium_client.jobs import JobHandle
from collegium_client.models import JobIn, NotebookIn, ScheduleIn, SweepIn, WorkingDirectoryIn
from collegium_client.settings import Settings
from collegium_client.sweeps import SweepHandle

__all__ = [
    "AsyncClient",
    "AsyncJobHandle",
    "AsyncSweepHandle",
    "Client",
    "CollegiumError",
    "JobFailed",
    "JobHandle",
    "JobIn",
    "NotebookIn",
    "Retry",
    "ScheduleIn",
    "Settings",
    "SweepFailed",
    "SweepHandle",
    "SweepIn",
    "TimedOut",
    "WorkingDirectoryIn",
    "__version__",
    "errors",
    "models",
]
