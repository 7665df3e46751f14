"""Mail to a real SMTP server, and to servers that do not want it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from collegium.domain.errors import Conflict, InvalidInput, Misconfigured, Unavailable
from collegium.services.mail import Mailer, MailSettings
from support.installation import free_port
from support.mail import MailSink, links, mail_sink


def mailer(port: int, **more: Any) -> Mailer:
    values = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "hub@example.org", **more}
    return Mailer(MailSettings.from_mapping(values))


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


async def test_a_message_arrives(mail: MailSink) -> None:
    await mailer(mail.port).send("ada@example.org", "Come\r\nin", "Olá, open\n\nhttps://example.org/x#cinv_abc-DEF_1\n")
    message = mail.wait_for("ada@example.org")
    assert (message["From"], message["To"], message["Subject"]) == ("hub@example.org", "ada@example.org", "Come in")
    assert message["Message-ID"].endswith("@example.org>")
    assert links(message) == ["https://example.org/x#cinv_abc-DEF_1"]


@pytest.mark.parametrize("to", ["ada", "a@b, c@d", "a@b\nBcc: c@d"])
async def test_addresses_are_checked_before_anybody_is_asked(to: str) -> None:
    with pytest.raises(InvalidInput):
        await mailer(free_port()).send(to, "x", "y")


async def test_without_a_server() -> None:
    with pytest.raises(Conflict, match="COLLEGIUM_MAIL"):
        await Mailer(None).send("ada@example.org", "x", "y")
    with pytest.raises(Unavailable, match="nobody listens"):
        await mailer(free_port()).send("ada@example.org", "x", "y")


async def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unavailable, match="in time"):
        await mailer(silent.getsockname()[1], patience=0.5).send("ada@example.org", "x", "y")


class Picky:
    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        return "550 not here, cinv_secret"

    async def handle_AUTH(self, server: Any, session: Any, envelope: Any, method: str, args: Any) -> Any:
        return AuthResult(success=False)


@pytest.fixture
def picky() -> Iterator[int]:
    port = free_port()
    controller = Controller(Picky(), hostname="127.0.0.1", port=port, auth_require_tls=False)
    controller.start()
    yield port
    controller.stop()


async def test_a_refused_address(picky: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await mailer(picky).send("ada@example.org", "x", "y")
    assert caught.value.details["field"] == "email"
    assert "cinv_secret" not in caught.value.message


async def test_a_refused_login_does_not_tell_the_password(picky: int, tmp_path: Path) -> None:
    file = tmp_path / "password"
    chosen = mailer(picky, user="hub", password_file=str(file))
    with pytest.raises(Misconfigured, match="password_file"):
        await chosen.send("ada@example.org", "x", "y")
    file.write_text("geheim-1234\n")
    with pytest.raises(Misconfigured, match="login") as caught:
        await chosen.send("ada@example.org", "x", "y")
    assert "geheim" not in str(caught.value)


async def test_a_login(tmp_path: Path) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    sink = MailSink()
    controller = Controller(
        sink, hostname="127.0.0.1", port=sink.port, authenticator=authenticator, auth_require_tls=False
    )
    controller.start()
    try:
        (tmp_path / "password").write_text("geheim-1234\n")
        await mailer(sink.port, user="hub", password_file=str(tmp_path / "password")).send("a@b.org", "x", "y")
        sink.wait_for("a@b.org")
    finally:
        controller.stop()
    assert seen == [(b"hub", b"geheim-1234")]


async def test_encryption_that_is_not_offered_is_not_done_without(mail: MailSink) -> None:
    for security in ("starttls", "tls"):
        with pytest.raises(Unavailable):
            await mailer(mail.port, security=security).send("ada@example.org", "x", "y")
    assert not mail.messages


def test_settings(tmp_path: Path) -> None:
    text = '{"host": "mail.example.org", "sender": "hub@example.org"}'
    (tmp_path / "mail.json").write_text(text)
    for given in (text, str(tmp_path / "mail.json")):
        settings = MailSettings.from_environment({"COLLEGIUM_MAIL": given})
        assert settings
        assert (settings.security, settings.port) == ("starttls", 0)
    assert MailSettings.from_environment({}) is None
    for bad in ("{", "[]", "/nowhere", '{"host": "x"}', '{"host": "x", "sender": "y"}'):
        with pytest.raises(InvalidInput):
            MailSettings.from_environment({"COLLEGIUM_MAIL": bad})
    with pytest.raises(InvalidInput, match=r"mail\.shoe"):
        MailSettings.from_mapping({"host": "x", "sender": "a@b", "shoe": 1})
