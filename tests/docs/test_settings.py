"""Keys of the site file and the centre file, and the TOML that pages print."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from device_profiles.duration import format_duration
from gateway.config import ConfigError, load
from gateway.northbound.exports import settings as exports
from gateway.northbound.settings import (
    InfluxSettings,
    ParentSettings,
    StoreSettings,
    UplinkSettings,
)
from gateway.pipeline import derived_settings as derived
from gateway.pipeline import settings as plant
from gateway.roles import centre, inviting
from gateway.roles.edge import settings as edge
from gateway.roles.edge.site import load_site
from gateway.southbound.settings import BrokerSettings
from gateway.supervision import settings as supervision
from tests.docs.pages import PAGES, SITE_FILE, Block, blocks, row_of, section

TEXT = SITE_FILE.read_text(encoding="utf-8")
SECTIONS: dict[type[BaseModel], str] = {
    edge.SiteFile: "Top level of a site file",
    edge.NodeSettings: "`[node]`",
    edge.EnterpriseSettings: "`[node.enterprise]`",
    BrokerSettings: "`[broker]`",
    ParentSettings: "`[parent]`",
    edge.DelegateSettings: "`[[delegate]]`",
    UplinkSettings: "`[uplink]`",
    edge.ScreenSettings: "`[screen]`",
    StoreSettings: "`[store]`",
    edge.SirenSettings: "`[siren]`",
    edge.MetricsSettings: "`[metrics]`",
    InfluxSettings: "`[influx]`",
    exports.SelectSettings: "`[export.select]`",
    exports.MqttExport: '`[[export]]` with `kind = "mqtt"`',
    exports.WebhookExport: '`[[export]]` with `kind = "webhook"`',
    exports.CapExport: '`[[export]]` with `kind = "cap"`',
    exports.RegulatorExport: '`[[export]]` with `kind = "regulator"`',
    plant.AreaSettings: "`[[area]]`",
    plant.DeviceSettings: "`[[device]]`",
    plant.PointSettings: "`[[device.point]]`",
    plant.ConvertSettings: "`[device.point.convert]`",
    plant.LimitSettings: "`[device.point.limits]`",
    plant.LevelSettings: "`[device.point.limits.hh]`, and so for each limit",
    plant.TrendSettings: "`[device.point.trend]`",
    plant.RateSettings: "`[device.point.rate]`",
    plant.StuckSettings: "`[device.point.stuck]`",
    plant.HealthSettings: "`[device.point.health]`",
    plant.SpikeSettings: "`[device.point.health.spikes]`",
    plant.NoiseSettings: "`[device.point.health.noise]`",
    plant.ZeroSettings: "`[device.point.health.zero]`",
    plant.SaturatedSettings: "`[device.point.health.saturated]`",
    plant.FallSettings: "`[device.point.health.fall]`",
    derived.DerivedSettings: "`[[derived]]`",
    derived.VoteSettings: "`[derived.vote]`",
    derived.SpreadSettings: "`[derived.spread]`",
    derived.DeviationSettings: "`[derived.deviation]`",
    derived.ExposureSettings: "`[derived.exposure]`",
    derived.ProcessSettings: "`[derived.process]`",
    centre.CentreSettings: "Top level of a centre file",
    centre.NodeSettings: "`[node]` of a centre",
    centre.ListenSettings: "`[listen]` of a centre",
    centre.StoreSettings: "`[store]` of a centre",
    centre.DivisionSettings: "`[divisions]` of a centre",
    inviting.PairingSettings: "`[pairing]` of a centre",
    inviting.ChildCentre: "`[[pairing.centres]]` of a centre",
    supervision.WatchSettings: "`[watch]` of a centre",
    supervision.DepartmentSettings: "`[departments]` of a centre",
}
WHOLE = [
    block
    for page in PAGES
    for block in blocks(page)
    if block.language == "toml" and ("[broker]" in block.text or "[pairing]" in block.text)
]


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and every model its fields hold."""
    yield model
    for field in model.model_fields.values():
        yield from (each for part in parts(field.annotation) for each in models(part))


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from parts(argument)


def shown(default: Any) -> set[str]:
    """Return how a default may be written; empty where the page may say it in words."""
    if default is None or default == ():
        return set()
    if default is PydanticUndefined or default == "":
        return {"empty" if default == "" else "required"}
    if isinstance(default, bool):
        return {f"`{str(default).lower()}`"}
    written = default.value if isinstance(default, Enum) else default
    if isinstance(written, int):
        return {f"`{written}`", f"`{format_duration(written)}`"}
    return {f"`{written:g}`" if isinstance(written, float) else f"`{written}`"}


def problems_of(model: type[BaseModel], text: str) -> list[str]:
    """Return the keys of a model that the text does not describe, or with another default."""
    found = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        row = row_of(text, key)
        if row is None:
            found.append(f"{key}: is not described")
        elif isinstance(field.default, BaseModel):
            continue
        elif (wanted := shown(field.default)) and row[2] not in wanted:
            found.append(f"{key}: default {row[2]}, the program's is {sorted(wanted)}")
        elif not wanted and row[2] == "required":
            found.append(f"{key}: is not required")
    return found


def test_every_table_has_its_section() -> None:
    """No table of the two files is left out."""
    assert {*models(edge.SiteFile), *models(centre.CentreSettings)} == set(SECTIONS)


@pytest.mark.parametrize("model", SECTIONS, ids=lambda m: f"{m.__module__}.{m.__name__}")
def test_every_key_is_described_with_its_default(model: type[BaseModel]) -> None:
    """Each key stands in its section's table, with the default the program has."""
    assert problems_of(model, section(TEXT, SECTIONS[model])) == []


@pytest.mark.parametrize("model", SECTIONS, ids=lambda m: f"{m.__module__}.{m.__name__}")
def test_no_key_is_described_that_is_not_there(model: type[BaseModel]) -> None:
    """A table of the reference has no key that the program would refuse."""
    rows = section(TEXT, SECTIONS[model]).splitlines()
    listed = {row.split("`")[1] for row in rows if row.startswith("| `")}
    assert listed == {field.alias or name for name, field in model.model_fields.items()}


def test_an_undescribed_key_and_a_wrong_default_are_found() -> None:
    """Negative control: an invented key, and a default that has moved, are problems."""

    class Invented(BaseModel):
        topic: str = "site/other"
        invented: int = 1

    found = problems_of(Invented, section(TEXT, "`[siren]`"))
    assert [problem.split(":")[0] for problem in found] == ["topic", "invented"]


def load_block(block: Block, folder: Path) -> None:
    path = folder / "file.toml"
    path.write_text(block.text, encoding="utf-8")
    if "[broker]" in block.text:
        load_site(path)
    else:
        load(path, centre.CentreSettings)


@pytest.mark.parametrize("block", WHOLE, ids=lambda b: b.page)
def test_every_whole_file_loads(block: Block, tmp_path: Path) -> None:
    """A site or centre file that a page prints has no problem."""
    load_block(block, tmp_path)


def test_there_are_whole_files() -> None:
    """Both READMEs and the reference print a site file and a centre file each."""
    assert len(WHOLE) >= 6


def test_a_broken_file_is_found(tmp_path: Path) -> None:
    """Negative control: a key that is not one makes the printed file fail."""
    text = WHOLE[0].text.replace("\n[broker]", "\n[broker]\ninvented = 1")
    with pytest.raises(ConfigError, match="invented"):
        load_block(Block("control", "toml", text), tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_toml_block_is_toml(page: Path) -> None:
    """What is printed as TOML parses."""
    for block in blocks(page):
        if block.language == "toml":
            tomllib.loads(block.text)
