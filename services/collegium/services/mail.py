"""Mail by SMTP: one plain message at a time, handed over or refused with a reason."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from collegium.configured import Configured
from collegium.domain.addresses import check_address
from collegium.domain.errors import Conflict, InvalidInput, Misconfigured, Unavailable

#: JSON, or the path of a JSON file; the password is in a file of its own.
VARIABLE = "COLLEGIUM_MAIL"
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


class MailSettings(Configured):
    """The server that takes our mail, and what we say who we are. ``port`` 0 is the usual one for ``security``."""

    called: ClassVar = "mail"
    variable: ClassVar = VARIABLE

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=0, ge=0, le=65535)
    security: Literal["none", "starttls", "tls"] = "starttls"
    user: str = ""
    password_file: Path | None = None
    sender: str
    #: A certificate authority for the server's certificate, if the system does not know it.
    ca_file: Path | None = None
    #: Seconds for each step of the talk.
    patience: Annotated[float, Field(gt=0, le=120)] = 15.0

    @field_validator("sender")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            return check_address(value, "sender")
        except InvalidInput as error:
            raise ValueError("must be an e-mail address") from error

    def password(self) -> str:
        """The password, read anew each time so that it can be changed. Raises Misconfigured, without quoting it."""
        if self.password_file is None:
            return ""
        try:
            return self.password_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"mail.password_file cannot be read: {type(error).__name__}") from None


class Mailer:
    """Sends mail; None for settings means that there is no server, and every try says so."""

    def __init__(self, settings: MailSettings | None) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(4, "mail")

    @property
    def ready(self) -> bool:
        """Is there a server to hand mail to?"""
        return self._settings is not None

    def require(self) -> None:
        """Raise Conflict that says what is missing."""
        if self._settings is None:
            raise Conflict(
                f"No mail can be sent from here: the setting {VARIABLE} (host and sender of a mail server) is missing.",
                missing=VARIABLE,
            )

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand one message over. Raises Conflict without a server, InvalidInput for an address that the server does not
        take, Misconfigured for a login that it refuses, Unavailable for everything else."""
        await self.send_all([to], subject, text)

    async def send_all(self, to: Sequence[str], subject: str, text: str, reference: str = "") -> int:
        """Hand one message to several over; how many of them the server does not take, unless none. Raises as ``send``.

        With a ``reference`` the message has the same id each time, so that a repeat is known for one.
        """
        self.require()
        assert self._settings is not None
        message = _message(self._settings, ", ".join(check_address(a) for a in to), subject, text, reference)
        # Threads of its own: a server that hangs must not take those of other work.
        return await asyncio.get_running_loop().run_in_executor(self._threads, _hand_over, self._settings, message)


def _message(settings: MailSettings, to: str, subject: str, text: str, reference: str) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"], message["To"] = settings.sender, to
        message["Subject"] = " ".join(subject.split())
    except (ValueError, MessageError):
        raise InvalidInput("email", "cannot be written into a mail") from None
    message["Date"] = formatdate(localtime=False)
    domain = settings.sender.rpartition("@")[2]
    # To the same person the same, to another another: mailboxes drop what they have.
    known = hashlib.sha256(f"{reference} {to}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{known}@{domain}>" if reference else make_msgid(domain=domain)
    # Automatic answers to automatic mail help nobody.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _hand_over(settings: MailSettings, message: EmailMessage) -> int:
    port = settings.port or _PORTS[settings.security]
    tls = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    try:
        with _connection(settings, port, tls) as server:
            if settings.security == "starttls":
                server.starttls(context=tls)
            if settings.user:
                server.login(settings.user, settings.password())
            return len(server.send_message(message))
    except smtplib.SMTPRecipientsRefused:
        raise InvalidInput("email", f"the mail server {settings.host} does not take this address") from None
    except smtplib.SMTPAuthenticationError:
        raise Misconfigured(
            f"The mail server {settings.host} refuses our login: look at mail.user and mail.password_file."
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        # Only the kind: what a server says may repeat what it was told.
        raise Unavailable(f"The mail server {settings.host}:{port} did not take the mail: {_kind(error)}.") from None


def _connection(settings: MailSettings, port: int, tls: ssl.SSLContext) -> smtplib.SMTP:
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, port, timeout=settings.patience, context=tls)
    return smtplib.SMTP(settings.host, port, timeout=settings.patience)


def _kind(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate cannot be trusted (mail.ca_file)"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it does not offer what mail.security or mail.user need"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    if isinstance(error, TimeoutError | smtplib.SMTPServerDisconnected):
        return "it did not answer in time, or hung up"
    return "nobody listens there" if isinstance(error, ConnectionRefusedError) else type(error).__name__
