"""A site file, checked whole: what `hazgate check` says and every other command starts from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from detectors.process_model import digest
from device_profiles.hazards import RuleSet, load_packs
from device_profiles.problems import ProfileError
from device_profiles.registry import load_registry
from device_profiles.schema import Profile
from gateway.config import (
    ConfigError,
    Problem,
    examine,
    located,
    parse,
    unreadable,
    unwritable,
)
from gateway.northbound.exports.checking import unusable
from gateway.northbound.pairing import token_path
from gateway.northbound.settings import StoreSettings
from gateway.northbound.trust import read_pin
from gateway.pipeline.binding import SiteError, bind
from gateway.pipeline.plant import Plant
from gateway.pipeline.point_tables import add_point_tables
from gateway.pipeline.process_models import Models, read_models
from gateway.pipeline.salvage import problems_of_the_rest
from gateway.pipeline.upkeep import ahead
from gateway.roles.edge.settings import SiteFile

#: Files that the edge reads when it connects.
MUST_BE_THERE: Final = (
    ("broker", "password_file"),
    ("broker", "ca_file"),
    ("broker", "cert_file"),
    ("broker", "key_file"),
    ("parent", "ca_file"),
    ("influx", "token_file"),
)
#: Files that pairing brings: not there yet is no problem, there and not readable is one.
MAY_COME: Final = (("parent", "token_file"), ("parent", "code_file"))


@dataclass(frozen=True, slots=True)
class Site:
    """A checked site: its settings, the bound plant, and the hash of what was applied.

    `digest` is the SHA-256 of the file itself: a siren's topic is no rule, and may be lost as well.
    The devices of the settings have no points: what the file says of those is in the plant.
    """

    path: Path
    settings: SiteFile
    plant: Plant
    hash: str
    digest: str

    @property
    def folder(self) -> Path:
        """Where its store is: relative to the site file."""
        return self.path.parent / self.settings.store.folder


def load_site(path: Path) -> Site:
    """Read, check and bind a site file.

    Profiles of the site's own lie in a folder ``profiles`` beside the file.

    Raises
    ------
    ConfigError
        With every problem, each at its line.
    """
    return _Reading(path).site()


def load_untrained(path: Path) -> Site:
    """Do what `load_site` does, but for the models of processes: read none, and need none.

    Raises
    ------
    ConfigError
        With every problem, each at its line.
    """
    return _Reading(path, models=lambda _: {}).site()


def start_site(path: Path) -> tuple[Site, list[str]]:
    """Do what `load_site` does, for an edge that must run: a process it cannot judge is blind.

    Gas is watched without it, and without a delegate whose orders are refused. Returned beside the
    site is what is wrong with models and delegates.

    Raises
    ------
    ConfigError
        With every problem, each at its line.
    """
    wrong: list[str] = []

    def usable(settings: SiteFile) -> Models:
        read = read_models(settings.derived, path)
        wrong.extend(
            f"{path}: {tag}: {why}; this process is blind until then, all else is watched"
            for tag, why in read.items()
            if isinstance(why, str)
        )
        return {tag: model for tag, model in read.items() if not isinstance(model, str)}

    site = _Reading(path, models=usable).site()
    wrong.extend(
        f"{path}: delegate {text}; its orders are refused until then"
        for _, text in strangers(site.settings, path.absolute().parent)
    )
    return site, wrong


def inspect_site(path: Path, *, now_ns: int) -> Site:
    """Do what `load_site` does, and try the files and the folder that the file names.

    For a person who asks. An edge starts without asking: it goes on detecting with a store that
    cannot be written and tries a broker again whose password is not there yet.

    Parameters
    ----------
    now_ns
        Ns since 1970, with which dates are compared that must not lie ahead. An edge whose clock
        is not set yet must not stop over them.

    Raises
    ------
    ConfigError
        With every problem, each at its line.
    """
    reading = _Reading(path)
    reading.found += named_files(reading.document, path.absolute().parent)
    if reading.settings is not None:
        reading.found += ahead(reading.settings.device, now_ns)
        reading.found += strangers(reading.settings, path.absolute().parent)
    return reading.site()


def named_files(document: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    """Yield what of the files and folders that a site file names cannot be used here.

    Parameters
    ----------
    document
        The parsed file.
    folder
        What its paths are relative to.
    """
    for table, key in (*MUST_BE_THERE, *MAY_COME):
        written = _text(document, table, key)
        if written is None:
            continue
        file = folder / written
        if (table, key) in MAY_COME and not file.exists():
            continue
        if (text := unreadable(str(file))) is not None:
            yield (table, key), text
    yield from unusable(document, folder)
    store = _text(document, "store", "folder") or StoreSettings().folder
    if (text := unwritable(folder / store)) is not None:
        yield ("store", "folder"), text


def strangers(settings: SiteFile, folder: Path) -> Iterator[Problem]:
    """Yield the delegate without a key that is not the centre with which this node is paired."""
    if settings.parent is None:
        return
    pin = read_pin(token_path(settings.parent, folder / settings.store.folder))
    for number, each in enumerate(settings.delegate):
        if each.key is None and pin is not None and each.to != pin.centre:
            yield (
                ("delegate", number, "to"),
                f"{each.to}: is not the paired parent, {pin.centre}; write that, or this one's key",
            )


class _Reading:
    """One pass over a site file, and every problem found on the way."""

    def __init__(self, path: Path, *, models: Callable[[SiteFile], Models] | None = None) -> None:
        self.path = path
        self.models = models or (lambda settings: read_models(settings.derived, path))
        self.document, self.text = parse(path)
        self.tables = add_point_tables(self.document, path)
        self.settings, self.found = examine(self.document, SiteFile, folder=path.absolute().parent)
        self.found += self.tables.problems

    def site(self) -> Site:
        """Return the bound site, or raise everything that is wrong."""
        own = self.path.parent / "profiles"
        elsewhere: tuple[str, ...] = ()
        try:
            packs = load_packs()
            profiles = load_registry()
            try:
                profiles = load_registry(own if own.is_dir() else None)
            except ProfileError as error:
                elsewhere = error.problems
        except ProfileError as error:
            raise ConfigError(error.problems) from error
        plant = None
        if self.settings is not None and not self.found and not elsewhere:
            plant = self._bound(self.settings, profiles, packs)
        else:
            self.found += problems_of_the_rest(
                self.document,
                {*(key for key, _ in self.found), *self.tables.left_out},
                profiles=profiles,
                all_profiles=not elsewhere,
                packs=packs,
            )
        if self.settings is None or plant is None:
            rows = self.tables.rows(key for key, _ in self.found)
            lines = located(self.found, path=self.path, text=self.text, rows=rows)
            # What devices that share a table have in common is told once.
            raise ConfigError([*dict.fromkeys(lines), *elsewhere])
        devices = tuple(each.model_copy(update={"point": ()}) for each in self.settings.device)
        settings = self.settings.model_copy(update={"device": devices})
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return Site(self.path, settings, plant, hash_of(plant), digest)

    def _bound(
        self, settings: SiteFile, profiles: Mapping[str, Profile], packs: Mapping[str, RuleSet]
    ) -> Plant | None:
        try:
            return bind(
                settings.node.id,
                settings.node.division,
                areas=settings.area,
                devices=settings.device,
                derived=settings.derived,
                models=self.models(settings),
                profiles=profiles,
                packs=packs,
            )
        except SiteError as error:
            self.found += error.problems
            return None


def hash_of(plant: Plant) -> str:
    """Return the hash of what a site's points, rules and alarms are: of each kind, once."""
    points = plant.points
    kinds = zip(points.kinds, plant.definitions.kinds, strict=True)
    found = hashlib.sha256(repr((plant.node, plant.division, *kinds, plant.rule_sets)).encode())
    derived = repr((plant.derivations, plant.exposures))
    found.update(derived.encode() if plant.reported < len(points) else b"")
    found.update(repr(plant.wards).encode() if plant.wards else b"")
    for sparse in plant.definitions.sparse:
        found.update(repr(sparse.definition).encode() + sparse.points.tobytes())
    for group in plant.deadlines:
        found.update(group.at_ns.tobytes())
    delays = [(each.id, each.usual_delay) for each in plant.devices if each.usual_delay]
    found.update(repr(delays).encode() if delays else b"")
    if plant.frames:
        found.update(
            repr((plant.frames, [model and digest(model) for model in plant.models])).encode()
        )
    for texts in (points.tags, points.names, points.device_ids):
        # No text is cut short by what it holds: the lengths stand before it.
        found.update(np.array([len(text) for text in texts], np.int64).tobytes())
        found.update("".join(texts).encode())
    for numbers in (points.kind, points.device, plant.point_sets):
        found.update(numbers.tobytes())
    return found.hexdigest()


def _text(document: Mapping[str, Any], table: str, key: str) -> str | None:
    """Return what a table says under a key, where both are what they should be."""
    inner = document.get(table)
    written = inner.get(key) if isinstance(inner, dict) else None
    return written if isinstance(written, str) else None
