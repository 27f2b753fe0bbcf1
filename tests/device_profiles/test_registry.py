from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles.problems import ProfileError
from device_profiles.registry import SHIPPED, load_profile, load_registry, profile_paths

NUMBER = (SHIPPED / "generic" / "number.toml").read_text(encoding="utf-8")


def put(folder: Path, profile: str, text: str) -> Path:
    path = folder / f"{profile}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_file_is_loaded_under_the_id_of_its_place() -> None:
    """Each shipped file is one profile, found by vendor and model; packs are none."""
    profiles = load_registry()
    assert [f"{path.parent.name}/{path.stem}" for path in profile_paths(SHIPPED)] == list(profiles)
    assert {"generic/json", "generic/number", "generic/multigas-4"} <= set(profiles)


def test_a_site_adds_profiles_of_its_own(tmp_path: Path) -> None:
    """A folder of the site adds its profiles to the shipped ones."""
    put(tmp_path, "acme/gas-1", NUMBER.replace("generic/number", "acme/gas-1"))
    assert set(load_registry(tmp_path)) == {*load_registry(), "acme/gas-1"}


def test_a_site_cannot_replace_a_shipped_profile(tmp_path: Path) -> None:
    """One id has one meaning; a second file with it is refused."""
    path = put(tmp_path, "generic/number", NUMBER)
    with pytest.raises(ProfileError, match="exists already") as caught:
        load_registry(tmp_path)
    assert str(path) in str(caught.value)


def test_the_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    """A person mends every file in one round."""
    put(tmp_path, "acme/a", "id = 1\nid = 2\n")
    put(
        tmp_path,
        "acme/b",
        NUMBER.replace("generic/number", "acme/b").replace("model =", "models ="),
    )
    (tmp_path / "acme" / "c.toml").write_bytes(b"\xff")
    (tmp_path / "acme" / "d.toml").mkdir()
    with pytest.raises(ProfileError) as caught:
        load_registry(tmp_path)
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    assert "a.toml:2: not TOML" in text
    assert "b.toml:7: models: unknown key; did you mean 'model'?" in text
    assert "b.toml:1: model: is missing" in text
    assert "c.toml:1: file: not UTF-8" in text
    assert "d.toml:1: file: Is a directory" in text


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """A folder that is configured and absent is an error, not an empty one."""
    with pytest.raises(ProfileError, match="no such folder"):
        load_registry(tmp_path / "none")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A path that cannot be opened says why."""
    with pytest.raises(ProfileError, match="No such file"):
        load_profile(tmp_path / "acme" / "none.toml")


def test_a_text_cut_off_is_told_at_its_end(tmp_path: Path) -> None:
    """A file cut off on the way points at its last line."""
    path = put(tmp_path, "acme/gas-1", 'id = "acme/gas-1"\ntitle_en = """')
    with pytest.raises(ProfileError, match=r"gas-1\.toml:2: not TOML"):
        load_profile(path)


def test_the_registry_cannot_be_changed() -> None:
    """What was loaded stays as it was loaded."""
    with pytest.raises(TypeError):
        load_registry()["x/y"] = load_registry()["generic/json"]
