"""A screen that has no place to live must not keep the edge from watching."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.northbound import outbox
from gateway.roles.edge import screen
from gateway.roles.edge.screen import LocalScreen
from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker, free_port
from tests.gateway.roles.edge.edge import running, until, write_site

pytestmark = pytest.mark.broker


async def test_without_a_folder_the_edge_runs_and_the_screen_does_not(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Detection never stops: not for the screen's disk either."""
    (tmp_path / "taken").write_text("a file stands where the folder should be")
    more = f'[screen]\nlisten = "127.0.0.1:{free_port()}"'
    path = write_site(tmp_path, port=broker.port, store="taken/data", more=more)
    async with running(path) as edge:
        assert edge.active("@node/storage_lost")
        await edge.say(150.0)
        await until(lambda: "gw/A/h" in edge.sounding)


async def test_no_start_waits_for_the_screens_file(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk does not answer, then refuses: the screen comes later, and all is kept for it."""
    monkeypatch.setattr(screen, "AGAIN_S", 0.05)
    answers, real = threading.Event(), LocalScreen._write
    refused: list[LocalScreen] = []

    def write(local: LocalScreen) -> None:
        answers.wait(60)
        if not refused:
            refused.append(local)
            raise OSError(errno.EROFS, "Read-only file system")
        real(local)

    monkeypatch.setattr(LocalScreen, "_write", write)
    more = f'[screen]\nlisten = "127.0.0.1:{free_port()}"'
    try:
        async with running(write_site(tmp_path, port=broker.port, more=more)) as edge:
            await edge.say(150.0)
            await until(lambda: "gw/A/h" in edge.sounding)
            assert await edge.node.storage.act(lambda store: outbox.waiting(store, "screen"))
            file = tmp_path / "data" / "screen" / "centre.toml"
            assert not file.exists()
            answers.set()
            await until(file.exists)
    finally:
        answers.set()


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "192.0.2.7:8080", "screen:80"])
def test_the_local_screen_is_local(tmp_path: Path, listen: str) -> None:
    """It speaks without TLS, so no other machine may reach it; the refusal says what to do."""
    path = write_site(tmp_path, port=1883, more=f'[screen]\nlisten = "{listen}"')
    with pytest.raises(ConfigError, match=r"screen\.listen: .*TLS proxy"):
        load_site(path)
    for good in ("127.0.0.1:8080", "localhost:8080"):
        write_site(tmp_path, port=1883, more=f'[screen]\nlisten = "{good}"')
        assert load_site(path).settings.screen is not None
