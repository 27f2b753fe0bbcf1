"""The siren panel of the laboratory: hears every command, with the time at which it came."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Final, NamedTuple, Self

import aiomqtt
import msgspec

from gateway.alarms.actions import SirenCommand

TOPIC: Final = "panel/siren"
decode = msgspec.json.Decoder(SirenCommand).decode


class Heard(NamedTuple):
    """A command and when it came, monotonic s."""

    at: float
    command: SirenCommand


class Panel:
    """Subscribes at the broker itself, and again whenever that comes back."""

    def __init__(self, port: int) -> None:
        self.heard: list[Heard] = []
        self.listens = asyncio.Event()
        self._port = port
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen(), name="panel")
        await self.listens.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def sounding(self, tag: str, *, since: float) -> float | None:
        """Return when a command since then first named an alarm of this tag as sounding."""
        for at, command in self.heard:
            if at >= since and command.on and any(f"/{tag}/" in name for name in command.alarms):
                return at
        return None

    async def _listen(self) -> None:
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self._port, timeout=5) as client:
                    await client.subscribe(TOPIC, qos=1)
                    self.listens.set()
                    async for message in client.messages:
                        self.heard.append(Heard(time.monotonic(), decode(bytes(message.payload))))
            except aiomqtt.MqttError:
                self.listens.clear()
                await asyncio.sleep(0.05)
