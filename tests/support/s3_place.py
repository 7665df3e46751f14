"""A bucket of a real S3 server, and stores on it as several replicas have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from collegium.stores.s3 import S3Store
from support.s3 import S3Server

MiB = 1 << 20


@dataclass
class Place:
    """A bucket. ``open`` is what another replica does."""

    server: S3Server
    bucket: str
    stores: list[S3Store] = field(default_factory=list)

    def open(self, *, prefix: str = "lab", part: int = 5 * MiB, attempts: int = 4, **settings: Any) -> S3Store:
        """A store; with small parts, so that little data has several."""
        store = S3Store(self.server.settings(self.bucket, prefix, **settings))
        store._uploads.calls.part = store._uploads.calls.largest = part
        store._bucket._attempts = attempts
        self.stores.append(store)
        return store

    def keys(self, prefix: str = "") -> list[str]:
        """All that is there, the store's own records included."""
        return self.server.keys(self.bucket, prefix)

    def unfinished(self) -> list[str]:
        """Keys of multipart uploads that nobody ended."""
        return [one["Key"] for one in self.server.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])]

    def clear(self) -> None:
        """Remove all."""
        client = self.server.client
        # Folders' markers last: the server keeps folders.
        keys = sorted(self.keys(), key=lambda key: (key.endswith("/"), -len(key)))
        for start in range(0, len(keys), 500):
            some = [{"Key": key} for key in keys[start : start + 500]]
            client.delete_objects(Bucket=self.bucket, Delete={"Objects": some, "Quiet": True})
        for one in client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []):
            client.abort_multipart_upload(Bucket=self.bucket, Key=one["Key"], UploadId=one["UploadId"])
