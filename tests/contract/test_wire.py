"""Wire v1 against its golden files: a fleet is never updated at once, so these bytes stay.

A golden file is never rewritten to please a test. A field may be added with a default (old files
still decode, and the new form gets a file of its own); nothing is renamed, retyped or removed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import model
from gateway.northbound import wire
from tests.contract.messages import ALARM_EVENT, MESSAGES

GOLDEN = Path(__file__).parent / "v1"
NAMES = sorted(MESSAGES)
#: Fields whose content is the sender's own JSON, passed on byte for byte and not looked into.
EMBEDDED = {"body", "alarms", "detail", "delegates"}


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def decoded(name: str, body: bytes) -> msgspec.Struct:
    return msgspec.json.decode(body, type=type(MESSAGES[name]))


def tables(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document that wire v1 itself names the fields of."""
    if isinstance(value, dict):
        yield value
        for key, below in value.items():
            if key not in EMBEDDED:
                yield from tables(below)
    elif isinstance(value, list):
        for below in value:
            yield from tables(below)


def changed(name: str, change: Callable[[dict[str, Any]], None], at: int) -> bytes:
    """A golden file with one of its objects changed."""
    document = json.loads(golden(name))
    change(list(tables(document))[at])
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def every_field() -> list[tuple[str, int, str]]:
    return [
        (name, at, field)
        for name in NAMES
        for at, table in enumerate(tables(json.loads(golden(name))))
        for field in table
    ]


def test_every_message_has_its_golden_file() -> None:
    """There is a file for each message and a message for each file."""
    assert sorted(path.stem for path in GOLDEN.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_encoding_gives_exactly_these_bytes(name: str) -> None:
    """Names, order, numbers and text of a message are those of the golden file, byte for byte."""
    assert wire.encode(MESSAGES[name]) == golden(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_file_is_understood(name: str) -> None:
    """What a node of the first release sent means the same today."""
    assert decoded(name, golden(name)) == MESSAGES[name]


@pytest.mark.parametrize("name", NAMES)
def test_unknown_fields_are_tolerated(name: str) -> None:
    """A newer sender may say more, at any depth; what is known is understood all the same."""
    for at in range(len(list(tables(json.loads(golden(name)))))):
        more = changed(name, lambda table: table.update(newer={"deep": [1, None, "x"]}), at)
        assert decoded(name, more) == decoded(name, changed(name, lambda _: None, at))


@pytest.mark.parametrize(("name", "at", "field"), every_field())
def test_a_renamed_field_is_noticed(name: str, at: int, field: str) -> None:
    """Under another name a field is missed or loses its value: no name in the files is idle."""

    def rename(table: dict[str, Any]) -> None:
        table[f"{field}_"] = table.pop(field)

    renamed = changed(name, rename, at)
    if (name, at, field) in IDLE:
        assert decoded(name, renamed) == MESSAGES[name]
    elif required(name, at, field):
        with pytest.raises(msgspec.ValidationError, match=f"required field `{field}`"):
            decoded(name, renamed)
    else:
        assert decoded(name, renamed) != MESSAGES[name]


def without(name: str, at: int, field: str) -> bytes:
    return changed(name, lambda table: table.pop(field), at)


def required(name: str, at: int, field: str) -> bool:
    """Whether a message without the field is refused."""
    try:
        decoded(name, without(name, at, field))
    except msgspec.ValidationError:
        return True
    return False


#: Fields that a file states at their default: a rename of these alone could not be noticed.
IDLE = {
    (name, at, field)
    for name, at, field in every_field()
    if not required(name, at, field) and decoded(name, without(name, at, field)) == MESSAGES[name]
}


def test_every_field_of_every_message_is_in_a_golden_file() -> None:
    """No field of wire v1 is without a file that pins its name, and none stands at its default."""
    pinned = {(type(MESSAGES[name]), field) for name, _, field in every_field()}
    for message in MESSAGES.values():
        for field in msgspec.structs.fields(message):
            assert (type(message), field.encode_name) in pinned
    # The version has one value; kind and reason are stated elsewhere.
    idle = {field for name, _, field in IDLE if name != "node_event"}
    assert idle == {"v", "kind", "reason"}


@pytest.mark.parametrize("name", ["intake", "present"])
def test_events_travel_byte_for_byte(name: str) -> None:
    """An event inside a message keeps the very bytes that were journalled, spacing included."""
    sent = b'{ "kind":"alarm",  "value": 1.0e2, "\\u006eode":"gw1" }'
    if name == "intake":
        message: Any = wire.Intake(
            node="gw1", life="l", epoch="e", items=[wire.item("event", "l/1", sent)]
        )
        back = bytes(decoded(name, wire.encode(message)).items[0].body)  # type: ignore[attr-defined]
    else:
        message = wire.Present(life="l", seq=1, alarms=[msgspec.Raw(sent)])
        back = bytes(decoded(name, wire.encode(message)).alarms[0])  # type: ignore[attr-defined]
    assert back == sent


def test_kinds_of_a_newer_child_are_decoded() -> None:
    """An item of an unknown kind is read, so that it can be rejected by name."""
    body = golden("intake").replace(b'"kind":"present"', b'"kind":"weather"')
    assert [item.kind for item in msgspec.json.decode(body, type=wire.Intake).items] == [
        "weather", "event"
    ]  # fmt: skip


def test_paths_and_limits_of_version_one() -> None:
    """The addresses, the version and the size of a post are part of the contract."""
    assert (wire.INTAKE, wire.HEARTBEAT) == ("/api/v1/intake", "/api/v1/heartbeat")
    assert (wire.ORDERS, wire.PAIR) == ("/api/v1/orders/stream", "/api/v1/pair")
    assert (wire.VERSION, model.EVENT_VERSION, wire.MAX_ITEMS) == (1, 1, 500)


def test_what_live_and_replay_may_differ_in_are_fields() -> None:
    """What a comparison of live and replay leaves out are fields, none of which names the event."""
    fields = {field.name for field in msgspec.structs.fields(ALARM_EVENT)}
    assert set(model.LIVE_ONLY) <= fields
    assert not {"node", "seq", "alarm", "revision", "source_ns"} & set(model.LIVE_ONLY)
