"""Refusals that only HTTP knows."""

from __future__ import annotations

from collegium.domain.errors import DomainError


class MethodNotAllowed(DomainError):
    """The path exists, but not with this method; ``details`` carry ``allowed``."""

    code = "method_not_allowed"


class UnsupportedMedia(DomainError):
    """The body is not ``application/json``."""

    code = "unsupported_media_type"


class RangeNotSatisfiable(DomainError):
    """No byte of the requested range exists; ``details`` carry ``size``."""

    code = "range_not_satisfiable"
