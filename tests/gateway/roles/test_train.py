"""Training: the frames of recordings, what is refused with its next step, and the file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from detectors.process_model import ProcessModel, decode
from gateway.roles.edge.site import Site, load_untrained
from gateway.roles.train import (
    Training,
    TrainingError,
    process_of,
    read_history,
    train,
    write_model,
)
from gateway.southbound.recording import RecordingError
from tests.gateway.roles.process import (
    BEGIN,
    MEMBERS,
    PROCESS,
    SECOND,
    values,
    write_recording,
    write_site,
)

Floats = npt.NDArray[np.float64]


def silent(_: str) -> None:
    """Take what is told, and say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return load_untrained(write_site(tmp_path))


def trained(site: Site, *sources: Path) -> Training:
    """Train the process of the site."""
    _, frames = process_of(site, "R1-UX-101")
    return train(site.plant, frames, sources, told=silent)


def refused(site: Site, *sources: Path) -> str:
    """Why that cannot be trained."""
    with pytest.raises(TrainingError) as error:
        trained(site, *sources)
    return str(error.value)


def test_a_frame_is_a_row_of_the_recording(site: Site, tmp_path: Path) -> None:
    """Rows on whole periods are the frames, the last but for what would close it."""
    written = values(50, 1)
    path = write_recording(tmp_path / "r.csv", written)
    _, frames = process_of(site, "R1-UX-101")
    found = read_history(site.plant, frames, [path], told=silent)
    assert found.time.tolist() == [(BEGIN + 60 * n) * SECOND for n in range(49)]
    np.testing.assert_allclose(found.value, written[:49], atol=1e-4)
    assert found.readings.tolist() == found.good.tolist() == [50] * 4


def test_files_are_one_history_in_any_order(site: Site, tmp_path: Path) -> None:
    """A recording in days, named in any order, trains the same model as in one file."""
    every = values(900, 2)
    whole = trained(site, write_recording(tmp_path / "all.csv", every))
    parts = [
        write_recording(tmp_path / f"{n}.csv", every[300 * n : 300 * n + 300], begin=begin)
        for n, begin in enumerate((BEGIN, BEGIN + 60 * 300, BEGIN + 60 * 600))
    ]
    again = trained(site, parts[1], parts[2], parts[0])
    assert again.model.samples == whole.model.samples == 899
    assert again.model.weights.tobytes() == whole.model.weights.tobytes()


def test_a_frame_without_a_value_is_left_out(site: Site, tmp_path: Path) -> None:
    """Gaps are neither filled nor fatal; how many frames they cost is told."""
    every = values(900, 3)
    every[100:108, 2] = math.nan
    found = trained(site, write_recording(tmp_path / "r.csv", every))
    # A value holds for three intervals, so two more frames have one.
    assert found.left_out == 8 - 3
    assert found.model.samples == 899 - found.left_out


def test_what_it_says_of_false_alarms_is_measured(site: Site, tmp_path: Path) -> None:
    """The share on unseen blocks is near what the limit was meant to let through."""
    found = trained(site, write_recording(tmp_path / "r.csv", values(2_000, 4)))
    assert 0.0 < found.beyond <= 0.011
    assert found.slowest in MEMBERS
    assert 100 < found.swings < 400


def test_a_history_that_is_short_beside_its_swings_is_refused(site: Site, tmp_path: Path) -> None:
    """Frames in number, all of one slow swing: refused, with what was counted and is needed."""
    fine = values(800, 5)
    slow = fine + 12.0 * np.sin(np.arange(800) / 120.0)[:, None] * np.array([1.0, 1.0, 0.0, 0.0])
    told = refused(site, write_recording(tmp_path / "r.csv", slow))
    assert "history: 799 frames = " in told
    assert "swings of the slowest point R1-TT-10" in told
    assert "at least 20" in told
    assert trained(site, write_recording(tmp_path / "fine.csv", fine)).swings > 20


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda frames: frames[:, :3], "R1-FT-301: not in the recordings; record it"),
        (lambda frames: frames * [1, 1, 1, 9], "R1-FT-301: none of its 900 readings is GOOD"),
        (lambda frames: frames * [1, 1, 1, 0] + [0, 0, 0, 50], "constant"),
        (lambda frames: frames[:60], "give a longer history"),
        (lambda frames: frames[:1], "give a longer history"),
        (lambda frames: frames[:0], "not in the recordings"),
    ],
    ids=["missing", "bad", "constant", "few", "one", "none"],
)
def test_what_cannot_be_learnt_is_refused(
    site: Site, tmp_path: Path, spoil: object, words: str
) -> None:
    """Each by its tag, with the next step."""
    frames: Floats = spoil(values(900, 6))  # type: ignore[operator]
    if frames.shape[1] < 4:
        frames = np.hstack([frames, np.full((len(frames), 1), math.nan)])
    told = refused(site, write_recording(tmp_path / "r.csv", frames))
    assert words in told
    if words == "constant":
        assert "R1-FT-301" in told


def test_gaps_that_leave_too_little_are_named(site: Site, tmp_path: Path) -> None:
    """Where frames are too few because a point was mostly missing, it is told which."""
    frames = values(900, 7)
    frames[::1, 1] = np.where(np.arange(900) % 45 == 0, frames[:, 1], math.nan)
    told = refused(site, write_recording(tmp_path / "r.csv", frames))
    assert "left out, without a value of R1-TT-102" in told


def test_a_tag_that_is_no_process_is_refused(site: Site) -> None:
    """The message names those that are."""
    with pytest.raises(TrainingError, match="it has R1-UX-101"):
        process_of(site, "R1-TT-101")


def test_a_recording_that_is_none_is_refused(site: Site, tmp_path: Path) -> None:
    """As in a replay."""
    with pytest.raises(RecordingError, match="cannot be read"):
        trained(site, tmp_path / "none.csv")


def test_training_needs_no_model_but_a_sound_site(tmp_path: Path) -> None:
    """Another process without its file is no hindrance to training this one."""
    other = PROCESS.replace("R1-UX-101", "R1-UX-102").replace("r1.model", "r2.model")
    site = load_untrained(write_site(tmp_path, PROCESS + other))
    assert site.plant.models == (None, None)
    assert len(site.plant.frames) == 2


def test_the_file_is_whole_or_not_there(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails leaves what was there before, and no scratch file."""
    model: ProcessModel = trained(site, write_recording(tmp_path / "r.csv", values(600, 8))).model
    target = tmp_path / "folder" / "m.json"
    target.parent.mkdir()
    target.write_bytes(b"before")

    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fails)
        with pytest.raises(TrainingError, match="No space left"):
            write_model(model, target)
    assert target.read_bytes() == b"before"
    assert list(target.parent.iterdir()) == [target]
    size = write_model(model, target)
    assert target.stat().st_size == size
    assert target.stat().st_mode & 0o777 == 0o644
    assert decode(target.read_bytes(), MEMBERS).weights.tobytes() == model.weights.tobytes()
    with pytest.raises(TrainingError, match="--out"):
        write_model(model, tmp_path / "nowhere" / "m.json")
