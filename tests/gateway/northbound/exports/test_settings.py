"""`[[export]]` in a file: every problem at once, each at its own key."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.northbound.exports.selection import selects
from gateway.northbound.exports.settings import CapExport, MqttExport, SelectSettings
from gateway.roles.edge.site import inspect_site, load_site
from tests.gateway.northbound.exports.receiving import ALARM
from tests.gateway.northbound.exports.test_cap import event
from tests.gateway.northbound.exports.test_webhook import KEY, secret
from tests.gateway.pipeline.test_bad_site import SITE

NOW_NS = 1_790_000_000_000_000_000
BAD = """[[export]]
name = "one"
kind = "webhook"
url = "https://169.254.169.254/latest"
secret_file = "secret"
colour = "red"
[[export]]
name = "one"
kind = "mqtt"
url = "https://broker.example"
cert_file = "x.crt"
[[export]]
name = "three"
kind = "pigeon"
[[export]]
name = "four"
kind = "regulator"
url = "http://platform.example/"
app_id = "a"
app_secret_file = "missing"
key_file = "secret"
[export.select]
tests = true
[[export]]
name = "five"
kind = "cap"
sender = "a, b"
allow = ["169.254.0.0/16"]
"""


def told(folder: Path, text: str) -> list[str]:
    path = folder / "site.toml"
    path.write_text(SITE.replace("[[area]]", f"{text}[[area]]", 1), encoding="utf-8")
    try:
        inspect_site(path, now_ns=NOW_NS)
    except ConfigError as error:
        return [problem.replace(f"{folder}/", "") for problem in error.problems]
    return []


def test_every_problem_of_every_export_is_told_at_once(tmp_path: Path) -> None:
    """Addresses, files, secrets, kinds, unknown keys: each at its own key, with what to do."""
    (tmp_path / "secret").write_text("hunter2", encoding="utf-8")
    found = told(tmp_path, BAD)
    wanted = {
        "export[0].url": "never reached",
        "export[0].secret_file": "holds no secret",
        "export[0].colour": "unknown key",
        "export[1].url": "mqtts://",
        "export[1].cert_file": "no such file",
        "export[2].kind": "mqtt, webhook, cap, regulator",
        "export[3].url": "not encrypted",
        "export[3].select.tests": "leave it false",
        "export[3].app_secret_file": "no such file",
        "export[3].key_file": "32 hexadecimal digits",
        "export[4].sender": "without blank",
        "export[4].allow[0]": "never reached",
    }
    for key, what in wanted.items():
        assert [each for each in found if f": {key}: " in each and what in each], (key, found)
    assert not any("hunter2" in each for each in found)


def test_two_exports_of_one_name_are_refused(tmp_path: Path) -> None:
    """What waits stands under the name: two of one name would take each other's rows."""
    table = '[[export]]\nname = "a"\nkind = "mqtt"\nurl = "mqtts://broker.example"\n'
    assert told(tmp_path, table) == []
    [problem] = told(tmp_path, table + table)
    assert "export[1].name: 'a' is the name of another export" in problem


@pytest.mark.parametrize(
    ("url", "more", "good"),
    [
        ("mqtt://broker.example", {"username": "u"}, False),
        ("mqtt://10.0.0.7", {"username": "u", "password_file": "p"}, False),
        ("mqtt://broker.example", {}, True),
        ("mqtt://127.0.0.1", {"username": "u"}, True),
        ("mqtt://[::1]:1883", {"username": "u"}, True),
        ("mqtt://localhost", {"username": "u"}, True),
        ("mqtts://broker.example", {"username": "u", "password_file": "p"}, True),
    ],
)
def test_no_password_travels_in_the_clear(
    tmp_path: Path, url: str, more: dict[str, str], *, good: bool
) -> None:
    """To another machine a user and a password go encrypted, or the check refuses them."""
    (tmp_path / "p").write_text("secret", encoding="utf-8")
    lines = "".join(f'{key} = "{value}"\n' for key, value in more.items())
    found = told(tmp_path, f'[[export]]\nname = "a"\nkind = "mqtt"\nurl = "{url}"\n{lines}')
    assert good == (not found)
    assert good or "export[0].url: " in found[0]


def test_good_exports_are_taken(tmp_path: Path) -> None:
    """Negative control: with their files in place they are bound, paths as the file means them."""
    secret(tmp_path / "secret", KEY)
    (tmp_path / "alerts").mkdir()
    text = (
        '[[export]]\nname = "a"\nkind = "webhook"\nurl = "https://hooks.example/x"\n'
        'secret_file = "secret"\nselect = { priorities = ["high"] }\n'
        '[[export]]\nname = "b"\nkind = "cap"\nfolder = "alerts"\nsender = "a@b.example"\n'
    )
    assert told(tmp_path, text) == []
    first, second = load_site(tmp_path / "site.toml").settings.export
    assert first.secret_file == str(tmp_path / "secret")
    assert isinstance(second, CapExport)
    assert second.folder == str(tmp_path / "alerts")


def test_a_cap_export_goes_somewhere() -> None:
    """Neither an address nor a folder is a mistake."""
    with pytest.raises(ValueError, match="goes nowhere"):
        CapExport(name="a", kind="cap", sender="a@b.example")
    with pytest.raises(ValueError, match="go together"):
        MqttExport(name="a", kind="mqtt", url="mqtts://b.example", key_file="x")


def test_a_filter_lets_through_what_it_names() -> None:
    """Each list alone leaves out what it does not name; records of a node never travel."""
    everything = SelectSettings()
    assert selects(everything, event())
    assert not selects(everything, event(kind="start"))
    assert not selects(everything, event(test=True))
    assert selects(SelectSettings(tests=True), event(test=True))
    assert not selects(SelectSettings(historical=False), event(historical=True))
    own = event(tag="@node", hazard="")
    assert selects(SelectSettings(hazards=("metallurgy",)), own)
    assert not selects(SelectSettings(own=False), own)
    for field, value in (
        ("priorities", "low"), ("hazards", "metallurgy"), ("divisions", "330106"), ("nodes", "gw2"),
    ):  # fmt: skip
        assert not selects(SelectSettings.model_validate({field: [value]}), event())
    # A division is a code and no prefix: 330106 does not hold 330106003000.
    assert ALARM["division"].startswith("330106")
