"""What an operator chooses for notifications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from collegium.domain.addresses import check_domain
from collegium.domain.destinations import Network, read_networks
from collegium.domain.errors import InvalidInput


@dataclass(frozen=True)
class NotificationOptions:
    """``networks`` are in reach beside the public internet; mail goes to ``domains`` only, to any without one."""

    networks: tuple[Network, ...] = ()
    domains: frozenset[str] = frozenset()
    #: For how long it is known what was sent.
    age: timedelta = timedelta(days=30)

    @classmethod
    def read(cls, networks: Sequence[str], domains: Sequence[str], days: int) -> Self:
        """From an operator's words. Raises InvalidInput."""
        return cls(
            read_networks(networks, "notification_networks"),
            frozenset(check_domain(d, "notification_mail_domains") for d in domains),
            timedelta(days=days),
        )

    def check_domain(self, address: str, field: str) -> None:
        """Raise InvalidInput for an address that no mail may go to."""
        domain = address.rpartition("@")[2].lower()
        if self.domains and domain not in self.domains:
            allowed = ", ".join(sorted(self.domains))
            raise InvalidInput(field, f"mail goes to addresses of {allowed} only", address, allowed)
