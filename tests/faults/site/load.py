"""What the devices say: values that cross limits, each remembered, with the edge's word on it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiomqtt

from tests.faults.judging.evidence import Message

NORMAL, HIGH, HIGHEST = 20.0, 200.0, 700.0
RATE_HZ: Final = 400.0
#: What the edge took is in its spool after so long, while it lives.
SYNCED_S: Final = 1.5
#: A third of the points, where the site gives them an on-delay, stay high for longer.
LONGEST_S: Final = 1.5
LONGEST_DELAYED_S: Final = 6.0


@dataclass
class Load:
    """Publishes until stopped; what a broker lost is said again once the edge listens.

    Parameters
    ----------
    chance
        Decides who speaks, and what.
    points
        How many there are; each has a device of its own.
    delayed
        Whether every third has an on-delay of 2 s.
    poison
        Share of messages that cannot be decoded.
    first
        Points before this one are left to others.
    calm
        All that is said is normal.
    stored
        Returns which (point, source time) the edge has stored, acknowledged or not.
    """

    chance: random.Random
    points: int
    delayed: bool = True
    rate_hz: float = RATE_HZ
    poison: float = 0.0
    first: int = 0
    calm: bool = False
    stored: Callable[[], set[tuple[int, int]]] = set
    #: Whether the broker has forgotten what it held.
    forgotten: bool = False
    said: list[Message] = field(default_factory=list)
    #: Until when an on-delay surely runs, monotonic s.
    pending_until: float = 0.0
    stopped: bool = False
    #: Cleared while nobody is subscribed: a broker drops what nobody asked for.
    listened: asyncio.Event = field(default_factory=asyncio.Event)
    acknowledged: int = 0
    #: Messages that nobody waits for any more.
    _over: set[int] = field(default_factory=set)
    _saying: Message | None = None
    _by_payload: dict[tuple[str, bytes], Message] = field(default_factory=dict)
    _turns: dict[int, tuple[float, bool]] = field(default_factory=dict)
    _last: dict[int, int] = field(default_factory=dict)

    def note(self, topic: str, payload: bytes, at: int) -> None:
        """Take the edge's word that it has a message."""
        message = self._by_payload.get((topic, payload))
        if message is not None and message.acknowledged is None:
            message.acknowledged = at
            self.acknowledged += 1
            self._over.discard(id(message))

    @property
    def waiting(self) -> int:
        """Messages that the edge has not yet acknowledged, and will."""
        return len(self.said) - self.acknowledged - len(self._over)

    @property
    def heard(self) -> list[Message]:
        """What was said, without that of which nobody knows whether the broker had it."""
        return [each for each in self.said if each.acknowledged is not None or not each.unsure]

    async def play(self, port: int) -> None:
        """Speak until stopped, through whatever becomes of the broker."""
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", port, timeout=10) as client:
                    await self.listened.wait()
                    if self.forgotten:
                        await self._repeat(client)
                    await self._speak(client)
                    return
            except aiomqtt.MqttError:
                if self._saying is not None and not self.forgotten:
                    # Said again it might be there twice, and no flag would tell.
                    self._saying.unsure = True
                    if self._saying.acknowledged is None:
                        self._over.add(id(self._saying))
                self._saying = None
                await asyncio.sleep(0.05)

    async def say(self, client: aiomqtt.Client, point: int, value: float) -> Message:
        """Publish one reading now and remember it."""
        message = self.reading(point, value)
        await client.publish(message.topic, message.payload, qos=1)
        return message

    def reading(self, point: int, value: float, *, made_ns: int | None = None) -> Message:
        """Return the next message of a point, made now or, late, when it is said; remembered."""
        now = time.time_ns()
        made = now if made_ns is None else made_ns
        source = max(made // 1_000_000, self._last.get(point, 0) + 1)
        self._last[point] = source
        payload = json.dumps({"ts": source, "v": value}).encode()
        message = Message(point, source * 1_000_000, value, topic_of(point), payload)
        message.late_ns = 0 if made_ns is None else now - message.source_ns
        return self._remember(message)

    def again(self, old: Message) -> Message:
        """Return a message that was said before, remembered as said once more."""
        late = time.time_ns() - old.source_ns
        message = Message(old.point, old.source_ns, old.value, old.topic, old.payload, late_ns=late)
        # The edge's word on either is its word on both: they are the same bytes.
        message.published, message.acknowledged = time.monotonic(), old.acknowledged
        self.said.append(message)
        self.acknowledged += old.acknowledged is not None
        return message

    def poisoned(self, point: int) -> Message:
        """Return a message of a device that nobody can decode, remembered."""
        payload = f"\x00poison {len(self.said)}".encode()
        return self._remember(Message(point, 0, 0.0, topic_of(point), payload, readable=False))

    def _remember(self, message: Message) -> Message:
        message.published = time.monotonic()
        self.said.append(message)
        self._by_payload[message.topic, message.payload] = message
        return message

    async def _repeat(self, client: aiomqtt.Client) -> None:
        """Say again, in order, what the broker forgot before the edge had it."""
        await asyncio.sleep(SYNCED_S)
        stored = await asyncio.to_thread(self.stored)
        waiting = [e for e in self.said if e.acknowledged is None and not e.unsure]
        for message in waiting:
            if (message.point, message.source_ns) in stored:
                # Taken, and its acknowledgement lost with the broker: nothing more is owed.
                self._over.add(id(message))
            else:
                await client.publish(message.topic, message.payload, qos=1)
        self.forgotten = False

    async def _speak(self, client: aiomqtt.Client) -> None:
        begin, sent = time.monotonic(), 0
        while not self.stopped:
            if not self.listened.is_set():
                raise aiomqtt.MqttError("the broker was ended")
            now = time.monotonic()
            if now - begin < sent / self.rate_hz:
                await asyncio.sleep(0.001)
                continue
            sent += 1
            point = self.chance.randrange(self.first, self.points)
            if self.poison and self.chance.random() < self.poison:
                message = self.poisoned(point)
            else:
                message = self.reading(point, self._value(point, now))
            self._saying = message
            await client.publish(message.topic, message.payload, qos=1)
            self._saying = None

    def _value(self, point: int, now: float) -> float:
        """Return what a point reads: it waits a while on each side of its limit."""
        if self.calm:
            return NORMAL
        delayed = self.delayed and point % 3 == 0
        turn, high = self._turns.get(point, (0.0, False))
        if now >= turn:
            high = not high
            longest = LONGEST_DELAYED_S if delayed else LONGEST_S
            self._turns[point] = (now + self.chance.uniform(0.05, longest), high)
            if high and delayed:
                self.pending_until = now + 2.0
        if not high:
            return NORMAL
        return HIGHEST if self.chance.random() < 0.3 else HIGH


def topic_of(point: int) -> str:
    """Return the topic of a point's device."""
    return f"plant/d{point:02}"
