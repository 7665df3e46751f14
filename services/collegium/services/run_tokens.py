"""Tokens of runs: with one, what runs in a job reads and writes files of its group for as long as the run lasts.

Nothing of them is stored. A token is sealed with the installation's key and says whose it is, in which group, and of
which attempt of which job; all else is asked of the database each time it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collegium.cipher import Cipher
from collegium.db import UnitOfWork
from collegium.domain.errors import Misconfigured, NotAuthenticated
from collegium.domain.jobs import Job, JobState
from collegium.hub.scopes import PREFIX

RUN_TOKEN_VARIABLE = "COLLEGIUM_TOKEN"  # noqa: S105 - a name
#: How they begin: no token of the hub does.
MARK = "collegium-run-"
_ABOUT = "run token"
_OVER = "The token is of a run that is over, or it is not valid."
_LIVE = (JobState.PREPARING, JobState.RUNNING)


@dataclass(frozen=True)
class RunToken:
    """What a token says of itself."""

    user: str
    group: str
    #: ``<job id>.<attempt>``.
    key: str

    @property
    def scopes(self) -> frozenset[str]:
        """What it may be used for, and where."""
        return frozenset(f"{PREFIX}files:{verb}!group={self.group}" for verb in ("read", "write"))


class RunTokens:
    """Makes and reads them."""

    def __init__(self, cipher: Cipher, clock: Callable[[], datetime]) -> None:
        self._cipher, self._clock = cipher, clock

    @property
    def ready(self) -> bool:
        """False without a key: runs get no token then, and go on without."""
        return self._cipher.ready

    def seal(self, job: Job) -> str:
        """A token for the present attempt of a job."""
        issued = int(self._clock().timestamp())
        told = {"user": job.user, "group": job.group, "key": job.run_key, "issued": issued}
        return MARK + self._cipher.seal(json.dumps(told), _ABOUT)

    def open(self, token: str) -> RunToken:
        """What a token says; raises NotAuthenticated, with nothing of it, for one that is none of ours."""
        try:
            told = json.loads(self._cipher.open(token.removeprefix(MARK), _ABOUT))
        except Misconfigured:
            raise NotAuthenticated(_OVER) from None
        return RunToken(told["user"], told["group"], told["key"])

    @staticmethod
    def check(uow: UnitOfWork, token: RunToken) -> None:
        """Raise NotAuthenticated unless that very attempt is being started or runs, and its owner is still a member."""
        job_id, _, attempt = token.key.rpartition(".")
        job = uow.jobs.get(token.group, job_id)
        live = job is not None and job.state in _LIVE and str(job.attempt) == attempt and job.user == token.user
        if not live or uow.memberships.actor(token.user).role_in(token.group) is None:
            raise NotAuthenticated(_OVER)


def is_run_token(token: str) -> bool:
    """Is it one of these, by its beginning?"""
    return token.startswith(MARK)
