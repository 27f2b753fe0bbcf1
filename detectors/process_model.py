"""What is normal of a process: means, scales and weights of a fitted plant, its limit, and a file.

A frame is one value of every point, taken at one time; ``z`` is a frame less its mean, over its
scale. The plant is a Gaussian autoregression: given the frames before it, a frame is expected at a
weighted sum of theirs. For each order `q` up to `order` the weights turn a frame and the `q` before
it into scores ``y = sum z[t - lag] @ W[q, lag]``, uncorrelated and of variance 1 in normal running;
their sum of squares is Hotelling's T2 of the frame, given the `q` frames before.

The file is JSON, arrays as base64 of little-endian doubles. It says its version and the digest of
everything else in it; what a newer program adds within a version is passed over.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FORMAT: Final = "hazgate process model"
VERSION: Final = 1
#: Points named in one message.
NAMED: Final = 5
ARRAYS: Final = ("mean", "scale", "weights")
WHOLE: Final = ("period_ns", "consecutive", "samples")
FIELDS: Final = ("points", "order", "limit", "false_alarms", *WHOLE)


@dataclass(frozen=True, slots=True, eq=False)
class ProcessModel:
    """A plant's normal behaviour, as `detectors.process_fit.fit` finds it.

    Parameters
    ----------
    points
        Tags, in the order of a frame's values.
    period_ns
        From frame to frame, ns.
    consecutive
        So many frames in a row beyond the limit raise, and so many within it clear.
    order
        How many frames before a frame are needed to expect it.
    limit
        Of the statistic, > 0.
    mean, scale
        Shape (points,), in the unit of each point; scale > 0.
    weights
        Shape ((order + 1) * (order + 2) / 2, points, points): those of order `q` and lag stand at
        ``q * (q + 1) / 2 + lag``; lag 0 is the frame itself.
    samples
        Frames it was fitted on.
    false_alarms
        Share of normal frames that the limit was meant to let through.

    Raises
    ------
    ValueError
        Shapes do not agree, or a number is not possible; every problem, one a line.
    """

    points: tuple[str, ...]
    period_ns: int
    consecutive: int
    order: int
    limit: float
    mean: Floats
    scale: Floats
    weights: Floats
    samples: int
    false_alarms: float

    def __post_init__(self) -> None:
        for name in ARRAYS:
            array = np.array(getattr(self, name), np.float64, order="C")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if problems := self._problems():
            raise ValueError("\n".join(f"process model: {each}" for each in problems))

    @property
    def frames(self) -> int:
        """How many frames the statistic looks at: fewer than raise, so that no one frame can."""
        return most_frames(self.consecutive)

    def require(self, points: Sequence[str]) -> None:
        """Refuse to judge frames of other points, or of these in another order.

        Raises
        ------
        ValueError
            It names the points that differ and says what to do.
        """
        if tuple(points) == self.points:
            return
        absent = [tag for tag in self.points if tag not in set(points)]
        strange = [tag for tag in points if tag not in set(self.points)]
        found = [f"{len(absent)} of the model are not there: {some(absent)}"] if absent else []
        found += [f"{len(strange)} are not in the model: {some(strange)}"] if strange else []
        if found:
            raise ValueError(
                f"process model of {len(self.points)} points, given {len(points)}: "
                f"{'; '.join(found)}; fit it anew on a history of the points that are watched"
            )
        if len(points) != len(self.points):
            twice = [tag for at, tag in enumerate(points) if tag in points[:at]]
            raise ValueError(f"process model: {some(twice)} given twice; give each point once")
        moved = [tag for tag, own in zip(points, self.points, strict=True) if tag != own]
        raise ValueError(
            f"process model: its {len(self.points)} points in another order, {some(moved)} not in "
            "their places; give them in the model's order"
        )

    def _problems(self) -> list[str]:
        found = [
            f"{name} is {getattr(self, name)}: a whole number of at least {least}"
            for name, least in (*((name, 1) for name in WHOLE), ("order", 0))
            if not (isinstance(getattr(self, name), int) and getattr(self, name) >= least)
        ]
        for name, most in (("limit", np.inf), ("false_alarms", 1.0)):
            number = getattr(self, name)
            if not (isinstance(number, float | int) and 0.0 < number < most):
                found.append(f"{name} is {number}: a number above 0 and below {most:g}")
        tags = [tag for tag in self.points if isinstance(tag, str)]
        if not tags or len(tags) < len(self.points) or len(set(tags)) < len(tags):
            found.append("points: a text for each, at least one, none twice")
        if not (isinstance(self.order, int) and isinstance(self.consecutive, int)):
            return found
        if self.order >= self.frames:
            found.append(f"order is {self.order}: below {self.frames}, the frames looked at")
        count, blocks = len(self.points), (self.order + 1) * (self.order + 2) // 2
        shapes = {"mean": (count,), "scale": (count,), "weights": (blocks, count, count)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                found.append(f"{name} has the shape {array.shape}, {shape} is needed")
            if not np.all(np.isfinite(array)):
                found.append(f"{name} has a number that is not finite")
        if not np.all(self.scale > 0.0):
            found.append("scale has a number that is not above 0")
        return found


def most_frames(consecutive: int) -> int:
    """Return how many frames a statistic may look at, where so many in a row raise."""
    return max(1, consecutive - 1)


def encode(model: ProcessModel) -> bytes:
    """Return the model as the bytes of a file."""
    content: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    content |= {name: getattr(model, name) for name in FIELDS}
    content |= {name: _packed(getattr(model, name)) for name in ARRAYS}
    content["points_sha256"] = points_digest(model.points)
    content["sha256"] = _digest(content)
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def decode(data: bytes, points: Sequence[str] | None = None) -> ProcessModel:
    """Read a model, for these points where they are given.

    Raises
    ------
    ValueError
        No such file, of a newer version, damaged, or of other points.
    """
    try:
        content = json.loads(data)
    except ValueError as error:
        raise ValueError(
            f"process model: not JSON ({error}); give the file that the fit wrote"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'process model: "format" is not "{FORMAT}"; give the file the fit wrote')
    version = content.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise ValueError(
            f"process model: version {version}, this program reads 1 to {VERSION}; fit it anew, or "
            "run the program that wrote it"
        )
    if absent := [name for name in (*FIELDS, *ARRAYS, "sha256") if name not in content]:
        raise ValueError(f"process model: without {', '.join(absent)}; copy the file anew")
    if content.pop("sha256") != _digest(content):
        raise ValueError("process model: damaged, its digest differs; copy the file anew")
    try:
        given: dict[str, Any] = {name: content[name] for name in FIELDS}
        given |= {name: _unpacked(content[name]) for name in ARRAYS}
        given["points"] = tuple(content["points"])
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"process model: {error!r}; fit it anew") from error
    model = ProcessModel(**given)
    if points is not None:
        model.require(points)
    return model


def digest(model: ProcessModel) -> str:
    """Return the SHA-256 of all that a model is, in hexadecimal digits."""
    return hashlib.sha256(encode(model)).hexdigest()


def points_digest(points: Sequence[str]) -> str:
    """Return the SHA-256 of a list of tags in hexadecimal digits, to compare lists by."""
    return hashlib.sha256(json.dumps(list(points), ensure_ascii=False).encode()).hexdigest()


def some(tags: Sequence[str]) -> str:
    """Return the first few of the tags, and how many more there are."""
    more = f" and {len(tags) - NAMED} more" if len(tags) > NAMED else ""
    return ", ".join(tags[:NAMED]) + more


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _packed(array: Floats) -> dict[str, Any]:
    data = base64.b64encode(array.astype("<f8").tobytes()).decode()
    return {"shape": list(array.shape), "data": data}


def _unpacked(packed: Mapping[str, Any]) -> Floats:
    raw = base64.b64decode(packed["data"], validate=True)
    return np.frombuffer(raw, "<f8").astype(np.float64).reshape(packed["shape"])
