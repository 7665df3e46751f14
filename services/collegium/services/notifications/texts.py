"""What people read of an end: short and plain, with nothing of the log or the environment in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collegium.domain.notifications import TEST, Topic

#: Lines of a message that stands for many.
MAX_LINES = 50
_REASONS = {
    "Completed": "",
    "ExitCode": "it ended with an error",
    "Signal": "it was stopped from outside",
    "OutOfMemory": "it needed more memory than its instance type has",
    "Timeout": "its time limit was over",
    "Cancelled": "",
    "Lost": "its run disappeared, the machine may have restarted",
    "StartFailed": "it could not be started",
    "NoLongerGranted": "what it asked for is not granted any more",
    "Skipped": "the jobs that it waited for did not end as it needs",
    "FailureStreak": "too many runs failed one after another",
    "NoRight": "whose jobs they are may not run any here now",
    "Invalid": "what it says cannot be followed any more",
    "NotSubmitted": "a run could not be submitted",
}
_VERBS = {"Succeeded": "succeeded", "Failed": "failed", "Cancelled": "was cancelled"}


def subject(payload: Mapping[str, Any]) -> str:
    """One line that says it all."""
    return f"[{payload['group']}] {headline(payload)}"


def headline(payload: Mapping[str, Any]) -> str:
    """The same without the group."""
    topic = payload["event"]
    if topic == TEST:
        return "Test of a notification channel"
    if topic == Topic.SCHEDULE_PAUSED:
        return f"Schedule {payload['schedule']['name']} was paused"
    if topic == Topic.SCHEDULE_MISSED:
        return f"Schedule {payload['schedule']['name']} missed runs"
    kind = "sweep" if topic == Topic.SWEEP_ENDED else "job"
    found = payload[kind]
    return f"{kind.title()} {found['name']} {_VERBS.get(found['state'], 'ended')}"


def text(payload: Mapping[str, Any]) -> str:
    """A whole message."""
    if payload["event"] == TEST:
        return (
            f"This is a test: {payload['by']} asked for it.\nNotifications of group {payload['group']} arrive here.\n"
        )
    found = payload.get("job") or payload.get("schedule") or payload.get("sweep") or {}
    lines = [headline(payload) + ".", ""]
    lines.append(f"Group: {payload['group']}")
    lines.append(f"User: {found.get('user', '')}")
    why = reason(found)
    if why:
        lines.append(f"Reason: {why}")
    if found.get("duration_seconds") is not None:
        lines.append(f"Duration: {duration(found['duration_seconds'])}")
    if found.get("attempt", 0) > 1:
        lines.append(f"Attempts: {found['attempt']}")
    if "jobs" in found:
        lines.append(f"Jobs: {found['jobs']}")
    if payload.get("url"):
        lines += ["", payload["url"]]
    return "\n".join(lines) + "\n"


def reason(found: Mapping[str, Any]) -> str:
    """Why, in words."""
    known = str(found.get("reason") or "")
    words = _REASONS.get(known, known)
    if known == "ExitCode" and found.get("exit_code") is not None:
        words += f" (exit code {found['exit_code']})"
    return words


def many_subject(payloads: Sequence[Mapping[str, Any]]) -> str:
    """One line for many ends."""
    groups = sorted({p["group"] for p in payloads})
    where = groups[0] if len(groups) == 1 else f"{len(groups)} groups"
    return f"[{where}] {len(payloads)} notifications"


def many(payloads: Sequence[Mapping[str, Any]]) -> str:
    """One message for many ends: a hundred jobs that end at once are no hundred mails."""
    lines = [f"{len(payloads)} notifications came together:", ""]
    for p in payloads[:MAX_LINES]:
        found = p.get("job") or p.get("schedule") or p.get("sweep") or {}
        why = reason(found)
        lines.append(f"- {p['group']}: {headline(p)}{f' ({why})' if why else ''}")
        if p.get("url"):
            lines.append(f"  {p['url']}")
    if len(payloads) > MAX_LINES:
        lines.append(f"and {len(payloads) - MAX_LINES} more.")
    return "\n".join(lines) + "\n"


def slack(words: str) -> str:
    """Text for Slack and those who read the same: what is markup there is text here."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def duration(seconds: float) -> str:
    """``2 h 3 min``, ``3 min 20 s``, ``20 s``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
