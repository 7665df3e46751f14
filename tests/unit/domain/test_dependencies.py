"""What the ends of jobs mean for those that wait, and cycles."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.dependencies import Answer, Ending, Need, find_cycle, judge
from collegium.domain.jobs import JobState

S = JobState


@pytest.mark.parametrize(
    ("need", "ending", "states", "answer"),
    [
        (Need.ALL, Ending.SUCCEEDED, [S.SUCCEEDED, S.SUCCEEDED], Answer.GO),
        (Need.ALL, Ending.SUCCEEDED, [S.SUCCEEDED, S.RUNNING], Answer.WAIT),
        (Need.ALL, Ending.SUCCEEDED, [S.RUNNING, S.FAILED], Answer.SKIP),
        (Need.ALL, Ending.SUCCEEDED, [S.RUNNING, S.CANCELLED], Answer.SKIP),
        (Need.ALL, Ending.SUCCEEDED, [None], Answer.SKIP),
        (Need.ALL, Ending.FAILED, [S.FAILED, S.FAILED], Answer.GO),
        (Need.ALL, Ending.FAILED, [S.FAILED, S.SUCCEEDED], Answer.SKIP),
        (Need.ALL, Ending.FAILED, [S.CANCELLED], Answer.SKIP),
        (Need.ALL, Ending.DONE, [S.CANCELLED, S.FAILED, S.SUCCEEDED], Answer.GO),
        (Need.ALL, Ending.DONE, [S.CANCELLED, S.PREPARING], Answer.WAIT),
        (Need.ANY, Ending.SUCCEEDED, [S.FAILED, S.SUCCEEDED, S.PENDING], Answer.GO),
        (Need.ANY, Ending.SUCCEEDED, [S.FAILED, S.PENDING], Answer.WAIT),
        (Need.ANY, Ending.SUCCEEDED, [S.FAILED, S.CANCELLED, None], Answer.SKIP),
        (Need.ANY, Ending.FAILED, [S.FAILED, S.RUNNING], Answer.GO),
        (Need.ANY, Ending.FAILED, [S.SUCCEEDED], Answer.SKIP),
        (Need.ANY, Ending.DONE, [S.PENDING, S.CANCELLED], Answer.GO),
    ],
)
def test_judge(need: Need, ending: Ending, states: list[JobState | None], answer: Answer) -> None:
    assert judge(need, ending, states) is answer


@given(
    st.sampled_from(Need), st.sampled_from(Ending), st.lists(st.sampled_from([None, *JobState]), min_size=1, max_size=5)
)
def test_nobody_waits_for_what_is_over(need: Need, ending: Ending, states: list[JobState | None]) -> None:
    answer = judge(need, ending, states)
    if all(s is None or s.final for s in states):
        assert answer is not Answer.WAIT
    # What was decided stays so, however the open ones end.
    if answer is not Answer.WAIT:
        for end in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED):
            later = [s if s is None or s.final else end for s in states]
            assert judge(need, ending, later) is answer


def test_cycles() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": []}) == []
    assert find_cycle({"a": ["a"]}) == ["a", "a"]
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert find_cycle({"a": ["b", "c"], "b": ["c"], "c": ["x"]}) == []


@given(st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=4), max_size=8))
def test_a_cycle_is_found_if_and_only_if_there_is_one(edges: dict[int, list[int]]) -> None:
    named = {str(k): [str(v) for v in vs] for k, vs in edges.items()}
    cycle = find_cycle(named)
    left = dict(named)
    while ready := [k for k, vs in left.items() if not any(v in left for v in vs)]:
        for k in ready:
            del left[k]
    assert bool(cycle) == bool(left)
    for before, after in pairwise(cycle):
        assert after in named[before]
    if cycle:
        assert cycle[0] == cycle[-1]


def test_a_chain_of_thousands_does_not_recurse() -> None:
    assert find_cycle({str(n): [str(n + 1)] for n in range(50_000)}) == []
