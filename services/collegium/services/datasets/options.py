"""What an operator chooses for datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from collegium.domain.destinations import Network, read_networks
from collegium.domain.errors import InvalidInput

#: The setting that allows more networks to groups.
NETWORKS = "dataset_networks"


@dataclass(frozen=True)
class DatasetOptions:
    """``networks`` are in reach of sources that groups name, beside the public internet; ``ca_file`` holds authorities
    whose certificates are believed of git and S3 servers. A fetch may take ``seconds`` and ``max_bytes``, and a version
    of it hold ``max_files``. ``work`` is where it keeps what opens a repository, ``room`` where it keeps the repository
    itself; both are empty when it ends."""

    networks: tuple[Network, ...] = ()
    ca_file: str = ""
    seconds: float = 1800.0
    max_bytes: int = 20 << 30
    max_files: int = 200_000
    #: Of a bucket, which is only listed.
    max_objects: int = 2_000_000
    work: Path | None = None
    room: Path | None = None
    #: Between looks at a source.
    look_every: timedelta = timedelta(minutes=5)

    @classmethod
    def read(
        cls, networks: Sequence[str], ca_file: str, seconds: int, max_bytes: int, work: Path, room: str = ""
    ) -> Self:
        """From an operator's words. Raises InvalidInput."""
        if ca_file and not Path(ca_file).is_file():
            raise InvalidInput("dataset_ca_file", "is no file", ca_file)
        return cls(
            read_networks(networks, NETWORKS),
            ca_file,
            float(seconds),
            max_bytes,
            work=work,
            room=Path(room) if room else work,
        )
