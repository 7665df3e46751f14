"""Domain checks as pydantic ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from collegium.domain.errors import DomainError


def checked(check: Callable[[Any], Any]) -> AfterValidator:
    """Turn a domain check into a pydantic one, without repeating the field that pydantic names itself."""

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except DomainError as error:
            raise ValueError(error.message.partition(": ")[2] or error.message) from None

    return AfterValidator(validate)


class Strict(BaseModel):
    """Refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid")
