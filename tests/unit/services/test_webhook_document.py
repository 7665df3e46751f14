"""The check of signatures that the documentation gives to receivers is right."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from collegium.services.notifications.web import signed

TEXT = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()


def test_the_documented_check() -> None:
    found = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    body, now = '{"name":"Jürgen"}'.encode(), int(time.time())
    headers = {"Collegium-Timestamp": str(now), "Collegium-Signature": signed("hush", body, now)}
    assert names["is_ours"]("hush", headers, body)
    assert not names["is_ours"]("other", headers, body)
    assert not names["is_ours"]("hush", headers, body + b" ")
    assert not names["is_ours"]("hush", {**headers, "Collegium-Timestamp": str(now + 1)}, body)
    old = {"Collegium-Timestamp": str(now - 999), "Collegium-Signature": signed("hush", body, now - 999)}
    assert not names["is_ours"]("hush", old, body)
