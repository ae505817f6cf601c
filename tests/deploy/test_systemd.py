"""The systemd units: well formed, hardened, a worker for each lane, started again without end."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.reading import BINARY, UNITS, services, unit
from workers.lanes import LANES

NAMES = sorted(path.name for path in UNITS.iterdir() if path.suffix in (".service", ".target"))
#: What each service must say; the rest of the hardening is weighed by systemd-analyze below.
HARDENED = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictNamespaces": "yes",
    "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
}


@pytest.fixture
def verifiable(tmp_path: Path) -> Path:
    """The units in a folder of their own, with a program that exists on this machine in place of the installed one."""
    for name in NAMES:
        (tmp_path / name).write_text((UNITS / name).read_text("utf-8").replace(BINARY, "/bin/true"))
    return tmp_path


def analyze(*arguments: str, units: Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, or skip the test where there is none."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:", "SYSTEMD_PAGER": "", "LC_ALL": "C"}
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_made_of_sections_and_directives(name):
    """Every line is a section, a directive of it, a comment or empty, and what is needed is there."""
    sections = unit(UNITS / name)
    assert sections["Unit"]["Description"]
    if name.endswith(".service"):
        assert sections["Service"]["ExecStart"]


@pytest.mark.parametrize("name", sorted(services()))
def test_a_service_is_hardened(name):
    """Each service has the directives that take rights away, memory and task limits, and its settings from a file."""
    section = services()[name]
    assert {key: section.get(key, [None])[-1] for key in HARDENED} == HARDENED
    assert section["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert {"MemoryMax", "TasksMax", "TimeoutStopSec"} <= set(section)
    assert section["EnvironmentFile"][0] == "/etc/pointsman/pointsman.env"


def test_the_target_starts_a_worker_for_each_lane_and_the_sweeper():
    """One instance of the worker for each lane of the code, no other."""
    wanted = set(unit(UNITS / "pointsman.target")["Unit"]["Wants"])
    assert wanted == {"pointsman-sweeper.service"} | {f"pointsman-worker@{lane}.service" for lane in LANES}


def test_what_a_unit_of_ours_refers_to_exists():
    """Each unit of Pointsman named in another is among the files."""
    for name in NAMES:
        section = unit(UNITS / name)["Unit"]
        named = " ".join(word for key in ("Wants", "After", "PartOf") for word in section.get(key, [])).split()
        for other in named:
            if other.startswith("pointsman"):
                template = f"{other.split('@')[0]}@.service" if "@" in other else other
                assert template in NAMES, f"{name} names {other}"


def test_a_long_outage_does_not_end_the_long_running_services():
    """They are started again whatever happened, and no number of starts is too many."""
    for name in ("pointsman-sweeper.service", "pointsman-worker@.service"):
        sections = unit(UNITS / name)
        assert sections["Service"]["Restart"] == ["always"]
        assert sections["Unit"]["StartLimitIntervalSec"] == ["0"]
        assert "Requires" not in sections["Unit"], "a failed dependency would end it for good"
        assert sections["Service"]["ExecStartPre"] == [f"{BINARY} db check"]


def test_systemd_finds_nothing_wrong(verifiable):
    """systemd-analyze verify is silent about every unit, instances included."""
    names = [name.replace("@.", "@open.") for name in NAMES]
    done = analyze("verify", *names, units=verifiable)
    ours = [line for line in done.stderr.splitlines() if "pointsman" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_systemd_would_find_a_misspelt_directive(verifiable):
    """The check above notices what it is there for."""
    broken = verifiable / "pointsman-sweeper.service"
    broken.write_text(broken.read_text().replace("NoNewPrivileges=", "NoNewPrivilege="))
    assert "NoNewPrivilege" in analyze("verify", broken.name, units=verifiable).stderr


def test_systemd_rates_the_exposure_of_each_service_as_low(verifiable):
    """systemd-analyze security gives at most 1.5 of 10; what is left is that they use the network."""
    paths = [str(verifiable / name) for name in services()]
    done = analyze("security", "--offline=true", "--threshold=15", *paths, units=verifiable)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze can't rate unit files offline (it needs version 250)")
    rated = [line for line in done.stdout.splitlines() if "Overall exposure level" in line]
    assert done.returncode == 0, "\n".join(rated) + done.stderr
    assert len(rated) == len(paths)
