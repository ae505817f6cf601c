"""The compose file: valid by the specification, complete, hardened, and without an open port."""

import json
import re
import shutil
import subprocess

import pytest

from tests.deploy.reading import COMPOSE, DEPLOY, SERVERS, compose, env_file, own_services, project
from workers.lanes import LANES
from workers.settings import Settings

SERVICES = compose()["services"]


def docker_compose() -> list[str] | None:
    """A working Docker Compose of this machine, as the start of a command line."""
    for command in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]):
            version = subprocess.run([*command, "version"], capture_output=True, timeout=60, check=False)
            if version.returncode == 0:
                return command
    return None


def test_the_file_is_valid_by_the_compose_specification():
    """A parser of the specification takes the file, with every network, volume and secret it names defined."""
    compose_spec = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    parsed = compose_spec.PyCompose.from_json(json.dumps(compose()))
    parsed.validate()
    assert set(parsed.service_names()) == set(SERVICES)


def test_docker_compose_takes_the_file_with_the_example_environment():
    """Docker Compose itself resolves the file, interpolations included."""
    command = docker_compose()
    if command is None:
        pytest.skip("no Docker Compose on this machine")
    files = ["--env-file", str(DEPLOY / "example.env"), "-f", str(COMPOSE)]
    config = [*command, *files, "config", "--quiet"]
    done = subprocess.run(config, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_there_is_a_service_for_every_role():
    """One worker for each lane, the sweeper, the migration, the command line, and the two servers."""
    assert set(SERVICES) == SERVERS | {"migrate", "sweeper", "cli"} | {f"worker-{lane}" for lane in LANES}
    for lane in LANES:
        assert SERVICES[f"worker-{lane}"]["command"] == ["worker", "--lanes", lane]


def test_what_a_service_waits_for_exists_and_can_become_true():
    """A service that is waited for to be healthy has a check; the one waited for to complete is not restarted."""
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "no"


def test_no_port_is_published():
    """Nothing listens on the host; a port, if there must be one, is on loopback."""
    for name, service in SERVICES.items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_every_container_is_hardened():
    """Read-only root, no capabilities, no new privileges, and limits of memory, processors and processes."""
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
    assert SERVICES["postgres"]["user"] == "postgres"
    assert SERVICES["valkey"]["user"] == "valkey"


def test_long_running_services_come_back():
    """Everything but the migration and the command line is started again when it ends."""
    for name in set(SERVICES) - {"migrate", "cli"}:
        assert SERVICES[name]["restart"] == "unless-stopped", name


def test_only_workers_reach_the_internet():
    """The servers, the sweeper and the migration sit on a network without a way out."""
    assert compose()["networks"]["servers"] == {"internal": True}
    for name, service in SERVICES.items():
        assert ("internet" in service["networks"]) == name.startswith("worker-"), name


def test_provider_keys_go_only_to_what_needs_them():
    """The sweeper and the migration call no provider and hold no key."""
    for name in ("sweeper", "migrate"):
        assert not [key for key in SERVICES[name]["environment"] if key.endswith(("_API_KEY", "_TOKEN"))]


def test_the_example_environment_offers_exactly_what_the_file_interpolates():
    """No variable of the file is missing from the example, and none stands there in vain."""
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text("utf-8")))
    assert set(env_file(DEPLOY / "example.env")) == asked


def test_the_services_together_stay_below_the_connections_of_the_database():
    """One process of each role at the default number of threads fits, and workers can be doubled."""
    (most,) = [int(word.split("=")[1]) for word in SERVICES["postgres"]["command"] if "max_connections" in word]
    of_one = 2 * (Settings.model_fields["worker_threads"].default + 3)  # the pool and its overflow (workers.runtime)
    processes = 2 * len(LANES) + 1
    assert processes * of_one <= most


def test_images_are_pinned_and_ours_has_the_version_of_the_project():
    """Every image has a version tag, and Pointsman's is the project's."""
    for name, service in SERVICES.items():
        repository, _, tag = service["image"].rpartition(":")
        assert re.match(r"\d+\.\d+", tag), f"{name}: {service['image']}"
        if name in own_services():
            assert (repository, tag) == ("pointsman", project()["project"]["version"])


def test_the_paths_that_the_file_names_exist():
    """The build's Containerfile and the folder mounted for rules are there."""
    for name, service in own_services().items():
        context = DEPLOY / service["build"]["context"]
        assert (context / service["build"]["dockerfile"]).is_file(), name
        for volume in service["volumes"]:
            assert (DEPLOY / volume["source"]).is_dir(), name
