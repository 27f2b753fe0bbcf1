"""One round: a mistake in one table hides nothing of another, and none is made up by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.pipeline.test_bad_site import SITE, problems

#: A second device with a limit that its sensor cannot reach.
FAR = SITE.replace("l = 19.5", "h = 40.0")
LATE = "device[1].point[0].limits.h"


def keys(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return [each.split(": ")[1] for each in problems(path)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "gw"', 'id = "g w"', "node.id"),
        ('id = "gw"\n', "", "node.id"),
        ("mqtt://127.0.0.1:1883", "127.0.0.1", "broker.url"),
        ('[broker]\nurl = "mqtt://127.0.0.1:1883"\n', "", "broker"),
        ('unit = "ppm"', 'unit = "ppm"\ncolour = "red"', "device[0].point[0].colour"),
        ("h = 100,", 'h = "x",', "device[0].point[0].limits.h"),
        ('id = "d1"', 'id = "d 1"', "device[0].id"),
        ('"plant/d1"', '"plant/#"', "device[0].topic"),
        ('profile = "generic/json"\n', "", "device[0].profile"),
        ('topic = "plant/d2"', 'topic = ""', "device[1].topic"),
        ('topic = "plant/d2"\n', "", "device[1].topic"),
        ('topic = "plant/d2"', 'topic = "plant/d2"\nodd = 1', "device[1].odd"),
        ('id = "d2"', "id = 2", "device[1].id"),
    ],
)
def test_a_mistake_hides_none_of_another_table(path: Path, old: str, new: str, key: str) -> None:
    """The limit that the second sensor cannot reach is told beside it, in the same round."""
    assert old in FAR
    assert sorted(keys(path, FAR.replace(old, new, 1))) == sorted([key, LATE])


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("ammonia_refrigeration", "volcano", "area[0].hazard"),
        ('id = "AR1"', 'id = "AR 1"', "area[0].id"),
        ('profile = "generic/multigas-4"', "profile = 4", "device[1].profile"),
        ("h = 40.0", "h = 40.0, hh = true", f"{LATE}h"),
        ('channel = "o2"', "channel = 2", "device[1].point[0].channel"),
    ],
)
def test_nothing_is_said_of_what_depends_on_a_mistake(
    path: Path, old: str, new: str, key: str
) -> None:
    """An area, profile or point that is not understood is one problem, not a chain of them."""
    assert keys(path, FAR.replace(old, new, 1)) == [key]


def test_numbers_are_those_of_the_file(path: Path) -> None:
    """Where a first point and a first area are left out, the others keep their places."""
    head, _, tail = FAR.partition("[[area]]")
    bad = '[[area]]\nid = "B 1"\nname = "x"\nhazard = "metallurgy"\n'
    text = f"{head}{bad}[[area]]{tail}"
    point = '[[device.point]]\nchannel = "o2"\ntag = "AR1-AT-103"\nlimits = { h = 99 }\n'
    text = text.replace('tag = "AR1-AT-102"', 'tag = "AR1/AT"') + point + point
    assert keys(path, text) == [
        "area[0].id", "device[1].point[0].tag", "device[1].point[1].limits.h",
        "device[1].point[2].tag", "device[1].point[2].limits.h",
    ]  # fmt: skip


def test_an_unknown_area_is_told_unless_one_is_not_understood(path: Path) -> None:
    """A name that no area has is a mistake of the device, or of the area that was to have it."""
    wrong = SITE.replace('area = "AR1"\ntopic = "plant/d2"', 'area = "AR9"\ntopic = "plant/d2"')
    wrong = wrong.replace('id = "gw"', 'id = "g w"')
    assert keys(path, wrong) == ["node.id", "device[1].area"]
    assert keys(path, wrong.replace('name = "Machine room"\n', "")) == ["node.id", "area[0].name"]


def test_an_unknown_key_hides_nothing_of_its_own_table(path: Path) -> None:
    """What the other keys of a table are together is told beside the key that is none."""
    text = SITE.replace("[broker]", '[broker]\ncolour = "red"\nkey_file = "k"')
    assert keys(path, text) == ["broker", "broker.colour"]


def test_a_profile_of_the_sites_own_hides_nothing(path: Path) -> None:
    """A profile that cannot be read is told with what else is wrong, and is not called unknown."""
    folder = path.parent / "profiles" / "acme"
    folder.mkdir(parents=True)
    (folder / "x.toml").write_text("id = 1\n", encoding="utf-8")
    text = SITE.replace("h = 100", "h = 4000").replace("generic/multigas-4", "acme/x")
    path.write_text(text, encoding="utf-8")
    found = problems(path)
    assert "device[0].point[0].limits.h" in found[0]
    assert all(each.startswith(f"{folder}/x.toml:") for each in found[1:])
    assert len(found) > 1


def test_a_device_whose_points_are_all_wrong_is_not_called_empty(path: Path) -> None:
    """It has a point: the one that is told."""
    assert keys(path, SITE.replace('tag = "AR1-AT-102"', 'tag = "a b"')) == [
        "device[1].point[0].tag"
    ]


@pytest.mark.parametrize("limit", ["h = 4000", 'h = "x"'], ids=["out of reach", "no number"])
def test_a_mistake_of_a_point_hides_no_unknown_member(path: Path, limit: str) -> None:
    """A member that no point has is told in the same round, and nothing else of the vote."""
    vote = (
        '[[derived]]\ntag = "V"\narea = "AR1"\nvote = {{ of = ["AR1-AT-101", "{}"], need = 1 }}\n'
    )
    text = SITE.replace("h = 100", limit) + vote.format("AR1-AT-999") + vote.format("AR1-AT-102")
    assert sorted(keys(path, text)) == ["derived[0].vote", "device[0].point[0].limits.h"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('tag = "AR1-AT-101"', 'tag = "AR1 AT"', "device[0].point[0].tag"),
        ('tag = "AR1-AT-101"\n', "", "device[0].point[0].tag"),
        ('id = "d1"', 'id = "d 1"', "device[0].id"),
    ],
)
def test_a_member_may_be_the_point_whose_tag_is_wrong(
    path: Path, old: str, new: str, key: str
) -> None:
    """Its tag, once mended, may be the one that is named."""
    vote = '[[derived]]\ntag = "V"\narea = "AR1"\nspread = { of = ["AR1-AT-101", "AR1-AT-7"] }\n'
    assert old in SITE
    assert keys(path, SITE.replace(old, new, 1) + vote) == [key]
