"""CAP alerts: valid for any event, one Alert an occurrence, and nothing of a test as actual."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import AlarmEvent, Priority, State, Suppression
from gateway.northbound.exports.cap import NAMESPACE, TABLES, alert_of, kind_of, level_of, stamp
from gateway.northbound.exports.settings import CapExport
from tests.gateway.northbound.exports.receiving import ALARM

SETTINGS = CapExport(name="city", kind="cap", folder="/x", sender="hazgate@lake.example")
CAP = {"c": NAMESPACE}
HOSTILE = [
    "]]>",
    "<!--",
    "&amp;",
    "\x00\x0b\x1f",
    "\u202eevil",
    "\ufffe",
    "{tag}{0}",
    "a,b c<d&e",
    "燃气",
]
text = st.text(max_size=20) | st.sampled_from(HOSTILE)
number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
instants = st.integers(-(2**63), 2**63 - 1)
events = st.builds(
    AlarmEvent, node=text, life=text, epoch=text, seq=st.integers(0, 2**62), alarm=text, cause=text,
    occurrence=st.integers(0, 9), revision=st.integers(0, 9), tag=text, area=text, division=text,
    hazard=text | st.sampled_from(sorted(TABLES["category"])), rule=text, unit=text, quality=text,
    after=st.sampled_from([*State, ""]), suppression=st.sampled_from([*Suppression]),
    priority=st.sampled_from([*Priority, ""]), historical=st.booleans(), test=st.booleans(),
    source_ns=instants, received_ns=instants, value=number, limit=number,
    predicted_ns=st.none() | instants, standard=text, clause=text,
)  # fmt: skip


def event(**fields: Any) -> AlarmEvent:
    whole = {"node": "gw1", "life": "ab", "epoch": "cd", "seq": 7, "alarm": "gw1/AR1-AT-101/h"}
    return AlarmEvent(**{**ALARM, **whole, **fields})


def told(of: AlarmEvent, *earlier: str, to: CapExport = SETTINGS) -> ET.Element:
    alert = alert_of(of, earlier, to)
    assert alert is not None
    return ET.fromstring(alert.body)  # noqa: S314 - our own bytes


def words(root: ET.Element, path: str) -> list[str]:
    return [each.text or "" for each in root.findall(path, CAP)]


@settings(max_examples=150)
@given(of=events, earlier=st.lists(st.sampled_from(["a@b,x.1,2026-01-01T00:00:00+08:00"])))
def test_every_alert_is_valid(schema: Any, of: AlarmEvent, earlier: list[str]) -> None:
    """Whatever an event says: controls, ends of sections, wildcards of formats, years of 1677."""
    alert = alert_of(of, earlier, SETTINGS)
    if alert is None:
        assert of.after == State.NORMAL
        return
    schema.validate(alert.body.decode("utf-8"))
    root = ET.fromstring(alert.body)  # noqa: S314 - our own bytes
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069]", alert.body.decode("utf-8"))
    assert re.fullmatch(r"[A-Za-z0-9._-]+", words(root, "c:identifier")[0])
    assert words(root, "c:info/c:language") == ["zh-CN", "en-US"]


def test_an_invalid_alert_is_found(schema: Any) -> None:
    """Negative control: without its urgency, or with UTC as Z, an alert does not validate."""
    alert = alert_of(event(), (), SETTINGS)
    assert alert is not None
    good = alert.body.decode("utf-8")
    schema.validate(good)
    for bad in (good.replace("urgency", "haste"), good.replace("+08:00", "Z")):
        with pytest.raises(xmlschema.XMLSchemaException):
            schema.validate(bad)


def test_an_occurrence_is_alerted_updated_and_cancelled() -> None:
    """Alert, then Updates that refer to what was said, then a Cancel; each with its own name."""
    moves = [
        ("UNACK", "Alert"), ("ACKED", "Update"), ("UNACK", "Update"), ("RTNUN", "Update"),
        ("NORM", "Cancel"),
    ]  # fmt: skip
    said: tuple[str, ...] = ()
    for seq, (after, kind) in enumerate(moves):
        alert = alert_of(event(seq=seq, after=after, revision=seq), said, SETTINGS)
        assert alert is not None
        root = ET.fromstring(alert.body)  # noqa: S314 - our own bytes
        assert words(root, "c:msgType") == [kind]
        assert words(root, "c:references") == ([" ".join(said)] if said else [])
        # Sent again after a crash that came before the outbox let it go: the same bytes.
        assert alert_of(event(seq=seq, after=after, revision=seq), alert.references, SETTINGS) == (
            alert
        )
        said = alert.references
    assert len(set(said)) == 5


def test_nothing_is_cancelled_that_was_never_said() -> None:
    """An export that begins in the middle tells what stands, not the end of what nobody knew."""
    assert alert_of(event(after="NORM", cause="clear"), (), SETTINGS) is None
    assert words(told(event(after="ACKED", cause="acknowledge")), "c:msgType") == ["Alert"]


def test_references_stay_few() -> None:
    """An alarm that moves a thousand times refers to its first message and the newest ones."""
    said: tuple[str, ...] = ()
    for seq in range(100):
        alert = alert_of(event(seq=seq), said, SETTINGS)
        assert alert is not None
        said = alert.references
    assert len(said) == 20
    assert "gw1.ab.0," in said[0]
    assert "gw1.ab.99," in said[-1]


@pytest.mark.parametrize("status", ["Actual", "Exercise", "Test"])
def test_a_test_is_never_actual(status: str) -> None:
    """An event of a test has the status Test, whatever the file says of the others."""
    chosen = SETTINGS.model_copy(update={"status": status})
    assert words(told(event(test=True), to=chosen), "c:status") == ["Test"]
    assert words(told(event(), to=chosen), "c:status") == [status]


@pytest.mark.parametrize(
    ("fields", "kind", "level"),
    [
        ({"priority": "critical"}, "alarm", ("Immediate", "Extreme", "Observed")),
        ({"priority": "high"}, "alarm", ("Immediate", "Severe", "Observed")),
        ({"predicted_ns": 1, "priority": "high"}, "predicted", ("Expected", "Moderate", "Likely")),
        ({"rule": "no_data", "priority": "high"}, "data", ("Future", "Minor", "Observed")),
        ({"tag": "@node", "rule": "broker_lost"}, "data", ("Future", "Minor", "Observed")),
        ({"historical": True}, "late", ("Unknown", "Severe", "Observed")),
        ({"after": "LUNACK"}, "alarm", ("Immediate", "Severe", "Observed")),
        ({"after": "RTNUN"}, "returned", ("Past", "Minor", "Observed")),
        ({"after": "NORM"}, "ended", ("Past", "Minor", "Observed")),
    ],
)  # fmt: skip
def test_the_levels_are_those_of_the_table(
    fields: dict[str, Any], kind: str, level: tuple[str, str, str]
) -> None:
    """Urgency, severity and certainty by kind and priority; a latched alarm is not over."""
    of = event(**fields)
    row = level_of(of)
    assert (kind_of(of), (row["urgency"], row["severity"], row["certainty"])) == (kind, level)


def test_every_kind_has_a_level_for_every_priority() -> None:
    """No event finds the table without a row."""
    for priority in (*Priority, ""):
        for after in (*State, ""):
            for more in ({}, {"rule": "no_data"}, {"historical": True}, {"predicted_ns": 5}):
                assert level_of(event(priority=priority, after=after, **more))


def test_what_machines_and_people_read_is_there() -> None:
    """Value and limit with their unit, the tag, the division; the words in both languages."""
    root = told(event(historical=True, suppression="SHLVD"))
    pairs = dict(
        zip(
            words(root, "c:info/c:parameter/c:valueName"),
            words(root, "c:info/c:parameter/c:value"),
            strict=True,
        )
    )
    assert pairs["hazgate:value"] == "120.5 ppm"
    assert pairs["hazgate:limit"] == "100 ppm"
    assert pairs["hazgate:tag"] == "AR1-AT-101"
    assert words(root, "c:info/c:area/c:geocode/c:value") == ["330106003000"] * 2
    chinese, english = words(root, "c:info/c:description")
    assert "测点 AR1-AT-101" in chinese
    assert "数据迟到" in chinese
    assert "came late" in english
    assert "SHLVD" in english
    assert "{" not in chinese + english


def test_times_have_the_offset_form() -> None:
    """UTC is -00:00 and never Z; others as the file says."""
    assert stamp(0, "+00:00") == "1970-01-01T00:00:00-00:00"
    assert stamp(0, "+08:00") == "1970-01-01T08:00:00+08:00"
    assert stamp(-1, "-03:30") == "1969-12-31T20:29:59-03:30"
