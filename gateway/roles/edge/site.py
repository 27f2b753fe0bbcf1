"""A site file, checked whole: what `hazgate check` says and every other command starts from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from device_profiles.hazards import load_packs
from device_profiles.problems import ProfileError
from device_profiles.registry import load_registry
from gateway.config import ConfigError, add_point_tables, load, located
from gateway.pipeline.binding import SiteError, bind
from gateway.pipeline.plant import Plant
from gateway.roles.edge.settings import SiteFile


@dataclass(frozen=True, slots=True)
class Site:
    """A checked site: its settings, the bound plant, and the hash of what was applied."""

    path: Path
    settings: SiteFile
    plant: Plant
    hash: str

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
    own = path.parent / "profiles"
    try:
        profiles = load_registry(own if own.is_dir() else None)
        packs = load_packs()
    except ProfileError as error:
        raise ConfigError(error.problems) from error
    settings, text = load(path, SiteFile, prepare=add_point_tables)
    try:
        plant = bind(
            settings.node.id,
            settings.node.division,
            areas=settings.area,
            devices=settings.device,
            profiles=profiles,
            packs=packs,
        )
    except SiteError as error:
        raise ConfigError(located(error.problems, path=path, text=text)) from error
    applied = hashlib.sha256(repr((plant.points, plant.rules, plant.definitions)).encode())
    return Site(path, settings, plant, applied.hexdigest())
