"""What a site file says of the parent, the store and the history."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from device_profiles.duration import PositiveDurationNs
from gateway.config import Written, WrittenPath
from gateway.model import NANOSECONDS

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f'{url!r} is no address; write it as in "https://centre.example"')
    if parts.port == 0:  # reading it also refuses what is no port
        raise ValueError(f"{url!r} has port 0; leave the port out, or write the one it listens on")
    return url


def _encrypted(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(f"{url!r} is not encrypted; write https:// for another host")
    return url


Address = Annotated[str, AfterValidator(_address)]


class ParentSettings(Written):
    """The node above. The token is what pairing left in the store's folder, unless stated here."""

    url: Annotated[Address, AfterValidator(_encrypted)]
    token_file: WrittenPath | None = None
    #: A one-time code left here is used at start, until the node is paired.
    code_file: WrittenPath | None = None
    ca_file: WrittenPath | None = None


class StoreSettings(Written):
    """Where alarms, journal and readings are kept, and how much of the disk they may take."""

    folder: WrittenPath = "data"
    #: Room kept back for alarms on a full disk, MiB.
    reserve_mib: Annotated[int, Field(strict=True, ge=1, le=1024)] = 16
    #: Raw readings kept in the spool, MiB; history keeps them longer.
    spool_mib: Annotated[int, Field(strict=True, ge=16, le=1_048_576)] = 1024
    #: Days of history kept as Parquet.
    history_days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 30
    #: What the half hours before and after each alarm may take of the disk beyond that, MiB.
    pinned_mib: Annotated[int, Field(strict=True, ge=0, le=1_048_576)] = 512


class UplinkSettings(Written):
    """How much may wait for a receiver (parent, local screen), and what goes beyond it."""

    #: Events that wait for each receiver, MiB. Beyond it the oldest that are no alarms are shed.
    outbox_mib: Annotated[int, Field(strict=True, ge=1, le=65_536)] = 256
    #: Alarm events are shed only beyond so many times the limit, the oldest first.
    alarm_reserve: Annotated[float, Field(ge=1, le=10)] = 1.5
    #: Ten-second summaries that wait in memory; the oldest are shed first.
    summaries: Annotated[int, Field(strict=True, ge=6, le=8640)] = 360
    #: A receiver that has taken nothing for so long, while something waits, is an alarm.
    lagging: PositiveDurationNs | Literal["off"] = 15 * 60 * NANOSECONDS


class InfluxSettings(Written):
    """An InfluxDB 2 API (InfluxDB, VictoriaMetrics) that takes every reading as well."""

    url: Address
    bucket: str = "hazgate"
    org: str = "hazgate"
    token_file: WrittenPath | None = None
