"""Words of a fixed list in strict JSON: pydantic's strict mode takes an enum's members only, and JSON has none."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator

from collegium.domain.groups import Role


def one_of(kind: type[enum.StrEnum]) -> BeforeValidator:
    """Text that is a value of the enum becomes its member; anything else is refused with the list."""

    def read(value: Any) -> Any:
        if isinstance(value, str) and value in {m.value for m in kind}:
            return kind(value)
        raise ValueError(f"must be one of {', '.join(m.value for m in kind)}")

    function: Callable[[Any], Any] = read
    return BeforeValidator(function)


RoleWord = Annotated[Role, one_of(Role)]
