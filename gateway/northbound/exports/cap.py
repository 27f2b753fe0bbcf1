"""CAP 1.2: an Alert when an alarm begins, Updates that refer to it, a Cancel at its end.

An alarm that is raised anew before it was over, or in another life of its node, updates what
stands: a second Alert would leave the first standing for ever, since no Cancel would name it. What
is sent follows from the event and from what was sent of its alarm before, and from nothing else: an
event that is sent again gives the same bytes. `sent` is when the node made the event. An alert has
no `expires`: it stands until its Cancel, since an alarm whose alert ran out would look like a plant
that is well. Signs that XML does not know, and those that turn the reading direction of a text, are
replaced by U+FFFD.

Source: OASIS CAP-v1.2 (2010), sections 3.2 and 3.3.2 (times).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib import resources
from operator import itemgetter
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from gateway.model import NANOSECONDS, AlarmEvent, State, Suppression
from gateway.northbound.exports.selection import OWN
from gateway.northbound.exports.settings import CapExport

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
TABLES: Final[dict[str, Any]] = tomllib.loads(
    (resources.files("gateway.northbound.exports") / "cap.toml").read_text(encoding="utf-8")
)
DECLARATION: Final = b"<?xml version='1.0' encoding='utf-8'?>\n"
#: Earlier messages that one refers to: the first and the newest; who knows these knows the rest.
REFERENCES: Final = 20
_NOT_XML: Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
#: What an identifier may hold of a node's name (CAP forbids blanks, commas, < and &).
_NOT_IDENTIFIER: Final = re.compile(r"[^A-Za-z0-9._-]")
_NOT_INCIDENT: Final = re.compile(r"[\s,<&\"]")


@dataclass(frozen=True, slots=True)
class Alert:
    """A message as it goes out.

    Parameters
    ----------
    identifier
        Unique for ever, and fit for a file name.
    references
        Itself and what it refers to, as later messages of the occurrence will: the oldest first.
    """

    identifier: str
    body: bytes
    references: tuple[str, ...]


def alert_of(event: AlarmEvent, earlier: Sequence[str], settings: CapExport) -> Alert | None:
    """Return the message of an event; None where nobody was told what it would cancel.

    Parameters
    ----------
    earlier
        References of what stands of this alarm, of whichever occurrence; the oldest first.
    settings
        Who speaks, and how.
    """
    identifier = _NOT_IDENTIFIER.sub("_", f"{event.node}.{event.life}.{event.seq}")
    sent = stamp(event.received_ns, settings.utc_offset)
    own = f"{settings.sender},{identifier},{sent}"
    # Sent again after a crash, it stands there itself, or later ones do.
    known = earlier[: earlier.index(own)] if own in earlier else earlier
    before = tuple(each for each in known if not _is_later(each, event))
    ended = event.after == State.NORMAL
    if ended and not before:
        return None
    root = Element("alert", xmlns=NAMESPACE)
    message = "Cancel" if ended else "Update" if before else "Alert"
    status = "Test" if event.test else settings.status
    for name, value in (
        ("identifier", identifier),
        ("sender", settings.sender),
        ("sent", sent),
        ("status", status),
        ("msgType", message),
        ("scope", "Restricted"),
        ("restriction", settings.restriction),
        ("references", " ".join(before)),
        ("incidents", _NOT_INCIDENT.sub("_", f"{event.alarm}.{event.life}.{event.occurrence}")),
    ):
        _add(root, name, value)
    for language, words in TABLES["word"].items():
        _info(root, event, settings, language, words)
    return Alert(
        identifier, DECLARATION + tostring(root, "unicode").encode(), _kept((*before, own))
    )


def level_of(event: AlarmEvent) -> Mapping[str, Any]:
    """Return the row of `cap.toml` that fits an event."""
    kind = kind_of(event)
    for row in TABLES["level"]:
        if row["kind"] == kind and event.priority in row.get("priority", [event.priority]):
            found: Mapping[str, Any] = row
            return found
    raise LookupError(f"cap.toml has no level for {kind}")


def kind_of(event: AlarmEvent) -> str:
    """Return what kind of news an event is, as `cap.toml` has it."""
    if event.after == State.NORMAL:
        return "ended"
    if event.after == State.RETURNED_UNACKNOWLEDGED:
        return "returned"
    if event.tag.startswith(OWN) or event.rule in TABLES["data"]["rules"]:
        return "data"
    if event.historical:
        return "late"
    return "predicted" if event.predicted_ns else "alarm"


def stamp(time_ns: int, utc_offset: str) -> str:
    """Return an instant as CAP has it: whole seconds and an offset, that of UTC as -00:00."""
    hours, _, minutes = utc_offset[1:].partition(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    zone = timezone(-offset if utc_offset[0] == "-" else offset)
    text = datetime.fromtimestamp(time_ns // NANOSECONDS, zone).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}{utc_offset if offset else '-00:00'}"


def clean(text: str) -> str:
    """Return a text without what XML does not know or what turns a reader's eye around."""
    return _NOT_XML.sub("\ufffd", text)


def _is_later(reference: str, event: AlarmEvent) -> bool:
    """Whether a reference names a later event of the same life."""
    life, _, seq = reference.split(",")[1].rpartition(".")
    return life == _NOT_IDENTIFIER.sub("_", f"{event.node}.{event.life}") and int(seq) > event.seq


def _info(
    root: Element, event: AlarmEvent, settings: CapExport, language: str, words: Mapping[str, str]
) -> None:
    level = level_of(event)
    info = SubElement(root, "info")
    texts = _texts(event, words)
    _add(info, "language", language)
    for category in TABLES["category"].get(event.hazard, ["Safety"]):
        _add(info, "category", category)
    _add(info, "event", texts["event"])
    _add(info, "responseType", level["response"])
    for name in ("urgency", "severity", "certainty"):
        _add(info, name, level[name])
    _add(info, "effective", stamp(event.received_ns, settings.utc_offset))
    _add(info, "onset", stamp(event.source_ns or event.received_ns, settings.utc_offset))
    _add(info, "senderName", settings.sender_name)
    for name in ("headline", "description", "instruction"):
        _add(info, name, texts[name])
    for name, value in filter(itemgetter(1), _parameters(event)):
        parameter = SubElement(info, "parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", value)
    area = SubElement(info, "area")
    _add(area, "areaDesc", " ".join(filter(None, (event.node, event.area))) or "-")
    if event.division:
        geocode = SubElement(area, "geocode")
        _add(geocode, "valueName", "GB/T 2260")
        _add(geocode, "value", event.division)


def _texts(event: AlarmEvent, words: Mapping[str, str]) -> dict[str, str]:
    """Return what people read, in one language."""
    values = {
        "hazard": words.get(event.hazard, event.hazard),
        "state": words.get(event.after, event.after),
        "tag": event.tag,
        "rule": event.rule,
        "alarm": event.alarm,
        "value": _number(event.value),
        "limit": _number(event.limit),
        "unit": event.unit,
        "area": event.area,
        "priority": event.priority,
        "quality": event.quality,
        "suppression": event.suppression,
    }
    more = [words["late"]] if event.historical else []
    if event.suppression != Suppression.NONE:
        more.append(words["suppressed"])
    description = " ".join([words["description"], *more])
    closing = words["ended" if event.after == State.NORMAL else "instruction"]
    return {
        "event": words["event"].format(**values),
        "headline": words["headline"].format(**values),
        "description": description.format(**values),
        "instruction": closing,
    }


def _parameters(event: AlarmEvent) -> Iterator[tuple[str, str]]:
    """Yield what machines read."""
    yield from (
        ("hazgate:id", f"{event.node}/{event.life}/{event.seq}"),
        ("hazgate:alarm", event.alarm),
        ("hazgate:tag", event.tag),
        ("hazgate:rule", event.rule),
        ("hazgate:state", event.after),
        ("hazgate:occurrence", str(event.occurrence)),
        ("hazgate:revision", str(event.revision)),
        ("hazgate:priority", event.priority),
        ("hazgate:quality", event.quality),
    )
    for name, number in (("value", event.value), ("limit", event.limit)):
        if number is not None:
            yield f"hazgate:{name}", f"{_number(number)} {event.unit}".strip()
    if event.standard:
        yield "hazgate:standard", f"{event.standard} {event.clause}".strip()


def _add(parent: Element, name: str, value: str) -> None:
    if value:
        SubElement(parent, name).text = clean(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.10g}"


def _kept(references: tuple[str, ...]) -> tuple[str, ...]:
    if len(references) <= REFERENCES:
        return references
    return (references[0], *references[1 - REFERENCES :])
