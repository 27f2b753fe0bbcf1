"""Plays a site's devices, in their own payload formats, to a broker, and keeps a record.

The record is the demo's truth: what was published, when, and what each value was. Publishing goes
through aiomqtt at QoS 1; a device that stays silent publishes nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import aiomqtt

from device_profiles.encode import compose
from gateway.model import NANOSECONDS, Clock
from gateway.pipeline.plant import Device, Plant
from gateway.simulation.plant import SimulatedPlant

DAY_NS = 86_400 * NANOSECONDS


class Said(NamedTuple):
    """One value of one message: point, source time, when it was handed to the broker, value."""

    point: int
    source_ns: int
    published_ns: int
    value: float


@dataclass(slots=True)
class Record:
    """Everything the simulator said, in its order."""

    said: list[Said]
    messages: int = 0


class Player:
    """Publishes a plant's devices at a steady rate.

    Parameters
    ----------
    plant
        The bound site.
    simulated
        What its points read.
    clock
        Gives source times; may run faster than the wall.
    period_s
        Seconds (of `clock`) between two messages of a device.
    """

    def __init__(
        self, plant: Plant, simulated: SimulatedPlant, *, clock: Clock, period_s: float = 1.0
    ) -> None:
        self.record = Record([])
        self._plant = plant
        self._simulated = simulated
        self._clock = clock
        self._period_ns = int(period_s * NANOSECONDS)

    async def play(
        self,
        client: aiomqtt.Client,
        *,
        until_ns: int,
        wait: Callable[[float], object],
        told: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Publish until the clock shows `until_ns`.

        Parameters
        ----------
        client
            Connected.
        wait
            Awaitable pause in seconds of `clock`.
        told
            Called after each round with the messages published so far.
        """
        begin = self._clock.now_ns()
        turn = 0
        while (now := self._clock.now_ns()) < until_ns:
            due = begin + turn * self._period_ns
            if now < due:
                await wait((due - now) / NANOSECONDS)  # type: ignore[misc]
                continue
            for device in self._plant.devices:
                await self._speak(client, device, (due - begin) / NANOSECONDS)
            turn += 1
            told(self.record.messages)

    async def _speak(self, client: aiomqtt.Client, device: Device, second: float) -> None:
        source = self._clock.now_ns() // 1_000_000 * 1_000_000
        tags = [self._plant.points[index].tag for index in device.points]
        day = (source % DAY_NS) / NANOSECONDS
        values = [self._simulated.read(tag, second=second, time_of_day_s=day) for tag in tags]
        if all(value is None for value in values):
            return
        spoken = [math.nan if value is None else value for value in values]
        payload = compose(
            device.profile, device.bindings, values=spoken, time_ns=source, time=device.time
        )
        published = self._clock.now_ns()
        self.record.said += [
            Said(point, source, published, value)
            for point, value in zip(device.points, spoken, strict=True)
        ]
        await client.publish(device.topic, payload, qos=1)
        self.record.messages += 1


async def wait_scaled(seconds: float, *, speed: float = 1.0) -> None:
    """Wait seconds of a clock that runs `speed` times as fast."""
    await asyncio.sleep(seconds / speed)
