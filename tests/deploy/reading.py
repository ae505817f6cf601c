"""What the files of deploy/ say, as plain values: for the tests beside this file."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
CONTAINERFILE = DEPLOY / "Containerfile"
UNITS = DEPLOY / "systemd"
BASE = DEPLOY / "kubernetes" / "base"
BINARY = "/opt/pointsman/bin/pointsman"
#: Services of the compose file that are not Pointsman's own.
SERVERS = frozenset({"postgres", "valkey"})


class Command(NamedTuple):
    """A command line that a file of deploy/ starts: the arguments after ``pointsman``."""

    where: str
    arguments: tuple[str, ...]


class Variable(NamedTuple):
    """An environment variable that a file of deploy/ sets. ``value`` is as it stands there."""

    where: str
    name: str
    value: str


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def compose() -> dict[str, Any]:
    """The compose file with its merges resolved and its interpolations as they stand."""
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    return loaded


def own_services() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose()["services"].items() if name not in SERVERS}


def env_file(path: Path) -> dict[str, str]:
    """The assignments of an environment file, those in comments left out."""
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line.strip() and not line.startswith("#"))


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """A systemd unit: section, directive, its values in order. Raises ``AssertionError`` for a line that is neither."""
    sections: dict[str, dict[str, list[str]]] = {}
    section = ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if heading := re.fullmatch(r"\[(\w+)]", line):
            section = heading[1]
            sections.setdefault(section, {})
            continue
        assignment = re.fullmatch(r"([A-Z]\w*)=(.*)", line)
        assert assignment, f"{path.name}:{number}: neither a section nor a directive: {line}"
        assert section, f"{path.name}:{number}: stands before the first section: {line}"
        sections[section].setdefault(assignment[1], []).append(assignment[2])
    return sections


def services() -> dict[str, dict[str, list[str]]]:
    """The ``[Service]`` section of each systemd service, by file name."""
    return {path.name: unit(path)["Service"] for path in sorted(UNITS.glob("*.service"))}


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """The Kubernetes objects of a folder by ``kind/name``; kustomizations are left out."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            if document["kind"] != "Kustomization":
                found[f"{document['kind']}/{document['metadata']['name']}"] = document
    return found


def pods() -> dict[str, dict[str, Any]]:
    """The specification of each pod of the Kubernetes base, by ``kind/name`` of what makes it."""
    return {
        name: document["spec"]["template"]["spec"]
        for name, document in documents(BASE).items()
        if document["kind"] in ("Deployment", "Job")
    }


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def kustomization(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    return loaded


def literals(folder: Path) -> dict[str, str]:
    """The literals of all generated config maps of a kustomization."""
    generated = kustomization(folder)["configMapGenerator"]
    return dict(literal.split("=", 1) for generator in generated for literal in generator.get("literals", []))


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions in order, each with its arguments on one line."""
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text("utf-8"), flags=re.MULTILINE)
    lines = [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def commands() -> Iterator[Command]:
    """Every ``pointsman`` command that the files of deploy/ start."""
    for name, service in own_services().items():
        yield Command(f"compose.yaml: {name}", tuple(service["command"]))
    for name, section in services().items():
        for line in [*section.get("ExecStartPre", []), *section["ExecStart"]]:
            binary, *arguments = line.replace("${LANES}", "open").split()
            assert binary == BINARY, f"{name}: starts {binary}"
            yield Command(name, tuple(arguments))
    for name, pod in pods().items():
        for container in containers(pod):
            yield Command(f"{name}: {container['name']}", tuple(container["args"]))
    for instruction, arguments in instructions():
        if instruction == "CMD":
            yield Command("Containerfile", tuple(json.loads(arguments)))


def variables() -> Iterator[Variable]:
    """Every environment variable that the files of deploy/ set for Pointsman's processes, examples included."""
    for name, service in own_services().items():
        yield from (Variable(f"compose.yaml: {name}", key, value) for key, value in service["environment"].items())
    for path in (DEPLOY / "example.env", *sorted(UNITS.glob("*.env"))):
        yield from (Variable(path.name, key, value) for key, value in env_file(path).items())
    for folder in (BASE, BASE.parent / "overlay.example"):
        yield from (Variable(f"{folder.name}/kustomization.yaml", *pair) for pair in literals(folder).items())
    for document in yaml.safe_load_all((BASE.parent / "secrets.example.yaml").read_text("utf-8")):
        yield from (Variable("secrets.example.yaml", *pair) for pair in document["stringData"].items())
    for instruction, arguments in instructions():
        if instruction == "ENV":
            for pair in arguments.split():
                key, value = pair.split("=", 1)
                yield Variable("Containerfile", key, value)
