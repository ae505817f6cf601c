"""The Containerfile: sources that exist, a pinned base, a user without rights, nothing left of the build."""

import json
import re

from tests.deploy.reading import CONTAINERFILE, DEPLOY, ROOT, instructions, pods, project

LINES = instructions()
KNOWN = {
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "RUN",
    "STOPSIGNAL",
    "USER",
    "WORKDIR",
}


def copied() -> list[str]:
    """What the build takes from the checkout."""
    sources = []
    for instruction, arguments in LINES:
        if instruction == "COPY" and "--from" not in arguments:
            sources += arguments.split()[:-1]
    return sources


def final_stage() -> dict[str, str]:
    """The last stage's instructions; of several of a kind the last."""
    last = max(index for index, (instruction, _) in enumerate(LINES) if instruction == "FROM")
    return dict(LINES[last:])


def test_every_instruction_is_known():
    """A misspelt instruction is noticed."""
    assert {instruction for instruction, _ in LINES} <= KNOWN


def test_what_is_copied_exists_and_is_let_in():
    """Each source is in the checkout and named in the ignore file, which keeps all else out."""
    ignore = (DEPLOY / "Containerfile.dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {line.removeprefix("!") for line in rules if line.startswith("!")} == set(copied())
    for source in copied():
        assert (ROOT / source).exists(), source
        assert (ROOT / source).is_dir() == source.endswith("/"), source


def test_every_package_of_the_project_is_copied():
    """The wheel is built from all of its packages."""
    packages = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {f"{package}/" for package in packages} <= set(copied())


def test_the_base_is_pinned_in_one_place():
    """All stages start from one argument, whose default has an exact version."""
    (base,) = [arguments for instruction, arguments in LINES if instruction == "ARG" and "IMAGE" in arguments]
    assert re.fullmatch(r"PYTHON_IMAGE=\S+:\d+\.\d+\.\d+-slim-\w+", base)
    assert {arguments.split()[0] for instruction, arguments in LINES if instruction == "FROM"} == {"${PYTHON_IMAGE}"}


def test_the_image_runs_as_a_numbered_user_without_rights():
    """The user is a number other than root's, the same that Kubernetes is told."""
    user, group = final_stage()["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert {str(pod["securityContext"]["runAsUser"]) for pod in pods().values()} == {user}


def test_the_image_starts_the_command_without_a_shell():
    """The entry point is a list, so signals reach Pointsman itself."""
    assert json.loads(final_stage()["ENTRYPOINT"]) == ["pointsman"]
    assert final_stage()["STOPSIGNAL"] == "SIGTERM"


def test_packages_come_by_hash_and_the_version_is_the_project_s():
    """Both locks are installed with hashes and from wheels only; the label has the project's version."""
    installs = [
        part
        for instruction, arguments in LINES
        if instruction == "RUN"
        for part in arguments.split("&&")
        if "pip install" in part
    ]
    for part in installs:
        locked = "--require-hashes" in part and "--only-binary :all:" in part
        assert locked or "--no-index --no-deps /wheel/" in part, part
    assert ("ARG", f"VERSION={project()['project']['version']}") in LINES


def test_no_address_stands_in_the_build():
    """Neither the Containerfile nor the locks name where packages come from."""
    for path in (CONTAINERFILE, DEPLOY / "requirements.lock", DEPLOY / "build.lock"):
        text = path.read_text("utf-8")
        assert "://" not in text, path.name
        assert "index-url" not in text, path.name
