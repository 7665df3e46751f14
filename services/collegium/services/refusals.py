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


class PreconditionFailed(DomainError):
    """The request speaks another version of a protocol; ``details`` carry ``version``."""

    code = "precondition_failed"


class Gone(DomainError):
    """It was there, and will not come back."""

    code = "gone"


class ChecksumMismatch(DomainError):
    """What came is not what was sent; nothing of it was kept. tus has a status of its own for it."""

    code = "checksum_mismatch"
