"""PrimeHub's amounts as exact ones.

PrimeHub writes memory as ``nG`` and means three things by it: its spawner and its quota gate n × 1024³, its jobs
n × 1000³. Here ``G`` is 1024³ everywhere (likewise K, M, T): it is what was enforced at the gate and what notebooks
had, and a size that fitted a quota exactly still does. ``Gi`` and the like are what Kubernetes says they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from typing import Any

from collegium.catalog.primehub.findings import Findings, Where
from collegium.domain.errors import shorten
from collegium.domain.resources import CPU, MAX_AMOUNT, MEMORY, format_quantity

_NUMBER = re.compile(r"\+?([0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?([a-zA-Z]{0,2})", re.ASCII)
_POWERS = {"K": 1, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_BINARY = {**_POWERS, **{f"{s}i": n for s, n in _POWERS.items() if s != "k"}}
#: Sums of binary fractions leave dust such as 0.30000000000000004; it is not a wish for another millicore.
_DUST = Decimal("0.000001")
_LEAST_BYTES = 2**20


class Amounts:
    """Reads amounts, and notes what had to be rounded or interpreted. All are text for the catalog."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        #: True once an amount such as ``4G`` was read as 4 × 1024³.
        self.interpreted = False

    def cpu(self, where: Where, field: str, value: Any) -> str | None:
        """Cores, rounded up to whole millicores. None if it is no amount, which is then a problem."""
        return self._read(where, field, value, CPU, self._cpu)

    def memory(self, where: Where, field: str, value: Any) -> str | None:
        """Bytes; None as above."""
        return self._read(where, field, value, MEMORY, self._memory)

    def count(self, where: Where, field: str, value: Any, resource: str) -> str | None:
        """Whole things, rounded down: there is no half a GPU in PrimeHub. None as above."""
        return self._read(where, field, value, resource, self._count)

    def _read(
        self, where: Where, field: str, value: Any, resource: str, read: Callable[[str], tuple[int, bool]]
    ) -> str | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            self._findings.problem(where, field, f"is not an amount (got {shorten(value)})")
            return None
        try:
            with localcontext(Context(prec=120)):
                amount, exact = read(str(value).strip())
        except ValueError as error:
            self._findings.problem(where, field, f"{error} (got {shorten(value)})")
            return None
        text = format_quantity(amount, resource)
        if not exact:
            self._findings.changed(where, field, f"{shorten(value)} is no whole number of units and became {text}")
        return text

    def _cpu(self, text: str) -> tuple[int, bool]:
        number, suffix = _parts(text)
        if suffix not in ("", "m"):
            raise ValueError("is not an amount of CPU such as 0.5 or 500m")
        return _whole(number * (1 if suffix else 1000), ROUND_CEILING)

    def _memory(self, text: str) -> tuple[int, bool]:
        number, suffix = _parts(text)
        if suffix and suffix not in _BINARY:
            raise ValueError("is not an amount of memory such as 4G or 512Mi")
        # A bare 8 is 8 bytes to Kubernetes, and never what was meant.
        if not suffix and 0 < number < _LEAST_BYTES:
            raise ValueError(f"has no unit such as G and is less than {_LEAST_BYTES} bytes")
        self.interpreted |= suffix in _POWERS and number > 0
        return _whole(number * 1024 ** _BINARY.get(suffix, 0), ROUND_CEILING)

    def _count(self, text: str) -> tuple[int, bool]:
        number, suffix = _parts(text)
        if suffix:
            raise ValueError("is not a number")
        return _whole(number, ROUND_FLOOR)


def _parts(text: str) -> tuple[Decimal, str]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("is not an amount")
    return Decimal(match[1] + (match[2] or "")), match[3]


def _whole(amount: Decimal, rounding: str) -> tuple[int, bool]:
    if amount > MAX_AMOUNT:
        raise ValueError(f"is above the largest amount that can be counted, {MAX_AMOUNT} units")
    near = amount.to_integral_value()
    if abs(amount - near) < _DUST and (near or not amount):
        return int(near), amount == near
    rounded = amount.to_integral_value(rounding)
    return int(rounded), False
