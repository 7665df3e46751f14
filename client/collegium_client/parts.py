"""Parts of a file that go straight to the store, a few at a time, by addresses that the service signs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import httpx

from collegium_client.errors import Unreachable
from collegium_client.exchange import TIMEOUT
from collegium_client.models import UploadOut
from collegium_client.sending import Progress, Sending

if TYPE_CHECKING:
    from collegium_client.client import Client

#: Parts on their way at a time, and addresses that are asked for at once: they last an hour.
AT_ONCE, SIGNED = 4, 16


def send_parts(client: Client, group: str, upload: UploadOut, whole: Sending, progress: Progress | None) -> None:
    """Send what the store lacks, and say that all is there. Raises Unreachable if a part is not taken."""
    size, count = upload.part_size or 1, upload.parts or 1
    there = set(upload.received or ())
    missing = [n for n in range(1, count + 1) if n not in there]
    sent = min(whole.size, len(there) * size)
    with httpx.Client(timeout=TIMEOUT) as store, ThreadPoolExecutor(AT_ONCE) as pool:
        while missing:
            some, missing = missing[:SIGNED], missing[SIGNED:]
            signed = client.post_groups_group_files_uploads_upload_parts(group, upload.id, {"numbers": some})
            work = [pool.submit(_send_part, client, store, p.url, whole, p.number, size) for p in signed.items]
            for length in _as_they_end(work):
                sent += length
                if progress is not None:
                    progress(min(sent, whole.size), whole.size)
    client.post_groups_group_files_uploads_upload_complete(group, upload.id)


def _as_they_end(work: Sequence[Future[int]]) -> list[int]:
    lengths, left = [], set(work)
    try:
        while left:
            ended, left = wait(left, return_when=FIRST_COMPLETED)
            lengths += [future.result() for future in ended]
    finally:
        for future in left:
            future.cancel()
    return lengths


def _send_part(client: Client, store: httpx.Client, url: str, whole: Sending, number: int, size: int) -> int:
    start = (number - 1) * size
    count = min(size, whole.size - start)
    failures = 0
    while True:
        try:
            # No header of ours and no token: the address is the right to send.
            answer = store.put(url, content=whole.pieces(start, count), headers={"Content-Length": str(count)})
        except httpx.TransportError as error:
            problem: str = type(error).__name__
        else:
            if answer.is_success:
                return count
            problem = f"status {answer.status_code}"
        failures += 1
        if failures >= client.retry.tries:
            # Without the address: it is a right for as long as it lasts.
            raise Unreachable(f"the store does not take part {number} of {whole.path}: {problem}")
        client.pause(failures)
