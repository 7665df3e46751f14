"""Jobs that wait for other jobs: what is asked of those before, and what their ends mean."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from collegium.domain.jobs import JobState

#: Most jobs that one job may wait for.
MAX_UPSTREAM = 100


class Need(enum.StrEnum):
    """Of how many."""

    ALL = "all"
    ANY = "any"


class Ending(enum.StrEnum):
    """Which end is wanted; ``done`` is any, also a cancelled or skipped one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DONE = "done"

    def met_by(self, state: JobState) -> bool:
        """Is this the wanted end?"""
        match self:
            case Ending.SUCCEEDED:
                return state is JobState.SUCCEEDED
            case Ending.FAILED:
                return state is JobState.FAILED
        return state.final


@dataclass(frozen=True)
class Dependency:
    """All or any of these jobs must have come to this end. Ids, or names within a batch."""

    jobs: tuple[str, ...]
    need: Need = Need.ALL
    ending: Ending = Ending.SUCCEEDED


class Answer(enum.StrEnum):
    """What the jobs before mean for the one that waits."""

    WAIT = "wait"
    GO = "go"
    SKIP = "skip"


def judge(need: Need, ending: Ending, states: Collection[JobState | None]) -> Answer:
    """Decide by the states of those before; None is a job that is no more."""
    met = [s is not None and ending.met_by(s) for s in states]
    lost = [s is None or (s.final and not ending.met_by(s)) for s in states]
    if need is Need.ALL:
        return Answer.SKIP if any(lost) else Answer.GO if all(met) else Answer.WAIT
    return Answer.GO if any(met) else Answer.SKIP if all(lost) else Answer.WAIT


def find_cycle(edges: Mapping[str, Sequence[str]]) -> list[str]:
    """A cycle among "waits for" edges, its first name once more at the end; empty if there is none."""
    state: dict[str, int] = {}
    for root in edges:
        path: list[str] = []
        stack: list[tuple[str, int]] = [(root, 0)]
        while stack:
            name, at = stack.pop()
            if at == 0:
                if state.get(name) == 2:
                    continue
                state[name] = 1
                path.append(name)
            following = edges.get(name, ())
            if at < len(following):
                stack.append((name, at + 1))
                after = following[at]
                if state.get(after) == 1:
                    return [*path[path.index(after) :], after]
                if state.get(after) != 2:
                    stack.append((after, 0))
            else:
                state[name] = 2
                path.pop()
    return []
