"""The catalogue by number and by id, and the alarms every node has about itself."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.alarms.catalogue import Catalogue, KindAlarms, SparseAlarm, node_alarms
from gateway.alarms.definitions import AlarmDefinition, Level
from gateway.model import Priority


def test_a_node_alarms_about_itself() -> None:
    """Storage, broker and clock have alarms in both languages, of one identity, and none sounds."""
    made = {definition.rule: definition for definition in node_alarms("gw1", "330106003000")}
    assert set(made) == {
        "storage_slow", "storage_full", "storage_lost", "storage_held", "storage_low",
        "broker_lost", "parent_changed", "state_refused", "dead_letter", "outbox_lagging",
        "clock_set", "self_fault",
    }  # fmt: skip
    for rule, definition in made.items():
        assert definition.alarm == f"gw1/@node/{rule}"
        assert (definition.tag, definition.level) == ("@node", Level.NODE)
        assert definition.division == "330106003000"
        assert not definition.sounds
        assert definition.title_en
        assert definition.title_zh
    assert made["storage_lost"].priority == made["broker_lost"].priority == Priority.CRITICAL


def shared(*rules: str, area: str) -> KindAlarms:
    made = [
        AlarmDefinition(alarm="", tag="", rule=rule, level=Level.H, area=area) for rule in rules
    ]
    silence = AlarmDefinition(alarm="", tag="", rule="no_data", level=Level.NO_DATA, area=area)
    return KindAlarms(tuple(made), silence)


def sparse(rule: str, *points: int) -> SparseAlarm:
    definition = AlarmDefinition(alarm="", tag="", rule=rule, level=Level.FAULT)
    return SparseAlarm(definition, np.array(points, np.int32))


OWN = node_alarms("gw", "330106003000")
CATALOGUE = Catalogue(
    "gw",
    {"A": 0, "B.1": 1, "C": 2, "D": 3},
    kinds=[shared("pack.h", "h", area="A1"), shared(area="A2"), shared("trend", area="A3")],
    kind=[0, 1, 2, 0],
    sparse=[sparse("clock", 0, 2), sparse("nowhere"), sparse("overdue", 1, 2, 3)],
    own=OWN,
)
#: As detections name them: the rules point by point, then one "no data" a point, then each
#: sparse one, then the node's.
IDS = [
    "gw/A/pack.h", "gw/A/h", "gw/C/trend", "gw/D/pack.h", "gw/D/h",
    "gw/A/no_data", "gw/B.1/no_data", "gw/C/no_data", "gw/D/no_data",
    "gw/A/clock", "gw/C/clock", "gw/B.1/overdue", "gw/C/overdue", "gw/D/overdue",
    *(each.alarm for each in OWN),
]  # fmt: skip


def test_every_alarm_has_its_number() -> None:
    """Number, id and definition lead to each other, for every alarm and in the stated order."""
    assert [definition.alarm for definition in CATALOGUE] == IDS
    assert len(CATALOGUE) == len(IDS)
    for number, alarm in enumerate(IDS):
        definition = CATALOGUE[number]
        assert (definition.alarm, CATALOGUE.alarm(number)) == (alarm, alarm)
        assert (CATALOGUE.find(alarm), CATALOGUE.get(alarm)) == (number, definition)
        assert alarm in CATALOGUE
        assert alarm == f"gw/{definition.tag}/{definition.rule}"
    areas = [CATALOGUE[number].area for number in (0, 2, 4, 6, 9, 10, 11)]
    assert areas == ["A1", "A3", "A1", "A2", "A1", "A3", "A2"]


def test_numbers_of_rules_lie_point_by_point() -> None:
    """A rule's number is its point's first and its place; "no data" follows all rules."""
    assert (CATALOGUE.first.tolist(), CATALOGUE.silence) == ([0, 2, 2, 3, 5], 5)
    places = [CATALOGUE.place(number) for number in range(CATALOGUE.silence)]
    assert places == [(0, 0), (0, 1), (2, 0), (3, 0), (3, 1)]
    assert [each.alarm for each in CATALOGUE.of(3)] == [
        "gw/D/pack.h", "gw/D/h", "gw/D/no_data", "gw/D/overdue",
    ]  # fmt: skip
    assert [each.alarm for each in CATALOGUE.of(1)] == ["gw/B.1/no_data", "gw/B.1/overdue"]


def test_points_with_the_same_alarms_are_alike() -> None:
    """Two points have one number where they have the same rules, sparse ones included."""
    rules = [tuple(each.rule for each in CATALOGUE.of(point)) for point in range(4)]
    alike = CATALOGUE.alike().tolist()
    assert [alike[a] == alike[b] for a in range(4) for b in range(4)] == [
        rules[a] == rules[b] for a in range(4) for b in range(4)
    ]
    assert alike[0] != alike[3]


def test_a_sparse_alarm_says_where_its_rows_begin() -> None:
    """Rows follow its points; one that nobody has begins nowhere."""
    for rule, tags in (("clock", ["A", "C"]), ("overdue", ["B.1", "C", "D"]), ("none", [])):
        first, points = CATALOGUE.sparse_rows(rule)
        assert [CATALOGUE.alarm(first + n) for n in range(points.size)] == [
            f"gw/{tag}/{rule}" for tag in tags
        ]


@pytest.mark.parametrize(
    "alarm",
    ["", "gw", "gw/A", "gw/A/", "gw/A/hh", "gw/B.1/h", "gw/C/h", "gw/X/h", "other/A/h", "gw//h",
     "gw/B.1/clock", "gw/D/clock", "gw/A/nowhere", "gw/A/overdue", "gw/A/h/", "/A/h", "gw/@node/h"],
)  # fmt: skip
def test_what_is_no_alarm_is_not_found(alarm: str) -> None:
    """An id of another node, of no point, or of a rule that the point has not, is none."""
    assert (CATALOGUE.find(alarm), CATALOGUE.get(alarm)) == (None, None)
    assert alarm not in CATALOGUE


@pytest.mark.parametrize("number", [-1, len(IDS)])
def test_a_number_beyond_is_refused(number: int) -> None:
    """No number counts from the end: a row that is not there is a mistake."""
    with pytest.raises(IndexError):
        CATALOGUE[number]


def test_the_nodes_own_alarms_come_last() -> None:
    """Alarms put behind a catalogue change no number of those before."""
    points = Catalogue("gw", {"A": 0}, kinds=[shared("h", area="A1")], kind=[0])
    whole = points.with_own(OWN)
    assert list(whole) == [*points, *OWN]
    assert whole.find(OWN[1].alarm) == len(points) + 1
    assert OWN[1].alarm not in points
