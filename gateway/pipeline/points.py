"""The points of a site: what stands under each tag, and the dense index the arrays use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A channel of a device under a tag; `index` is its place in every array."""

    index: int
    tag: str
    name: str
    device: int
    device_id: str
    channel: str
    area: str
    hazard: str
    unit: str
    low: float | None
    high: float | None
    interval_ns: int
    silence_ns: int
