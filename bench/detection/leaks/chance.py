"""Random numbers of a kernel's own: the same from a seed for ever, whatever numpy does.

Uniform numbers are SplitMix64, a counter that is mixed (G. Steele, D. Lea, C. Flood, "Fast
splittable pseudorandom number generators", doi:10.1145/2660193.2660195). Normal ones are the
ziggurat of 256 layers (G. Marsaglia, W. Tsang, doi:10.18637/jss.v005.i08), with the layer and the
place in it from different bits (J. Doornik, "An improved ziggurat method to generate normal random
samples", 2005).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.arrays import Records
from detectors.jit import kernel, step

GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
SECOND: Final = np.uint64(0x94D049BB133111EB)
S27: Final = np.uint64(27)
S30: Final = np.uint64(30)
S31: Final = np.uint64(31)
#: The upper 53 bits of a word are a double's.
S11: Final = np.uint64(11)
UNIT: Final = 2.0**-53
#: The lowest bits of a word choose a layer of the ziggurat.
LAYERS: Final = 256
LAYER: Final = np.uint64(LAYERS - 1)
#: Where the tail begins, and the area of each layer, for 256 of them.
TAIL: Final = 3.6541528853610088
AREA: Final = 4.92867323399e-3


def _density(x: float) -> float:
    return math.exp(-0.5 * x * x)


def _edges() -> npt.NDArray[np.float64]:
    """Return the right edges of the layers, from the tail's to 0; shape (LAYERS + 1,)."""
    edges = [AREA / _density(TAIL), TAIL]
    while len(edges) < LAYERS:
        height = AREA / edges[-1] + _density(edges[-1])
        edges.append(math.sqrt(-2.0 * math.log(height)))
    return np.array([*edges, 0.0])


EDGES: Final = _edges()


def beginning(*key: int) -> int:
    """Return where the stream of a key (kind, seed, ...) begins: near keys are far apart."""
    count = 0
    for part in key:
        count = _mixed(count + part)
    return count


def _mixed(word: int) -> int:
    """Return SplitMix64's output for a counter, in plain Python."""
    word = (word + int(GAMMA)) & 0xFFFFFFFFFFFFFFFF
    word = ((word ^ (word >> 30)) * int(FIRST)) & 0xFFFFFFFFFFFFFFFF
    word = ((word ^ (word >> 27)) * int(SECOND)) & 0xFFFFFFFFFFFFFFFF
    return word ^ (word >> 31)


@step
def word(state: Records) -> np.uint64:
    """Return 64 random bits; moves the field `count` of a record, a `u8`."""
    state.count += GAMMA
    mixed: np.uint64 = state.count
    mixed = (mixed ^ (mixed >> S30)) * FIRST
    mixed = (mixed ^ (mixed >> S27)) * SECOND
    mixed ^= mixed >> S31
    return mixed


@step
def uniform(state: Records) -> float:
    """Return a number in [0, 1)."""
    return np.float64(word(state) >> S11) * UNIT


@kernel
def rare(state: Records, layer: np.int64, place: float) -> float:
    """Return a normal number where the first try was not inside its layer; NaN to try again."""
    if layer == 0:
        while True:
            beyond = -math.log(1.0 - uniform(state)) / TAIL
            if -2.0 * math.log(1.0 - uniform(state)) > beyond * beyond:
                return TAIL + beyond if place > 0.0 else -TAIL - beyond
    high, low = EDGES[layer + 1], EDGES[layer]
    top, foot = math.exp(-0.5 * high * high), math.exp(-0.5 * low * low)
    if foot + uniform(state) * (top - foot) < math.exp(-0.5 * place * place):
        return place
    return np.nan


@step
def normal(state: Records) -> float:
    """Return a number of the standard normal distribution."""
    while True:
        bits = word(state)
        layer = np.int64(bits & LAYER)
        place: float = (np.float64(bits >> S11) * (2.0 * UNIT) - 1.0) * EDGES[layer]
        if abs(place) < EDGES[layer + 1]:
            return place
        place = rare(state, layer, place)
        if not np.isnan(place):
            return place
