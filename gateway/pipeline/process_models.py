"""The models of processes: read from the files that the site file names, and what is wrong there.

What a model belongs to is checked here: the points, their order and the period are those of the
site file. Its content is part of what the site is, as the points of a table are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from detectors.process_model import ProcessModel, decode, most_frames, some
from detectors.rules import Rule
from detectors.run import RunParams
from device_profiles.duration import format_duration
from gateway.alarms.definitions import Level
from gateway.model import Priority
from gateway.pipeline.bound import Problem
from gateway.pipeline.derived_settings import DerivedSettings, ProcessSettings
from gateway.pipeline.plant import SECOND
from gateway.pipeline.points import PointKind

#: By the tag of the derived point: its model, or why it cannot be used. A process that does not
#: stand here is bound without a model: it can be trained, and runs blind.
Models = Mapping[str, ProcessModel | str]
#: So many frames in a row raise, where a model that would say so is still to be trained.
CONSECUTIVE: Final = 6


def read_models(derived: Sequence[DerivedSettings], site: Path) -> Models:
    """Read the model of each process of a site file.

    Parameters
    ----------
    derived
        The derived points; those that are no process are passed over.
    site
        The site file, for who is told to train.
    """
    return {
        each.tag: _read(each.process, f"hazgate train --config {site} --tag {each.tag}")
        for each in derived
        if each.process is not None
    }


def process_problems(settings: ProcessSettings, members: Sequence[PointKind]) -> Iterator[Problem]:
    """Yield what does not fit of a process's points and period, at its key below the process."""
    tags = settings.points
    if twice := [tag for at, tag in enumerate(tags) if tag in tags[:at]]:
        yield ("points",), f"{some(twice)} given twice; name each point once"
    slow = [
        (kind.interval_ns, tag)
        for tag, kind in zip(tags, members, strict=True)
        if kind.interval_ns > settings.period
    ]
    if slow:
        longest, _ = max(slow)
        text = (
            f"{format_duration(settings.period)} is shorter than the interval of "
            f"{some([tag for _, tag in slow])}: the same value would stand in several frames as if "
            f"it were new; write {format_duration(longest)} or more"
        )
        yield ("period",), text


def anomaly(
    model: ProcessModel | None, period: int, priority: Priority
) -> tuple[Rule, dict[str, Any]]:
    """Return the rule over the ratio of a statistic to its limit, and what its alarm states.

    It raises and clears after as many frames in a row as the model says. It stops nothing and
    sounds nowhere: it says that the plant runs as it never did, not what is wrong.
    """
    consecutive, frames = _numbers(model)
    # Half a period more: frames stand on whole ones, and no rounding is to decide.
    params = RunParams(1.0, consecutive, (frames + 0.5) * period / SECOND)
    about = {
        "level": Level.ANOMALY,
        "priority": priority,
        "sounds": False,
        "unit": "1",
        "limit": 1.0,
        "title_en": "Runs as it never did in normal running",
        "title_zh": "偏离正常运行",
    }
    return Rule(params), about


def silence(model: ProcessModel | None, period: int) -> int:
    """Return after how long without a verdict a process is blind, ns.

    Longer than a lost frame and an alarm take, and one period more, in which a frame waits to be
    closed.
    """
    consecutive, frames = _numbers(model)
    return (consecutive + frames + 1) * period


def _numbers(model: ProcessModel | None) -> tuple[int, int]:
    if model is None:
        return CONSECUTIVE, most_frames(CONSECUTIVE)
    return model.consecutive, model.frames


def _read(settings: ProcessSettings, command: str) -> ProcessModel | str:
    path = Path(settings.model)
    try:
        model = decode(path.read_bytes(), settings.points)
    except FileNotFoundError:
        return f"{path}: no such file; record normal running and fit it: {command} --input FILE"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}; give its user the right"
    except ValueError as error:
        return "; ".join(str(error).splitlines())
    if model.period_ns != settings.period:
        return (
            f"process model of frames each {format_duration(model.period_ns)}, the site file says "
            f"{format_duration(settings.period)}; fit it anew, or write its period"
        )
    return model
