"""Finds and reads the profile files; the only module here, beside `hazards`, that opens a file.

A profile lies at ``<vendor>/<model>.toml`` and its id is ``<vendor>/<model>``. A site may add a
folder of its own; it cannot replace a shipped profile, since two meanings of one id is how a device
comes to be read wrongly.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from device_profiles.problems import ProfileError, describe, describe_syntax
from device_profiles.schema import Profile
from device_profiles.toml_lines import locate

#: Folder of the shipped profiles, packs and templates.
SHIPPED: Final = Path(str(files("device_profiles")))
#: Folders beside the vendors' that hold no profiles.
NOT_VENDORS: Final = frozenset({"hazards", "templates"})

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_profile(path: Path) -> Profile:
    """Return the profile in one file.

    Parameters
    ----------
    path
        ``.../<vendor>/<model>.toml``; the id in the file must say the same.

    Raises
    ------
    ProfileError
        The file cannot be read, is not TOML, or breaks the schema: every problem, with its line.
    """
    profile, text = read_model(path, Profile)
    expected = f"{path.parent.name}/{path.stem}"
    if profile.id != expected:
        line = locate(text, ("id",))
        raise ProfileError([f"{path}:{line}: id: {profile.id!r}; by its place it is {expected!r}"])
    return profile


def load_registry(extra_folder: Path | None = None) -> Mapping[str, Profile]:
    """Return every profile by id, in the order of the ids: the shipped ones and those of a site.

    Parameters
    ----------
    extra_folder
        Folder with ``<vendor>/<model>.toml`` of the site's own.

    Raises
    ------
    ProfileError
        The problems of all files together, an id that is already shipped, or a folder that is none.
    """
    problems: list[str] = []
    paths = profile_paths(SHIPPED)
    if extra_folder is not None:
        if not extra_folder.is_dir():
            problems.append(
                f"{extra_folder}:1: profiles: no such folder; make it or drop the setting"
            )
        paths += profile_paths(extra_folder)
    profiles: dict[str, Profile] = {}
    for path in paths:
        try:
            profile = load_profile(path)
        except ProfileError as error:
            problems += error.problems
            continue
        if profile.id in profiles:
            problems.append(
                f"{path}:1: id: {profile.id!r} exists already; choose another vendor name"
            )
        profiles[profile.id] = profile
    if problems:
        raise ProfileError(problems)
    return MappingProxyType(dict(sorted(profiles.items())))


def profile_paths(folder: Path) -> list[Path]:
    """Return the profile files below `folder`, sorted: ``<vendor>/<model>.toml`` and no deeper."""
    found = folder.glob("*/*.toml")
    return sorted(path for path in found if path.parent.name not in NOT_VENDORS)


def read_model(path: Path, model: type[ModelT]) -> tuple[ModelT, str]:
    """Return the file at `path` as `model`, and its text.

    Raises
    ------
    ProfileError
        The file cannot be read, is not UTF-8, is not TOML, or does not fit the model: every problem
        with its line.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ProfileError([f"{path}:1: file: {error.strerror}; check path and rights"]) from error
    except UnicodeDecodeError as error:
        raise ProfileError([f"{path}:1: file: not UTF-8 ({error.reason}); save it so"]) from error
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([describe_syntax(error, source=str(path), text=text)]) from error
    try:
        return model.model_validate(document), text
    except ValidationError as error:
        raise ProfileError(describe(error, model, source=str(path), text=text)) from error
