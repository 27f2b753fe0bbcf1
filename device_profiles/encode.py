"""Values to a payload in the device's own format: what the simulator speaks. The inverse of decode.

Pure, and on no hot path. What `compose` writes, `Plan.decode` reads back.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from device_profiles.bindings import Bound, ChannelBinding, resolve_bindings, resolve_time
from device_profiles.instant import from_nanoseconds
from device_profiles.pointer import Steps, compile_pointer
from device_profiles.schema import Profile, Said

_write_json = msgspec.json.Encoder().encode


class ComposeError(ValueError):
    """Values cannot be put into this device's format; the text says which, and why."""


def compose(
    profile: Profile,
    bindings: Sequence[ChannelBinding],
    *,
    values: Mapping[str, float] | Sequence[float],
    time_ns: int,
    time: str | None = None,
    faults: Collection[str] = (),
    warming: Collection[str] = (),
) -> bytes:
    """Return the payload with which this device type would report `values`.

    Parameters
    ----------
    profile
        The device type.
    bindings
        The channels to write, as given to `compile_plan`.
    values
        In the points' units, in the order of the bindings or by channel name. NaN is written as
        null (a channel that failed), in a plain number as ``nan``. A name left out is not written.
    time_ns
        Source time, nanoseconds since 1970 UTC; not written where the time is "received".
    time
        What the device states instead of the profile's own time pointer.
    faults
        Channels whose fault flag is set, to its first fault value.
    warming
        Channels that say they warm up, by the first value that means it.

    Raises
    ------
    BindingError
        A channel does not fit the profile.
    ComposeError
        Counts differ, an infinite value, a name that is not bound, a fault or warm-up of a channel
        that has no place to say so, a plain number without its value, or a pointer that lies inside
        another.

    Notes
    -----
    The raw number is ``(value - offset) / scale`` in double precision: decoding returns the value
    exactly where scale is 1 and offset 0, else to within rounding. A step of digits in a pointer is
    an array index; what an array lacks before it is null. A channel that says its unit says it by
    the first of its values.
    """
    bound = resolve_bindings(profile, bindings)
    time_steps = resolve_time(profile, time)
    raws = [(each, _raw(each, value)) for each, value in _paired(bound, values)]
    if profile.payload == "number":
        if not raws:
            raise ComposeError("a plain number needs its one value; give it")
        raw = raws[0][1]
        return b"nan" if raw is None else str(raw).encode()
    tree: object = {"object": {}} if profile.payload == "chirpstack" else None
    if time_steps is not None:
        tree = _placed(tree, time_steps, from_nanoseconds(time_ns, profile.time_format))
    for each, raw in raws:
        tree = _placed(tree, each.steps, raw)
    units = {each.channel for each, _ in raws if each.unit is not None}
    for what, names in (("unit", units), ("warm_up", warming), ("fault", faults)):
        for steps, said in _said(profile, bound, what, names):
            tree = _placed(tree, steps, said)
    return _write_json({} if tree is None else tree)


def _paired(
    bound: Sequence[Bound], values: Mapping[str, float] | Sequence[float]
) -> list[tuple[Bound, float]]:
    if isinstance(values, Mapping):
        unknown = sorted(set(values) - {each.channel for each in bound})
        if unknown:
            raise ComposeError(f"{', '.join(unknown)}: not bound; bind it or drop the value")
        return [(each, values[each.channel]) for each in bound if each.channel in values]
    if len(values) != len(bound):
        raise ComposeError(f"{len(values)} values for {len(bound)} channels; give one for each")
    return list(zip(bound, values, strict=True))


def _raw(bound: Bound, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    raw = (value - bound.offset) / bound.scale
    if not math.isfinite(raw):
        raise ComposeError(f"channel {bound.channel!r}: {value!r} has no finite raw number")
    return str(raw) if bound.text else raw


def _said(
    profile: Profile, bound: Sequence[Bound], what: str, names: Collection[str]
) -> Iterator[tuple[Steps, Said]]:
    here = {each.channel for each in bound} & set(profile.channel)
    for name in sorted(names):
        pointer = getattr(profile.channel[name], f"{what}_pointer") if name in here else None
        if pointer is None:
            text = f"channel {name!r} has no {what}_pointer here; bind one that has"
            raise ComposeError(text)
        yield compile_pointer(pointer), getattr(profile.channel[name], f"{what}_values")[0]


def _placed(tree: object, steps: Steps, leaf: object) -> object:
    """Return `tree` with `leaf` at `steps`; a place already taken by another value is refused."""
    if not steps:
        if tree is not None and tree != leaf:
            raise ComposeError(
                f"{leaf!r} would overwrite {tree!r}; one pointer lies inside another"
            )
        return leaf
    (key, index), below = steps[0], steps[1:]
    if index >= 0 and (tree is None or isinstance(tree, list)):
        items = list(tree or ())
        items += [None] * (index + 1 - len(items))
        items[index] = _placed(items[index], below, leaf)
        return items
    if tree is None or isinstance(tree, dict):
        fields = dict(tree or {})
        fields[key] = _placed(fields.get(key), below, leaf)
        return fields
    raise ComposeError(f"{key!r} has no place in {tree!r}; one pointer lies inside another")
