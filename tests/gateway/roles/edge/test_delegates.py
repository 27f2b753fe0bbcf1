"""Whom a site file lets decide: what of it cannot be meant is told, before it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.northbound.trust import Pin, keep_pin
from gateway.roles.edge.inventory import inventory_of
from gateway.roles.edge.settings import ACTIONS
from gateway.roles.edge.site import inspect_site, load_site, start_site
from tests.gateway.roles.edge.edge import write_site

NOW_NS = 1_790_000_000_000_000_000
KEY = "ab" * 32
PARENT = '[parent]\nurl = "https://centre.example"\n'


def site(folder: Path, *delegates: str, parent: str = PARENT) -> Path:
    tables = "".join(f"[[delegate]]\n{each}\n" for each in delegates)
    return write_site(folder, port=1883, more=parent + tables)


@pytest.mark.parametrize(
    ("delegates", "parent", "told"),
    [
        (('to = "a"\nkey = "AB"',), PARENT, "key"),
        (('to = "a b"',), PARENT, "to"),
        (('to = "a"\nactions = []',), PARENT, "actions"),
        (('to = "a"\nactions = ["silence"]',), PARENT, "acknowledge"),
        (('to = "a"', f'to = "a"\nkey = "{KEY}"'), PARENT, "a: stands here twice"),
        (('to = "a"', 'to = "b"'), PARENT, "a, b: only one of these can be the paired parent"),
        (('to = "a"',), "", "a: needs its key"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, delegates: tuple[str, ...], parent: str, told: str
) -> None:
    """No key that is none, no action that is none, no centre twice, no key unknown."""
    with pytest.raises(ConfigError) as error:
        load_site(site(tmp_path, *delegates, parent=parent))
    assert "delegate" in str(error.value)
    assert told in str(error.value)


def test_a_name_that_is_not_the_paired_parent_s_is_told(tmp_path: Path) -> None:
    """Once the node is paired, a delegate without a key must be that centre, by its very id."""
    path = site(tmp_path, 'to = "lake-centre"')
    inspect_site(path, now_ns=NOW_NS)
    token = tmp_path / "data" / "parent.token"
    token.parent.mkdir()
    keep_pin(token, Pin(centre="county", public_key=KEY))
    with pytest.raises(ConfigError, match=r"lake-centre: is not the paired parent, county"):
        inspect_site(path, now_ns=NOW_NS)
    load_site(path)
    _, [told] = start_site(path)
    assert "lake-centre: is not the paired parent, county" in told
    assert "its orders are refused" in told
    keep_pin(token, Pin(centre="lake-centre", public_key=KEY))
    inspect_site(path, now_ns=NOW_NS)
    assert start_site(path)[1] == []


def test_the_inventory_says_who_may_decide(tmp_path: Path) -> None:
    """Each delegate with what it may do, the own screen with everything; nobody: nobody."""
    path = site(
        tmp_path,
        'to = "county"\nactions = ["reset", "acknowledge"]',
        f'to = "lake-centre"\nkey = "{KEY}"',
        f'to = "city"\nkey = "{KEY}"\nactions = ["shelve"]',
    )
    assert inventory_of(load_site(path)).delegates == {
        "county": ["acknowledge", "reset"],
        "lake-centre": sorted(ACTIONS),
        "city": ["shelve"],
    }
    screen = load_site(site(tmp_path, parent=PARENT + "[screen]\n"))
    assert inventory_of(screen).delegates == {"gw-screen": sorted(ACTIONS)}
    assert inventory_of(load_site(site(tmp_path))).delegates == {}
