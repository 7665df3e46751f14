"""After a change of keys: everything is sealed with the first one, so that the old ones can go."""

from __future__ import annotations

import logging
from dataclasses import replace

from collegium.cipher import Cipher
from collegium.db import UnitOfWork
from collegium.domain.errors import Misconfigured
from collegium.services.controller.lease import Lease
from collegium.services.notifications.seals import renewed

#: Secrets that are looked at in one transaction.
AT_ONCE = 100
_log = logging.getLogger("collegium.controller")


class SealRounds:
    """Looks at a part in each round until all was looked at once: keys change with a restart only."""

    def __init__(self, lease: Lease, cipher: Cipher) -> None:
        self._lease, self._cipher = lease, cipher
        self._after: tuple[str, str] | None = ("", "")
        self._changed = self._closed = 0

    async def round(self) -> None:
        """The next part."""
        if self._after is None or not self._cipher.ready:
            return
        self._after = await self._lease.write(self._part)
        if self._after is None and self._changed:
            _log.info("%d values were sealed with the first key", self._changed)
        if self._after is None and self._closed:
            _log.error("%d values were sealed with a key that is not given any more", self._closed)

    def _part(self, uow: UnitOfWork) -> tuple[str, str] | None:
        if self._after == ("", ""):
            self._channels(uow)
        assert self._after is not None
        found = uow.secrets.every(self._after, AT_ONCE)
        for secret, sealed in found:
            try:
                after = self._cipher.renew(sealed, secret.about)
            except Misconfigured:
                self._closed += 1
                continue
            if after is not None:
                uow.secrets.renew(secret, sealed, after)
                self._changed += 1
        return (found[-1][0].group, found[-1][0].name) if len(found) == AT_ONCE else None

    def _channels(self, uow: UnitOfWork) -> None:
        for channel in uow.channels.of_groups([group.name for group in uow.groups.all()]):
            try:
                url, secret = renewed(self._cipher, channel)
            except Misconfigured:
                self._closed += 1
                continue
            if (url, secret) != (channel.url, channel.secret):
                uow.channels.change(replace(channel, url=url, secret=secret))
                self._changed += 1
