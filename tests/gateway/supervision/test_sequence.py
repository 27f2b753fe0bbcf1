"""Numbers, throttles and tables, without a centre."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.db import Database
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS
from gateway.supervision import divisions, sequence, throttle
from gateway.supervision.divisions import DivisionsError
from gateway.supervision.throttle import Damper, Throttle
from gateway.supervision.write import Write


@pytest.mark.parametrize("seed", range(5))
def test_spans_agree_with_a_set(seed: int) -> None:
    """However numbers arrive, the gaps are those of the set of all that arrived."""
    chance = random.Random(seed)
    database = Database(None, "centre")
    write = Write(database, Chain(Identity("c", "l", "e")), 0)
    have: set[int] = set()
    for _ in range(40):
        some = {chance.randint(1, 60) for _ in range(chance.randint(1, 6))}
        sequence.arrived(write, "gw1", "a", some)
        have |= some
        expected = [list(run) for run in sequence.runs(set(range(1, 61)) - have)]
        assert sequence.gaps(database, "gw1", "a", last_seq=60) == expected
        reached = next((n - 1 for n in range(1, 62) if n not in have), 0)
        assert sequence.gapless_to(database, "gw1", "a") == reached
    database.close()


def test_gaps_of_other_lives_are_not_forgotten() -> None:
    """A node that began anew still lacks what of its earlier lives has not come."""
    database = Database(None, "centre")
    write = Write(database, Chain(Identity("c", "l", "e")), 0)
    lives = [("a", {1, 2, 5, 9}), *((f"{n:02}", {1, 2}) for n in range(60)), ("b", {3}), ("c", {2})]
    for life, numbers in lives:
        sequence.meet(write, "gw1", life, "1")
        sequence.arrived(write, "gw1", life, numbers)
    sequence.arrived(write, "gw2", "a", {7})
    found = sequence.earlier_gaps(database, "gw1", "c")
    # The newest life comes first, and lives of which nothing is missing hide none.
    assert found == [("b", 1, 2), ("a", 3, 4), ("a", 6, 8)]
    sequence.arrived(write, "gw1", "b", range(3, 300, 2))
    assert len(sequence.earlier_gaps(database, "gw1", "c")) == sequence.GAPS_SHOWN
    database.close()


def test_new_epoch_makes_its_life_present() -> None:
    """A start not seen before brings its life to the front; one seen before moves nothing."""
    database = Database(None, "centre")
    write = Write(database, Chain(Identity("c", "l", "e")), 0)
    starts = [("a", "1"), ("a", "2"), ("b", "1"), ("a", "3"), *[("b", "1")] * 3]
    seen = [
        (sequence.meet(write, "gw1", life, epoch) != "", sequence.current_life(database, "gw1"))
        for life, epoch in starts
    ]
    assert [life for _, life in seen] == ["a", "a", "b", "a", "a", "a", "a"]
    assert [fork for fork, _ in seen] == [False] * 6 + [True]
    assert sequence.place_of(write, "gw1", "c") < sequence.place_of(write, "gw1", "b")
    assert sequence.place_of(write, "gw1", "b") < sequence.place_of(write, "gw1", "a")
    database.close()


def test_throttle_forgets() -> None:
    """Failures count within their window only, and memory stays bounded whatever the keys."""
    clock = ManualClock(NANOSECONDS)
    limit = Throttle(clock, allowed=2, window_ns=10 * NANOSECONDS)
    limit.failed("a")
    assert not limit.blocked("a")
    limit.failed("a")
    assert limit.blocked("a")
    assert not limit.blocked("b")
    clock.set(11 * NANOSECONDS)
    assert not limit.blocked("a")
    for number in range(throttle.KEYS + 100):
        limit.failed(str(number))
    assert len(limit) == throttle.KEYS


def test_damper_speaks_once_a_minute() -> None:
    """A repeated thing is said once a minute."""
    clock = ManualClock(0)
    damper = Damper(clock)
    assert damper.first("a")
    assert not damper.first("a")
    assert damper.first("b")
    clock.set(60 * NANOSECONDS)
    assert damper.first("a")


def test_divisions_file(tmp_path: Path) -> None:
    """A sound table is read, with its validity as instants."""
    path = tmp_path / "divisions.csv"
    path.write_text(
        "code,parent,name,level,valid_from,valid_to\n"
        "330106,,西湖区,county,,\n"
        "330106003,330106,街道,township,2020-01-01,2026-01-01\n",
        encoding="utf-8",
    )
    county, township = divisions.read(path)
    assert (county.name, county.valid_from_ns) == ("西湖区", 0)
    assert township.valid_to_ns == 1_767_225_600 * NANOSECONDS


def test_divisions_name_who_is_responsible(tmp_path: Path) -> None:
    """A table may say who answers for a division; one without these columns is as good as ever."""
    path = tmp_path / "divisions.csv"
    path.write_text(
        "code,parent,name,level,valid_from,valid_to,responsible,telephone\n"
        "330106003,,街道,township,,,,\n"
        "330106003-07,330106003,第七网格,grid,,,韩梅, 0571-8888\n",
        encoding="utf-8",
    )
    township, cell = divisions.read(path)
    assert (township.responsible, township.telephone) == ("", "")
    assert (cell.responsible, cell.telephone) == ("韩梅", "0571-8888")


def test_divisions_problems_are_told_at_once(tmp_path: Path) -> None:
    """Every problem of the table is reported with its line."""
    path = tmp_path / "divisions.csv"
    path.write_text(
        "code,parent,name,level,valid_from,valid_to\n"
        "a,b,,,,\n"
        "b,a,,,,\n"
        "a,,,,,\n"
        "c,z,,,soon,\n"
        ",,,,,\n"
        "d,,,,2026-01-01,2020-01-01\n"
    )
    with pytest.raises(DivisionsError) as refused:
        divisions.read(path)
    text = str(refused.value)
    for line, word in ((2, "itself"), (3, "itself"), (4, "already"), (5, "soon"), (5, "parent z"),
                       (6, "empty"), (7, "before it begins")):  # fmt: skip
        assert any(f":{line}:" in row and word in row for row in text.splitlines()), (line, word)


def test_divisions_need_their_columns(tmp_path: Path) -> None:
    """A table without its header, and a file that is none, say what is missing."""
    path = tmp_path / "divisions.csv"
    path.write_text("code,name\n")
    with pytest.raises(DivisionsError, match="parent, level, valid_from, valid_to"):
        divisions.read(path)
    with pytest.raises(DivisionsError, match=r"none\.csv"):
        divisions.read(tmp_path / "none.csv")
