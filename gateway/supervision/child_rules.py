"""Which alarms a centre raises about each of its children, and what they are called.

An id is ``CENTRE/@CHILD/RULE``: no tag of a plant begins with that sign. A sensor's alarm asks for
an act at the site; these say that this tier, or the proof it keeps, can no longer be relied on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.alarms.definitions import AlarmDefinition, Level
from gateway.model import NANOSECONDS, Priority
from gateway.supervision.settings import WatchSettings

#: Rule, priority, unit, and the words of both languages.
CHILD_ALARMS: Final = (
    ("gateway_lost", Priority.HIGH, "", "Gateway lost: no heartbeat", "网关失联：收不到心跳"),
    (
        "outbox_lagging",
        Priority.MEDIUM,
        "",
        "Events pile up at the gateway",
        "网关上传滞后：事件积压",
    ),
    ("clock_off", Priority.MEDIUM, "s", "Clock of the gateway is off", "网关时钟偏差过大"),
    (
        "coverage",
        Priority.HIGH,
        "%",
        "Blind spot: readings are missing",
        "监测盲区：数据覆盖不足",
    ),
    (
        "fork",
        Priority.HIGH,
        "",
        "Two nodes use the identity of this gateway",
        "网关身份被重复使用（疑似克隆）",
    ),
    (
        "journal_rewritten",
        Priority.HIGH,
        "",
        "The gateway's journal was rewritten",
        "网关日志遭改写",
    ),
    (
        "receipt_overdue",
        Priority.HIGH,
        "",
        "No department has given its receipt",
        "部门逾期未签收报警",
    ),
)
#: The same of those that a centre raises about itself, as a gateway does.
OWN_ALARMS: Final = (
    (
        "outbox_lagging",
        Priority.MEDIUM,
        "",
        "The tier above takes no events",
        "上级中心未接收事件：上传滞后",
    ),
    (
        "dead_letter",
        Priority.HIGH,
        "",
        "A receiver rejects events of this centre",
        "接收方拒收本中心事件",
    ),
    (
        "state_refused",
        Priority.HIGH,
        "",
        "The centre above does not take the present state",
        "上级中心未接收当前报警状态",
    ),
)
RULES: Final = tuple(rule for rule, *_ in CHILD_ALARMS)
TITLES: Final = {rule: (chinese, english) for rule, _, _, english, chinese in CHILD_ALARMS}
OWN_TITLES: Final = {rule: (chinese, english) for rule, _, _, english, chinese in OWN_ALARMS}


class ChildAlarms:
    """The definitions of one child's alarms, or a centre's about itself, as the desk asks for them.

    Parameters
    ----------
    limits
        Of the rules that have one, in the unit of the rule.
    """

    def __init__(
        self, centre: str, child: str, *, division: str, limits: Mapping[str, float] | None = None
    ) -> None:
        stated = limits or {}
        self._all = tuple(
            AlarmDefinition(
                alarm=f"{centre}/@{child}/{rule}",
                tag=f"@{child}",
                rule=rule,
                level=Level.NODE,
                division=division,
                unit=unit,
                limit=stated.get(rule) if child != centre else None,
                priority=priority,
                sounds=False,
                title_en=english,
                title_zh=chinese,
            )
            for rule, priority, unit, english, chinese in _table(centre, child)
        )
        self._by_id = {each.alarm: each for each in self._all}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all)

    def row(self, rule: str) -> int:
        """Return the number of a rule's definition."""
        return [each.rule for each in self._all].index(rule)

    def __getitem__(self, number: int) -> AlarmDefinition:
        """Return the definition with this number."""
        return self._all[number]

    def __contains__(self, alarm: object) -> bool:
        """Whether an id is one of them."""
        return alarm in self._by_id

    def get(self, alarm: str) -> AlarmDefinition | None:
        """Return the definition of an alarm; None where there is none."""
        return self._by_id.get(alarm)


def limits(settings: WatchSettings) -> dict[str, float]:
    """Return the limit that an alarm states, in the unit of its rule, for those that have one."""
    return {
        "outbox_lagging": settings.lag_events,
        "clock_off": settings.clock_bound / NANOSECONDS,
        "coverage": round(settings.coverage_below * 100, 1),
    }


def is_own(alarm: str, tag: str, rule: str) -> bool:
    """Return whether an alarm is one that some centre has raised about a child of its own."""
    # A gateway speaks of itself under another tag, and may have a rule of the same name.
    about_child = tag.startswith("@") and tag != "@node"
    return about_child and titles(alarm, tag, rule) is not None


def titles(alarm: str, tag: str, rule: str) -> tuple[str, str] | None:
    """Return what such an alarm is called, in Chinese and in English; None where it is none."""
    about_itself = alarm == f"{tag[1:]}/{tag}/{rule}"
    named = alarm.endswith(f"/{tag}/{rule}")
    return (OWN_TITLES if about_itself else TITLES).get(rule) if named else None


def is_about(centre: str, child: str, alarm: str) -> bool:
    """Return whether an id is one of the centre's own alarms about this child."""
    return alarm in {f"{centre}/@{child}/{rule}" for rule, *_ in _table(centre, child)}


def _table(centre: str, child: str) -> tuple[tuple[str, Priority, str, str, str], ...]:
    return OWN_ALARMS if child == centre else CHILD_ALARMS
