"""What kind of thing a file is, by its name alone."""

from __future__ import annotations

import re

from collegium.domain.files import name_of
from collegium.services.files.models import PreviewKind
from collegium.services.jobs.files import media_type

__all__ = ["media_type", "preview_kind", "shown_inline", "suffix_of"]

#: What a browser shows without running anything of it. No HTML, no SVG, no XML: they run as the page that they are on.
_INLINE = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "text/plain", "application/pdf"}
)
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"})
_TABLES = frozenset({".csv", ".tsv", ".parquet"})
#: What is nothing to read for people, so that nobody reads 256 KiB of it to find out.
_OPAQUE = re.compile(
    r"\.(zip|gz|tgz|bz2|xz|zst|7z|tar|np[yz]|pth?|onnx|h5|hdf5|pkl|pickle|joblib|safetensors|bin|exe|so|whl"
    r"|mp[34]|mov|avi|mkv|wav|flac|ogg|tiff?|ico|xlsx?|docx?|pptx?|sqlite|db)"
)


def shown_inline(kind: str) -> bool:
    """May a browser show it at our address?"""
    return kind in _INLINE


def suffix_of(path: str) -> str:
    """The last suffix in lower case, with its dot; empty without one."""
    stem, dot, suffix = name_of(path).rpartition(".")
    return f".{suffix.lower()}" if dot and stem else ""


def preview_kind(path: str) -> PreviewKind:
    """How a file with this name is shown, as far as the name says it: everything that may be text is tried as text."""
    suffix = suffix_of(path)
    if suffix in _IMAGES:
        return PreviewKind.IMAGE
    if suffix in _TABLES:
        return PreviewKind.TABLE
    if _OPAQUE.fullmatch(suffix):
        return PreviewKind.NONE
    return {".pdf": PreviewKind.PDF, ".ipynb": PreviewKind.NOTEBOOK}.get(suffix, PreviewKind.TEXT)
