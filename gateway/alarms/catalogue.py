"""The master alarm database: every alarm this node can raise, and where its limit comes from."""

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


#: Alarms of the node itself: rule, priority, and the words of both languages.
NODE_ALARMS = (
    ("storage_slow", Priority.HIGH, "Storage slow, not crash-safe", "存储缓慢，断电可能丢失数据"),
    ("storage_full", Priority.HIGH, "Storage full, readings are shed", "存储已满，正在舍弃读数"),
    ("storage_lost", Priority.CRITICAL, "Storage lost, not crash-safe", "存储失效，断电将丢失数据"),
    ("broker_lost", Priority.CRITICAL, "No connection to the broker", "与消息服务器失去连接"),
)


def node_alarms(node: str, division: str) -> tuple[AlarmDefinition, ...]:
    """Return the alarms a node raises about itself; their tag is ``@node``."""
    return tuple(
        AlarmDefinition(
            alarm=f"{node}/@node/{rule}",
            tag="@node",
            rule=rule,
            level=Level.NODE,
            division=division,
            priority=priority,
            sounds=False,
            title_en=english,
            title_zh=chinese,
        )
        for rule, priority, english, chinese in NODE_ALARMS
    )
