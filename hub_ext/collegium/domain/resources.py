"""Exact amounts of what a workload uses.

CPU is integer millicores, memory and storage are integer bytes, everything else (GPUs) is an integer count. Text is
the quantity notation of Kubernetes (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
No float comes near a limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from collegium.domain.errors import InvalidInput

CPU = "cpu"
MEMORY = "memory"
STORAGE = "storage"
COUNT_PREFIX = "count/"
#: Largest amount of anything: fits a signed 64-bit column with room for sums.
MAX_AMOUNT = 2**53

_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?", re.ASCII)
_FACTORS: dict[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{s: Decimal(1000) ** (i + 1) for i, s in enumerate(["k", "M", "G", "T", "P", "E"])},
    **{s: Decimal(1024) ** (i + 1) for i, s in enumerate(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])},
}
_RESOURCE_NAME = re.compile(r"([a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?", re.ASCII)


def parse_quantity(text: str | int, resource: str, field: str = "quantity") -> int:
    """Read a quantity into the resource's unit: millicores for ``cpu``, bytes or counts otherwise.

    Raises InvalidInput for anything that is not a plain quantity, is finer than the unit (``0.1m`` of CPU, half a GPU)
    or is above 2^53 units.
    """
    raw = str(text).strip() if isinstance(text, int) and not isinstance(text, bool) else text
    if not isinstance(raw, str):
        raise InvalidInput(field, "is not a quantity such as 500m, 2 or 4Gi", text)
    match = _QUANTITY.fullmatch(raw)
    if match is None:
        raise InvalidInput(field, "is not a quantity such as 500m, 2 or 4Gi", raw)
    amount = Decimal(match[1]) * _FACTORS[match[2] or ""] * (1000 if resource == CPU else 1)
    if amount != amount.to_integral_value():
        unit = "1m (a thousandth of a core)" if resource == CPU else "1"
        raise InvalidInput(field, f"is finer than the smallest amount of {resource}, {unit}", raw, unit)
    if amount > MAX_AMOUNT:
        raise InvalidInput(field, f"is above the largest amount of {resource} that can be counted", raw, MAX_AMOUNT)
    return int(amount)


def format_quantity(amount: int, resource: str) -> str:
    """Print an amount in the shortest exact quantity: 1500 millicores are ``1500m``, 2^30 bytes are ``1Gi``."""
    if resource == CPU:
        return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"
    if resource in (MEMORY, STORAGE) and amount:
        for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
            if amount % int(_FACTORS[suffix]) == 0:
                return f"{amount // int(_FACTORS[suffix])}{suffix}"
    return str(amount)


def check_resource_name(name: str, field: str = "resource") -> str:
    """Return ``name`` if it may name a resource (``cpu``, ``memory``, ``nvidia.com/gpu``), else raise InvalidInput."""
    if not isinstance(name, str) or not _RESOURCE_NAME.fullmatch(name):
        raise InvalidInput(field, "is not a resource name such as cpu, memory or nvidia.com/gpu", name)
    return name


@dataclass(frozen=True)
class Resources(Mapping[str, int]):
    """A vector of amounts, absent meaning zero; supports ``+`` and comparison through the mapping."""

    amounts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, amount in self.amounts.items():
            if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
                raise InvalidInput(name, "must be a whole number of at least 0", amount, 0)
        object.__setattr__(self, "amounts", {k: v for k, v in sorted(self.amounts.items()) if v})

    @classmethod
    def parse(cls, quantities: Mapping[str, str | int], field: str = "resources") -> Resources:
        """Build from quantity text, e.g. ``{"cpu": "500m", "memory": "1Gi"}``; raises InvalidInput."""
        return cls({check_resource_name(k, field): parse_quantity(v, k, f"{field}.{k}") for k, v in quantities.items()})

    def __getitem__(self, name: str) -> int:
        return self.amounts.get(name, 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self.amounts)

    def __len__(self) -> int:
        return len(self.amounts)

    def __hash__(self) -> int:
        return hash(tuple(self.amounts.items()))

    def __add__(self, other: Resources) -> Resources:
        return Resources({k: self[k] + other[k] for k in {*self, *other}})

    def with_count(self, kind: str) -> Resources:
        """The same vector plus one workload of ``kind``, so that counts are limited by the same arithmetic."""
        return self + Resources({COUNT_PREFIX + kind: 1})

    def texts(self) -> dict[str, str]:
        """Each amount as quantity text."""
        return {k: format_quantity(v, k) for k, v in self.amounts.items()}

    def describe(self) -> str:
        """One line for people: ``0.5 CPU, 1 GiB memory, 1 nvidia.com/gpu``."""
        return (
            ", ".join(describe_amount(v, k) for k, v in self.amounts.items() if not k.startswith(COUNT_PREFIX))
            or "nothing"
        )


def describe_amount(amount: int, resource: str) -> str:
    """An amount for people, exact: ``1.5 CPU``, ``512 MiB memory``, ``3 jobs``."""
    if resource == CPU:
        return f"{(Decimal(amount) / 1000).normalize():f} CPU"
    if resource in (MEMORY, STORAGE):
        text = format_quantity(amount, resource)
        spaced = re.sub(r"([0-9])([KMGTPE]i)$", r"\1 \2B", text)
        return f"{spaced if spaced != text else text + ' bytes'} {resource}"
    if resource.startswith(COUNT_PREFIX):
        kind = resource.removeprefix(COUNT_PREFIX)
        return f"{amount} {kind.removesuffix('s') if amount == 1 else kind}"
    return f"{amount} {resource}"


def short_amount(amount: int, resource: str) -> str:
    """The amount without its noun, where the noun stands beside it: ``1.5``, ``512 MiB``, ``3``."""
    if not amount or resource.startswith(COUNT_PREFIX):
        return str(amount)
    return describe_amount(amount, resource).rpartition(" ")[0]


def unit_of(resource: str) -> str:
    """The unit that amounts of a resource are counted in."""
    return {CPU: "millicores", MEMORY: "bytes", STORAGE: "bytes"}.get(resource, "count")


def total(vectors: Iterable[Resources]) -> Resources:
    """The sum of many vectors."""
    sums: dict[str, int] = {}
    for vector in vectors:
        for name, amount in vector.items():
            sums[name] = sums.get(name, 0) + amount
    return Resources(sums)


def size_hints(resources: Resources) -> dict[str, str]:
    """What programs read to size themselves: JupyterHub's CPU_LIMIT (cores) and MEM_LIMIT (bytes), and threads."""
    found: dict[str, str] = {}
    if cpu := resources[CPU]:
        found["CPU_LIMIT"] = f"{cpu // 1000}.{cpu % 1000:03d}".rstrip("0").rstrip(".")
        found["OMP_NUM_THREADS"] = str(whole_cores(cpu))
    if memory := resources[MEMORY]:
        found["MEM_LIMIT"] = str(memory)
    return found


def whole_cores(cpu: int) -> int:
    """Cores that so many millicores take at least in part."""
    return -(-cpu // 1000)


def gpus(resources: Resources) -> int:
    """How many devices of any kind: all that is neither CPU, memory, storage nor a count of workloads."""
    plain = (CPU, MEMORY, STORAGE)
    return sum(n for name, n in resources.items() if name not in plain and not name.startswith(COUNT_PREFIX))
