"""What an alarm is, whoever raises it: identity, meaning, and how it behaves. Of every tier.

A gateway has a catalogue of them (`gateway.alarms.catalogue`), with arrays for millions of points;
a centre has a few about each child. The desk takes either.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

import msgspec

from gateway.model import Priority

NO_DATA: Final = "no_data"


class Level(StrEnum):
    """What kind of condition an alarm stands for, as a screen groups it."""

    HH = "hh"
    H = "h"
    L = "l"
    LL = "ll"
    RATE = "rate"
    TREND = "trend"
    STUCK = "stuck"
    ANOMALY = "anomaly"
    FAULT = "fault"
    NO_DATA = "no_data"
    NODE = "node"


class AlarmDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm: stable identity, meaning, and how it behaves.

    Parameters
    ----------
    alarm
        ``node/tag/rule``, stable for ever; empty, as the tag, in what points of a kind share.
    limit
        In `unit`; None where the rule has none.
    latch
        Waits for a reset at the site after the condition ended.
    shelvable
        False for statutory gas, oxygen, spark and evacuation rules.
    sounds
        Whether the siren is commanded while it is unacknowledged.
    re_alarm_ns
        So long after its acknowledgement it is unacknowledged again where the condition still
        holds; 0 for never.
    """

    alarm: str
    tag: str
    rule: str
    level: Level
    area: str = ""
    division: str = ""
    hazard: str = ""
    unit: str = ""
    limit: float | None = None
    priority: Priority = Priority.HIGH
    latch: bool = False
    shelvable: bool = True
    sounds: bool = True
    re_alarm_ns: int = 0
    standard: str = ""
    clause: str = ""
    title_en: str = ""
    title_zh: str = ""


class Definitions(Protocol):
    """Every alarm of a node, found by number (`Detection.row`) or by id."""

    def __getitem__(self, number: int) -> AlarmDefinition:
        """Return the definition with this number; raise IndexError where there is none."""
        ...

    def __contains__(self, alarm: object) -> bool:
        """Whether an id is one of the node's alarms."""
        ...

    def get(self, alarm: str) -> AlarmDefinition | None:
        """Return the definition of the alarm with this id; None where there is none."""
        ...
