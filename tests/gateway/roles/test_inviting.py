"""A child centre that its parent's file expects speaks for the nodes of its division alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.config import ConfigError, load
from gateway.roles.centre import CentreSettings, open_centre
from tests.gateway.supervision.world import NOON_NS, Child, pairing_body, settings_in

TABLE = "code,parent,name,level,valid_from,valid_to\n33,,P,,,\n331,33,A,,,\n332,33,B,,,\n"
TOWNS = [{"id": "east", "division": "331"}, {"id": "west", "division": "332"}]


def stated(folder: Path, centres: list[Any]) -> CentreSettings:
    """The settings of a file with these centres, as a start reads them."""
    tables = ", ".join(
        f'"{each}"'
        if isinstance(each, str)
        else "{ " + ", ".join(f'{key} = "{text}"' for key, text in each.items()) + " }"
        for each in centres
    )
    path = folder / "centre.toml"
    path.write_text(f'[node]\nid = "county"\n[pairing]\ncentres = [{tables}]\n')
    return load(path, CentreSettings)[0]


@pytest.mark.parametrize("centres", [TOWNS, [{"id": "east"}], []])
def test_several_have_their_divisions_and_one_may_go_without(
    tmp_path: Path, centres: list[dict[str, str]]
) -> None:
    """What bounds each is in the file; an only child has nobody to be kept apart from."""
    found = stated(tmp_path, centres).pairing.centres
    assert [each.id for each in found] == [each["id"] for each in centres]


@pytest.mark.parametrize(
    ("centres", "which"),
    [
        ([{"id": "east"}, {"id": "west"}], ["east", "west"]),
        ([{"id": "east", "division": "331"}, {"id": "west"}], ["west"]),
        (["east"], ["east"]),
    ],
)
def test_what_would_speak_for_anybody_is_refused(
    tmp_path: Path, centres: list[Any], which: list[str]
) -> None:
    """The error names who lacks a division, and what to write."""
    with pytest.raises(ConfigError) as refused:
        stated(tmp_path, centres)
    tables = ", ".join(f'{{ id = "{name}", division = "CODE" }}' for name in which)
    assert f"write centres = [{tables}]" in str(refused.value)


async def test_a_listed_centre_speaks_for_its_own_division(tmp_path: Path) -> None:
    """Paired by the code of the file, it is refused for a node of another division."""
    table = tmp_path / "divisions.csv"
    table.write_text(TABLE)
    settings = settings_in(
        tmp_path / "store", pairing={"centres": TOWNS}, divisions={"file": str(table)}
    )
    clock = ManualClock(NOON_NS)
    async with (
        open_centre(settings, clock=clock) as running,
        httpx.AsyncClient(base_url=running.url) as client,
    ):
        east = Child("east", client, clock, token="a token")
        code = (tmp_path / "store" / "pairing-east.code").read_text().strip()
        answer = await client.post("/api/v1/pair", json=pairing_body(code, east.token))
        assert answer.status_code == httpx.codes.OK, answer.text
        own, others = (
            Child(name, client, clock, division=division)
            for name, division in (("gw1", "331"), ("gw2", "332"))
        )
        assert await east.tells_of(own.facts()) == ""
        assert "stands in division 332" in await east.tells_of(others.facts())


@pytest.mark.parametrize("before", [[{"id": "east"}], [{"id": "east", "division": "332"}]])
async def test_a_division_stated_later_binds_a_paired_centre(
    tmp_path: Path, before: list[dict[str, str]]
) -> None:
    """The file of the next start counts, whatever the centre was paired with."""
    table = tmp_path / "divisions.csv"
    table.write_text(TABLE)
    clock = ManualClock(NOON_NS)
    folder = tmp_path / "store"
    divisions = {"file": str(table)}
    first = settings_in(folder, pairing={"centres": before}, divisions=divisions)
    async with (
        open_centre(first, clock=clock) as running,
        httpx.AsyncClient(base_url=running.url) as client,
    ):
        code = (folder / "pairing-east.code").read_text().strip()
        await client.post("/api/v1/pair", json=pairing_body(code, "a token"))
        east = Child("east", client, clock, token="a token")
        gateway = Child("gw2", client, clock, division="332")
        assert await east.tells_of(gateway.facts()) == ""
    again = settings_in(folder, pairing={"centres": TOWNS}, divisions=divisions)
    async with (
        open_centre(again, clock=clock) as running,
        httpx.AsyncClient(base_url=running.url) as client,
    ):
        east = Child("east", client, clock, token="a token")
        gateway = Child("gw2", client, clock, division="332")
        assert "stands in division 332" in await east.tells_of(gateway.facts())
        own = Child("gw1", client, clock, division="331")
        assert await east.tells_of(own.facts()) == ""
