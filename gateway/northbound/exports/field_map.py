"""The field map of a regulator's platform: names, codes, units and times of an alarm, as data.

What differs from province to province stands in a TOML file, the package's or one of the site's
own. Here is what such a file may say, and what it makes of an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from pydantic import Field, model_validator

from device_profiles.problems import PathProblemsError
from gateway.config import Written, load
from gateway.model import NANOSECONDS
from gateway.northbound.exports.port import Parcel

Key = Annotated[str, Field(min_length=1)]
Pointer = Annotated[str, Field(pattern=r"^(/[^/]+)+$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
#: What an event has, and what is made of it.
Origin = Literal[
    "id", "app_id", "node", "alarm", "occurrence", "revision", "tag", "area", "division", "hazard",
    "rule", "cause", "before", "after", "suppression", "priority", "quality", "historical",
    "source_time", "received_time", "value", "unit", "limit", "predicted_time", "standard",
    "clause", "operator", "comment",
]  # fmt: skip
TIMES: Final = {
    "source_time": "source_ns", "received_time": "received_ns", "predicted_time": "predicted_ns",
}  # fmt: skip
PACKAGED: Final = Path(str(resources.files("gateway.northbound.exports") / "regulator.toml"))


class RequestMap(Written):
    """How a post looks."""

    app_id: HeaderName
    app_secret: HeaderName
    content_type: Annotated[str, Field(pattern=r"^[!-~]+( [!-~]+)*$")]
    list: Key
    fixed: Mapping[str, str | int | float | bool] = Field(default_factory=dict)


class TimeMap(Written):
    """How an instant is written."""

    format: Key
    utc_offset: Annotated[str, Field(pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$")]

    @cached_property
    def zone(self) -> timezone:
        """The offset as a zone."""
        hours, _, minutes = self.utc_offset[1:].partition(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if self.utc_offset[0] == "-" else offset)


class ReceiptMap(Written):
    """Where an answer says what was taken."""

    code: Pointer
    message: Pointer
    items: Pointer
    item_id: Pointer
    item_code: Pointer
    item_message: Pointer
    taken: Annotated[tuple[str, ...], Field(min_length=1)]
    refused: tuple[str, ...] = ()


class FieldRow(Written):
    """One key of an alarm over there."""

    name: Key
    origin: Annotated[Origin, Field(alias="from")]
    table: str | None = None
    otherwise: Annotated[str | None, Field(alias="else")] = None


class FieldMap(Written):
    """A whole file."""

    basis: Key
    source: Key
    request: RequestMap
    time: TimeMap
    receipt: ReceiptMap
    field: Annotated[tuple[FieldRow, ...], Field(min_length=1)]
    table: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        known = ", ".join(sorted(self.table)) or "none"
        found: list[tuple[tuple[str | int, ...], str]] = [
            (("field", number, "table"), f"{row.table!r} is no table of this file; known: {known}")
            for number, row in enumerate(self.field)
            if row.table is not None and row.table not in self.table
        ]
        if not any(row.origin == "id" for row in self.field):
            found.append((("field",), 'none has from = "id": the platform could tell no repeat'))
        if found:
            raise PathProblemsError(found)
        return self

    def item(self, parcel: Parcel, app_id: str) -> dict[str, Any]:
        """Return an alarm as the platform has it."""
        return {row.name: self._value(row, parcel, app_id) for row in self.field}

    def _value(self, row: FieldRow, parcel: Parcel, app_id: str) -> Any:
        if row.origin == "id":
            value: Any = parcel.id
        elif row.origin == "app_id":
            value = app_id
        elif row.origin in TIMES:
            value = self._instant(getattr(parcel.event, TIMES[row.origin]))
        else:
            value = getattr(parcel.event, row.origin)
        if row.table is None or value is None:
            return value
        otherwise = value if row.otherwise is None else row.otherwise
        return self.table[row.table].get(str(value), otherwise)

    def _instant(self, time_ns: int | None) -> str | None:
        if not time_ns:
            return None
        at = datetime.fromtimestamp(time_ns // NANOSECONDS, self.time.zone)
        return at.strftime(self.time.format)


def read_map(path: str | None) -> FieldMap:
    """Return a field map; the package's for None.

    Raises
    ------
    ConfigError
        With every problem of the file.
    """
    content, _ = load(Path(path) if path is not None else PACKAGED, FieldMap)
    return content


def at(document: Any, pointer: str) -> Any:
    """Return what stands at a pointer of an answer; None where nothing does."""
    for step in pointer.split("/")[1:]:
        document = document.get(step) if isinstance(document, Mapping) else None
    return document


def decoded(body: bytes) -> Any:
    """Return an answer's JSON; None for what is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
