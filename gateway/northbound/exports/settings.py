"""What a site file or a centre file says of its exports: `[[export]]`, one table a receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from device_profiles.problems import PathProblemsError
from gateway.config import Written, WrittenPath, examine
from gateway.model import Priority
from gateway.northbound.exports.addresses import Network, is_own_machine, judge_network, judge_url

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Division = Annotated[str, Field(pattern=r"^\d{6,12}$")]
Hazard = Literal[
    "confined_space", "combustible_dust", "ammonia_refrigeration", "spray_painting",
    "metallurgy", "hazardous_chemicals",
]  # fmt: skip
Batch = Annotated[int, Field(strict=True, ge=1, le=500)]
#: An event has about 1 KiB: so many are some 200 MB of disk.
KEEP: Final = 200_000


def _allowed(text: str) -> str:
    judge_network(text)
    return text


Allowed = Annotated[str, AfterValidator(_allowed)]


class SelectSettings(Written):
    """Which events an export carries; an empty list leaves nothing out."""

    priorities: tuple[Priority, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    #: Each code is itself: what lies below it is another code.
    divisions: tuple[Division, ...] = ()
    nodes: tuple[Name, ...] = ()
    #: Also what a gateway tells of itself, such as `broker_lost`.
    own: bool = True
    historical: bool = True
    tests: bool = False


class _Export(Written):
    name: Name
    select: SelectSettings = SelectSettings()
    #: Events that may wait; beyond it the oldest are shed and counted.
    keep: Annotated[int, Field(strict=True, ge=1000, le=10_000_000)] = KEEP


class _Posted(_Export):
    """What is sent by HTTP, and where it may not be sent."""

    #: Networks of the own premises, or 127.0.0.1, that the address may lie in; judged before it.
    allow: tuple[Allowed, ...] = ()
    url: str
    ca_file: WrittenPath | None = None

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and "allow" in info.data:
            judge_url(url, [judge_network(each) for each in info.data["allow"]])
        return url

    @property
    def networks(self) -> tuple[Network, ...]:
        """What `allow` names."""
        return tuple(judge_network(each) for each in self.allow)


class MqttExport(_Export):
    """A broker that takes CloudEvents at QoS 1; a row leaves on its PUBACK."""

    kind: Literal["mqtt"]
    url: str
    client_id: str | None = None
    username: str | None = None
    password_file: WrittenPath | None = None
    ca_file: WrittenPath | None = None
    cert_file: WrittenPath | None = None
    key_file: WrittenPath | None = None

    @field_validator("url")
    @classmethod
    def _broker(cls, url: str) -> str:
        judge_url(url, (), schemes=("mqtts", "mqtt"), anywhere=True)
        return url

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; give both or none")
        return self

    @model_validator(mode="after")
    def _no_secret_in_the_clear(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme == "mqtts" or is_own_machine(parts.hostname or ""):
            return self
        if self.username or self.password_file:
            why = (
                f"{self.url!r} is not encrypted, and whoever listens would read the user name and "
                "the password; write mqtts://, or leave both out"
            )
            raise PathProblemsError([(("url",), why)])
        return self


class WebhookExport(_Posted):
    """An HTTPS address that takes signed CloudEvents."""

    kind: Literal["webhook"]
    secret_file: WrittenPath
    #: The secret before it, as long as the receiver may not know the new one.
    old_secret_file: WrittenPath | None = None
    batch: Batch = 100


class CapExport(_Posted):
    """CAP 1.2 alerts to an address, into a folder, or both."""

    kind: Literal["cap"]
    url: str | None = None  # type: ignore[assignment]
    folder: WrittenPath | None = None
    #: By which receivers know who speaks, as "hazgate@lake-cold-store.example".
    sender: Annotated[str, Field(pattern=r"^[!#-%'-+\--;=-~]{1,200}$")]
    sender_name: str = ""
    status: Literal["Actual", "Exercise", "Test"] = "Actual"
    restriction: Annotated[str, Field(min_length=1)] = (
        "安全生产监管部门及企业内部 / work-safety authorities and the enterprise"
    )
    utc_offset: Annotated[str, Field(pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$")] = "+08:00"

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.url is None and self.folder is None:
            raise ValueError("goes nowhere; give url, folder, or both")
        return self


class RegulatorExport(_Posted):
    """The platform of a province: JSON by HTTP, its body encrypted by SM4; unverified."""

    kind: Literal["regulator"]
    app_id: Annotated[str, Field(min_length=1, max_length=128)]
    app_secret_file: WrittenPath
    key_file: WrittenPath
    #: The platform's fixed first block; without one a random one stands before each body.
    iv_file: WrittenPath | None = None
    #: A field map of one's own; the package's unless given.
    map_file: WrittenPath | None = None
    batch: Batch = 50

    @field_validator("select")
    @classmethod
    def _no_tests(cls, select: SelectSettings) -> SelectSettings:
        if select.tests:
            raise PathProblemsError(
                [(("tests",), "a regulator takes every alarm for an actual one; leave it false")]
            )
        return select


KINDS: Final[dict[str, type[MqttExport | WebhookExport | CapExport | RegulatorExport]]] = {
    "mqtt": MqttExport,
    "webhook": WebhookExport,
    "cap": CapExport,
    "regulator": RegulatorExport,
}


def _by_kind(value: Any, info: ValidationInfo) -> Any:
    """Read a table as its `kind` says: its problems are told at its own keys alone."""
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        said = "is missing" if kind is None else f"{kind!r} is none"
        raise PathProblemsError([(("kind",), f"{said}; write one of {', '.join(KINDS)}")])
    folder = (info.context or {}).get("folder", Path())
    content, found = examine(value, KINDS[kind], folder=folder)
    if content is None:
        raise PathProblemsError(found)
    return content


def _distinct(exports: tuple[Any, ...]) -> tuple[Any, ...]:
    names = [each.name for each in exports]
    twice = [
        ((number, "name"), f"{name!r} is the name of another export; choose one of its own")
        for number, name in enumerate(names)
        if name in names[:number]
    ]
    if twice:
        raise PathProblemsError(twice)
    return exports


ExportSettings = Annotated[
    MqttExport | WebhookExport | CapExport | RegulatorExport, BeforeValidator(_by_kind)
]
#: What both files have under `export`.
Exports = Annotated[tuple[ExportSettings, ...], AfterValidator(_distinct)]
