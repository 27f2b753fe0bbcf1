"""`alarms` and `pair`: the desk without a browser, against running nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import Result

from gateway.clock import SystemClock
from gateway.roles.centre import CentreSettings, open_centre
from gateway.simulation.broker import LocalBroker
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import running, stored, until, write_site


async def beside(*arguments: object) -> Result:
    """Run a command while the edge of this test goes on."""
    return await asyncio.to_thread(hazgate, *arguments)


@pytest.mark.broker
async def test_alarms_are_listed_and_acknowledged(tmp_path: Path, broker: LocalBroker) -> None:
    """The list shows what stands; an acknowledgement is an event with who and why."""
    path = write_site(tmp_path, port=broker.port)
    async with running(path) as edge:
        assert figures(await beside("alarms", "list", "--config", path, "--json"))["alarms"] == []
        await edge.say(150.0)
        await until(lambda: any(event.alarm == "gw/A/h" for event in stored(tmp_path / "data")))
        listed = figures(await beside("alarms", "list", "--config", path, "--json"))
        (row,) = listed["alarms"]
        assert (row["alarm"], row["state"], row["value"], row["limit"], row["revision"]) == (
            "gw/A/h", "UNACK", 150.0, 100.0, 1,
        )  # fmt: skip
        who = ("--config", path, "--operator", "Li Lei", "--comment", "fans run")
        done = await beside("alarms", "ack", "gw/A/h", *who)
        assert (done.exit_code, done.stdout.strip()) == (0, "applied")
        text = (await beside("alarms", "list", "--config", path)).stdout
        assert "ACKED" in text
        assert "1 alarm(s) stand" in text
        assert "NOT LIVE" not in text
        again = await beside("alarms", "ack", "gw/A/h", *who)
        assert again.exit_code == 1
        assert again.stdout.startswith("refused: ")
        shelved = await beside("alarms", "shelve", "gw/A/h", *who, "--hours", "1")
        assert shelved.exit_code == 0
        assert (await beside("alarms", "unshelve", "gw/A/h", *who)).exit_code == 0
        unknown = await beside("alarms", "ack", "gw/Z/h", *who)
        assert unknown.exit_code == 1
        assert "gw/A/h" in unknown.stderr
        outage = await beside("alarms", "out-of-service", "gw/B/h", *who, "--hours", "2")
        assert (outage.exit_code, outage.stdout.strip()) == (0, "applied")
    (event,) = [e for e in stored(tmp_path / "data") if e.cause == "acknowledge"]
    assert event.operator.startswith("Li Lei (")
    assert event.comment == "fans run"


@pytest.mark.parametrize("operator", ["", "   ", "\u3000"])
def test_an_order_in_nobodys_name_is_wrong_usage(tmp_path: Path, operator: str) -> None:
    """Status 2, and what to write; nothing reaches the store."""
    path = write_site(tmp_path, port=1)
    found = hazgate("alarms", "ack", "gw/A/h", "--config", path, "--operator", operator)
    assert found.exit_code == 2
    assert "is blank" in found.stderr
    assert not (tmp_path / "data").exists()


def test_without_a_store_the_next_step_is_told(tmp_path: Path) -> None:
    """No edge ever ran here: status 1, and what to start."""
    path = write_site(tmp_path, port=1)
    found = hazgate("alarms", "list", "--config", path)
    assert found.exit_code == 1
    assert "start the edge first" in found.stderr
    assert hazgate("alarms", "list", "--config", tmp_path / "absent.toml").exit_code == 1


async def test_a_site_is_paired_by_a_code(tmp_path: Path) -> None:
    """The code buys a credential once; a wrong or used one is refused, and the reason told."""
    settings = CentreSettings.model_validate(
        {
            "node": {"id": "county", "name": "County centre"},
            "listen": {"address": "127.0.0.1:0"},
            "store": {"folder": str(tmp_path / "centre")},
        }
    )
    async with asyncio.timeout(60), open_centre(settings, clock=SystemClock()) as centre:
        parent = f'[parent]\nurl = "{centre.url}"'
        path = write_site(tmp_path, port=1, more=parent)
        wrong = await beside("pair", "--config", path, "--code", "AAAAA-AAAAA-AAAAA")
        assert wrong.exit_code == 1
        assert "refused" in wrong.stderr
        code = await centre.invite("gw")
        good = await beside("pair", "--config", path, "--code", code)
        assert (good.exit_code, good.stdout.strip()) == (0, "paired as gw")
        token = tmp_path / "data" / "parent.token"
        assert token.stat().st_mode & 0o077 == 0
    alone = tmp_path / "alone"
    alone.mkdir()
    found = hazgate("pair", "--config", write_site(alone, port=1), "--code", "X")
    assert found.exit_code == 1
    assert "[parent]" in found.stderr
    away = hazgate("pair", "--config", path, "--code", "X")
    assert away.exit_code == 1
    assert "cannot be reached" in away.stderr


def test_a_comment_has_an_end(tmp_path: Path) -> None:
    """A comment that no parent would take is wrong usage, before anything is looked at."""
    arguments = ("--config", tmp_path / "site.toml", "--operator", "Li", "--comment", "x" * 1001)
    found = hazgate("alarms", "ack", "gw/A/h", *arguments)
    assert found.exit_code == 2
    assert "at most 1000" in found.stderr.replace("\n", " ")
