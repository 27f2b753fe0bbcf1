"""Training: from recordings of normal running to the model file of a process.

Frames come from the very assembler that runs live, so what is learnt is what will be judged. One
without a value of every point is left out: a gap does no harm, a made-up value would.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.frames import FrameParams, Frames
from detectors.process_fit import fitted
from detectors.process_history import ENOUGH, swings
from detectors.process_model import ProcessModel, encode, some
from gateway.pipeline.derived_settings import ProcessSettings
from gateway.pipeline.engine import GRADES
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.site import Site
from gateway.southbound.recording import Recording

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Readings after which it is told that reading goes on.
OFTEN: Final = 1_000_000


class TrainingError(Exception):
    """A process cannot be trained; each line says why, and the next step."""


@dataclass(frozen=True, slots=True)
class History:
    """Frames of a process, from recordings.

    Parameters
    ----------
    time
        Shape (frames,), ns.
    value
        Shape (frames, points); NaN where a value is missing.
    readings, good
        Of each point: how many there are, and how many of them are GOOD; shape (points,).
    """

    time: Ints
    value: Floats
    readings: Ints
    good: Ints

    @property
    def whole(self) -> npt.NDArray[np.bool_]:
        """Which frames have a value of every point."""
        return np.asarray(np.isfinite(self.value).all(axis=1), np.bool_)


@dataclass(frozen=True, slots=True)
class Training:
    """What a training found.

    Parameters
    ----------
    left_out
        Frames without a value of every point.
    beyond
        Share of frames in unseen blocks that are beyond the limit.
    swings, slowest
        How many independent values the slowest point has shown, and which it is.
    """

    model: ProcessModel
    left_out: int
    beyond: float
    swings: float
    slowest: str


def process_of(site: Site, tag: str) -> tuple[ProcessSettings, FrameParams]:
    """Return what a site says of a process, and its frames.

    Raises
    ------
    TrainingError
        The tag is none of a process.
    """
    known = {each.tag: each.process for each in site.settings.derived if each.process is not None}
    settings = known.get(tag)
    if settings is None:
        told = ", ".join(known) or "none; write a [[derived]] with process = { ... }"
        raise TrainingError(f"{tag}: no process of this site; it has {told}")
    number = site.plant.points.numbers[tag]
    return settings, next(each for each in site.plant.frames if each.point == number)


def train(
    plant: Plant, frames: FrameParams, sources: Sequence[Path], *, told: Callable[[str], None]
) -> Training:
    """Fit a process on recordings.

    Parameters
    ----------
    sources
        Files of readings; they are read in the order of their first times.
    told
        Is given a line now and then while it goes on.

    Raises
    ------
    RecordingError
        A recording cannot be read.
    TrainingError
        There is too little in them, or it cannot be fitted.
    """
    tags = [plant.points.tags[member.point] for member in frames.members]
    history = read_history(plant, frames, sources, told=told)
    if problems := list(_missing(tags, history)):
        raise TrainingError("\n".join(problems))
    whole = history.whole
    time, value = history.time[whole], history.value[whole]
    if not len(time):
        none = "no frame in the recordings has a value of every point"
        raise TrainingError(f"{none}; {_gaps(tags, history) or 'give a longer history'}")
    told(f"fits {len(tags)} points on {len(time)} frames")
    found = _swings(tags, time, value, frames.period_ns)
    try:
        result = fitted(time, value, tags, frames.period_ns)
    except ValueError as error:
        gaps = _gaps(tags, history)
        raise TrainingError(f"{error}\n{gaps}" if gaps else str(error)) from error
    if found[0] < ENOUGH:
        raise TrainingError(
            f"{history_text(len(time), found)}; at least {ENOUGH} are needed, or its limit would "
            "let through far more than it was meant to: give a longer history, or leave the point "
            "out of the process"
        )
    left_out = int(np.count_nonzero(~whole))
    return Training(result.model, left_out, result.beyond, *found)


def history_text(frames: int, found: tuple[float, str]) -> str:
    """Return how long a history is, beside its slowest swing."""
    return f"history: {frames} frames = {found[0]:.0f} swings of the slowest point {found[1]}"


def read_history(
    plant: Plant, frames: FrameParams, sources: Sequence[Path], *, told: Callable[[str], None]
) -> History:
    """Assemble the frames of recordings.

    Raises
    ------
    RecordingError
        A recording cannot be read.
    """
    places = {member.point: place for place, member in enumerate(frames.members)}
    assembler = Frames(len(plant.points), [frames])
    counts, good = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    times, values = [np.empty(0, np.int64)], [np.empty((0, len(places)))]
    newest = dict.fromkeys(places, 0)
    read = 0
    for source in sorted(sources, key=lambda path: _first_time(plant, path)):
        told(f"reads {source}")
        for chunk in Recording(source, plant.points, bounds=plant.bounds).rows():
            rows = list(_in_order(chunk, newest))
            if not rows:
                continue
            batch = ReadingBatch.from_rows(rows)
            grades = GRADES[batch.quality]
            place = np.array([places[row[0]] for row in rows])
            counts += np.bincount(place, minlength=len(places))
            good += np.bincount(place[grades == 0], minlength=len(places))
            (found,) = assembler.take(
                batch.point, batch.time_ns, batch.received_ns, batch.value, grades
            )
            times.append(found.time)
            values.append(found.value)
            if (read + len(rows)) // OFTEN > read // OFTEN:
                told(f"{read + len(rows)} readings, {sum(map(len, times))} frames")
            read += len(rows)
    return History(np.concatenate(times), np.concatenate(values), counts, good)


def write_model(model: ProcessModel, target: Path) -> int:
    """Write a model file whole or not at all; return its size in bytes.

    Raises
    ------
    TrainingError
        It cannot be written.
    """
    content = encode(model)
    scratch = ""
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is its maker's alone; the edge is another user.
        Path(scratch).chmod(0o644)
        Path(scratch).replace(target)
    except OSError as error:
        if scratch:
            Path(scratch).unlink(missing_ok=True)
        raise TrainingError(
            f"{target}: cannot be written: {error.strerror}; name another file with --out"
        ) from error
    return len(content)


def _first_time(plant: Plant, source: Path) -> int:
    """Return when a recording begins, ns; the end of time for an empty one."""
    for chunk in Recording(source, plant.points).rows():
        return chunk[0][1]
    return 2**63 - 1


def _in_order(rows: Sequence[Row], newest: dict[int, int]) -> Iterator[Row]:
    """Yield the members' readings, received in the order of the file, as in a replay."""
    for row in rows:
        if row[0] in newest:
            newest[row[0]] = max(newest[row[0]], row[2])
            yield (*row[:2], newest[row[0]], *row[3:])


def _missing(tags: Sequence[str], history: History) -> Iterator[str]:
    """Yield the points of which the recordings have nothing to learn from."""
    for tag, count, good in zip(tags, history.readings, history.good, strict=True):
        if count == 0:
            yield f"{tag}: not in the recordings; record it, or leave it out of the process"
        elif good == 0:
            yield (
                f"{tag}: none of its {count} readings is GOOD; mend it and record anew, or leave "
                "it out of the process"
            )


def _gaps(tags: Sequence[str], history: History) -> str:
    """Say which points were missing in frames that had to be left out; empty for none."""
    lacking = np.count_nonzero(~np.isfinite(history.value), axis=0)
    gaps = [f"{tag} ({n})" for tag, n in zip(tags, lacking, strict=True) if n]
    if not gaps:
        return ""
    left_out = int(np.count_nonzero(~history.whole))
    return f"{left_out} of {len(history.time)} frames left out, without a value of {some(gaps)}"


def _swings(tags: Sequence[str], time: Ints, value: Floats, period_ns: int) -> tuple[float, str]:
    """Return how many swings the slowest point shows, and its tag; what stands still is passed."""
    moving = np.flatnonzero(np.ptp(value, axis=0) > 0.0) if len(value) else np.empty(0, np.int64)
    if not moving.size:
        return 0.0, tags[0]
    runs = np.split(value[:, moving], np.flatnonzero(np.diff(time) != period_ns) + 1)
    found = swings(runs)
    slowest = int(np.argmin(found))
    return float(found[slowest]), tags[moving[slowest]]
