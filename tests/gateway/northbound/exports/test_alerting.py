"""CAP alerts on their way: to an address, into a folder, over a crash."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.northbound.exports import alerting
from gateway.northbound.exports.alerting import Cap
from gateway.northbound.exports.cap import Alert
from gateway.northbound.exports.settings import CapExport
from tests.gateway.northbound.exports.receiving import DESTINATION, Address, Node, Said
from tests.gateway.northbound.site import until


def cap(node: Node, **more: Any) -> Cap:
    settings = CapExport.model_validate(
        {"name": "city", "kind": "cap", "sender": "hazgate@lake.example", "allow": ["127.0.0.1"],
         **more}
    )  # fmt: skip
    return Cap(settings, destination=DESTINATION, store=node.store)


def kinds(address: Address) -> list[str]:
    return [re.findall(rb"<msgType>(\w+)", post.body)[0].decode() for post in address.posts]


def said(node: Node) -> int:
    [(count,)] = node.database.execute("SELECT COUNT(*) FROM export_alert")
    return int(count)


async def test_two_occurrences_are_two_alerts(node: Node, address: Address) -> None:
    """Each begins with its own Alert and ends with its own Cancel; then nothing is kept."""
    for occurrence in (1, 2):
        for after in ("UNACK", "ACKED", "NORM"):
            node.tell(after=after, occurrence=occurrence)
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    assert kinds(address) == ["Alert", "Update", "Cancel"] * 2
    assert {post.headers["content-type"] for post in address.posts} == {"application/cap+xml"}
    references = [re.findall(rb"<references>([^<]+)", post.body) for post in address.posts]
    assert [len(found) for found in references] == [0, 1, 1] * 2
    first = re.findall(rb"<identifier>([^<]+)", address.posts[0].body)[0]
    assert first in references[1][0]
    assert first not in references[4][0]
    assert said(node) == 0


@pytest.mark.parametrize("new_life", [False, True])
async def test_a_new_occurrence_takes_over_what_stands(
    node: Node, address: Address, schema: Any, *, new_life: bool
) -> None:
    """Raised again before it was over, or in another life: an Update, and one Cancel names all."""
    node.tell(after="UNACK")
    node.tell(after="RTNUN", cause="clear")
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    if new_life:
        seq = node.chain.seq
        node.new_life()
        node.chain.seq = seq  # the row's number; the store goes on, as a centre's does
    node.tell(after="UNACK", occurrence=1 if new_life else 2)
    node.tell(after="NORM", cause="clear", occurrence=1 if new_life else 2)
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    assert kinds(address) == ["Alert", "Update", "Update", "Cancel"]
    for post in address.posts:
        schema.validate(post.body.decode("utf-8"))
    named = re.findall(rb"<references>([^<]+)", address.posts[-1].body)[0].split()
    sent = [re.findall(rb"<identifier>([^<]+)", post.body)[0] for post in address.posts[:-1]]
    assert [each.split(b",")[1] for each in named] == sent
    assert said(node) == 0


async def test_two_occurrences_sent_again_are_the_same_bytes(node: Node, address: Address) -> None:
    """After a crash behind both, the first neither refers to the second nor takes it over."""
    for after, occurrence in (("UNACK", 1), ("NORM", 1), ("UNACK", 2)):
        node.tell(after=after, occurrence=occurrence)
    outcome = await (receiver := cap(node, url=address.url)).deliver(node.parcels())
    await receiver.close()
    assert outcome.note is not None
    with node.database.transaction():
        outcome.note(node.database)
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    bodies = [post.body for post in address.posts]
    assert bodies[:3] == bodies[3:]


async def test_an_update_refers_over_a_restart(node: Node, address: Address) -> None:
    """What was said stands in the store: a new process updates and cancels what the last began."""
    node.tell(after="UNACK")
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    assert said(node) == 1
    node.tell(after="NORM")
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    assert kinds(address) == ["Alert", "Cancel"]


async def test_a_lost_answer_gives_the_same_bytes(node: Node, address: Address) -> None:
    """An alert is sent again as it was; later ones of the batch wait, so that order stays."""
    address.script.extend([Said(), Said(503), Said(503), Said()])
    for after in ("UNACK", "ACKED", "NORM"):
        node.tell(after=after)
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    assert kinds(address) == ["Alert", "Update", "Update", "Update", "Cancel"]
    bodies = [post.body for post in address.posts]
    assert bodies[1] == bodies[2] == bodies[3]


async def test_a_crash_before_the_row_leaves_sends_the_same_again(
    node: Node, address: Address
) -> None:
    """What was said is noted first: the event that comes again does not refer to itself."""
    node.tell()
    outcome = await (receiver := cap(node, url=address.url)).deliver(node.parcels())
    await receiver.close()
    assert outcome.note is not None
    with node.database.transaction():
        outcome.note(node.database)
    async with node.courier(cap(node, url=address.url)):
        await until(lambda: node.left == 0)
    first, second = (post.body for post in address.posts)
    assert first == second


async def test_an_alert_that_is_refused_holds_up_its_own_alarm_alone(
    node: Node, address: Address
) -> None:
    """Its update does not arrive before it; another alarm's alert does."""
    node.tell("gw1/A/h", after="UNACK")
    node.tell("gw1/A/h", after="ACKED")
    node.tell("gw1/B/h", after="UNACK")
    address.script.append(Said(400))
    outcome = await (receiver := cap(node, url=address.url)).deliver(node.parcels())
    await receiver.close()
    assert [number for number, _ in outcome.declined] == [1]
    assert (outcome.taken, outcome.refused) == ([3], ())


async def test_a_folder_takes_files_whole(node: Node, tmp_path: Path) -> None:
    """A file an alert, none half written, none left over; a folder that is away is waited for."""
    folder = tmp_path / "alerts"
    node.tell_many(5)
    async with node.courier(cap(node, folder=str(folder))) as courier:
        await until(lambda: bool(courier._reason))
        assert node.left == 5
        folder.mkdir()
        await until(lambda: node.left == 0)
    files = sorted(folder.iterdir())
    assert len(files) == 5
    assert all(file.suffix == ".xml" and file.read_bytes().endswith(b"</alert>") for file in files)


async def test_a_folder_that_nobody_reads_is_not_filled(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its bound events wait in the outbox; when somebody reads, they go on."""
    monkeypatch.setattr(alerting, "FILES", 3)
    node.tell_many(5)
    async with node.courier(cap(node, folder=str(tmp_path / "x"))) as courier:
        (tmp_path / "x").mkdir()
        await until(lambda: node.left == 2)
        await until(lambda: "unread" in courier._reason)
        for file in (tmp_path / "x").iterdir():
            file.unlink()
        await until(lambda: node.left == 0)
    assert len(list((tmp_path / "x").iterdir())) == 2


async def test_a_folder_that_hangs_keeps_what_was_taken_before(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that does not answer is told as away; the files before it are known."""
    monkeypatch.setattr(alerting, "FOLDER_S", 0.2)
    answers, real = threading.Event(), alerting.put
    written: list[str] = []

    def put(folder: Path, alert: Alert) -> None:
        written.append(alert.identifier)
        if len(written) == 3:
            answers.wait(30)
        real(folder, alert)

    monkeypatch.setattr(alerting, "put", put)
    node.tell_many(5)
    async with node.courier(cap(node, folder=str(tmp_path))) as courier:
        await until(lambda: node.left == 3)
        await until(lambda: "no answer within" in courier._reason)
        answers.set()
        await until(lambda: node.left == 0)
    assert len(list(tmp_path.glob("*.xml"))) == 5


async def test_a_slow_address_is_given_what_a_round_holds(
    node: Node, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch ends after a while with what was taken, and the next one goes on behind it."""
    monkeypatch.setattr(alerting, "ROUND_S", 0.0)
    node.tell_many(5)
    receiver = cap(node, url=address.url)
    outcome = await receiver.deliver(node.parcels())
    await receiver.close()
    assert list(outcome.taken) == [1]
