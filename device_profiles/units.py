"""Units of a gas in air, and what it takes to turn one into another.

A limit stays in the unit in which its rule prints it. Where a device reports in another one, what
it reports is converted, by the scale of its channel.

====== =========================================================================================
unit   meaning, and what a conversion from or to it must be told
====== =========================================================================================
ppm    parts of a million by volume
%vol   parts of a hundred by volume
%LEL   parts of a hundred of the lower explosive limit: `lel` in %vol, and the `basis` it is from
mg/m3  mass in a volume of air: `molar_mass` in g/mol, `temperature` in degC, `pressure` in kPa
====== =========================================================================================

``mg/m3 = ppm * M / Vm`` with ``Vm = R * T / p``: 22.414 l/mol at 0 degC, 24.055 at 20 and 24.465 at
25, all at 101.325 kPa. R = 8.314462618 J/(mol K), exact since the SI of 2019 (CODATA 2018,
doi:10.1103/RevModPhys.93.025010).

What a standard prints in two units is not recomputed: "CO 30 mg/m3 = 24 ppm" holds at 0 degC, and
its pair at 20 degC would be 25.8. Such a pair is two rule sets, and a point takes the one in the
unit of its device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from device_profiles.schema import HEIGHTS, Channel

PPM: Final = "ppm"
VOLUME: Final = "%vol"
LEL: Final = "%LEL"
MASS: Final = "mg/m3"
UNITS: Final = (PPM, VOLUME, LEL, MASS)
PPM_PER_VOLUME: Final = 10_000.0
GAS_CONSTANT: Final = 8.314462618
ZERO_CELSIUS: Final = 273.15
#: One standard atmosphere, kPa.
ATMOSPHERE: Final = 101.325
#: Where lower explosive limits are listed. They differ by up to 24 %: propane has 1.7 or 2.1 %vol.
BASES: Final = ("GB/T 50493-2019 app. A", "IEC 60079-20-1:2010", "NFPA 497:2008")
#: What each unit must be told, each with what to write.
NEEDS: Final = {
    PPM: {},
    VOLUME: {},
    LEL: {
        "lel": "the gas's lower explosive limit in %vol, as in lel = 5.0",
        "basis": f"where lel is from, as standards differ by up to 24 %: {', '.join(BASES)}",
    },
    MASS: {
        "molar_mass": "the gas's, in g/mol, as in molar_mass = 17.031",
        "temperature": "the one that the limit is stated for, in degC, as in temperature = 20",
    },
}
#: Beyond these a number is in another unit, or slipped: lowest, highest, and what was meant.
PLAUSIBLE: Final = {
    "molar_mass": (2.0, 1000.0, "g/mol; hydrogen, the lightest, has 2.016"),
    "temperature": (-80.0, 200.0, "degC; kelvin less 273.15"),
    "pressure": (40.0, 120.0, "kPa; one atmosphere is 101.325"),
    "lel": (0.1, 100.0, "%vol; methane has 5.0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """From the unit in which a device reports to the unit of a point, for one gas.

    Parameters
    ----------
    source, target
        Both of `UNITS`, and different.
    molar_mass
        g/mol.
    temperature
        degC.
    pressure
        kPa; one atmosphere where none is stated.
    lel
        Lower explosive limit, %vol.
    basis
        Where `lel` is from, one of `BASES`.

    Notes
    -----
    One with `problems` has no factor.
    """

    source: str
    target: str
    molar_mass: float | None = None
    temperature: float | None = None
    pressure: float = ATMOSPHERE
    lel: float | None = None
    basis: str | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is missing, impossible or of no use: its key, empty for none, and a text."""
        unknown = list(self._unknown_units())
        yield from unknown
        if not unknown:
            needed = NEEDS[self.source] | NEEDS[self.target]
            yield from self._missing(needed)
            yield from self._misstated(needed)

    def _unknown_units(self) -> Iterator[tuple[str, str]]:
        known = ", ".join(UNITS)
        for key, unit in (("from", self.source), ("unit", self.target)):
            if unit not in UNITS:
                yield key, f"{unit!r} is none of {known}; fold another unit into scale, with range"
        if self.source == self.target:
            other = MASS if self.target == PPM else PPM
            text = (
                f"the point is in {self.target}, as the device reports; write the unit that its "
                f'rule prints, as in unit = "{other}", or remove convert'
            )
            yield "", text

    def _missing(self, needed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for key, what in needed.items():
            if getattr(self, key) is None:
                unit = next(each for each in (self.source, self.target) if key in NEEDS[each])
                yield key, f"is missing; {unit} depends on it: write {what}"

    def _misstated(self, needed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        stated = {key: getattr(self, key) for key in ("molar_mass", "temperature", "lel", "basis")}
        if self.pressure != ATMOSPHERE:
            stated["pressure"] = self.pressure
        of_mass = MASS in {self.source, self.target}
        for key, value in stated.items():
            if value is None:
                continue
            if key not in needed and not (key == "pressure" and of_mass):
                yield key, f"has no part in {self.source} to {self.target}; remove it"
            elif key == "basis" and value not in BASES:
                yield key, f"{value!r} is no known basis; known: {', '.join(BASES)}"
            elif key in PLAUSIBLE and not PLAUSIBLE[key][0] <= value <= PLAUSIBLE[key][1]:
                yield key, f"{value:g} cannot be; it is in {PLAUSIBLE[key][2]}"

    @property
    def factor(self) -> float:
        """How many of the target are one of the source."""
        return self._ppm(self.source) / self._ppm(self.target)

    def fold(self, channel: Channel) -> Channel:
        """Return a channel that gives the target, as if its profile had it so."""
        factor = self.factor
        low, high = channel.range
        scale, offset = channel.line
        inside = {key: getattr(channel, key) for key in (*HEIGHTS, "saturates")}
        return channel.model_copy(
            update={
                "unit": self.target,
                "scale": scale * factor,
                "offset": offset * factor,
                "range": (low * factor, high * factor),
                **{key: None if each is None else each * factor for key, each in inside.items()},
            }
        )

    def __str__(self) -> str:
        known = []
        if MASS in {self.source, self.target}:
            air = f"{self.temperature:g} degC, {self.pressure:g} kPa"
            known.append(f"{self.molar_mass:g} g/mol, {air}")
        if LEL in {self.source, self.target}:
            known.append(f"LEL {self.lel:g} %vol, {self.basis}")
        told = f" ({'; '.join(known)})" if known else ""
        return f"{self.source} x {self.factor:.6g}{told}"

    def _ppm(self, unit: str) -> float:
        """Return how many ppm are one of a unit."""
        if unit == MASS and self.temperature is not None and self.molar_mass is not None:
            return molar_volume(self.temperature, self.pressure) / self.molar_mass
        if unit == LEL and self.lel is not None:
            return PPM_PER_VOLUME * self.lel / 100.0
        if unit in {PPM, VOLUME}:
            return PPM_PER_VOLUME if unit == VOLUME else 1.0
        raise ValueError(f"{self!r} has no factor; ask for its problems first")


def molar_volume(temperature: float, pressure: float = ATMOSPHERE) -> float:
    """Return the volume of one mole of an ideal gas, l.

    Parameters
    ----------
    temperature
        degC.
    pressure
        kPa.
    """
    return GAS_CONSTANT * (ZERO_CELSIUS + temperature) / pressure


def how_to_convert(source: str, target: str) -> str | None:
    """Return what a site writes for a conversion, None where there is none.

    Examples
    --------
    >>> how_to_convert("%vol", "ppm")
    'convert = { from = "%vol" }'
    """
    if source not in UNITS or target not in UNITS or source == target:
        return None
    needed = NEEDS[source] | NEEDS[target]
    keys = "".join(f", {key} = ..." for key in needed)
    return f'convert = {{ from = "{source}"{keys} }}'
