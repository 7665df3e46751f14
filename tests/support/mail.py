"""A real SMTP server that keeps what it gets, for tests that wait for mail."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from support.installation import free_port


class MailSink:
    """``messages`` are in the order of their arrival, parsed."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self._arrived = threading.Condition()  # its lock may be taken twice by one thread

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Called by aiosmtpd, in its own thread."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        with self._arrived:
            self.messages.append(message)
            self.recipients.append(list(envelope.rcpt_tos))
            self._arrived.notify_all()
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """What has come for an address so far."""
        with self._arrived:
            pairs = zip(self.messages, self.recipients, strict=True)
            return [message for message, recipients in pairs if address in recipients]

    def wait_for(self, address: str, wanted: Callable[[EmailMessage], bool] = lambda _: True) -> EmailMessage:
        """The newest message for an address that is as wanted; waits until there is one."""
        found: list[EmailMessage] = []

        def look() -> bool:
            found[:] = [message for message in self.to(address) if wanted(message)]
            return bool(found)

        with self._arrived:
            assert self._arrived.wait_for(look, 60), f"no such mail for {address}: {[str(m) for m in self.messages]}"
        return found[-1]


def links(message: EmailMessage) -> list[str]:
    """The addresses in a message's plain text."""
    body = message.get_body(("plain", "html"))
    assert body is not None
    return re.findall(r"https?://[^\s\"'<>]+", body.get_content())


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    """Run a sink for the time of the block."""
    sink = MailSink()
    controller = Controller(sink, hostname=sink.host, port=sink.port)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
