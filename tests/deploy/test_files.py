"""The files of a deployment fit their schemas, and set what the program reads."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import pytest
import yaml

from services.settings import Settings
from tests.deploy import kubernetes
from tests.deploy.compose import ROOT, document, services

GIVEN = {
    "POSTGRES_PASSWORD": "pw",
    "SECRET_KEY": "k1:" + "A" * 43 + "=",
    "ORCHESTRATOR_TEMPORAL_KEYS": "t1:" + "B" * 43 + "=",
}
KUBERNETES = sorted((ROOT / "deploy/kubernetes").glob("*/*.yaml"))
WORKERS = ("worker-default", "worker-code", "worker-ai")
# What ends by itself.
JOBS = ("migrate", "promote")
ROLES = (*JOBS, "workflow-engine", *WORKERS)
# What other programs in the image read.
FOREIGN = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}


def manifests() -> Iterator[dict[str, Any]]:
    for path in KUBERNETES:
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if manifest["kind"] != "Kustomization":
                yield manifest


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    return kubernetes.pods(list(manifests()))


def test_the_dockerfile_passes_the_linter() -> None:
    command = [str(Path(sys.executable).parent / "hadolint"), str(ROOT / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_copies_only_what_it_is_given() -> None:
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for line in copied for name in line.split()} == given
    assert all((ROOT / name).exists() for name in given)


def test_compose_is_valid() -> None:
    compose_spec.PyOptions().from_yaml(yaml.safe_dump(document(GIVEN))).validate()


@pytest.mark.parametrize("missing", GIVEN)
def test_compose_starts_nothing_without_its_secrets(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        document({name: value for name, value in GIVEN.items() if name != missing})


def test_the_example_of_variables_has_all_and_no_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{(\w+)", text))
    optional = {"LOG_LEVEL", "BIND_ADDRESS", "ORCHESTRATOR_IMAGE", "ORCHESTRATOR_EGRESS_ALLOW", "TEMPORAL_RETENTION"}
    assert set(example) == used - optional
    assert {name for name, value in example.items() if value} == {"ORCHESTRATOR_PUBLIC_URL"}


def test_compose_mounts_what_there_is() -> None:
    for name, service in services(GIVEN).items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).is_dir(), f"{name}: {source}"


@pytest.mark.parametrize("role", ROLES)
def test_compose_sets_what_the_program_reads(role: str) -> None:
    known = {name.upper() for name in Settings.model_fields} | FOREIGN
    assert set(services(GIVEN)[role]["environment"]) - known == set()


@pytest.mark.parametrize("given", [{}, {"ORCHESTRATOR_VERSION": "1.4.0"}], ids=["latest", "a release"])
def test_compose_tells_workers_the_tag_of_their_image(given: dict[str, str]) -> None:
    version = given.get("ORCHESTRATOR_VERSION", "")
    for name in ROLES:
        service = services({**GIVEN, **given})[name]
        assert service["image"] == f"orchestrator:{version or 'latest'}"
        assert (service["environment"]["ORCHESTRATOR_BUILD_ID"] or "") == version


def test_kubernetes_tells_workers_the_tag_of_their_image() -> None:
    overlay = kubernetes.overlay()
    images = {name: pod["containers"][0]["image"] for name, pod in kubernetes.pods(overlay)}
    assert set(images.values()) == {"registry.example.com/orchestrator:0.1.0"}
    builds = {name: kubernetes.process(overlay, name)[1].get("ORCHESTRATOR_BUILD_ID") for name in images}
    assert builds == {**dict.fromkeys((*WORKERS, "promote"), "0.1.0"), "engine": None, "migrate": None}
    for manifest in overlay:
        kubernetes_validate.validate(manifest, "1.34", strict=True)


def test_code_gets_no_secret_and_no_way_out() -> None:
    code = services(GIVEN)["worker-code"]
    assert code["networks"] == ["data"]
    assert document(GIVEN)["networks"]["data"] == {"internal": True}
    assert not {"SECRET_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "REDIS_URL"} & set(code["environment"])
    (pod,) = [pod for name, pod in pods() if name == "worker-code"]
    (container,) = pod["containers"]
    assert [source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source] == [
        "orchestrator-data"
    ]
    outside = next(m for m in manifests() if m["kind"] == "NetworkPolicy" and m["metadata"]["name"] == "outside")
    assert "worker-code" not in outside["spec"]["podSelector"]["matchExpressions"][0]["values"]


def test_kubernetes_manifests_are_valid() -> None:
    found = list(manifests())
    for manifest in found:
        kubernetes_validate.validate(manifest, "1.34", strict=True)
    assert len(found) > 20


def test_kustomizations_name_what_there_is() -> None:
    for path in KUBERNETES:
        if path.name == "kustomization.yaml":
            named = set(yaml.safe_load(path.read_text())["resources"])
            assert all((path.parent / name).exists() for name in named)
            beside = {other.name for other in path.parent.glob("*.yaml")} - {path.name}
            assert beside <= named


def test_kubernetes_sets_what_the_program_reads() -> None:
    known = {name.upper() for name in Settings.model_fields} | FOREIGN
    settings = next(m for m in manifests() if m["kind"] == "ConfigMap")
    assert set(settings["data"]) - known == set()
    assert not [key for key in settings["data"] if "KEY" in key or "SECRET" in key]


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=lambda value: value if isinstance(value, str) else "")
def test_pods_are_confined(name: str, pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert container["resources"]["limits"]["memory"]
    assert name in JOBS or "livenessProbe" in container


def test_every_deployment_scales_and_survives_drains() -> None:
    names = {m["metadata"]["name"] for m in manifests() if m["kind"] == "Deployment"}
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        assert {m["metadata"]["name"] for m in manifests() if m["kind"] == kind} == names
    assert all(m["spec"]["replicas"] == 3 for m in manifests() if m["kind"] == "Deployment")


def test_a_pod_has_the_time_that_the_program_takes_to_stop() -> None:
    settings = next(m for m in manifests() if m["kind"] == "ConfigMap")
    names = ("ORCHESTRATOR_DRAIN_SECONDS", "ORCHESTRATOR_SHUTDOWN_SECONDS")
    seconds = sum(float(settings["data"][name]) for name in names)
    for name, pod in pods():
        assert name in JOBS or pod["terminationGracePeriodSeconds"] >= seconds + 10
    compose = services(GIVEN)["workflow-engine"]
    allowed = int(compose["stop_grace_period"].removesuffix("s"))
    default = Settings.model_fields["orchestrator_drain_seconds"].default
    assert allowed >= default + float(compose["environment"]["ORCHESTRATOR_SHUTDOWN_SECONDS"]) + 10


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_parse(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True)
