"""Uploads as they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from collegium.domain.uploads import Upload
from collegium.services.uploads.models import UploadOut


def upload_out(upload: Upload, received: Sequence[int] | None = None) -> UploadOut:
    """One upload; ``received`` of one whose parts go straight to the store."""
    return UploadOut(
        id=upload.id,
        path=upload.path,
        size=upload.size,
        offset=upload.offset,
        user=upload.user,
        state=upload.state,
        replace=upload.replace,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
        message=upload.message,
        part_size=upload.part_size,
        parts=upload.parts,
        received=None if received is None else list(received),
    )
