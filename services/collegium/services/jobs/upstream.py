"""Lets go of jobs whose upstream jobs came to the wanted end, and skips those for which that cannot happen any more.

All is decided by what is stored: killed anywhere, the next look comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.db.dependencies import Waits
from collegium.domain.dependencies import Answer, Ending, Need, judge
from collegium.domain.jobs import JobReason, JobState
from collegium.services.controller.lease import Lease

#: Jobs that one transaction changes.
BATCH = 200
_WORDS = {Ending.SUCCEEDED: "succeeded", Ending.FAILED: "failed", Ending.DONE: "ended"}


class UpstreamRounds:
    """One round looks at all held jobs if anything happened since the last."""

    def __init__(
        self, database: Database, lease: Lease, wake: Callable[[], object], clock: Callable[[], datetime]
    ) -> None:
        self._database, self._lease, self._wake, self._clock = database, lease, wake, clock
        self._seen = -1

    async def round(self) -> None:
        """Decide; a skipped job may decide others, which have their turn in the same round."""
        while True:
            newest = await self._database.reading(lambda uow: uow.events.newest())
            if newest == self._seen:
                return
            answers = await self._database.reading(_answers)
            for start in range(0, len(answers), BATCH):
                await self._lease.write(partial(self._write, part=answers[start : start + BATCH]))
            self._seen = newest
            if answers:
                self._wake()

    def _write(self, uow: UnitOfWork, part: list[tuple[Waits, Answer]]) -> None:
        moment = self._clock()
        # By group, so that groups' rows are locked in the same order by everybody.
        for waits, answer in sorted(part, key=lambda p: p[0].group):
            job = uow.jobs.get(waits.group, waits.job_id)
            # A cancel may have come since.
            if job is None or not job.held or job.state is not JobState.PENDING:
                continue
            if answer is Answer.GO:
                uow.jobs.let_go(job, moment)
            else:
                uow.jobs.move(job, JobState.CANCELLED, JobReason.SKIPPED, why_skipped(waits), moment)


def _answers(uow: UnitOfWork) -> list[tuple[Waits, Answer]]:
    judged = [(w, judge(w.need, w.ending, list(w.states.values()))) for w in uow.dependencies.held()]
    return [(w, answer) for w, answer in judged if answer is not Answer.WAIT]


def why_skipped(waits: Waits) -> str:
    """Which of the jobs before came to another end than was wanted."""
    wrong = []
    for job, state in waits.states.items():
        if state is None:
            wrong.append(f"{job} is no more")
        elif not waits.ending.met_by(state):
            wrong.append(f"{waits.names[job]} is {state}")
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    which = "one of them" if waits.need is Need.ANY else "all of them"
    whom = which if len(waits.states) > 1 else "it"
    return f"Skipped: {', '.join(wrong[:3])}{more}, and this job was to run after {whom} had {_WORDS[waits.ending]}."
