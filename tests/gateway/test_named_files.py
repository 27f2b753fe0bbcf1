"""Files and folders that a site file names: tried by who checks, not by an edge that starts."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gateway.config import ConfigError, unreadable, unwritable
from gateway.roles.edge.site import inspect_site, load_site
from tests.gateway.pipeline.test_bad_site import SITE

ALL = """password_file = "secrets/password"
ca_file = "ca.crt"
cert_file = "gw.crt"
key_file = "gw.key"
[parent]
url = "https://centre.example"
ca_file = "centre.crt"
token_file = "parent.token"
code_file = "pairing.code"
[influx]
url = "http://127.0.0.1:8428"
token_file = "influx.token"
"""
NEEDED = ["secrets/password", "ca.crt", "gw.crt", "gw.key", "centre.crt", "influx.token"]

NOW_NS = 1_790_000_000_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("[[area]]", ALL + "[[area]]", 1), encoding="utf-8")
    return path


def told(path: Path) -> list[str]:
    """What a check of the file tells, without the folder of the test."""
    with pytest.raises(ConfigError) as refused:
        inspect_site(path, now_ns=NOW_NS)
    return [each.replace(f"{path.parent}/", "") for each in refused.value.problems]


def provide(folder: Path) -> None:
    (folder / "secrets").mkdir()
    for name in NEEDED:
        (folder / name).write_text("x", encoding="utf-8")


def test_every_file_that_is_not_there_is_told(path: Path) -> None:
    """Each at its line; what pairing brings may come later."""
    found = told(path)
    assert [each.split(": ")[:2] for each in found] == [
        ["site.toml:7", "broker.password_file"], ["site.toml:8", "broker.ca_file"],
        ["site.toml:9", "broker.cert_file"], ["site.toml:10", "broker.key_file"],
        ["site.toml:13", "parent.ca_file"], ["site.toml:18", "influx.token_file"],
    ]  # fmt: skip
    assert found[0].endswith(": secrets/password: no such file; put it there, or name another")


def test_files_that_are_there_have_no_problem(path: Path) -> None:
    """Negative control: with all of them the site is bound, and nothing is left behind."""
    provide(path.parent)
    before = sorted(path.parent.rglob("*"))
    assert inspect_site(path, now_ns=NOW_NS).hash == load_site(path).hash
    assert sorted(path.parent.rglob("*")) == before


def test_an_edge_starts_without_them(path: Path) -> None:
    """Detection needs none of them: what is missing is tried again while it runs."""
    assert load_site(path).settings.broker.password_file == str(path.parent / "secrets/password")


def test_a_folder_in_place_of_a_file_is_told(path: Path) -> None:
    """A file that is there and cannot be read is told with why, a credential of pairing too."""
    provide(path.parent)
    (path.parent / "parent.token").mkdir()
    [found] = told(path)
    assert found.startswith("site.toml:14: parent.token_file: parent.token cannot be read: ")
    assert os.strerror(errno.EISDIR) in found


def test_missing_files_and_other_mistakes_come_in_one_round(path: Path) -> None:
    """A limit out of range and an unknown key are told beside the files."""
    text = path.read_text().replace("h = 100", "h = 4000").replace('name = "Mac', 'title = "Mac')
    path.write_text(text, encoding="utf-8")
    keys = [each.split(": ")[1] for each in told(path)]
    assert len([key for key in keys if "_file" in key]) == len(NEEDED)
    assert {"area[0].name", "area[0].title"} <= set(keys)
    path.write_text(text.replace('title = "Mac', 'name = "Mac'), encoding="utf-8")
    assert "device[0].point[0].limits.h" in [each.split(": ")[1] for each in told(path)]


def test_what_systemd_brings_is_not_missing() -> None:
    """A credential of a service exists while it runs, and is there for nobody else."""
    assert unreadable("/run/credentials/hazgate-edge.service/no-such-password") is None
    assert unreadable("/run/no-such-password") is not None


@pytest.mark.parametrize("folder", ["/proc/x", "/proc/x/deeper"])
def test_a_store_that_cannot_be_made_is_told(tmp_path: Path, folder: str) -> None:
    """The file system is asked by trying, whoever asks."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("[[area]]", f'[store]\nfolder = "{folder}"\n[[area]]', 1))
    [found] = told(path)
    assert found.startswith(f"site.toml:8: store.folder: {folder} cannot be made in /proc: ")


def test_a_store_that_is_a_file_is_told(tmp_path: Path) -> None:
    """The default folder is tried too."""
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    inspect_site(path, now_ns=NOW_NS)
    (tmp_path / "data").write_text("x")
    [found] = told(path)
    assert found.startswith("site.toml:1: store.folder: data cannot be written: ")


def test_a_folder_is_tried_without_a_trace(tmp_path: Path) -> None:
    """Neither the folder nor the try remains: who checks may not be who runs."""
    assert unwritable(tmp_path / "var" / "edge") is None
    assert list(tmp_path.iterdir()) == []
