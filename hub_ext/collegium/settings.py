"""Where this installation keeps its things: the few facts that hub, spawner, authenticator, service and CLI share.

They come from two environment variables, so that no secret stands in an argument list: ``COLLEGIUM_STATE_DIR`` (a
directory, default ``./state``) and ``COLLEGIUM_DATABASE_URL`` (default: SQLite in the state directory).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STATE_VARIABLE = "COLLEGIUM_STATE_DIR"
DATABASE_VARIABLE = "COLLEGIUM_DATABASE_URL"


@dataclass(frozen=True)
class Settings:
    """Paths are absolute; ``database_url`` is an SQLAlchemy URL and may hold a password: never log it."""

    state_dir: Path
    database_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the two variables."""
        return cls.at(Path(environment.get(STATE_VARIABLE) or "state"), environment.get(DATABASE_VARIABLE) or None)

    @classmethod
    def at(cls, state_dir: Path, database_url: str | None = None) -> Settings:
        """Settings for a state directory, with SQLite in it unless a URL is given."""
        root = state_dir.expanduser().resolve()
        # As database operators write it into their secrets; the driver that we install is psycopg.
        database_url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", database_url or "")
        return cls(root, database_url or f"sqlite:///{root / 'collegium.sqlite'}")

    @property
    def homes_dir(self) -> Path:
        """Homes of the local backend, ``<user>/<group>`` below it."""
        return self.state_dir / "homes"

    @property
    def files_dir(self) -> Path:
        """Trees of the file store, where nobody chose another place for them."""
        return self.state_dir / "files"

    def environment(self) -> dict[str, str]:
        """The variables that give a child process the same settings."""
        return {STATE_VARIABLE: str(self.state_dir), DATABASE_VARIABLE: self.database_url}

    def prepare(self) -> None:
        """Make the state directory, readable by nobody else."""
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state_dir.chmod(0o700)
