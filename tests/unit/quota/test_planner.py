"""The admission planner as a pure function."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collegium.domain.admission import SLACK, Place, Waiting, plan_admissions
from collegium.domain.queues import AGEING, MAX_PRIORITY, rank
from collegium.domain.quota import GroupUsage, Limits, Reservation, ReservationState, WorkloadKind
from collegium.domain.resources import Resources

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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


def live(name: str, user: str, resources: Resources) -> Reservation:
    return Reservation(name, "g", user, WorkloadKind.JOB, name, resources, ReservationState.BOUND, NOW)


def in_minutes(**ends: int) -> dict[str, datetime]:
    return {name: NOW + timedelta(minutes=m) for name, m in ends.items()}


def test_a_short_job_goes_first_where_it_is_over_in_time() -> None:
    usage = GroupUsage("g", Limits({"cpu": 10}), (live("runs", "ann", cpu(6)),))
    queue = [
        Waiting("head", "bob", cpu(8), 60),
        Waiting("too-long", "cem", cpu(4), 3600),
        Waiting("no-limit", "cem", cpu(4)),
        Waiting("short", "cem", cpu(2), 600),
        Waiting("beside", "cem", cpu(2)),
        Waiting("beside-no-more", "cem", cpu(1)),
    ]
    places = plan_admissions(usage, queue, NOW, in_minutes(runs=60))
    assert [p.id for p in places if p.admit] == ["short", "beside"]
    assert [p.earliest for p in places] == [NOW + timedelta(minutes=60), None, None, None, None, None]
    assert [p.position for p in places] == [1, 2, 3, 0, 0, 4]
    assert places[1].decision.message() == (
        "Group g: 0.006 of 0.01 CPU in use, 0.008 kept for those in front; 0.004 CPU more was asked (ann holds 0.006)."
    )


def test_without_time_limits_nothing_is_taken_that_the_head_needs() -> None:
    usage = GroupUsage("g", Limits({"cpu": 10, "gpu": 1}), (live("server", "ann", cpu(2, gpu=1)),))
    queue = [Waiting("head", "bob", cpu(6, gpu=1)), Waiting("a", "cem", cpu(2), 60), Waiting("b", "cem", cpu(1), 60)]
    assert [p.id for p in plan_admissions(usage, queue, NOW) if p.admit] == ["a"]


def test_the_heads_own_share_is_kept_for_it() -> None:
    usage = GroupUsage("g", Limits({"cpu": 10}), (live("runs", "cem", cpu(6)),), {}, Limits({"cpu": 8}))
    queue = [Waiting("head", "bob", cpu(6), 60), Waiting("his-too", "bob", cpu(3)), Waiting("other", "ann", cpu(3))]
    places = plan_admissions(usage, queue, NOW, in_minutes(runs=60))
    assert [p.id for p in places if p.admit] == ["other"]
    assert "Share of bob" in places[1].decision.message()


def test_what_can_never_fit_holds_nobody_up() -> None:
    usage = GroupUsage("g", Limits({"cpu": 4}), (live("runs", "ann", cpu(2)),))
    queue = [Waiting("never", "bob", cpu(5)), Waiting("fits", "cem", cpu(2))]
    assert [p.admit for p in plan_admissions(usage, queue, NOW)] == [False, True]


@dataclass
class Site:
    """A group at one moment, made by chance."""

    usage: GroupUsage
    ends: dict[str, datetime]
    queue: list[Waiting]


@st.composite
def sites(draw: st.DrawFn, known: bool) -> Site:
    users = st.sampled_from(["ann", "bob", "cem"])
    amounts = st.builds(lambda c, g: Resources({"cpu": c, "gpu": g}), st.integers(1, 8), st.integers(0, 2))
    minutes = st.integers(0, 90)
    share = draw(st.none() | st.integers(4, 12))
    runs, ends = [], {}
    for number in range(draw(st.integers(0, 5))):
        runs.append(live(f"r{number}", draw(users), draw(amounts)))
        if known or draw(st.booleans()):
            ends[f"r{number}"] = NOW + timedelta(minutes=draw(minutes))
    queue = [
        Waiting(f"w{number}", draw(users), draw(amounts), 60 * draw(minutes) if known or draw(st.booleans()) else 0)
        for number in range(draw(st.integers(0, 8)))
    ]
    limits = Limits({"cpu": draw(st.integers(8, 16)), "gpu": draw(st.integers(0, 3))})
    member = Limits({} if share is None else {"cpu": share})
    return Site(GroupUsage("g", limits, tuple(runs), {}, member), {} if not known else ends, queue)


def split(site: Site) -> tuple[Place | None, list[Reservation], list[Reservation], dict[str, datetime]]:
    """The head, those who were let in before it and those let in after it, and by when each is over."""
    places = plan_admissions(site.usage, site.queue, NOW, site.ends)
    jobs = {w.id: w for w in site.queue}
    ends = dict(site.ends)
    before: list[Reservation] = []
    after: list[Reservation] = []
    head: Place | None = None
    for place in places:
        job = jobs[place.id]
        if place.admit:
            (before if head is None else after).append(live(job.id, job.user, job.resources))
            if job.seconds:
                ends[job.id] = NOW + timedelta(seconds=job.seconds)
        elif head is None and place.decision.group_blocked and not _of_member(place) and not place.decision.never:
            head = place
    return head, before, after, ends


def _of_member(place: Place) -> bool:
    return any(v.scope.value == "member" for v in place.decision.violations)


def starts(site: Site, runs: list[Reservation], job: Waiting) -> bool:
    """Would the ledger let this job in beside these?"""
    of = site.usage
    now = GroupUsage("g", of.limits, tuple(runs), of.member_limits, of.default_member_limits)
    return now.decide(job.user, WorkloadKind.JOB, job.resources).granted


def first_start(site: Site, runs: list[Reservation], ends: dict[str, datetime], job: Waiting) -> datetime | None:
    """When the ledger lets the job in, if all that runs is over at its time and nothing else comes."""
    moments = sorted({NOW, *(max(NOW, e) for e in ends.values())})
    for moment in moments:
        left = [r for r in runs if not (r.workload_id in ends and max(NOW, ends[r.workload_id]) <= moment)]
        if starts(site, left, job):
            return moment
    return None


@given(sites(known=True))
@settings(max_examples=400, deadline=None)
def test_backfill_never_delays_the_head(site: Site) -> None:
    """With time limits: the head starts no later for those that were let in before it, and by the time it was told."""
    head, before, after, ends = split(site)
    if head is None:
        return
    job = next(w for w in site.queue if w.id == head.id)
    runs = [*site.usage.live, *before]
    without = first_start(site, runs, ends, job)
    assert without is None or without >= NOW
    assert first_start(site, [*runs, *after], ends, job) == without
    assert head.earliest == without


@given(sites(known=False))
@settings(max_examples=300, deadline=None)
def test_without_time_limits_the_head_is_never_in_anybodys_shadow(site: Site) -> None:
    """Whichever of those who run end, in any order: if the head could start without those let in, it can with them."""
    head, before, after, _ = split(site)
    # Those let in before the head may have time limits that tell when it starts at the latest; that is the test above.
    if head is None or head.earliest is not None:
        return
    job = next(w for w in site.queue if w.id == head.id)
    runs = [*site.usage.live, *before]
    for left in chain.from_iterable(combinations(runs, n) for n in range(len(runs) + 1)):
        if starts(site, list(left), job):
            assert starts(site, [*left, *after], job)


@dataclass
class Line:
    """A queue over time: whoever is let in runs for exactly its time limit."""

    limits: Limits
    waits: list[tuple[datetime, Waiting]]
    runs: dict[str, tuple[Reservation, datetime]] = field(default_factory=dict)
    started: dict[str, datetime] = field(default_factory=dict)
    told: dict[str, datetime] = field(default_factory=dict)

    def play(self) -> None:
        now = NOW
        for _ in range(500):
            self.runs = {k: v for k, v in self.runs.items() if v[1] > now}
            queue = [w for at, w in self.waits if at <= now and w.id not in self.started]
            usage = GroupUsage("g", self.limits, tuple(r for r, _ in self.runs.values()))
            for place in plan_admissions(usage, queue, now, {k: e for k, (_, e) in self.runs.items()}):
                job = next(w for w in queue if w.id == place.id)
                if place.admit:
                    self.started[job.id] = now
                    end = now + timedelta(seconds=job.seconds)
                    self.runs[job.id] = (live(job.id, job.user, job.resources), end)
                elif place.earliest is not None:
                    self.told.setdefault(job.id, place.earliest)
            coming = [e for _, e in self.runs.values()] + [at for at, _ in self.waits if at > now]
            if not coming:
                return
            now = min(coming)
        raise AssertionError("it does not end")


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 10), st.integers(1, 120)), max_size=15))
@settings(max_examples=200, deadline=None)
def test_everybody_gets_a_turn_and_no_promise_is_broken(jobs: list[tuple[int, int, int]]) -> None:
    ordered = sorted(jobs)
    waits = [
        (NOW + timedelta(minutes=at), Waiting(str(i), "ann", cpu(c), 60 * minutes))
        for i, (at, c, minutes) in enumerate(ordered)
    ]
    line = Line(Limits({"cpu": 10}), waits)
    line.play()
    assert len(line.started) == len(jobs)
    # Who came first stands in front, so nothing that comes later can move what was told.
    assert all(line.started[job] <= told for job, told in line.told.items())


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(-MAX_PRIORITY, MAX_PRIORITY)), min_size=2, max_size=20))
def test_the_order_of_a_line_does_not_change_and_starves_nobody(jobs: list[tuple[int, int]]) -> None:
    made = [(NOW + timedelta(seconds=s), p) for s, p in jobs]
    ordered = sorted(made, key=lambda j: rank(*j))
    for i, (at, priority) in enumerate(ordered):
        for later, other in ordered[:i]:
            # Passed only by what came before it, or within the hours that the steps between them are worth.
            assert later - at <= max(0, other - priority) * AGEING
    longest = 2 * MAX_PRIORITY * AGEING
    for at, priority in made:
        assert all(rank(at, priority) <= rank(later, p) for later, p in made if later - at >= longest)


@pytest.mark.parametrize("count", [20_000])
def test_a_long_line_is_planned_in_one_pass(count: int) -> None:
    usage = GroupUsage("g", Limits({"cpu": 10}), (live("runs", "ann", cpu(10)),))
    queue = [Waiting(str(i), f"u{i % 50}", cpu(1 + i % 3), 60) for i in range(count)]
    calls = 0

    class Counted(Limits):
        def __getitem__(self, name: str) -> int:
            nonlocal calls
            calls += 1
            return super().__getitem__(name)

    plan_admissions(GroupUsage("g", Counted({"cpu": 10}), usage.live), queue, NOW, in_minutes(runs=5))
    # A few looks at a limit for each, however many are in front.
    assert calls < 8 * count
    assert timedelta() < SLACK
