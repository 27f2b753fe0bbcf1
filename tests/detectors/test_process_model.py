"""The file of a fitted process: whole or refused, and for no other points than its own."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from detectors.process_model import (
    ARRAYS,
    FIELDS,
    VERSION,
    ProcessModel,
    decode,
    encode,
    points_digest,
)

POINTS = ("A-PT-1", "A-PT-2", "A-TT-3")


def model(**changed: Any) -> ProcessModel:
    """A model with something else in it."""
    chance = np.random.default_rng(1)
    given: dict[str, Any] = {
        "points": POINTS,
        "period_ns": 10_000_000_000,
        "consecutive": 6,
        "order": 1,
        "limit": 12.5,
        "mean": chance.normal(size=3),
        "scale": chance.uniform(1.0, 2.0, 3),
        "weights": chance.normal(size=(3, 3, 3)),
        "samples": 500,
        "false_alarms": 0.01,
    }
    return ProcessModel(**given | changed)


def resealed(data: bytes, **changed: Any) -> bytes:
    """The file with other content and the digest that belongs to it."""
    content = json.loads(data) | changed
    del content["sha256"]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return json.dumps(content | {"sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def test_a_file_gives_the_same_model() -> None:
    """What is written is read again to the last bit, and written the same."""
    before = model(points=("柴-1", *POINTS[1:]))
    after = decode(encode(before), before.points)
    assert [getattr(after, name) for name in FIELDS] == [getattr(before, name) for name in FIELDS]
    for name in ARRAYS:
        assert getattr(after, name).tobytes() == getattr(before, name).tobytes()
    assert encode(after) == encode(before)


def test_a_model_cannot_be_changed() -> None:
    """Its arrays are its own, and cannot be written."""
    mean = np.zeros(3)
    made = model(mean=mean)
    mean[0] = 7.0
    assert made.mean[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        made.mean[0] = 1.0


def test_what_a_newer_program_adds_is_passed_over() -> None:
    """Unknown fields do not keep a file from being read."""
    data = resealed(encode(model()), written_by="a newer one", more={"a": [1, 2]})
    assert encode(decode(data)) == encode(model())


def test_a_file_of_other_points_names_them() -> None:
    """Other points are refused: which are not there, which are strange, what to do."""
    with pytest.raises(ValueError, match="fit it anew") as caught:
        decode(encode(model()), ["A-PT-1", "A-TT-3", "A-TT-4", "A-TT-5"])
    assert "1 of the model are not there: A-PT-2;" in str(caught.value)
    assert "2 are not in the model: A-TT-4, A-TT-5;" in str(caught.value)


def test_points_in_another_order_are_refused() -> None:
    """The same points in another order, or twice, are not the model's points."""
    with pytest.raises(ValueError, match=r"A-PT-2, A-PT-1 not in their places; give them in the"):
        decode(encode(model()), ["A-PT-2", "A-PT-1", "A-TT-3"])
    with pytest.raises(ValueError, match="A-PT-1 given twice"):
        decode(encode(model()), [*POINTS, "A-PT-1"])
    assert decode(encode(model()), list(POINTS)).points == POINTS


def test_many_points_are_not_all_named() -> None:
    """A message names a few and says how many more there are."""
    with pytest.raises(ValueError, match=r"9 are not in the model: x0, x1, x2, x3, x4 and 4 more;"):
        decode(encode(model()), [*POINTS, *(f"x{n}" for n in range(9))])


def test_a_list_of_points_has_a_digest_of_its_own() -> None:
    """The file says the digest of its points; another list, or order, has another."""
    assert json.loads(encode(model()))["points_sha256"] == points_digest(POINTS)
    assert points_digest(POINTS) != points_digest(POINTS[::-1])
    assert points_digest(["ab", "c"]) != points_digest(["a", "bc"])


@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
def test_damage_is_found(part: float) -> None:
    """A character that is another one is found, wherever it stands."""
    data = bytearray(encode(model()))
    at = int(part * len(data))
    data[at] = ord("7") if data[at] != ord("7") else ord("8")
    with pytest.raises(ValueError, match=r"^process model: "):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\x00", "not JSON"),
        (b"[]", '"format" is not'),
        (b'{"format": "another"}', '"format" is not'),
        (resealed(encode(model()), version=VERSION + 1), "version 2, this program reads 1 to 1"),
        (resealed(encode(model()), version="x"), "version x"),
        (b'{"format": "hazgate process model", "version": 1}', "without points, order, limit"),
        (resealed(encode(model()), limit=None), "limit is None: a number above 0"),
        (resealed(encode(model()), points=["a", ["b"], 3]), "points: a text for each"),
        (resealed(encode(model()), order="1"), "order is 1: a whole number"),
        (resealed(encode(model()), mean={"shape": [2], "data": "AAAA"}), "fit it anew"),
        (resealed(encode(model()), weights=7), "fit it anew"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, said: str) -> None:
    """Each kind of wrong file is refused with what is wrong, never half read."""
    with pytest.raises(ValueError, match=said):
        decode(data)


def test_every_problem_of_a_model_is_told() -> None:
    """A model that cannot be says all that is wrong with it, a line each."""
    with pytest.raises(ValueError, match="process model") as caught:
        model(
            points=("a", "a", "b"), limit=-1.0, mean=np.zeros(2), scale=np.zeros(3),
            weights=np.full((3, 3, 3), np.nan), order=5, samples=0, period_ns=1.5,
        )  # fmt: skip
    told = str(caught.value).splitlines()
    for part in (
        "mean has the shape (2,), (3,) is needed", "weights has the shape (3, 3, 3), (21, 3, 3)",
        "weights has a number that is not finite", "scale has a number that is not above 0",
        "limit is -1.0: a number above 0", "points: a text for each", "period_ns is 1.5",
        "samples is 0", "order is 5: below 5",
    ):  # fmt: skip
        assert any(part in line for line in told), part
    assert len(told) == 9
