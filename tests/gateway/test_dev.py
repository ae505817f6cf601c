"""The bootstrap script, with an installer that only notes how it was called."""

import ast
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKED = "requirements.lock"

# Stands in for uv: notes its arguments, makes the interpreter, and does what the variable UV_TEST says.
UV = """#!/bin/sh
echo "$*" >> "$0.calls"
case "$*" in
  "cache dir") echo /dev/null/cache ;;
  *" venv "*) mkdir -p .venv/bin && ln -s "$UV_TEST_PYTHON" .venv/bin/python ;;
  *" -r "*) [ -z "$UV_TEST" ] || eval "$UV_TEST" ;;
  *" compile "*) for out; do :; done; printf '%s\\n' "$UV_TEST_LOCK" > "$out" ;;
esac
"""


class Checkout:
    """A copy of what the script reads, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.tools = folder / "tools"
        self.tools.mkdir(parents=True)
        self.root.mkdir()
        (self.root / "deploy").mkdir()
        for name in ("requirements.lock", "build.lock"):
            shutil.copy(ROOT / "deploy" / name, self.root / "deploy" / name)
        for name in ("dev", LOCKED, "pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)
        (self.tools / "uv").write_text(UV)
        (self.tools / "uv").chmod(0o755)

    def command(self, *arguments: str) -> list[str]:
        """The script, run by the interpreter of the tests."""
        return [sys.executable, str(self.root / "dev"), *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """A plain PATH with the stand-in first."""
        return {"PATH": f"{self.tools}:/usr/bin:/bin", "UV_TEST_PYTHON": sys.executable, **more}

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script to its end."""
        environment = self.environment(**more)
        command = self.command(*arguments)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def calls(self) -> list[str]:
        """What the stand-in was asked for."""
        return (self.tools / "uv.calls").read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout without an environment."""
    return Checkout(tmp_path)


def test_it_parses_on_old_pythons():
    """A Python too old to run it gets as far as saying so."""
    ast.parse((ROOT / "dev").read_text("utf-8"), feature_version=(3, 6))


def test_an_old_python_gets_one_clear_line():
    """The line says what is needed and what was found."""
    program = f"import sys; sys.version_info = (3, 8, 1); exec(open({str(ROOT / 'dev')!r}).read())"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PATH": "/nonexistent"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed and this is 3.8" in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_and_wrong_commands(checkout: Checkout):
    """Help lists the commands; a wrong one is a line and exit status 2, and makes no environment."""
    assert "./dev demo" in checkout.run("--help").stdout
    wrong = checkout.run("dmeo")
    assert (wrong.returncode, wrong.stderr) == (2, "dev: there is no command dmeo; ./dev --help lists them\n")
    assert checkout.run("run").returncode == 2
    assert not (checkout.root / ".venv").exists()


def test_the_environment_is_made_once_and_again_when_the_lock_changes(checkout: Checkout):
    """With hashes, compiled, the project itself editable and without its dependencies; then not again."""
    first = checkout.run("run", "python", "-c", "print('ran')")
    assert first.stdout == "ran\n"
    assert "dev: making .venv: installing" in first.stderr
    packages, itself = checkout.calls()[-2:]
    assert "--require-hashes" in packages
    assert "--compile-bytecode" in packages
    assert "--no-cache" in packages  # since its cache can't be written to
    assert f"--no-deps --no-build-isolation -e {checkout.root}" in itself
    count = len(checkout.calls())

    second = checkout.run("run", "python", "-c", "print('ran')")
    assert (second.stdout, second.stderr) == ("ran\n", "")
    assert len(checkout.calls()) == count

    with (checkout.root / LOCKED).open("a") as lock:
        lock.write("# changed\n")
    assert "making .venv" in checkout.run("run", "python", "-V").stderr


def test_an_interrupted_environment_is_made_again(checkout: Checkout):
    """Killed in the middle, it does not take what is there for whole."""
    killed = checkout.run("run", "python", "-V", UV_TEST="kill -9 $PPID")
    assert killed.returncode == -signal.SIGKILL
    assert (checkout.root / ".venv" / "bin" / "python").exists()
    again = checkout.run("run", "python", "-V")
    assert again.returncode == 0
    assert "the environment is ready" in again.stderr


def test_a_second_one_waits_for_the_first_and_says_so(checkout: Checkout):
    """Two at once in one checkout: the environment is made by one after the other, and only if still needed."""
    lock = os.open(checkout.root, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    command = checkout.command("run", "python", "-V")
    with subprocess.Popen(command, env=checkout.environment(), stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        assert "waiting for it" in waiting.stderr.readline()
        assert not (checkout.root / ".venv").exists()
        os.close(lock)
        assert "making .venv" in waiting.stderr.read()
    assert waiting.returncode == 0


def test_a_lock_file_behind_the_project_file_is_refused(checkout: Checkout):
    """The line names what is missing and the command that mends it."""
    project = checkout.root / "pyproject.toml"
    project.write_text(project.read_text().replace("dependencies = [", 'dependencies = [\n  "Left_Pad>=1",', 1))
    done = checkout.run("run", "python", "-V")
    assert done.returncode == 1
    assert "requirements.lock lacks Left_Pad" in done.stderr
    assert "./dev lock" in done.stderr


HASHED = "left-pad==1.0 \\\n    --hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (HASHED, True),
        ('left-pad==1.0 ; sys_platform != "win32" \\\n    --hash=sha256:' + "0" * 64, True),
        ("--extra-index-url https://packages.example/simple\n" + HASHED, False),
        ("left-pad @ https://packages.example/left-pad.whl", False),
    ],
)
def test_a_lock_file_with_an_address_is_not_kept(checkout: Checkout, made: str, kept: bool):
    """Only packages, markers and hashes are taken into the lock file."""
    before = (checkout.root / LOCKED).read_text()
    done = checkout.run("lock", UV_TEST_LOCK=made)
    assert (done.returncode == 0) is kept
    assert ((checkout.root / LOCKED).read_text() == before) is not kept
    assert not (checkout.root / "requirements.new").exists()


def test_the_place_of_a_checkout_counts(checkout: Checkout):
    """A checkout that was moved makes its environment anew, since its scripts name the old place."""
    checkout.run("run", "python", "-V")
    moved = checkout.root.with_name("moved")
    checkout.root.rename(moved)
    checkout.root = moved
    assert "making .venv" in checkout.run("run", "python", "-V").stderr
