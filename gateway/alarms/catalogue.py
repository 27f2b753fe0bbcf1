"""The master alarm database: every alarm this node can raise, and where its limit comes from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.alarms.definitions import NO_DATA, AlarmDefinition, Level
from gateway.model import Priority

#: Definitions kept at hand: what moves is a few alarms, again and again.
KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class KindAlarms:
    """What the alarms of all points of one kind have in common: definitions without id and tag.

    Parameters
    ----------
    rules
        In the order of the kind's rules.
    silence
        The "no data" alarm.
    """

    rules: tuple[AlarmDefinition, ...]
    silence: AlarmDefinition


@dataclass(frozen=True, slots=True, eq=False)
class SparseAlarm:
    """An alarm that some points have, whatever their kind: no rule of the bank tells it.

    Parameters
    ----------
    definition
        Without id, tag and place: these are each point's.
    points
        Dense indices, ascending.
    """

    definition: AlarmDefinition
    points: npt.NDArray[np.int32]


class Catalogue:
    """Every alarm of a node by number, in the order detections name them (`Detection.row`).

    First the rules of each point, point by point, then one "no data" alarm a point, then each
    sparse alarm with its points, then the node's own. A site may have millions: only what kinds of
    points share is kept, and a definition is made when it is asked for.

    Parameters
    ----------
    node
        With which the ids of the points' alarms begin.
    numbers
        Tag -> index of each point, in the order of the indices.
    kinds, kind
        The alarms of each kind, and the kind of each point.
    sparse
        Alarms of some points.
    own
        Alarms of no point, whole.
    """

    def __init__(
        self,
        node: str = "",
        numbers: Mapping[str, int] | None = None,
        *,
        kinds: Sequence[KindAlarms] = (),
        kind: Sequence[int] | npt.NDArray[np.int32] = (),
        sparse: Sequence[SparseAlarm] = (),
        own: Iterable[AlarmDefinition] = (),
    ) -> None:
        self._node = node
        self._numbers = numbers if numbers is not None else {}
        self._tags = tuple(self._numbers)
        self.kinds = tuple(kinds)
        self._kind = np.asarray(kind, np.int32)
        self._own = tuple(own)
        lengths = np.array([len(each.rules) for each in self.kinds], np.int64)
        #: Number of each point's first rule, and behind them how many rules there are.
        self.first = np.concatenate(([0], np.cumsum(lengths[self._kind]))).astype(np.int64)
        #: Number of the first point's "no data" alarm.
        self.silence = int(self.first[-1])
        self.sparse = tuple(sparse)
        sizes = [len(each.points) for each in self.sparse]
        #: Number of the first alarm of each sparse one, and behind them the first of the node's.
        self._sparse_first = list(accumulate(sizes, initial=self.silence + len(self._tags)))
        self._sparse_place = {each.definition.rule: n for n, each in enumerate(self.sparse)}
        self._own_first = self._sparse_first[-1]
        self._own_numbers = {each.alarm: self._own_first + n for n, each in enumerate(self._own)}
        self._rule_numbers = tuple(
            {each.rule: number for number, each in enumerate(shared.rules)} for shared in self.kinds
        )
        self._made = lru_cache(maxsize=KEPT)(self._make)

    def __len__(self) -> int:
        return self._own_first + len(self._own)

    def __getitem__(self, number: int) -> AlarmDefinition:
        """Return the definition with this number.

        Raises
        ------
        IndexError
            There is none.
        """
        return self._made(number)

    def __iter__(self) -> Iterator[AlarmDefinition]:
        """Make every definition in turn."""
        return map(self._make, range(len(self)))

    def __contains__(self, alarm: object) -> bool:
        """Whether an id is one of this node's alarms."""
        return isinstance(alarm, str) and self.find(alarm) is not None

    def find(self, alarm: str) -> int | None:
        """Return the number of the alarm with this id; None where the node has no such alarm."""
        own = self._own_numbers.get(alarm)
        if own is not None:
            return own
        # No part of an id has a slash within it.
        node, _, rest = alarm.partition("/")
        tag, _, rule = rest.partition("/")
        point = self._numbers.get(tag) if node == self._node else None
        if point is None:
            return None
        if rule == NO_DATA:
            return self.silence + point
        place = self._rule_numbers[self._kind[point]].get(rule)
        if place is not None:
            return int(self.first[point] + place)
        group = self._sparse_place.get(rule)
        return None if group is None else self._find_sparse(group, point)

    def sparse_rows(self, rule: str) -> tuple[int, npt.NDArray[np.int32]]:
        """Return the number of the first alarm with a sparse rule, and the points that have it."""
        group = self._sparse_place.get(rule)
        if group is None:
            return self._own_first, np.zeros(0, np.int32)
        return self._sparse_first[group], self.sparse[group].points

    def get(self, alarm: str) -> AlarmDefinition | None:
        """Return the definition of the alarm with this id; None where there is none."""
        number = self.find(alarm)
        return None if number is None else self[number]

    def place(self, number: int) -> tuple[int, int]:
        """Return the point of a rule's alarm and which of the point's rules it is."""
        point = int(np.searchsorted(self.first, number, side="right")) - 1
        return point, number - int(self.first[point])

    def alarm(self, number: int) -> str:
        """Return the id of the alarm with this number, without making its definition."""
        if number >= self._own_first:
            return self._own[number - self._own_first].alarm
        if number >= self._sparse_first[0]:
            each, point = self._sparse_at(number)
            return f"{self._node}/{self._tags[point]}/{each.definition.rule}"
        if number >= self.silence:
            return f"{self._node}/{self._tags[number - self.silence]}/{NO_DATA}"
        point, place = self.place(number)
        rule = self.kinds[self._kind[point]].rules[place].rule
        return f"{self._node}/{self._tags[point]}/{rule}"

    def of(self, point: int) -> Iterator[AlarmDefinition]:
        """Make the alarms of one point: its rules, then "no data", then its sparse ones."""
        kind = self.kinds[self._kind[point]]
        sparse = (
            self._placed(each, point)
            for group, each in enumerate(self.sparse)
            if self._find_sparse(group, point) is not None
        )
        return (self._named(each, point) for each in (*kind.rules, kind.silence, *sparse))

    def alike(self) -> npt.NDArray[np.int64]:
        """Return a number of each point, the same where the alarms are: by kind and sparse ones."""
        found = self._kind.astype(np.int64)
        for each in self.sparse:
            found *= 2
            found[each.points] += 1
        return found

    def with_own(self, own: Iterable[AlarmDefinition]) -> Self:
        """Return this catalogue with alarms of no point behind its own."""
        return type(self)(
            self._node,
            self._numbers,
            kinds=self.kinds,
            kind=self._kind,
            sparse=self.sparse,
            own=(*self._own, *own),
        )

    def _make(self, number: int) -> AlarmDefinition:
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number >= self._own_first:
            return self._own[number - self._own_first]
        if number >= self._sparse_first[0]:
            each, point = self._sparse_at(number)
            return self._named(self._placed(each, point), point)
        if number >= self.silence:
            point = number - self.silence
            return self._named(self.kinds[self._kind[point]].silence, point)
        point, place = self.place(number)
        return self._named(self.kinds[self._kind[point]].rules[place], point)

    def _sparse_at(self, number: int) -> tuple[SparseAlarm, int]:
        """Return the sparse alarm with this number, and its point."""
        group = bisect_right(self._sparse_first, number) - 1
        each = self.sparse[group]
        return each, int(each.points[number - self._sparse_first[group]])

    def _find_sparse(self, group: int, point: int) -> int | None:
        points = self.sparse[group].points
        place = int(np.searchsorted(points, point))
        if place == points.size or int(points[place]) != point:
            return None
        return self._sparse_first[group] + place

    def _placed(self, each: SparseAlarm, point: int) -> AlarmDefinition:
        """Return the definition of a sparse alarm at the place of this point."""
        at = self.kinds[self._kind[point]].silence
        return msgspec.structs.replace(
            each.definition, area=at.area, division=at.division, hazard=at.hazard
        )

    def _named(self, shared: AlarmDefinition, point: int) -> AlarmDefinition:
        tag = self._tags[point]
        return msgspec.structs.replace(shared, alarm=f"{self._node}/{tag}/{shared.rule}", tag=tag)


#: Alarms of the node itself: rule, priority, and the words of both languages.
NODE_ALARMS = (
    ("storage_slow", Priority.HIGH, "Storage slow, not crash-safe", "存储缓慢，断电可能丢失数据"),
    ("storage_full", Priority.HIGH, "Storage full, readings are shed", "存储已满，正在舍弃读数"),
    ("storage_lost", Priority.CRITICAL, "Storage lost, not crash-safe", "存储失效，断电将丢失数据"),
    (
        "storage_held",
        Priority.MEDIUM,
        "A reader holds the store, its log grows",
        "有程序占住存储读取，日志不断增大",
    ),
    ("storage_low", Priority.MEDIUM, "Little room on the disk", "磁盘剩余空间不足"),
    ("broker_lost", Priority.CRITICAL, "No connection to the broker", "与消息服务器失去连接"),
    ("clock_set", Priority.MEDIUM, "The gateway's clock was set", "网关时钟被调整"),
    (
        "parent_changed",
        Priority.HIGH,
        "Centre above has another key, its orders are refused",
        "上级平台密钥与配对时不符，其指令一律拒绝",
    ),
    (
        "state_refused",
        Priority.HIGH,
        "Centre above does not take the present state",
        "上级平台未接收当前报警状态",
    ),
    ("dead_letter", Priority.HIGH, "Events that a receiver never takes", "有事件被接收方拒收"),
    ("outbox_lagging", Priority.MEDIUM, "Events wait, the parent is away", "上报积压，上级未接收"),
    ("self_fault", Priority.HIGH, "Fault of the gateway's own program", "网关程序自身故障"),
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
