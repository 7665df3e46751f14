"""Wire models of what jobs tell of themselves, and of what they use."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue


class SeriesOut(BaseModel):
    """One key of one job: the latest figure, the extremes of all, and at most 1000 points (step, value)."""

    key: str
    step: int
    value: float
    minimum: float
    maximum: float
    count: int
    points: list[tuple[int, float]]


class FiguresOut(BaseModel):
    """What a job told of itself. ``complete``: it is over and all of its file was read."""

    items: list[SeriesOut]
    problems: list[str] = Field(description="What of the file was not taken, and why.")
    complete: bool


class ComparedOut(BaseModel):
    """One key of one job among others; ``value`` is the latest, null if the job has none."""

    job: str
    name: str
    point: int | None
    values: dict[str, JsonValue]
    value: float | None
    points: list[tuple[int, float]]


class ComparisonOut(BaseModel):
    """One key of several jobs, and all keys that any of them has."""

    key: str = Field(description="Empty if none of the jobs told a figure.")
    keys: list[str]
    items: list[ComparedOut]


class UsageLimits(BaseModel):
    """What the job may use: cores, bytes, devices; null is no limit."""

    cpu: float | None
    memory: int | None
    gpu: int | None


class JobUsageOut(BaseModel):
    """What an attempt used, as points (seconds since its start, figure); at most 600 of each.

    ``cpu`` are cores, ``memory`` and ``gpu_memory`` bytes, ``gpu`` devices kept busy: 1.5 of two is three quarters.
    """

    attempt: int
    started_at: datetime | None
    cpu: list[tuple[float, float]]
    memory: list[tuple[float, float]]
    gpu: list[tuple[float, float]]
    gpu_memory: list[tuple[float, float]]
    limits: UsageLimits
