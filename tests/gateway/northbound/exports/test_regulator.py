"""A stand-in of a province's platform: it decrypts, checks who speaks, and fails at will."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigError
from gateway.model import NANOSECONDS
from gateway.northbound.exports import outward
from gateway.northbound.exports.field_map import PACKAGED, read_map
from gateway.northbound.exports.passing import TRIES
from gateway.northbound.exports.regulator import Regulator
from gateway.northbound.exports.settings import RegulatorExport
from gateway.northbound.exports.sm4 import decrypted
from tests.gateway.northbound.exports.receiving import Address, Node, Posted, Said
from tests.gateway.northbound.site import serving, until
from tests.gateway.supervision.world import NOON_NS

KEY = "0123456789ABCDEFFEDCBA9876543210"
SECRET = "s3cr3t-of-the-app"


class Platform:
    """What the far end does with a post."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.repeated: list[str] = []
        self.order: list[tuple[str, int]] = []
        self.moods: deque[str] = deque()
        self.refuses: set[str] = set()
        self.stuck: set[str] = set()
        self.blames: set[str] = set()
        self.key = bytes.fromhex(KEY)
        self.iv: bytes | None = None

    def answer(self, post: Posted) -> Said:
        if post.headers.get("appid") != "app-1" or post.headers.get("appsecret") != SECRET:
            return said(401, "no such app")
        try:
            document = json.loads(decrypted(post.body.decode("ascii"), self.key, self.iv))
        except ValueError:
            return said(1001, "cannot be decrypted")
        if self.blames & {item["deviceCode"] for item in document["data"]}:
            return said(77, "what is this")
        mood = self.moods.popleft() if self.moods else "good"
        bad = {
            "hang": Said(hangs=True),
            "busy": said(500, "busy"),
            "nonsense": Said(body=b"<html>gateway timeout</html>"),
        }
        return bad[mood] if mood in bad else self._taken(document["data"], mood)

    def _taken(self, items: list[dict[str, Any]], mood: str) -> Said:
        receipts = []
        for number, item in enumerate(items):
            if mood == "half" and number % 2:
                receipts.append({"id": item["id"], "code": 503, "message": "later"})
            elif item["deviceCode"] in self.stuck:
                receipts.append({"id": item["id"], "code": 77, "message": "what is this"})
            elif item["deviceCode"] in self.refuses:
                receipts.append({"id": item["id"], "code": 422, "message": "unknown device"})
            else:
                self._keep(item)
                receipts.append({"id": item["id"], "code": 0})
        if mood == "lost":
            return Said(status=502)
        if mood == "plain":
            return said(0, "ok")
        return Said(body=json.dumps({"code": 0, "message": "ok", "data": receipts}).encode())

    def _keep(self, item: dict[str, Any]) -> None:
        if item["id"] in self.kept:
            self.repeated.append(item["id"])
            return
        self.kept[item["id"]] = item
        self.order.append((item["deviceCode"], item["revision"]))


def said(code: int, message: str) -> Said:
    return Said(body=json.dumps({"code": code, "message": message}).encode())


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
async def far(platform: Platform) -> AsyncIterator[Address]:
    async with serving(Address(platform.answer)) as made:  # type: ignore[type-var]
        yield made


def export(far: Address, folder: Path, **more: Any) -> RegulatorExport:
    (folder / "key").write_text(f"{KEY}\n", encoding="ascii")
    (folder / "app").write_text(f"{SECRET}\n", encoding="ascii")
    text = PACKAGED.read_text(encoding="utf-8").replace("refused = []", 'refused = ["422"]')
    (folder / "map.toml").write_text(text, encoding="utf-8")
    return RegulatorExport.model_validate(
        {
            "name": "city", "kind": "regulator", "url": f"{far.url}/alarm", "app_id": "app-1",
            "allow": ["127.0.0.1"], "key_file": str(folder / "key"),
            "app_secret_file": str(folder / "app"), "map_file": str(folder / "map.toml"), **more,
        }
    )  # fmt: skip


async def test_an_alarm_arrives_as_the_map_has_it(
    node: Node, far: Address, platform: Platform, tmp_path: Path
) -> None:
    """Names, codes, units, time and id; the body is hexadecimal and tells nothing in the clear."""
    event = node.tell(unit="mg/m3")
    async with node.courier(Regulator(export(far, tmp_path))):
        await until(lambda: node.left == 0)
    assert event.source_ns == NOON_NS
    (item,) = platform.kept.values()
    assert item == {
        "id": f"gw1/{event.life}/{event.seq}", "companyCode": "app-1",
        "divisionCode": "330106003000", "deviceCode": "AR1-AT-101", "hazardType": "03",
        "alarmRule": "h", "alarmLevel": "2", "alarmStatus": "1",
        "alarmTime": item["alarmTime"], "alarmNumber": 1, "revision": 1, "value": 120.5,
        "threshold": 100.0, "unit": "mg/m³", "late": False,
    }  # fmt: skip
    (post,) = far.posts
    assert bytes.fromhex(post.body.decode("ascii"))
    assert b"AR1" not in post.body


async def test_whatever_the_platform_does_nothing_is_lost_or_doubled(
    node: Node, far: Address, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Busy, nonsense, timeouts, lost answers and half batches, with alarms that move meanwhile."""
    monkeypatch.setattr(outward, "TIMEOUT_S", 0.3)
    moods = ["busy", "half", "nonsense", "lost", "hang", "half", "half", "plain", "lost", "busy"]
    platform.moods.extend(moods)
    # An odd number: half a batch takes the second event of an alarm and leaves its first.
    made = [
        node.tell(f"gw1/T{number}/h", tag=f"T{number}", revision=revision)
        for revision in range(1, 4)
        for number in range(21)
    ]
    async with node.courier(Regulator(export(far, tmp_path, batch=42))):
        await until(lambda: node.left == 0)
    assert set(platform.kept) == {f"gw1/{event.life}/{event.seq}" for event in made}
    assert platform.repeated  # the lost answers: told apart by id
    for number in range(21):
        order = [revision for tag, revision in platform.order if tag == f"T{number}"]
        assert order == [1, 2, 3]


async def test_a_wrong_key_and_a_wrong_secret_lose_nothing(
    node: Node, far: Address, platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events wait while either is wrong, leave once the files are mended, and no log tells them."""
    settings = export(far, tmp_path)
    (tmp_path / "key").write_text("F" * 32, encoding="ascii")
    node.tell_many(5)
    async with node.courier(Regulator(settings)):
        await until(lambda: len(far.posts) >= 2)
        assert node.left == 5
        (tmp_path / "app").write_text("another", encoding="ascii")
        (tmp_path / "key").write_text(KEY, encoding="ascii")
        seen = len(far.posts)
        await until(lambda: len(far.posts) >= seen + 3)
        assert node.left == 5
        (tmp_path / "app").write_text(SECRET, encoding="ascii")
        await until(lambda: node.left == 0)
    assert len(platform.kept) == 5
    assert node.dead() == []
    told = "".join(capsys.readouterr())
    assert "cannot be decrypted" in told
    assert "no such app" in told
    assert not any(secret in told for secret in (KEY, "F" * 32, SECRET, "another"))


async def test_what_the_platform_never_takes_is_set_aside(
    node: Node, far: Address, platform: Platform, tmp_path: Path
) -> None:
    """A code that the map calls refused makes a dead letter with the platform's own words."""
    platform.refuses = {"T2"}
    for number in range(4):
        node.tell(f"gw1/T{number}/h", tag=f"T{number}")
    async with node.courier(Regulator(export(far, tmp_path))):
        await until(lambda: node.left == 0)
    assert node.dead() == [(3, "code 422: unknown device")]
    assert len(platform.kept) == 3


async def test_one_alarm_with_an_unknown_code_holds_up_no_other(
    node: Node, far: Address, platform: Platform, tmp_path: Path
) -> None:
    """It owns more rows than a post: the others leave, its own wait in order, and it is told."""
    platform.stuck = {"T0"}
    stuck = [node.tell("gw1/T0/h", tag="T0", revision=revision) for revision in range(1, 9)]
    for number in range(1, 5):
        node.tell(f"gw1/T{number}/h", tag=f"T{number}")
    async with node.courier(Regulator(export(far, tmp_path, batch=5))) as courier:
        await until(lambda: len(platform.kept) == 4)
        await until(lambda: node.left == len(stuck))
        node.clock.set(node.clock.now_ns() + 61 * NANOSECONDS)
        # The clock may have jumped in the middle of a post, which is then told itself.
        some = "export city: 1 alarm(s) not taken: code 77: what is this"
        await until(lambda: courier.trouble == some)
        assert node.dead() == []
        platform.stuck = set()
        await until(lambda: node.left == 0)
        await until(lambda: courier.trouble == "")
    assert [revision for tag, revision in platform.order if tag == "T0"] == list(range(1, 9))


async def test_it_is_set_aside_after_its_tries_with_others_taken_between(
    node: Node, far: Address, platform: Platform, tmp_path: Path
) -> None:
    """While nothing else is taken it is tried without end; then each try counts."""
    platform.stuck = {"T0"}
    node.tell("gw1/T0/h", tag="T0")
    async with node.courier(Regulator(export(far, tmp_path))) as courier:
        await until(lambda: len(far.posts) >= TRIES + 2)
        assert node.dead() == []
        for number in range(1, TRIES + 2):
            node.tell("gw1/T1/h", tag="T1", revision=number)
            courier.wake()
            await until(lambda number=number: len(platform.kept) == number)  # type: ignore[misc]
            seen = len(far.posts)
            await until(lambda seen=seen: node.dead() or len(far.posts) > seen)  # type: ignore[misc]
        await until(lambda: node.left == 0)
    assert node.dead() == [(1, f"not taken {TRIES} times, others were: code 77: what is this")]


async def test_an_answer_for_the_whole_post_does_not_hide_the_one_to_blame(
    node: Node, far: Address, platform: Platform, tmp_path: Path
) -> None:
    """A platform that answers with one code for all: posts shrink until the alarm stands alone."""
    platform.blames = {"T3"}
    for number in range(9):
        node.tell(f"gw1/T{number}/h", tag=f"T{number}")
    async with node.courier(Regulator(export(far, tmp_path, batch=8))):
        await until(lambda: len(platform.kept) == 8)
        await until(lambda: node.left == 1)
    assert node.dead() == []


async def test_a_test_never_reaches_the_platform(
    node: Node, far: Address, platform: Platform, tmp_path: Path
) -> None:
    """Neither the settings nor a filter that lets it through make a test an actual alarm."""
    with pytest.raises(ValueError, match="leave it false"):
        export(far, tmp_path, select={"tests": True})
    node.tell(test=True)
    node.tell("gw1/other/h")
    taken = await (regulator := Regulator(export(far, tmp_path))).deliver(node.parcels())
    await regulator.close()
    assert sorted(taken.taken) == [1, 2]
    assert [item["id"].rpartition("/")[2] for item in platform.kept.values()] == ["2"]


async def test_a_platform_with_a_fixed_first_block_reads_it(
    node: Node, far: Address, platform: Platform, tmp_path: Path
) -> None:
    """With iv_file the body begins with the first block of text."""
    (tmp_path / "iv").write_text("0011223344556677", encoding="ascii")
    platform.iv = b"0011223344556677"
    node.tell()
    async with node.courier(Regulator(export(far, tmp_path, iv_file=str(tmp_path / "iv")))):
        await until(lambda: node.left == 0)
    assert len(platform.kept) == 1


def test_the_packaged_map_says_that_it_is_unverified() -> None:
    """No number or name of it was read in a platform's document, and it says so."""
    found = read_map(None)
    assert found.basis == "unverified"
    assert "second-hand" in found.source


def test_every_problem_of_a_map_is_told_at_once(tmp_path: Path) -> None:
    """A table that is not there, a map without an id, an unknown key, a bad pointer."""
    text = PACKAGED.read_text(encoding="utf-8")
    path = tmp_path / "map.toml"
    path.write_text(
        text.replace('from = "id"', 'from = "tag"').replace('table = "state"', 'table = "status"'),
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        read_map(str(path))
    told = str(caught.value)
    assert "'status' is no table" in told
    assert 'from = "id"' in told
    path.write_text(
        text.replace('code = "/code"', 'code = "code"', 1) + "\ninvented = 1\n", "utf-8"
    )
    with pytest.raises(ConfigError, match=r"receipt\.code"):
        read_map(str(path))
