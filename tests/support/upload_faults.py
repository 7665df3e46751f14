"""A sender to whom everything happens that happens to senders, and who goes on until the file is there.

What must hold is looked at all the way: no byte that was acknowledged is ever asked for again, and until all have come
nobody sees any of them.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from support.tus import CONTENT, Answer, Cut, Line, Tus, checksum, chunked, encoded

CHUNK = 64 << 10
_RANDOM = os.urandom(17 << 20)
_SUMS = ("sha1", "sha256", "md5", "crc32")
#: What may happen to a part, and how often.
FAULTS = {
    "sent": 6,
    "sent with a sum": 4,
    "sent in pieces": 2,
    "wrong sum": 2,
    "wrong offset": 2,
    "too much": 2,
    "reset": 3,
    "reset with a sum": 3,
    "closed": 2,
    "stalled": 2,
    "stalled with a sum": 2,
    "answer lost": 3,
    "two senders": 2,
    "given up": 1,
}


def size_of(chance: random.Random) -> int:
    """Mostly small, some at the borders of what is sent at once, few large."""
    return chance.choice(
        [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, chance.randrange(CHUNK), chance.randrange(6 * CHUNK)] * 4
        + [chance.randrange(1 << 20, 2 << 20), (8 << 20) + chance.randrange(-1, 2)]
    )


@dataclass
class Sender:
    """One user's. ``look`` tells what everybody sees at a path."""

    tus: Tus
    chance: random.Random
    look: Callable[[str], Awaitable[bytes | None]]
    counts: Counter[str] = field(default_factory=Counter)
    #: Seconds to wait for a service that is not there.
    pause: float = 0.0

    async def send(self, path: str) -> bytes:
        """Send a file whatever happens; answers with what it is."""
        data = memoryview(_RANDOM)[(at := self.chance.randrange(1 << 20)) : at + size_of(self.chance)].tobytes()
        stuck: list[Line] = []
        try:
            while not await self._once(path, data, stuck):
                self.counts["begun again"] += 1
        finally:
            for line in stuck:
                line.reset()
        assert await self.look(path) == data, f"{path} is not what was sent"
        self.counts["files"] += 1
        return data

    async def _once(self, path: str, data: bytes, stuck: list[Line]) -> bool:
        """One upload, to its end or until it is given up."""
        place, safe, known = await self._create(path, data)
        if not place:
            return False
        # Few requests for a large file.
        step = max(CHUNK, len(data) // 6) if self.chance.random() < 0.9 else max(1, len(data) // 2)
        while safe < len(data) or not known:
            if await self._seen(path, data):
                # An earlier one, of which nobody heard, has come to its end after all.
                await self._give_up(place)
                return True
            fault = self.chance.choices(list(FAULTS), list(FAULTS.values()))[0]
            part = data[safe : safe + step]
            self.counts[fault] += 1
            if fault == "given up":
                if await self._give_up(place):
                    return False
            else:
                length = {} if known else {"Upload_Length": str(len(data))}
                known = await self._part(fault, place, safe, part, data, stuck, length) or known
            answer = await self._ask(lambda: self.tus.head(place))
            assert answer.status == 200, (path, fault, answer)
            assert safe <= answer.offset <= len(data), f"{path}: {safe} bytes were safe, {answer.offset} are"
            safe, known = answer.offset, known or "upload-length" in answer.headers
        return True

    async def _create(self, path: str, data: bytes) -> tuple[str, int, bool]:
        """Where the upload is (empty: nobody knows), what of it is safe, and whether its length was said."""
        known, first = self.chance.random() < 0.7, data[: self.chance.choice([0, 0, 1, CHUNK])]
        if first and self.chance.random() < 0.1:
            self.counts["beginning reset"] += 1
            await self._reset_beginning(path, data, first)
            return "", 0, False
        try:
            answer = await self.tus.create(path, len(data) if known else None, first)
        except Cut:
            await self._wait()
            return self._lost(data) if await self._seen(path, data) else ("", 0, False)
        if answer.status == 409 and await self._seen(path, data):
            return self._lost(data)
        assert answer.status == 201, (path, answer)
        return answer.headers["location"], answer.offset, known

    async def _seen(self, path: str, data: bytes) -> bool:
        """Is the file there? Whole, if at all."""
        seen = await self.look(path)
        assert seen in (None, data), f"half of {path} is visible"
        return seen is not None

    def _lost(self, data: bytes) -> tuple[str, int, bool]:
        """The service died when it had the whole file, and before it could say so."""
        self.counts["answer lost in the end"] += 1
        return "nowhere", len(data), True

    async def _reset_beginning(self, path: str, data: bytes, first: bytes) -> None:
        known = f"path {encoded(path)}"
        headers = {**CONTENT, "Upload-Length": str(len(data)), "Upload-Metadata": known}
        if len(first) == len(data):
            return
        try:
            line = await self.tus.begin("POST", self.tus.path, headers, first, self.chance.randrange(len(first)))
            line.reset()
        except Cut:
            await self._wait()

    async def _part(
        self, fault: str, place: str, safe: int, part: bytes, data: bytes, stuck: list[Line], length: dict[str, str]
    ) -> bool:
        """Send a part, or what a fault makes of it. True if the length of the whole was said with it and heard."""
        summed = {"Upload_Checksum": checksum(self.chance.choice(_SUMS), part)} if "with a sum" in fault else {}
        some = self.chance.randrange(len(part)) if part else 0
        more = {**length, **summed}
        wanted = {204}
        try:
            match fault:
                case "sent in pieces":
                    body, how = chunked(part, self.chance.randrange(1, CHUNK)), {"Transfer_Encoding": "chunked"}
                    answer = await self.tus.patch(place, safe, body, **how, **more)
                case "wrong sum":
                    wrong = {"Upload_Checksum": checksum("sha1", part + b"!")}
                    answer, wanted = await self.tus.patch(place, safe, part, **wrong, **more), {460}
                case "wrong offset":
                    off = self.chance.choice([o for o in (safe - 1, safe + 1, 0, len(data)) if o >= 0 and o != safe])
                    answer, wanted = await self.tus.patch(place, off, part, **more), {400, 409, 413}
                case "too much":
                    answer = await self.tus.patch(place, safe, data[safe:] + b"!", Upload_Length=str(len(data)))
                    wanted = {413}
                case "reset" | "reset with a sum":
                    (await self.tus.break_off(place, safe, part, some, **more)).reset()
                    return False
                case "closed":
                    (await self.tus.break_off(place, safe, part, some, **more)).writer.close()
                    return False
                case "stalled" | "stalled with a sum":
                    stuck.append(await self.tus.break_off(place, safe, part, some, **more))
                    return False
                case "answer lost":
                    (await self.tus.break_off(place, safe, part, len(part), **more)).writer.close()
                    return False
                case "two senders":
                    both = [self.tus.patch(place, safe, part, **more) for _ in range(2)]
                    answer = next(a for a in await asyncio.gather(*both))
                    wanted = {204, 409}
                case _:
                    answer = await self.tus.patch(place, safe, part, **more)
        except Cut:
            self.counts["cut"] += 1
            await self._wait()
            return False
        if answer.status == 409:
            # One that was broken off before was still on its way.
            self.counts["overtaken"] += 1
            return False
        assert answer.status in wanted, (fault, answer)
        return answer.status == 204

    async def _give_up(self, place: str) -> bool:
        try:
            answer = await self.tus.ask("DELETE", place)
        except Cut:
            await self._wait()
            return (await self._ask(lambda: self.tus.head(place))).status in (404, 410)
        if answer.status == 409:
            # A request that was broken off had brought all of it.
            self.counts["too late to give up"] += 1
            return False
        assert answer.status in (204, 404, 410), answer
        return True

    async def _ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        while True:
            try:
                answer = await question()
            except Cut:
                self.counts["cut"] += 1
                await self._wait()
                continue
            if answer.status != 409:
                return answer

    async def _wait(self) -> None:
        await asyncio.sleep(self.pause)
