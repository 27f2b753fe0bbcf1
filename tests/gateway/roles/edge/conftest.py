"""A broker a test, and a disk that can be told to hang or to fail."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.northbound.spool_writer import Spool
from gateway.simulation.broker import LocalBroker, mosquitto


class Disk:
    """Every sync of the spool passes here."""

    def __init__(self) -> None:
        self._answers = threading.Event()
        self._answers.set()
        self.fails = False
        self.hanging = threading.Event()

    def hang(self) -> None:
        """From the next sync on, no answer."""
        self._answers.clear()

    def answer(self) -> None:
        """Answer what hangs, and all that follows."""
        self._answers.set()

    def pass_through(self) -> None:
        """What a sync meets."""
        if not self._answers.is_set():
            self.hanging.set()
            self._answers.wait(60)
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    under = Disk()
    real = Spool.sync

    def sync(spool: Spool) -> None:
        under.pass_through()
        real(spool)

    monkeypatch.setattr(Spool, "sync", sync)
    yield under
    under.answer()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    if mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as started:
        yield started
