"""Settings that one process hands to another in a variable: JSON, or a JSON file's path, read strictly."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from collegium.domain.errors import InvalidInput


class Configured(BaseModel):
    """Base of such settings. ``called`` begins the name of each in an error, ``variable`` names the variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    called: ClassVar[str]
    variable: ClassVar[str]

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """Raises InvalidInput that names the setting; unknown settings are refused."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join([cls.called, *(str(p) for p in first["loc"])])
            problem = first["msg"].removeprefix("Value error, ")
            raise InvalidInput(where, problem[:1].lower() + problem[1:]) from None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Read the variable; None if it is not set. Raises InvalidInput."""
        text = environment.get(cls.variable)
        if not text:
            return None
        try:
            values = json.loads(Path(text).read_text() if text.startswith("/") else text)
        except (OSError, ValueError) as error:
            raise InvalidInput(cls.variable, f"cannot be read as JSON: {type(error).__name__}") from None
        if not isinstance(values, Mapping):
            raise InvalidInput(cls.variable, "must be a JSON object")
        return cls.from_mapping(values)

    def to_json(self) -> str:
        """What ``from_environment`` reads."""
        return self.model_dump_json()
