"""What the program can say, and the tables that explain it: metrics, refusals, alarms, errors."""

from __future__ import annotations

import re

from device_profiles.quality import Quality
from gateway.alarms.catalogue import NODE_ALARMS
from gateway.model import Cause, State, Suppression
from gateway.observe import Metrics
from gateway.supervision.metrics import CentreMetrics
from tests.docs.pages import (
    METRICS,
    ROOT,
    TROUBLE,
    classes_named,
    missing,
    row_of,
    section,
    texts_given,
)

TEXT = TROUBLE.read_text(encoding="utf-8")
ALARMS = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
COUNTED = METRICS.read_text(encoding="utf-8")
API = ROOT / "gateway" / "supervision" / "api"
#: Codes that come from a variable or stand beside their handler.
NOT_IN_CALLS = {"wrong", "throttled", "busy", "store"}


def exposed(metrics: Metrics | CentreMetrics) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return each metric as Prometheus shows it: name, type, labels."""
    exports = getattr(metrics, "exports", None)
    labels = {
        each._name: tuple(each._labelnames)
        for each in [*vars(metrics).values(), *(vars(exports).values() if exports else ())]
        if hasattr(each, "_labelnames")
    }
    return {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            labels[family.name],
        )
        for family in metrics.registry.collect()
    }


def test_every_metric_is_explained_and_exists() -> None:
    """The page has each metric of edge and centre, with its type and labels, and no other."""
    found = exposed(Metrics()) | exposed(CentreMetrics())
    assert set(re.findall(r"^\| `(hazgate_\w+)` \|", COUNTED, re.MULTILINE)) == set(found)
    for name, (kind, labels) in found.items():
        row = row_of(COUNTED, name)
        assert row is not None
        assert row[1] == ", ".join([kind, *(f"`{label}`" for label in labels)])


def test_every_cause_of_an_event_is_named() -> None:
    """The label `cause` has no value that the page does not list."""
    row = row_of(COUNTED, "hazgate_alarm_events_total")
    assert row is not None
    assert [cause for cause in Cause if cause.value not in row[2]] == []


def test_every_alarm_of_the_node_is_explained() -> None:
    """Each alarm a gateway raises about itself has a row with its priority."""
    rules = {rule: priority for rule, priority, _, _ in NODE_ALARMS}
    for rule, priority in rules.items():
        row = row_of(section(TEXT, "The gateway's own alarms"), rule)
        assert row is not None
        assert row[1] == priority
    assert row_of(TEXT, "no_data") is not None


def test_every_state_of_an_alarm_is_explained() -> None:
    """Each state and suppression that a list shows has a row; no row is of another; causes too."""
    assert set(re.findall(r"^\| `(\w+)` \|", section(ALARMS, "States"), re.MULTILINE)) == set(State)
    aside = section(ALARMS, "Put aside")
    assert set(re.findall(r"^\| `(\w+)` \|", aside, re.MULTILINE)) == set(Suppression)
    (causes,) = re.findall(r"^\| cause \|(.*)$", ALARMS, re.MULTILINE)
    assert [cause for cause in Cause if not re.search(rf"\b{cause}\b", causes)] == []


def test_every_quality_is_explained() -> None:
    """Each quality stands in the table with its verdict, and no other does."""
    text = section(TEXT, "Qualities")
    for quality in Quality:
        row = row_of(text, quality.name)
        assert row is not None
        assert row[1] == quality.verdict.name
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(Quality.__members__)


def test_every_refusal_of_an_order_is_explained() -> None:
    """Each reason the desk or the line gives has a row, and each row is a reason."""
    rooms = ("alarms/desk.py", "alarms/requests.py", "roles/edge/line.py",
             "roles/edge/authority.py", "roles/edge/orders.py")  # fmt: skip
    places = tuple(f"gateway/{room}" for room in rooms)
    reasons = {
        reason for place in places for reason in texts_given(ROOT / place, "RefusedError", place=0)
    }
    text = section(TEXT, "Refused orders")
    assert len(reasons) >= 7
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == reasons


def test_every_refusal_of_a_request_is_explained() -> None:
    """Each code a centre answers with has a row, and each row is a code."""
    codes = set(NOT_IN_CALLS)
    for path in API.glob("*.py"):
        codes |= texts_given(path, "problem", "_problem", place=1)
    text = section(TEXT, "Refused requests at a centre")
    codes -= {""}
    assert missing(text, codes) == set()
    listed = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    assert {code for cell in listed for code in re.findall(r"`(\w+)`", cell)} == codes


def test_every_reason_a_centre_counts_is_named() -> None:
    """The label `reason` of refused requests has no value that the page does not list."""
    row = row_of(COUNTED, "hazgate_centre_refused_requests_total")
    assert row is not None
    for path in API.glob("*.py"):
        for reason in re.findall(r'refused\.labels\(reason="(\w+)"', path.read_text("utf-8")):
            assert reason in row[2]


def test_every_error_class_is_explained() -> None:
    """Each public error of the program has its place in the table of classes."""
    text = section(TEXT, "Errors by class")
    assert missing(text, classes_named("Error")) == set()
    assert set(re.findall(r"`(\w+Error)`", text)) <= classes_named("Error")


def test_what_is_not_explained_is_found() -> None:
    """Negative control: an invented metric, reason and class are missing from their tables."""
    assert missing(COUNTED, {"hazgate_invented_total"}) == {"hazgate_invented_total"}
    assert missing(TEXT, {"invented_reason", "stale_revision"}) == {"invented_reason"}
    assert missing(TEXT, {"InventedError"}) == {"InventedError"}
