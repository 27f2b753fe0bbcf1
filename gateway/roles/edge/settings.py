"""The site file: what each stage wants to know, in one document."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from gateway.config import Written
from gateway.northbound.settings import (
    LOOPBACK,
    InfluxSettings,
    ParentSettings,
    StoreSettings,
    UplinkSettings,
)
from gateway.pipeline.derived_settings import DerivedSettings
from gateway.pipeline.settings import AreaSettings, DeviceSettings, Identifier
from gateway.southbound.settings import BrokerSettings

Listen = Annotated[str, Field(pattern=r"^[^:\s]+:\d{1,5}$")]


Rows = TypeVar("Rows", bound=tuple[object, ...])


def _watches(rows: Rows, info: ValidationInfo) -> Rows:
    if not rows:
        raise ValueError(f"nothing is watched; add at least one [[{info.field_name}]]")
    return rows


class EnterpriseSettings(Written):
    """Who runs the site; `uscc` is the unified social credit code."""

    name: str
    uscc: Annotated[str, Field(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")] | None = None


class NodeSettings(Written):
    """The gateway itself."""

    id: Identifier
    name: str = ""
    division: Annotated[str, Field(pattern=r"^\d{6,12}$")]
    grid: str = ""
    enterprise: EnterpriseSettings


class SirenSettings(Written):
    """Where the siren panel listens: a message at every change, and each second a heartbeat."""

    topic: Annotated[str, Field(min_length=1, pattern=r"^[^#+\x00]*$")]


class ScreenSettings(Written):
    """A local screen: a centre of its own, started beside the edge; on this machine alone."""

    listen: Listen = "127.0.0.1:8080"

    @field_validator("listen")
    @classmethod
    def _here(cls, listen: str) -> str:
        if listen.rpartition(":")[0].strip("[]") not in LOOPBACK:
            raise ValueError(
                f"{listen}: the local screen speaks without TLS, on 127.0.0.1 alone; for other "
                "machines put a TLS proxy before it, or run a centre of its own"
            )
        return listen


class MetricsSettings(Written):
    """Prometheus metrics on loopback."""

    listen: Listen = "127.0.0.1:9108"


class SiteFile(Written):
    """Everything an edge is told."""

    node: NodeSettings
    broker: BrokerSettings
    parent: ParentSettings | None = None
    screen: ScreenSettings | None = None
    uplink: UplinkSettings = UplinkSettings()
    store: StoreSettings = StoreSettings()
    siren: SirenSettings | None = None
    metrics: MetricsSettings | None = None
    influx: InfluxSettings | None = None
    area: Annotated[
        tuple[AreaSettings, ...], Field(validate_default=True), AfterValidator(_watches)
    ] = ()
    device: Annotated[
        tuple[DeviceSettings, ...], Field(validate_default=True), AfterValidator(_watches)
    ] = ()
    derived: tuple[DerivedSettings, ...] = ()
