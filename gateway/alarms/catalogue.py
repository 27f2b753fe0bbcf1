"""The master alarm database: every alarm this node can raise, with its limit and where that comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.model import Priority


class Level(StrEnum):
    """What kind of condition an alarm stands for, as a screen groups it."""

    HH = "hh"
    H = "h"
    L = "l"
    LL = "ll"
    RATE = "rate"
    TREND = "trend"
    STUCK = "stuck"
    NO_DATA = "no_data"
    NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmDefinition:
    """One alarm: stable identity, meaning, and how it behaves.

    Parameters
    ----------
    alarm
        ``node/tag/rule``, stable for ever.
    limit
        In `unit`; None where the rule has none.
    latch
        Waits for a reset at the site after the condition ended.
    shelvable
        False for statutory gas, oxygen, spark and evacuation rules.
    sounds
        Whether the siren is commanded while it is unacknowledged.
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
    standard: str = ""
    clause: str = ""
    title_en: str = ""
    title_zh: str = ""
