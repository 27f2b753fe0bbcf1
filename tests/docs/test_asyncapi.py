"""The description of the MQTT export beside the code that publishes."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gateway.model import AlarmEvent, encode_event
from gateway.northbound.exports.asyncapi import description
from gateway.northbound.exports.envelope import encode_one
from gateway.northbound.exports.port import Parcel
from gateway.northbound.exports.topics import topic_of
from tests.docs.pages import ROOT

FILE = ROOT / "docs" / "asyncapi.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
EVENT = AlarmEvent(
    node="gw1", life="ab", epoch="cd", seq=7, division="330106003000", alarm="gw1/T/h", value=1.5,
    detail={"order": "x", "count": 3},
)  # fmt: skip


def resolved() -> dict[str, Any]:
    """Return the payload's schema with the components it refers to."""
    return {**DOCUMENT["components"]["messages"]["alarm"]["payload"], **DOCUMENT}


def test_the_file_is_not_stale() -> None:
    """It is what the program's own structs give: write it anew after a change of theirs."""
    assert description() == DOCUMENT


def test_what_is_published_is_described() -> None:
    """An event as it is sent fits the payload's schema, and its topic the address."""
    parcel = Parcel(7, EVENT, encode_event(EVENT))
    jsonschema.Draft202012Validator(resolved()).validate(json.loads(encode_one(parcel)))
    address = DOCUMENT["channels"]["alarms"]["address"]
    assert address.format(division="330106003000", node="gw1") == topic_of(EVENT)
    assert set(DOCUMENT["channels"]["alarms"]["parameters"]) == {"division", "node"}


def test_what_is_not_described_is_found() -> None:
    """Negative control: an event without its identity, or of another type, does not fit."""
    sent = json.loads(encode_one(Parcel(7, EVENT, encode_event(EVENT))))
    check = jsonschema.Draft202012Validator(resolved())
    for broken in (
        {**sent, "type": "other"},
        {key: value for key, value in sent.items() if key != "id"},
        {**sent, "data": {**sent["data"], "seq": "7"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            check.validate(broken)
