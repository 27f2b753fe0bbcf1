"""The example files: the program takes them, and they show every option that it knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, create_model

from gateway.config import load
from gateway.roles.centre import CentreSettings
from gateway.roles.edge.settings import SiteFile
from gateway.roles.edge.site import load_site
from tests.deploy.options import misstated, unsaid
from tests.deploy.shipped import CENTRE, SITE, acl, all_options, as_shipped, unexplained
from tests.deploy.site_broker import GATEWAY

EXAMPLES: list[tuple[Path, type[BaseModel]]] = [(SITE, SiteFile), (CENTRE, CentreSettings)]
each_example = pytest.mark.parametrize(
    ("path", "model"), EXAMPLES, ids=["site.toml", "centre.toml"]
)


def test_site_file_is_taken() -> None:
    """The example site has no problem, and watches the points of its table too."""
    site = load_site(SITE)
    tags = {point.tag for point in site.plant.points}
    assert tags >= {"AR1-AT-101", "AR1-PT-103", "CS2-AT-201", "CS2-AT-204"}
    assert site.settings.node.id == GATEWAY


def test_centre_file_is_taken() -> None:
    """The example centre has no problem, speaks TLS, and expects the example gateway."""
    settings, _ = load(CENTRE, CentreSettings)
    assert settings.listen.cert is not None
    assert settings.pairing.nodes == (GATEWAY,)


@each_example
def test_every_option_is_shown(path: Path, model: type[BaseModel]) -> None:
    """No option of the program is missing in its example, and with all of them set it is valid."""
    document = all_options(path)
    assert unsaid(model, [document]) == []
    model.model_validate(document)


@each_example
def test_defaults_are_the_programs(path: Path, model: type[BaseModel]) -> None:
    """An option that is shown and not set shows the value that the program takes without it."""
    assert misstated(model, [as_shipped(path)], [all_options(path)]) == []


@each_example
def test_every_option_is_explained(path: Path, model: type[BaseModel]) -> None:
    """Each key follows a comment that ends as a sentence, where it stands first."""
    del model
    assert unexplained(path) == []


def test_a_new_option_would_be_missed() -> None:
    """The check for missing options finds one on top and one deep inside a list of tables."""
    document = all_options(SITE)
    wider = create_model("Wider", __base__=SiteFile, colour=(str, "red"))
    assert unsaid(wider, [document]) == ["colour"]
    del document["device"][0]["point"][0]["rate"]["per"]
    assert unsaid(SiteFile, [document]) == ["device.point.rate.per"]


def test_a_changed_default_would_be_noticed(tmp_path: Path) -> None:
    """The check of defaults finds a number and a duration that are not the program's."""
    text = SITE.read_text(encoding="utf-8")
    for old, new in (("#keep_alive_s = 30", "#keep_alive_s = 60"), ('#per = "1s"', '#per = "2s"')):
        assert old in text
        text = text.replace(old, new)
    changed = tmp_path / "site.toml"
    changed.write_text(text, encoding="utf-8")
    found = misstated(SiteFile, [as_shipped(changed)], [all_options(changed)])
    assert found == ["broker.keep_alive_s = 60", "device.point.rate.per = '2s'"]


def test_a_missing_sentence_would_be_noticed(tmp_path: Path) -> None:
    """The check of explanations finds a key that follows none."""
    text = CENTRE.read_text(encoding="utf-8")
    sentence = "# Folder of the store and the signing key;"
    kept = [line for line in text.splitlines() if not line.startswith(sentence)]
    changed = tmp_path / "centre.toml"
    changed.write_text("\n".join(kept), encoding="utf-8")
    assert unexplained(changed) == ["[store] folder"]


def test_the_broker_lets_the_site_work() -> None:
    """Gateway and devices of the example site may do at the broker what they do, and no more."""
    settings = load_site(SITE).settings
    assert settings.siren is not None
    users = acl()
    own = users.pop(settings.broker.username or "")
    assert own == {
        "plant/#": "read",
        f"hazgate/{settings.node.id}/fence": "readwrite",
        settings.siren.topic: "write",
    }
    assert users.pop("siren-panel") == {settings.siren.topic: "read"}
    assert users == {device.id: {device.topic: "write"} for device in settings.device}
    assert all(device.topic.startswith("plant/") for device in settings.device)
