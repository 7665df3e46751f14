"""Keys: made once, given, changed, wrong."""

from __future__ import annotations

import secrets
import stat
from base64 import b64encode
from pathlib import Path

import pytest

from collegium.cipher import KEY_FILE, VARIABLE, Cipher
from collegium.domain.errors import Misconfigured
from collegium.settings import Settings


def given(*keys: str) -> Cipher:
    return Cipher.from_settings(Settings.at(Path("/nowhere")), {VARIABLE: ",".join(keys)})


def test_a_key_is_made_once(tmp_path: Path) -> None:
    settings = Settings.at(tmp_path / "state")
    assert not Cipher.from_settings(settings, {}, make=False).ready
    sealed = Cipher.from_settings(settings, {}).seal("täglich", "a thing")
    assert "täglich" not in sealed
    assert Cipher.from_settings(settings, {}, make=False).open(sealed, "a thing") == "täglich"
    path = settings.state_dir / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in settings.state_dir.iterdir()] == [KEY_FILE]
    path.chmod(0o640)
    assert "must be 600" in Cipher.from_settings(settings, {}).problem


def test_a_key_is_changed() -> None:
    old, new = secrets.token_hex(32), b64encode(secrets.token_bytes(32)).decode()
    before, both, after = given(old), given(new, old), given(new)
    sealed = before.seal("value", "x")
    assert both.open(sealed, "x") == "value"
    renewed = both.renew(sealed, "x")
    assert renewed is not None and both.renew(renewed, "x") is None
    assert after.open(renewed, "x") == "value"
    with pytest.raises(Misconfigured, match=VARIABLE) as refused:
        after.open(sealed, "x")
    assert "value was sealed" not in str(refused.value) and old not in str(refused.value)


def test_a_sealed_text_belongs_to_one_thing() -> None:
    cipher = Cipher.generate()
    sealed = cipher.seal("value", "secret a of group physics")
    for about in ("secret a of group chemistry", "secret a", ""):
        with pytest.raises(Misconfigured):
            cipher.open(sealed, about)
    with pytest.raises(Misconfigured):
        cipher.open("not sealed at all", "x")


@pytest.mark.parametrize("text", ["short", "a" * 63, "g" * 64, b64encode(b"x" * 31).decode(), ",", "é" * 44])
def test_a_key_that_is_none(text: str) -> None:
    cipher = given(secrets.token_hex(32), text)
    if text == ",":
        assert cipher.ready  # commas at the end name no key
        return
    assert text not in cipher.problem
    with pytest.raises(Misconfigured, match=f"Key 2 in {VARIABLE}"):
        cipher.seal("value", "x")


def test_without_one() -> None:
    with pytest.raises(Misconfigured, match=VARIABLE):
        Cipher.without().open("x", "x")
