"""compose.yaml and the Dockerfiles, which no test runs, against the program and the other files."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from packaging.requirements import Requirement

from gateway.supervision.api import health
from tests.deploy import commands
from tests.deploy.shipped import (
    CENTRE,
    COMPOSE,
    DEPLOY,
    MOSQUITTO,
    OPERATIONS,
    ROOT,
    SITE,
    UNITS,
    all_options,
    as_shipped,
    broker_options,
    unit,
)

ROLES = ("centre", "edge")
each_role = pytest.mark.parametrize("role", ROLES)
OURS = {
    "127.0.0.1", "broker.site", "centre.example", "city.example", "victoria-metrics.site",
    "broker.park.example", "hooks.park.example", "cap.park.example", "platform.province.example",
}  # fmt: skip


def compose() -> dict[str, Any]:
    """Return the compose file as a program reads it."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return found


def dockerfile(name: str) -> dict[str, list[str]]:
    """Return a Dockerfile: instruction, then each argument, continued lines joined."""
    text = (DEPLOY / name / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            instruction, _, argument = line.partition(" ")
            found.setdefault(instruction, []).append(" ".join(argument.split()))
    return found


def copied(name: str) -> list[str]:
    """Return what a Dockerfile copies out of the repository."""
    copies = [line.split() for line in dockerfile(name).get("COPY", [])]
    return [source for words in copies if "--from" not in words[0] for source in words[:-1]]


def extras(role: str) -> set[str]:
    """Return the extras that an image is installed with."""
    found = re.search(r'hazgate-\*\.whl\)\[([a-z,]+)\]"', dockerfile(role)["RUN"][-1])
    assert found is not None
    return set(found[1].split(","))


def brought(extra_names: set[str]) -> set[str]:
    """Return every package that hazgate brings with these extras, through all that they bring."""
    found: set[str] = set()
    waiting = [("hazgate", frozenset(extra_names))]
    while waiting:
        name, wanted = waiting.pop()
        for text in importlib.metadata.requires(name) or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in (wanted or {""})):
                below = re.sub(r"[-_.]+", "-", needed.name).lower()
                if below not in found:
                    found.add(below)
                    waiting.append((below, frozenset(needed.extras)))
    return found


def test_images_bring_what_their_role_loads() -> None:
    """The edge's image has numba and no FastAPI, the centre's FastAPI and no numba."""
    edge, centre = brought(extras("edge")), brought(extras("centre"))
    assert edge >= {"numba", "duckdb", "paho-mqtt", "apsw", "influxdb-client"}
    assert centre >= {"fastapi", "uvicorn", "argon2-cffi", "apsw"}
    assert not edge & {"fastapi", "starlette", "uvicorn", "argon2-cffi"}
    assert not centre & {"numba", "llvmlite", "numpy", "duckdb", "paho-mqtt"}
    assert "fastapi" in brought({"edge", "centre"}), "the check itself sees what an extra brings"


@each_role
def test_commands_exist(role: str) -> None:
    """Image and compose file start a command that the program has, with the example's place."""
    (command,) = dockerfile(role)["CMD"]
    words = yaml.safe_load(command)
    assert yaml.safe_load(dockerfile(role)["ENTRYPOINT"][0]) == ["hazgate"]
    assert compose()["services"][role]["command"] == words
    commands.check(words)
    assert f"hazgate {' '.join(words)}" in unit(UNITS[role])["Service"]["ExecStart"][0]


@each_role
def test_paths_are_those_of_the_examples(role: str) -> None:
    """State and cache are volumes that the image gives to its user; secrets lie where TOML says."""
    service, image = compose()["services"][role], dockerfile(role)
    document = all_options(SITE if role == "edge" else CENTRE)
    mounted = {m.split(":")[1]: m.split(":")[0] for m in service["volumes"]}
    kept = {place for place in mounted if place != "/etc/hazgate"}
    assert document["store"]["folder"] in kept
    assert mounted["/etc/hazgate"] == f"./site/{role}"
    assert {mounted[place] for place in kept} <= set(compose()["volumes"])
    assert set(re.findall(r"/var/[a-z/-]+", image["VOLUME"][0])) == kept
    (user,) = image["USER"]
    assert unit(UNITS[role])["Service"]["User"] == [user]
    for place in kept:
        assert re.search(rf"install .*--owner {user} .*{place}\b", image["RUN"][-1])
    variables = dict(e.split("=", 1) for e in unit(UNITS[role])["Service"].get("Environment", []))
    assert service.get("environment", {}) == variables
    assert dict(e.split("=", 1) for e in image.get("ENV", [])) == variables
    text = (SITE if role == "edge" else CENTRE).read_text(encoding="utf-8")
    needed = set(re.findall(r'^[a-z_]+ = "(/run/credentials/[^"]+)"', text, re.MULTILINE))
    assert {secret["target"] for secret in service["secrets"]} == needed
    for secret in service["secrets"]:
        assert secret["target"].endswith("/" + secret["source"])
        assert compose()["secrets"][secret["source"]]["file"].endswith("/" + secret["source"])


def test_ports_are_those_that_are_listened_on() -> None:
    """What is published is what broker and centre listen on, and nothing of the edge is."""
    services = compose()["services"]
    listened = broker_options(MOSQUITTO.read_text(encoding="utf-8"))["listener"]
    assert services["mosquitto"]["ports"] == [f"{port}:{port}" for port in listened]
    assert dockerfile("mosquitto")["EXPOSE"] == [" ".join(listened)]
    port = as_shipped(CENTRE)["listen"]["address"].rpartition(":")[2]
    assert services["centre"]["ports"] == [f"{port}:{port}"]
    assert dockerfile("centre")["EXPOSE"] == [port]
    assert "ports" not in services["edge"]
    assert "ports" not in services["victoria-metrics"]


def test_names_are_those_of_the_site_file() -> None:
    """Each address of the site file is a name and a port in a network that the edge is in."""
    services = compose()["services"]
    document = all_options(SITE)
    for service, url in (
        ("mosquitto", document["broker"]["url"]),
        ("centre", document["parent"]["url"]),
        ("victoria-metrics", document["influx"]["url"]),
    ):
        parts = urlsplit(url)
        reached = [
            network
            for network, details in services[service]["networks"].items()
            if parts.hostname in details["aliases"]
        ]
        assert set(reached) & set(services["edge"]["networks"]), url
        told = [*services[service].get("ports", []), *services[service].get("command", [])]
        assert any(f":{parts.port}" in str(word) for word in told), url
    assert not set(services["centre"]["networks"]) & set(services["mosquitto"]["networks"])


def test_health_checks_ask_what_is_served() -> None:
    """The health checks ask the address that the examples serve, by routes that exist."""
    services = compose()["services"]
    listen = as_shipped(SITE)["metrics"]["listen"]
    assert f"http://{listen}/metrics" in services["edge"]["healthcheck"]["test"][-1]
    asked = services["centre"]["healthcheck"]["test"][-1]
    compile(asked, "centre", "exec")
    compile(services["edge"]["healthcheck"]["test"][-1], "edge", "exec")
    (url,) = re.findall(r"https://[^']+", asked)
    assert urlsplit(url).path in {route.path for route in health.router.routes}
    parent = urlsplit(as_shipped(SITE)["parent"]["url"])
    assert (urlsplit(url).hostname, urlsplit(url).port) == (parent.hostname, parent.port)
    assert as_shipped(SITE)["parent"]["ca_file"] in asked


def test_services_are_kept_small() -> None:
    """Each is started again for ever, without capabilities, on a file system it cannot write."""
    services = compose()["services"]
    assert set(services) == {"mosquitto", "edge", "victoria-metrics", "centre"}
    for name, service in services.items():
        assert service["restart"] == "always", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_builds_find_their_files() -> None:
    """Each build names a Dockerfile, and each Dockerfile copies what is in the repository."""
    for name, service in compose()["services"].items():
        if "build" not in service:
            continue
        context = (COMPOSE.parent / service["build"]["context"]).resolve()
        assert context == ROOT
        assert (context / service["build"]["dockerfile"]) == DEPLOY / name / "Dockerfile"
        for source in copied(name):
            assert (ROOT / source).exists(), source


@pytest.mark.parametrize("name", [*ROLES, "mosquitto"])
def test_builder_sees_what_it_copies_and_no_secret(name: str) -> None:
    """The builder is sent what the Dockerfile copies, and never the folder with the secrets."""
    text = (DEPLOY / name / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    rules = [line for line in text.splitlines() if not line.startswith("#")]
    sent = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert all({source, str(Path(source).parent)} & sent for source in copied(name))
    assert not any("deploy/site".startswith(each) for each in sent)


def test_image_is_built_from_what_the_wheel_holds() -> None:
    """The folders that the wheel holds, its build hook and what it names are all copied."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hatch = project["tool"]["hatch"]["build"]
    needed = {*hatch["targets"]["wheel"]["packages"], hatch["hooks"]["custom"]["path"]}
    needed |= {"pyproject.toml", project["project"]["readme"]}
    needed |= set(project["project"]["license-files"])
    for role in ROLES:
        assert needed <= set(copied(role))


def test_broker_image_has_the_paths_of_its_configuration() -> None:
    """The broker's image starts it with the mounted file, as the user who owns its state."""
    options = broker_options(MOSQUITTO.read_text(encoding="utf-8"))
    image, service = dockerfile("mosquitto"), compose()["services"]["mosquitto"]
    mounted = [volume.split(":")[1] for volume in service["volumes"]]
    (state,) = options["persistence_location"]
    assert state.rstrip("/") in mounted
    assert image["VOLUME"] == [state.rstrip("/")]
    assert image["USER"] == options["user"]
    (start,) = image["ENTRYPOINT"]
    assert Path(yaml.safe_load(start)[-1]).parent == Path("/etc/mosquitto")
    assert "/etc/mosquitto" in mounted
    for key in ("password_file", "acl_file", "cafile", "certfile", "keyfile"):
        assert all(value.startswith("/etc/mosquitto/") for value in options[key])


def test_python_is_one_that_the_program_supports() -> None:
    """Both stages of an image use a Python within the project's range."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = Requirement(f"python{project['requires-python']}").specifier
    for role in ROLES:
        images = [line.split()[0] for line in dockerfile(role)["FROM"]]
        assert len(set(images)) == 1
        (version,) = set(re.findall(r"python:([0-9.]+)", " ".join(images)))
        assert versions.contains(version)


def test_no_package_host_is_named() -> None:
    """No file of deploy/ names the address of a registry or of a package host."""
    for path in sorted(DEPLOY.rglob("*")):
        if not path.is_file() or path.suffix == ".pyc":
            continue
        text = path.read_text(encoding="utf-8")
        hosts = {urlsplit(url).hostname for url in re.findall(r"[a-z]+://[^\s\"'<>,]+", text)}
        assert hosts - {None} <= OURS | {"host"}, path
        assert "--index-url" not in text, path
    images = [service.get("image", "") for service in compose()["services"].values()]
    for role in (*ROLES, "mosquitto"):
        images += [line.split()[0] for line in dockerfile(role)["FROM"]]
    assert all("." not in image.split("/")[0].split(":")[0] for image in images)


def test_the_page_tells_what_to_lay_ready() -> None:
    """Each folder and secret that is mounted stands in the page, with the number of its reader."""
    page = OPERATIONS.read_text(encoding="utf-8")
    for name, service in compose()["services"].items():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./"):
                (number,) = re.findall(r"--uid (\d+)", " ".join(dockerfile(name)["RUN"]))
                row = rf"^\| `{source[2:]}` \| .* \| {number} \|$"
                assert re.search(row, page, re.MULTILINE), source
    for name, secret in compose()["secrets"].items():
        assert secret["file"] == f"./site/secrets/{name}"
        assert re.search(rf"^\| `site/secrets` \| .*`{name}`", page, re.MULTILINE), name
