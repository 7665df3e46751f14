"""The admission planner as a pure function."""

from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.quota import GroupUsage, Limits, Waiting, plan_admissions
from collegium.domain.resources import Resources


def cpu(amount: int, **more: int) -> Resources:
    return Resources({"cpu": amount, **more})


def admitted(usage: GroupUsage, queue: list[Waiting]) -> list[str]:
    return [p.id for p in plan_admissions(usage, queue) if p.admit]


def test_jobs_start_in_order_until_the_group_is_full() -> None:
    usage = GroupUsage("g", Limits({"cpu": 10}), ())
    queue = [Waiting(str(i), "ann", cpu(4)) for i in range(4)]
    places = plan_admissions(usage, queue)
    assert [p.admit for p in places] == [True, True, False, False]
    assert [p.position for p in places] == [0, 0, 1, 2]


def test_a_member_over_their_own_share_holds_nobody_up() -> None:
    usage = GroupUsage("g", Limits({"cpu": 10}), (), {}, Limits({"cpu": 4}))
    queue = [Waiting("a1", "ann", cpu(4)), Waiting("a2", "ann", cpu(4)), Waiting("b1", "bob", cpu(4))]
    assert admitted(usage, queue) == ["a1", "b1"]


def test_a_large_job_is_not_overtaken_for_what_it_needs() -> None:
    usage = GroupUsage("g", Limits({"cpu": 10, "gpu": 2}), ())
    queue = [Waiting("now", "ann", cpu(4)), Waiting("large", "bob", cpu(8)), Waiting("little", "cem", cpu(1))]
    assert admitted(usage, queue) == ["now"]


def test_what_the_large_job_does_not_need_may_be_used() -> None:
    usage = GroupUsage("g", Limits({"cpu": 10, "gpu": 1}), ())
    busy = Waiting("busy", "ann", cpu(1, gpu=1))
    queue = [
        busy,
        Waiting("gpu-head", "bob", cpu(4, gpu=1)),
        Waiting("fits-beside", "cem", cpu(5)),
        Waiting("too-much", "cem", cpu(1)),
    ]
    assert admitted(usage, queue) == ["busy", "fits-beside"]


_jobs = st.lists(st.tuples(st.sampled_from(["ann", "bob", "cem"]), st.integers(1, 12), st.integers(0, 3)), max_size=25)


@given(_jobs, st.integers(0, 12), st.integers(0, 3), st.one_of(st.none(), st.integers(0, 12)))
def test_never_over_a_limit_and_the_first_that_fits_the_group_goes(
    jobs: list[tuple[str, int, int]], cpus: int, gpus: int, share: int | None
) -> None:
    member = Limits({} if share is None else {"cpu": share})
    usage = GroupUsage("g", Limits({"cpu": cpus, "gpu": gpus}), (), {}, member)
    queue = [Waiting(str(i), u, Resources({"cpu": c, "gpu": g})) for i, (u, c, g) in enumerate(jobs)]
    places = plan_admissions(usage, queue)
    started = [w for w, p in zip(queue, places, strict=True) if p.admit]
    assert sum(w.resources["cpu"] for w in started) <= cpus
    assert sum(w.resources["gpu"] for w in started) <= gpus
    if share is not None:
        for user in ("ann", "bob", "cem"):
            assert sum(w.resources["cpu"] for w in started if w.user == user) <= share
    waiting = [p.position for p in places if not p.admit]
    assert waiting == list(range(1, len(waiting) + 1))
    assert all(p.decision.violations for p in places if not p.admit)


@given(_jobs, st.integers(1, 12))
def test_the_head_of_the_line_always_gets_its_turn(jobs: list[tuple[str, int, int]], cpus: int) -> None:
    """However the rest looks, once everything that runs has ended, the head starts."""
    queue = [Waiting(str(i), u, cpu(min(c, cpus))) for i, (u, c, _) in enumerate(jobs)]
    rounds = 0
    while queue:
        places = plan_admissions(GroupUsage("g", Limits({"cpu": cpus}), ()), queue)
        assert places[0].admit
        queue = [w for w, p in zip(queue, places, strict=True) if not p.admit]
        rounds += 1
    assert rounds <= len(jobs)
