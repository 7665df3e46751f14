"""Typed parameters of jobs: one type system for forms, submits, notebooks and sweeps."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from collegium.domain.errors import InvalidInput, shorten
from collegium.domain.names import check_env_name

#: Most parameters of one job, choices of one parameter, and items of a list.
MAX_PARAMETERS, MAX_CHOICES, MAX_ITEMS = 200, 1000, 10_000
#: Characters of a text, unless the parameter says less.
MAX_TEXT = 100_000
#: Whole numbers that every program can hold.
MAX_INTEGER = 2**63 - 1


class ParameterType(enum.StrEnum):
    """What a value may be. ``any`` is whatever JSON can say; it is what an expression in a notebook comes to."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LIST = "list"
    OBJECT = "object"
    ANY = "any"


_NUMBERS = frozenset({ParameterType.INTEGER, ParameterType.NUMBER})
_LENGTHS = frozenset({ParameterType.TEXT, ParameterType.LIST})
_WORDS = {
    ParameterType.TEXT: "text",
    ParameterType.INTEGER: "a whole number",
    ParameterType.NUMBER: "a number",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.LIST: "a list",
    ParameterType.OBJECT: "an object",
}


@dataclass(frozen=True)
class Parameter:
    """A declared parameter.

    ``minimum`` and ``maximum`` bound a number's value, and the length of a text or list. A parameter that is neither
    required nor has a default is left out if no value is given: the program's own default stands.
    """

    name: str
    type: ParameterType = ParameterType.ANY
    default: Any = None
    required: bool = False
    nullable: bool = False
    description: str = ""
    minimum: float | int | None = None
    maximum: float | int | None = None
    choices: tuple[Any, ...] = ()
    items: ParameterType | None = None

    def check(self, value: Any, field: str) -> Any:
        """The value as it is passed on (a whole ``3.0`` is 3 where an integer is wanted); raises InvalidInput."""
        if value is None and (self.nullable or self.type is ParameterType.ANY):
            return None
        if self.type is ParameterType.CHOICE:
            return self._chosen(value, field)
        checked = _typed(self.type, value, field)
        if self.type in _NUMBERS:
            self._within(checked, checked, field, length=False)
        elif self.type in _LENGTHS:
            self._within(len(checked), value, field, length=True)
        if self.type is ParameterType.LIST:
            return [_typed(self.items, item, f"{field}.{i}") if self.items else item for i, item in enumerate(checked)]
        return checked

    def _chosen(self, value: Any, field: str) -> Any:
        for choice in self.choices:
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return choice
        known = ", ".join(str(shorten(c, 40)) for c in self.choices[:20])
        raise InvalidInput(field, f"must be one of {known}", value, list(self.choices[:20]))

    def _within(self, amount: float | int, value: Any, field: str, length: bool) -> None:
        for bound, over, word in (
            (self.minimum, self.minimum is not None and amount < self.minimum, "at least"),
            (self.maximum, self.maximum is not None and amount > self.maximum, "at most"),
        ):
            if over:
                problem = (
                    f"has a length of {amount}, it must be {word} {bound}" if length else f"must be {word} {bound}"
                )
                raise InvalidInput(field, problem, _shown(value), bound)


def _typed(kind: ParameterType | None, value: Any, field: str) -> Any:
    match kind:
        case ParameterType.TEXT if isinstance(value, str):
            if len(value) > MAX_TEXT:
                raise InvalidInput(
                    field, f"has {len(value)} characters, at most {MAX_TEXT} are allowed", None, MAX_TEXT
                )
            return value
        case ParameterType.BOOLEAN if isinstance(value, bool):
            return value
        case ParameterType.INTEGER if _is_number(value) and (isinstance(value, int) or value.is_integer()):
            if abs(value) > MAX_INTEGER:
                raise InvalidInput(field, f"is beyond {MAX_INTEGER}", value, MAX_INTEGER)
            return int(value)
        case ParameterType.NUMBER if _is_number(value):
            return value
        case ParameterType.LIST if isinstance(value, list | tuple):
            if len(value) > MAX_ITEMS:
                raise InvalidInput(field, f"has {len(value)} items, at most {MAX_ITEMS} are allowed", None, MAX_ITEMS)
            return list(value)
        case ParameterType.OBJECT if isinstance(value, Mapping):
            return dict(value)
        case ParameterType.ANY | None:
            return value
    raise InvalidInput(field, f"must be {_WORDS[ParameterType(kind)]}", _shown(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> Any:
    """Text with its quotes: "must be a number (got '3')" tells more than "(got 3)"."""
    return "null" if value is None else repr(value) if isinstance(value, str) else value


def declare(parameter: Parameter, field: str) -> Parameter:
    """The declaration if it makes sense, its default checked; raises InvalidInput naming what does not."""
    check_env_name(parameter.name, field)
    if parameter.type is ParameterType.CHOICE:
        if not 1 <= len(parameter.choices) <= MAX_CHOICES:
            raise InvalidInput(
                f"{field}.choices", f"must hold 1 to {MAX_CHOICES} values", len(parameter.choices), MAX_CHOICES
            )
        if any(isinstance(c, list | dict) for c in parameter.choices):
            raise InvalidInput(f"{field}.choices", "must be text, numbers, true, false or null")
    elif parameter.choices:
        raise InvalidInput(f"{field}.choices", f"belong to the type choice, not to {parameter.type}")
    if parameter.items is not None and parameter.type is not ParameterType.LIST:
        raise InvalidInput(f"{field}.items", f"belongs to the type list, not to {parameter.type}", parameter.items)
    if parameter.items in (ParameterType.CHOICE, ParameterType.LIST, ParameterType.OBJECT):
        raise InvalidInput(f"{field}.items", "must be text, integer, number, boolean or any", parameter.items)
    _check_bounds(parameter, field)
    if parameter.required and parameter.default is not None:
        raise InvalidInput(f"{field}.required", "has no meaning beside a default")
    if parameter.default is not None:
        parameter.check(parameter.default, f"{field}.default")
    return parameter


def _check_bounds(parameter: Parameter, field: str) -> None:
    low, high = parameter.minimum, parameter.maximum
    for name, bound in (("minimum", low), ("maximum", high)):
        if bound is None:
            continue
        if parameter.type not in _NUMBERS | _LENGTHS:
            raise InvalidInput(f"{field}.{name}", f"has no meaning for the type {parameter.type}", bound)
        if parameter.type in _LENGTHS and (bound < 0 or bound != int(bound)):
            raise InvalidInput(
                f"{field}.{name}", "bounds a length, so it must be a whole number of at least 0", bound, 0
            )
    if low is not None and high is not None and low > high:
        raise InvalidInput(f"{field}.minimum", "is above the maximum", low, high)


def resolve_values(
    parameters: Iterable[Parameter], given: Mapping[str, Any], field: str = "values", defaults: bool = True
) -> dict[str, Any]:
    """What the program gets: given values and, if wanted, defaults, in the order of the declarations.

    Raises InvalidInput for a name that is not declared, a required value that is missing, and a value of another type
    or out of bounds; the field is ``<field>.<name>``.
    """
    declared = {p.name: p for p in parameters}
    for name in given:
        if name not in declared:
            known = ", ".join(list(declared)[:20]) or "none"
            raise InvalidInput(f"{field}.{name}", f"is not a parameter; declared are: {known}", given[name])
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        if name in given:
            values[name] = parameter.check(given[name], f"{field}.{name}")
        elif parameter.required:
            raise InvalidInput(f"{field}.{name}", f"is required: {_word(parameter)}")
        elif parameter.default is not None and defaults:
            values[name] = parameter.check(parameter.default, f"{field}.{name}")
    return values


def _word(parameter: Parameter) -> str:
    if parameter.type is ParameterType.CHOICE:
        return "one of " + ", ".join(str(shorten(c, 40)) for c in parameter.choices[:20])
    return _WORDS.get(parameter.type, "a value")


def parameter_to_json(parameter: Parameter) -> dict[str, Any]:
    """JSON-ready; what is as by default is left out."""
    found: dict[str, Any] = {"name": parameter.name, "type": parameter.type.value}
    plain = {
        "required": parameter.required,
        "nullable": parameter.nullable,
        "description": parameter.description,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "choices": list(parameter.choices),
        "items": parameter.items.value if parameter.items else None,
    }
    if parameter.default is not None:
        # False, 0 and empty ones are values like others.
        found["default"] = parameter.default
    return found | {k: v for k, v in plain.items() if v is not None and v is not False and v not in ("", [])}


def parameter_from_json(data: Mapping[str, Any]) -> Parameter:
    """The inverse of ``parameter_to_json``."""
    return Parameter(
        name=data["name"],
        type=ParameterType(data["type"]),
        default=data.get("default"),
        required=data.get("required", False),
        nullable=data.get("nullable", False),
        description=data.get("description", ""),
        minimum=data.get("minimum"),
        maximum=data.get("maximum"),
        choices=tuple(data.get("choices", ())),
        items=ParameterType(data["items"]) if data.get("items") else None,
    )
