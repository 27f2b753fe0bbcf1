"""The server-sent events of a centre, read one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass
class Frame:
    id: str
    event: str
    data: Any


class Stream:
    """Reads server-sent events one by one; comments are skipped."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self, *kinds: str) -> Frame:
        """The next event, of one of these kinds if any are named."""
        while True:
            fields: dict[str, str] = {}
            async for line in self._lines:
                if not line:
                    break
                if not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
            else:
                raise EOFError
            if fields and (not kinds or fields["event"] in kinds):
                return Frame(fields.get("id", ""), fields["event"], json.loads(fields["data"]))

    async def until(self, kind: str, test: Callable[[Any], bool]) -> Frame:
        while True:
            frame = await self.next(kind)
            if test(frame.data):
                return frame
