"""What `hazgate check` tries of the exports of a file: their files, secrets, maps and folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.config import ConfigError, Problem, unreadable, unwritable
from gateway.northbound.exports.field_map import read_map
from gateway.northbound.exports.regulator import read_app_secret
from gateway.northbound.exports.signing import read_secret
from gateway.northbound.exports.sm4 import read_block

FILES: Final = (
    "password_file", "ca_file", "cert_file", "key_file", "secret_file", "old_secret_file",
    "app_secret_file", "iv_file", "map_file",
)  # fmt: skip
#: What reads each file that must hold something of a certain form; of a regulator, `key_file` too.
READERS: Final = {
    "secret_file": read_secret, "old_secret_file": read_secret, "iv_file": read_block,
    "app_secret_file": read_app_secret, "map_file": read_map,
}  # fmt: skip


def unusable(document: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    """Yield what of the files and folders that exports name cannot be used here.

    Parameters
    ----------
    document
        The parsed file, whatever else is wrong with it.
    folder
        What its paths are relative to.
    """
    tables = document.get("export")
    for number, table in enumerate(tables if isinstance(tables, list) else []):
        if not isinstance(table, dict):
            continue
        for key in FILES:
            if isinstance(written := table.get(key), str):
                file = str(folder / written)
                text = unreadable(file) or _wrong(table, key, file)
                if text:
                    yield ("export", number, key), text
        if isinstance(written := table.get("folder"), str):
            place = folder / written
            why = unwritable(place) if place.is_dir() else f"{place}: no such folder; make it"
            if why:
                yield ("export", number, "folder"), why


def _wrong(table: Mapping[str, Any], key: str, file: str) -> str:
    reader = READERS.get(key)
    if key == "key_file" and table.get("kind") == "regulator":
        reader = read_block
    if reader is None or not Path(file).exists():  # what systemd brings is not there yet
        return ""
    try:
        reader(file)
    except ConfigError as error:
        return "; ".join(error.problems)
    except (OSError, ValueError) as error:
        return str(error)
    return ""
