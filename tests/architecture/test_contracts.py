"""The import contracts in pyproject.toml hold the tree that there is, not one that was."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINTER = PROJECT["tool"]["importlinter"]
CONTRACTS: list[dict[str, Any]] = LINTER["contracts"]
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
#: Packages whose name to import differs from the one to install.
IMPORTED_AS = {"paho-mqtt": "paho", "argon2-cffi": "argon2"}


def modules(package: str) -> set[str]:
    """Names directly below a package of ours that can be imported."""
    folder = ROOT / package.replace(".", "/")
    names = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    return {name for name in names if not name.startswith("__")}


def contract(kind: str, *, naming: str) -> dict[str, Any]:
    """The one contract of a kind whose title has these words."""
    [found] = [c for c in CONTRACTS if c["type"] == kind and naming in c["name"]]
    return found


def named() -> list[str]:
    """Every module that a contract speaks of."""
    names: set[str] = set()
    for each in CONTRACTS:
        names |= set(each.get("source_modules", [])) | set(each.get("forbidden_modules", []))
        for rule in each.get("ignore_imports", []):
            names |= set(rule.split(" -> "))
    return sorted(names)


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def test_every_package_that_ships_is_under_contract() -> None:
    """What the wheel holds is what the linter looks at."""
    assert sorted(LINTER["root_packages"]) == sorted(PACKAGES)
    assert LINTER["include_external_packages"] is True


def test_every_room_of_the_gateway_is_a_layer() -> None:
    """Each package and module of the gateway stands in the layers once, and no layer is empty."""
    layers = contract("layers", naming="An arrow is an import")
    assert layers["containers"] == ["gateway"]
    assert layers["exhaustive"] is True
    listed = [name for layer in layers["layers"] for name in re.split(r"[ |:]+", layer)]
    assert len(listed) == len(set(listed))
    assert set(listed) == modules("gateway")


@pytest.mark.parametrize("name", [name for name in named() if is_ours(name)])
def test_what_a_contract_names_exists(name: str) -> None:
    """A contract about a module that was renamed would hold nothing."""
    path = ROOT / name.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("name", [name for name in named() if not is_ours(name)])
def test_what_a_contract_forbids_could_be_imported(name: str) -> None:
    """A forbidden library is one of ours or of Python's: a mistyped name would forbid nothing."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    stated = [*PROJECT["project"]["dependencies"], *(each for extra in extras for each in extra)]
    installed = {re.split(r"[\[<>=!~; ]", each)[0] for each in stated}
    ours = {IMPORTED_AS.get(each, each.replace("-", "_")) for each in installed}
    assert name in ours | set(sys.stdlib_module_names)
    assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("package", ["detectors", "device_profiles"])
def test_leaves_may_not_reach_any_other_package(package: str) -> None:
    """A leaf package is forbidden every other package of ours."""
    [found] = [c for c in CONTRACTS if c.get("source_modules") == [package]]
    assert set(PACKAGES) - {package} <= set(found["forbidden_modules"])


def test_the_two_roles_know_nothing_of_each_other() -> None:
    """What only an edge needs is forbidden to a centre as a whole, and the other way round."""
    centre = contract("forbidden", naming="A centre never reaches")
    assert {"gateway.supervision", "gateway.roles.centre"} <= set(centre["source_modules"])
    assert {
        "gateway.southbound", "gateway.pipeline", "gateway.simulation", "detectors", "numba",
        "numpy", "duckdb", "paho",
    } <= set(centre["forbidden_modules"])  # fmt: skip
    edge = contract("forbidden", naming="An edge never reaches")
    assert {
        "gateway.roles.edge", "gateway.southbound", "gateway.pipeline", "gateway.alarms",
        "gateway.northbound",
    } <= set(edge["source_modules"])  # fmt: skip
    assert {"gateway.supervision", "fastapi", "uvicorn", "argon2"} <= set(edge["forbidden_modules"])


def test_no_module_is_a_drawer_for_everything() -> None:
    """No module is named for having no home: utils, helpers, common, misc, types."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "types"}
    assert [
        str(path.relative_to(ROOT))
        for package in (*PACKAGES, "bench", "tests")
        for path in (ROOT / package).rglob("*.py")
        if path.stem in drawers
    ] == []
