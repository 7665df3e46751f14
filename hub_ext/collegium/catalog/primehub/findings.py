"""What an import has to say: mistakes in what was read, and whatever did not come over as it was."""

from __future__ import annotations

import enum
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from collegium.domain.errors import DomainError, shorten


class Level(enum.StrEnum):
    """``problem``: nothing is written. ``lost``: has no place in the catalog. ``todo``: is to be done by hand.

    ``changed``: came over, but not letter for letter.
    """

    PROBLEM = "problem"
    LOST = "lost"
    TODO = "todo"
    CHANGED = "changed"


#: Long enough for a list of all admins of a large group.
_MAX_MESSAGE = 20_000
TITLES = {
    Level.LOST: "Not carried over",
    Level.TODO: "To do by hand",
    Level.CHANGED: "Carried over, but changed",
}


@dataclass(frozen=True, order=True)
class Where:
    """A file, and an object in it such as ``group physics``."""

    file: str
    what: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.what}" if self.what else self.file


@dataclass(frozen=True)
class Finding:
    """One thing to say; ``field`` is named as PrimeHub names it."""

    level: Level
    where: Where
    field: str
    message: str

    @property
    def text(self) -> str:
        """Field and message, without the object."""
        return f"{self.field}: {self.message}" if self.field else self.message


class PrimeHubError(DomainError):
    """What was read cannot be imported; the message lists every problem with file, object and field."""

    code = "invalid"


class Findings:
    """Everything found, in order and each thing once."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}
        self._about: dict[Where, list[Finding]] = {}

    def _add(self, level: Level, where: Where, field: str, message: str) -> None:
        shown = _shown(where)
        finding = Finding(level, shown, shorten(field, 160) or "", shorten(message, _MAX_MESSAGE) or "")
        if finding not in self._found:
            self._found[finding] = None
            self._about.setdefault(shown, []).append(finding)

    def problem(self, where: Where, field: str, message: str) -> None:
        """Something that must be put right first."""
        self._add(Level.PROBLEM, where, field, message)

    def lost(self, where: Where, field: str, message: str) -> None:
        """Something that the catalog has no place for."""
        self._add(Level.LOST, where, field, message)

    def todo(self, where: Where, field: str, message: str) -> None:
        """Something that somebody must do besides."""
        self._add(Level.TODO, where, field, message)

    def changed(self, where: Where, field: str, message: str) -> None:
        """Something that is not letter for letter what it was."""
        self._add(Level.CHANGED, where, field, message)

    def of(self, *levels: Level) -> list[Finding]:
        """Those of some levels."""
        return [f for f in self._found if f.level in levels]

    def about(self, where: Where) -> list[Finding]:
        """Those about one object."""
        return self._about.get(_shown(where), [])

    def refuse_problems(self) -> None:
        """Raise PrimeHubError if there is any problem."""
        if problems := self.of(Level.PROBLEM):
            raise PrimeHubError("\n".join(f"{p.where}: {p.text}" for p in problems))


def _shown(where: Where) -> Where:
    return Where(where.file, shorten(where.what, 160) or "")


def report(findings: Findings) -> str:
    """For people: by level, and what is said of many objects said once, with all their names."""
    parts = []
    for level, title in TITLES.items():
        found = findings.of(level)
        if found:
            parts.append("\n".join([f"{title} ({len(found)})", *_grouped(found)]))
    return "\n\n".join(parts)


def _grouped(found: Iterable[Finding]) -> Iterable[str]:
    by_text: dict[str, list[str]] = {}
    for finding in found:
        by_text.setdefault(finding.text, []).append(finding.where.what or finding.where.file)
    for text, objects in by_text.items():
        if len(objects) == 1:
            yield _wrapped(f"- {objects[0]}: {text}")
        else:
            yield _wrapped(f"- {text}")
            yield _wrapped(f"    {len(objects)}: {', '.join(objects)}")


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 116, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
