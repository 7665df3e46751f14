"""What the API server's refusals mean for the user who wants a server."""

from __future__ import annotations

import re

from collegium.backends.kubernetes.client import Refused
from collegium.domain.errors import DomainError, Forbidden, NotFound, QuotaExceeded, Unavailable

_QUOTA = re.compile(r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+?)(?=$|[;.]? *$)")
_POLICY = re.compile(
    r"admission webhook \"?([^\" ]+)\"? denied the request:? *(.*)"
    r"|ValidatingAdmissionPolicy '([^']+)'.* denied request:? *(.*)",
    re.DOTALL,
)
_PREPARING = re.compile(r"service ?account .* not found|cannot (create|get|list|delete) resource", re.IGNORECASE)
_WORDS = {"limits.cpu": "CPU", "requests.cpu": "CPU set aside", "limits.memory": "memory", "pods": "servers and runs"}


def is_quota(error: BaseException) -> bool:
    """Whether the namespace's ResourceQuota said no."""
    return isinstance(error, Refused) and error.status == 403 and "exceeded quota" in error.message


def is_preparing(error: BaseException | None) -> bool:
    """Whether the namespace, its account or our rights there are missing, as they are while it is being made.

    An API server that has just begun says so too: it does not know yet who may do what.
    """
    if isinstance(error, Refused):
        return error.status == 403 and _PREPARING.search(error.message) is not None
    return isinstance(error, NotFound)


def explained(error: Refused | NotFound, group: str) -> DomainError:
    """A refusal in words for people; not found is the namespace."""
    message = error.message
    if isinstance(error, NotFound) or is_preparing(error):
        return Unavailable(f"The space of group {group} is being prepared, try again in a moment.")
    if is_quota(error):
        return _quota(message, group)
    if error.reason == "NamespaceTerminating" or "being terminated" in message:
        return Unavailable(f"The space of group {group} is being removed.")
    if policy := _POLICY.search(message):
        name, told = policy[1] or policy[3], (policy[2] or policy[4] or "").strip()
        return Forbidden(f"A policy of this cluster ({name}) refuses the server: {told or 'it gives no reason'}")
    return Forbidden(f"The cluster refuses the server: {_detail(message)}")


def _quota(message: str, group: str) -> QuotaExceeded:
    found = _QUOTA.search(message)
    title = f"The space of group {group} on the cluster is full"
    if found is None:
        return QuotaExceeded(f"{title}: {_detail(message)}")
    asked, used, limit = (_amounts(found[i]) for i in (2, 3, 4))
    violations = [
        {
            "resource": name,
            "asked": amount,
            "used": used.get(name, ""),
            "limit": limit.get(name, ""),
            "message": f"{title}: {used.get(name, '?')} of {limit.get(name, '?')} {_word(name)} in use;"
            f" {amount} more was asked.",
        }
        for name, amount in asked.items()
    ]
    return QuotaExceeded(" ".join(str(v["message"]) for v in violations), violations=violations, group=group)


def _amounts(text: str) -> dict[str, str]:
    return dict(pair.strip().partition("=")[::2] for pair in text.split(",") if "=" in pair)


def _word(name: str) -> str:
    return _WORDS.get(name, name.removeprefix("requests.").removeprefix("limits."))


def _detail(message: str) -> str:
    return message.partition(" is forbidden: ")[2] or message
