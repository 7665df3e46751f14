"""Which store holds the files of groups. ``COLLEGIUM_FILES`` (JSON, or a path to a JSON file) says it to every part."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collegium.domain.errors import InvalidInput
from collegium.domain.files import check_path

VARIABLE = "COLLEGIUM_FILES"
_ENDPOINT = re.compile(r"https?://[^/?#@\s]+/?")


@dataclass(frozen=True)
class FileSettings:
    """One store. Keys of S3 are in files, so that they stand in no environment and no list of processes."""

    #: ``posix`` (a folder or a mounted volume) or ``s3``.
    store: str = "posix"
    #: For ``posix``: the folder; empty is ``files`` in the state directory, or ``shared`` on the files volume.
    folder: str = ""
    bucket: str = ""
    #: Before all keys, without slashes at its ends.
    prefix: str = ""
    #: Scheme and host of the S3 server; empty for Amazon's.
    endpoint: str = ""
    region: str = "us-east-1"
    access_key_file: str = ""
    secret_key_file: str = ""
    #: Let browsers and clients send to and fetch from the store itself, by addresses signed for an hour at most.
    direct: bool = False
    #: Scheme and host of the S3 server as browsers reach it; empty is ``endpoint``.
    public_endpoint: str = ""
    #: Authorities to trust instead of the usual ones, in PEM.
    ca_file: str = ""

    def __post_init__(self) -> None:
        if self.store not in ("posix", "s3"):
            raise InvalidInput("files.store", "must be posix or s3", self.store)
        if self.store == "s3" and not self.bucket:
            raise InvalidInput("files.bucket", "is needed for s3")
        if check_path(self.prefix, "files.prefix") != self.prefix.strip("/"):
            raise InvalidInput("files.prefix", "must be the beginning of keys, such as collegium/lab", self.prefix)
        if self.store == "posix":
            for name in ("bucket", "endpoint", "access_key_file", "secret_key_file", "direct", "public_endpoint"):
                if getattr(self, name):
                    raise InvalidInput(f"files.{name}", "is for files.store s3", getattr(self, name))
        elif self.folder:
            raise InvalidInput("files.folder", "is for files.store posix", self.folder)
        if bool(self.access_key_file) != bool(self.secret_key_file):
            missing = "secret_key_file" if self.access_key_file else "access_key_file"
            raise InvalidInput(f"files.{missing}", "is needed: there are two keys, or none")
        for name in ("endpoint", "public_endpoint"):
            if (text := getattr(self, name)) and not _ENDPOINT.fullmatch(text):
                raise InvalidInput(f"files.{name}", "must be scheme and host, such as https://s3.example.org", text)

    def on_disk(self, default: Path) -> Path | None:
        """Where the trees are in this machine's file system, if they are; ``default`` if the settings name no place."""
        if self.store != "posix":
            return None
        return Path(self.folder) if self.folder else default

    @property
    def browser_source(self) -> str:
        """Where browsers send parts to, as a Content-Security-Policy names it; empty if they send none."""
        if self.store != "s3" or not self.direct:
            return ""
        address = urlsplit(self.public_endpoint or self.endpoint or "https://*.amazonaws.com")
        return f"{address.scheme}://{address.netloc}"

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> FileSettings:
        """Read names above as keys. Raises InvalidInput for unknown keys and wrong types."""
        known = {f.name: str if f.type == "str" else bool for f in dataclasses.fields(cls)}
        for key, value in values.items():
            if key not in known:
                raise InvalidInput(f"files.{key}", f"is not a setting; settings are {', '.join(sorted(known))}")
            if not isinstance(value, known[key]):
                raise InvalidInput(f"files.{key}", f"must be of type {known[key].__name__}", value)
        return cls(**values)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> FileSettings:
        """Read ``COLLEGIUM_FILES``; defaults if it is not set. Raises InvalidInput."""
        text = environment.get(VARIABLE) or "{}"
        try:
            values = json.loads(Path(text).read_text() if text.startswith("/") else text)
        except (OSError, ValueError) as error:
            raise InvalidInput(VARIABLE, f"cannot be read as JSON: {error}") from error
        if not isinstance(values, Mapping):
            raise InvalidInput(VARIABLE, "must be a JSON object")
        return cls.from_mapping(values)
