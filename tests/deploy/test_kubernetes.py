"""The Kubernetes base: valid objects, complete references, the restricted profile, no secrets, a worker a lane."""

import json
import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from tests.deploy.reading import BASE, containers, documents, kustomization, pods, project
from workers.lanes import LANES

OBJECTS = documents(BASE)
#: From the oldest release that a cluster may run to the newest that the validator knows.
RELEASES = ("1.29", kubernetes_validate.latest_version())
OVERLAY = BASE.parent / "overlay.example"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_an_object_is_valid(name, release):
    """Each object passes the strict schema of the release: no unknown field, no wrong type."""
    kubernetes_validate.validate(OBJECTS[name], release, strict=True)


def test_an_unknown_field_would_be_noticed():
    """The strict schema refuses a misspelt field."""
    broken = json.loads(json.dumps(OBJECTS["Deployment/pointsman-sweeper"]))
    broken["spec"]["template"]["spec"]["hostnetwork"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, RELEASES[-1], strict=True)


def test_the_kustomization_lists_every_file_and_nothing_else():
    """Each resource exists, and no manifest beside it is forgotten."""
    listed = kustomization(BASE)["resources"]
    assert sorted(listed) == sorted(path.name for path in BASE.glob("*.yaml") if path.name != "kustomization.yaml")


def test_the_example_overlay_changes_what_the_base_has():
    """Its base, image, replicas and config map exist in the base."""
    overlay = kustomization(OVERLAY)
    assert [(OVERLAY / resource).resolve() for resource in overlay["resources"]] == [BASE.resolve()]
    assert [image["name"] for image in overlay["images"]] == ["pointsman"]
    assert all(f"Deployment/{replica['name']}" in OBJECTS for replica in overlay["replicas"])
    ours = {generator["name"] for generator in kustomization(BASE)["configMapGenerator"]}
    assert {generator["name"] for generator in overlay["configMapGenerator"]} <= ours


@pytest.mark.parametrize("folder", [BASE, OVERLAY], ids=lambda folder: folder.name)
def test_kustomize_builds_what_is_valid(folder):
    """kubectl builds the kustomization, and what comes out is valid and of one namespace."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine")
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    assert len(built) == len(OBJECTS) + 1  # and the generated settings
    for document in built:
        kubernetes_validate.validate(document, RELEASES[-1], strict=True)
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "pointsman"


def test_the_base_holds_no_secret():
    """Secrets are named and not held: the example of them is part of no kustomization."""
    assert not [name for name in OBJECTS if name.startswith("Secret/")]
    for folder in (BASE, OVERLAY):
        assert "secretGenerator" not in kustomization(folder)
        assert not [resource for resource in kustomization(folder)["resources"] if "secret" in resource]


def test_config_maps_and_secrets_that_pods_need_are_generated_or_shown_in_the_example():
    """Each name in a pod is the generated settings, the optional rules, or a secret of the example file."""
    example = yaml.safe_load_all((BASE.parent / "secrets.example.yaml").read_text("utf-8"))
    secrets = {document["metadata"]["name"] for document in example}
    for name, pod in pods().items():
        for container in containers(pod):
            for source in container["envFrom"]:
                if "configMapRef" in source:
                    assert source["configMapRef"]["name"] == "pointsman-settings", name
                else:
                    assert source["secretRef"]["name"] in secrets, name
        mounted = {mount["name"] for container in containers(pod) for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}, name


def test_provider_keys_go_only_to_workers():
    """The sweeper, the migration and the wait for the schema hold no key."""
    for name, pod in pods().items():
        for container in containers(pod):
            has = any(s.get("secretRef", {}).get("name") == "pointsman-provider-keys" for s in container["envFrom"])
            assert has == (container["name"] == "worker"), f"{name}: {container['name']}"


def test_every_pod_keeps_to_the_restricted_profile():
    """Non-root by number, no privilege escalation, no capabilities, a read-only root, the runtime's seccomp profile."""
    enforced = OBJECTS["Namespace/pointsman"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert enforced == "restricted"
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, f"{name}: a Service named pointsman-* would break the settings"
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        for container in containers(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


def test_there_is_a_worker_for_every_lane_and_they_differ_in_nothing_else():
    """The four deployments are one but for their name, lane and replicas."""
    found = {name: spec for name, spec in OBJECTS.items() if name.startswith("Deployment/pointsman-worker-")}
    assert set(found) == {f"Deployment/pointsman-worker-{lane}" for lane in LANES}
    alike = set()
    for lane in LANES:
        document = json.loads(json.dumps(found[f"Deployment/pointsman-worker-{lane}"]))
        del document["spec"]["replicas"]
        alike.add(json.dumps(document, sort_keys=True).replace(f'"{lane}"', '"LANE"').replace(f"-{lane}", "-LANE"))
    assert len(alike) == 1


def test_every_deployment_selects_its_own_pods_and_has_one_disruption_budget():
    """Selectors match the pods' labels, and no two deployments select the same ones."""
    deployments = [document for document in OBJECTS.values() if document["kind"] == "Deployment"]
    budgets = [document for document in OBJECTS.values() if document["kind"] == "PodDisruptionBudget"]
    selectors = [document["spec"]["selector"]["matchLabels"] for document in deployments]
    for document in deployments:
        labels = document["spec"]["template"]["metadata"]["labels"]
        assert document["spec"]["selector"]["matchLabels"] == labels
        assert sum(selector.items() <= labels.items() for selector in selectors) == 1
        assert sum(b["spec"]["selector"]["matchLabels"].items() <= labels.items() for b in budgets) == 1
        (spread,) = document["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == labels
    assert len(budgets) == len(deployments)


def test_nothing_comes_in():
    """The network policy covers every pod and lets nothing in."""
    policy = OBJECTS["NetworkPolicy/pointsman-nothing-in"]["spec"]
    assert policy["ingress"] == []
    assert policy["policyTypes"] == ["Ingress"]
    for document in OBJECTS.values():
        if "template" in document.get("spec", {}):
            labels = document["spec"]["template"]["metadata"]["labels"]
            assert policy["podSelector"]["matchLabels"].items() <= labels.items()


def test_images_are_pinned_to_the_version_of_the_project():
    """Every container runs the image of this version, in the base and in the example overlay."""
    version = project()["project"]["version"]
    for name, pod in pods().items():
        assert {container["image"] for container in containers(pod)} == {f"pointsman:{version}"}, name
    assert [image["newTag"] for image in kustomization(OVERLAY)["images"]] == [version]
    assert re.match(r"\d+\.\d+\.\d+", version)
