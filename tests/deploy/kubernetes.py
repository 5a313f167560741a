"""Reads deploy/kubernetes as `kubectl kustomize` does, as far as its kustomizations go."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.compose import ROOT

FOLDER = ROOT / "deploy/kubernetes"
Manifest = dict[str, Any]


def overlay(name: str = "production") -> list[Manifest]:
    """What the overlay gives the cluster."""
    kustomization = yaml.safe_load((FOLDER / name / "kustomization.yaml").read_text(encoding="utf-8"))
    found = [manifest for resource in kustomization["resources"] for manifest in _resource(f"{name}/{resource}")]
    for patch in kustomization.get("patches", []):
        for step in yaml.safe_load(patch["patch"]):
            assert step["op"] == "replace"
            for manifest in _selected(found, patch["target"]):
                _put(manifest, step["path"].strip("/").split("/"), step["value"])
    for image in kustomization.get("images", []):
        for _, pod in pods(found):
            for container in pod["containers"]:
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
    for replacement in kustomization.get("replacements", []):
        _replace(found, replacement)
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """The pods of all deployments and jobs, by name."""
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "Job"):
            yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]


def process(manifests: list[Manifest], name: str) -> tuple[list[str], dict[str, str]]:
    """What a pod's container runs, and its environment but for what is secret."""
    (container,) = dict(pods(manifests))[name]["containers"]
    settings = {one["metadata"]["name"]: one["data"] for one in manifests if one["kind"] == "ConfigMap"}
    environment: dict[str, str] = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            environment |= settings[source["configMapRef"]["name"]]
    environment |= {variable["name"]: variable["value"] for variable in container.get("env", [])}
    return container["args"], environment


def _resource(path: str) -> list[Manifest]:
    target = FOLDER / path
    if target.is_dir():
        return overlay(target.resolve().name)
    return list(yaml.safe_load_all(target.read_text(encoding="utf-8")))


def _replace(found: list[Manifest], replacement: dict[str, Any]) -> None:
    source, options = replacement["source"], replacement["source"]["options"]
    (manifest,) = _selected(found, source)
    value: Any = manifest
    for step in source["fieldPath"].split("."):
        value = value[int(step)] if step.isdigit() else value[step]
    value = value.split(options["delimiter"])[options["index"]]
    for target in replacement["targets"]:
        refused = [manifest for rejected in target.get("reject", []) for manifest in _selected(found, rejected)]
        for manifest in _selected(found, target["select"]):
            for path in target["fieldPaths"] if manifest not in refused else []:
                _put(manifest, path.split("."), value)


def _selected(found: list[Manifest], selector: dict[str, Any]) -> list[Manifest]:
    return [
        manifest
        for manifest in found
        if selector.get("kind", manifest["kind"]) == manifest["kind"]
        and selector.get("name", manifest["metadata"]["name"]) == manifest["metadata"]["name"]
    ]


def _put(value: Any, path: list[str], new: str) -> None:
    *steps, last = path
    for step in steps:
        if step.startswith("["):
            key, _, wanted = step.strip("[]").partition("=")
            (value,) = [one for one in value if one[key] == wanted]
        else:
            value = value[int(step)] if step.isdigit() else value[step]
    assert last in value
    value[last] = new
