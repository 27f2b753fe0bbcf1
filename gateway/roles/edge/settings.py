"""The site file: what each stage wants to know, in one document."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from gateway.config import Written
from gateway.northbound.exports.settings import Exports
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
#: The id of a centre, as its own file may write it.
NodeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
#: What the enterprise decides and may delegate.
Action = Literal["acknowledge", "reset", "shelve", "unshelve", "out-of-service", "in-service"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


def _watches(rows: Rows, info: ValidationInfo) -> Rows:
    if not rows:
        raise ValueError(f"nothing is watched; add at least one [[{info.field_name}]]")
    return rows


class EnterpriseSettings(Written):
    """Who runs the site; `uscc` is the unified social credit code."""

    name: Annotated[str, Field(min_length=1)]
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


class DelegateSettings(Written):
    """A centre that may act for the enterprise; the paired parent needs no `key`, it has one."""

    to: NodeId
    actions: Annotated[tuple[Action, ...], Field(min_length=1)] | None = None
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @property
    def allowed(self) -> frozenset[str]:
        """What it may do: everything where nothing is said."""
        return frozenset(self.actions or ACTIONS)


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


def _known(
    delegates: tuple[DelegateSettings, ...], info: ValidationInfo
) -> tuple[DelegateSettings, ...]:
    """Check that each centre stands there once, and that its key is known from somewhere."""
    names = [each.to for each in delegates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)}: stands here twice; write all its actions in one")
    keyless = [each.to for each in delegates if each.key is None]
    if keyless and info.data.get("parent") is None:
        raise ValueError(
            f"{', '.join(keyless)}: needs its key: only that of a paired [parent] is known; "
            "hazgate centre --show-key prints it there"
        )
    if len(keyless) > 1:
        raise ValueError(
            f"{', '.join(keyless)}: only one of these can be the paired parent, whose key is "
            "known; write the key of the others, which hazgate centre --show-key prints there"
        )
    return delegates


class SiteFile(Written):
    """Everything an edge is told."""

    node: NodeSettings
    broker: BrokerSettings
    parent: ParentSettings | None = None
    delegate: Annotated[tuple[DelegateSettings, ...], AfterValidator(_known)] = ()
    screen: ScreenSettings | None = None
    uplink: UplinkSettings = UplinkSettings()
    store: StoreSettings = StoreSettings()
    siren: SirenSettings | None = None
    metrics: MetricsSettings | None = None
    influx: InfluxSettings | None = None
    export: Exports = ()
    area: Annotated[
        tuple[AreaSettings, ...], Field(validate_default=True), AfterValidator(_watches)
    ] = ()
    device: Annotated[
        tuple[DeviceSettings, ...], Field(validate_default=True), AfterValidator(_watches)
    ] = ()
    derived: tuple[DerivedSettings, ...] = ()
