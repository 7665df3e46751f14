"""Whose jobs a schedule brings about, and what they are."""

from __future__ import annotations

from pydantic import ValidationError

from collegium.catalog.mounts import check_choice
from collegium.db import UnitOfWork
from collegium.domain.errors import DomainError, InvalidInput, NotGranted
from collegium.domain.groups import Actor
from collegium.domain.identity import refuse_inactive
from collegium.domain.jobs import JobSpec
from collegium.domain.launch import LaunchOptions, resolve
from collegium.domain.policy import Operation, explain
from collegium.domain.quota import WorkloadKind
from collegium.domain.schedules import Schedule, ScheduleRun
from collegium.quota.ledger import usage
from collegium.services.jobs.models import JobIn
from collegium.services.jobs.submit import check_priority
from collegium.services.notifications.own import check_notify
from collegium.services.schedules.validate import read_template
from collegium.services.secrets.use import check_secrets


def person(uow: UnitOfWork, schedule: Schedule) -> tuple[Actor, str]:
    """Whose jobs these are, with today's roles, and why they may not run any; empty if they may."""
    actor = uow.memberships.actor(schedule.run_as)
    try:
        refuse_inactive(uow.identities.of_user(schedule.run_as))
    except DomainError:
        return actor, _refusal(schedule, "has no active account any more")
    # A membership of their own: a platform admin's power is no share of the quota.
    verdict = explain(actor, Operation.JOB_SUBMIT, schedule.group)
    return actor, "" if verdict.allowed else _refusal(schedule, "may not run jobs in this group any more")


def body_of(schedule: Schedule, run: ScheduleRun | None = None) -> JobIn:
    """What is submitted, with what a run's job is told; the template may say otherwise. Raises InvalidInput."""
    try:
        body = JobIn.model_validate(schedule.template)
    except ValidationError as error:
        problem = f"is no job any more, write it anew ({error.errors()[0]['msg']})"
        raise InvalidInput("template", problem) from None
    if run is None:
        return body
    told = {
        "COLLEGIUM_SCHEDULE": schedule.name,
        "COLLEGIUM_DUE_AT": run.due_at.isoformat().replace("+00:00", "Z"),
        "COLLEGIUM_TRIGGER": run.trigger.value,
    }
    return body.model_copy(update={"environment": {**told, **body.environment}})


def check_job(uow: UnitOfWork, actor: Actor, group: str, body: JobIn, operation: Operation) -> None:
    """Refuse what could not be submitted today: raises InvalidInput, NotFound, Forbidden, NotGranted, QuotaExceeded."""
    spec: JobSpec = read_template(body)
    live = uow.memberships.actor(actor.user, actor.platform_admin, actor.scopes)
    options = LaunchOptions(group, spec.instance_type, spec.image)
    try:
        offer = uow.catalog.offer(group)
        launch = resolve(live, options, offer, operation)
        check_choice(uow, offer, spec.datasets)
    except (NotGranted, InvalidInput) as error:
        raise error.below("template") from None
    check_priority(live, group, body.priority, "template.priority")
    check_secrets(uow, group, spec, "template.secrets")
    check_notify(uow, group, actor.user, spec.notify, "template.notify")
    decision = usage(uow, group).decide(actor.user, WorkloadKind.JOB, launch.resources)
    if decision.never:
        raise decision.error()


def _refusal(schedule: Schedule, why: str) -> str:
    return f"Its jobs are those of {schedule.run_as}, who {why}. A maintainer of the group can take it over."
