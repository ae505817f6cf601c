"""The image's locks: parts of the project's lock, complete for what they install, and without development tools."""

import re
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.reading import DEPLOY, ROOT, project

AGAIN = "the lock is out of date: make it again as deploy/README.md says"
ASKED = {"requirements.lock": project()["project"]["dependencies"], "build.lock": project()["build-system"]["requires"]}


def locked(path: Path) -> dict[str, frozenset[str]]:
    """A lock's requirements, markers included, with their hashes. Any other line is an error."""
    found: dict[str, set[str]] = {}
    current = ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if digest := re.fullmatch(r"    --hash=(sha256:[0-9a-f]{64})(?: \\)?", line):
            found[current].add(digest[1])
        else:
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[^\s/@]+( ;[^/@]*)? \\", line), f"{path.name}:{number}: {line}"
            current = line.removesuffix(" \\")
            found[current] = set()
    return {name: frozenset(hashes) for name, hashes in found.items()}


def needed(asked: list[str]) -> Iterator[str]:
    """The names of everything that these requirements need here, as the installed packages say."""
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(line) for line in asked]
    while queue:
        requirement = queue.pop()
        for extra in requirement.extras or {""}:
            if (requirement.name, extra) in seen or not (requirement.marker is None or requirement.marker.evaluate()):
                continue
            seen.add((requirement.name, extra))
            yield canonicalize_name(requirement.name)
            for line in requires(requirement.name) or ():
                below = Requirement(line)
                if below.marker is None or below.marker.evaluate({"extra": extra}):
                    below.marker = None
                    queue.append(below)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_lock_is_a_part_of_the_project_s(name):
    """Each line stands in requirements.lock too, with the same version, marker and hashes: one set of packages."""
    whole = locked(ROOT / "requirements.lock")
    for requirement, hashes in locked(DEPLOY / name).items():
        assert whole.get(requirement) == hashes, f"{requirement}: {AGAIN}"


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_lock_holds_all_that_is_needed(name):
    """Whatever the project (or its build) needs on this machine is in the lock, indirectly needed packages included."""
    there = {canonicalize_name(re.split("==", line)[0]) for line in locked(DEPLOY / name)}
    assert set(needed(ASKED[name])) <= there, AGAIN


def test_the_image_has_no_development_tools_and_no_embedded_servers():
    """Nothing that only an extra asks for is in the image."""
    there = {canonicalize_name(re.split("==", line)[0]) for line in locked(DEPLOY / "requirements.lock")}
    extras = project()["project"]["optional-dependencies"]
    asked = {canonicalize_name(Requirement(line).name) for lines in extras.values() for line in lines}
    asked -= {"packaging"}  # what the tests name themselves and the project gets through others
    assert not there & asked
