"""Manifests of a large cluster: generated, of the kinds and sizes that real ones have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

Manifest = dict[str, Any]

OBJECTS_A_SERVICE: Final = 10
_SERVICES_A_NAMESPACE: Final = 10
_SEED: Final = 20260401


class _Plain(yaml.CSafeDumper):
    """Writes as people do: nothing by reference, text of several lines as a block."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)


def write(folder: Path, objects: int) -> None:
    """Write `objects` objects below `folder`: a directory a namespace, a file a service.

    Args:
        folder: An empty directory.
        objects: How many; a multiple of `OBJECTS_A_SERVICE`.
    """
    chance = random.Random(_SEED)
    for index in range(objects // OBJECTS_A_SERVICE):
        namespace = f"team-{index // _SERVICES_A_NAMESPACE:03d}"
        path = folder / namespace / f"service-{index:05d}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            yaml.dump_all(
                _service(f"service-{index:05d}", namespace, chance),
                Dumper=_Plain,
                sort_keys=False,
            ),
            encoding="utf-8",
        )


def _service(name: str, namespace: str, chance: random.Random) -> Iterator[Manifest]:
    """What it takes to run one service; every third has faults for a linter to find."""
    good = chance.random() > 1 / 3
    selector = {"app.kubernetes.io/name": name}

    def made(api_version: str, kind: str, suffix: str = "", **rest: Any) -> Manifest:
        labels = {**selector, "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/version": "7"}
        metadata = {"name": f"{name}{suffix}", "namespace": namespace, "labels": labels}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}

    template = {"metadata": {"labels": selector}, "spec": _pod(name, good)}
    controller = chance.choice(("Deployment", "Deployment", "StatefulSet"))
    workload = {"replicas": 3, "selector": {"matchLabels": selector}, "template": template}
    yield made("apps/v1", controller, spec=workload)
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    yield made("v1", "Service", spec={"selector": selector, "ports": ports})
    yield made("v1", "ServiceAccount", automountServiceAccountToken=False)
    yield made("v1", "ConfigMap", data={"application.yaml": _settings(chance), "LOG": "info"})
    target = {"apiVersion": "apps/v1", "kind": controller, "name": name}
    use = {"type": "Utilization", "averageUtilization": 70}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": use}}
    scaling = {"minReplicas": 3, "maxReplicas": 12, "scaleTargetRef": target, "metrics": [metric]}
    yield made("autoscaling/v2", "HorizontalPodAutoscaler", spec=scaling)
    disruption = {"maxUnavailable": 1, "selector": {"matchLabels": selector}}
    yield made("policy/v1", "PodDisruptionBudget", spec=disruption)
    peers = [{"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "shop"}}}]
    traffic = {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": peers, "ports": [{"port": 8080}]}],
        "egress": [{"to": peers}, {"ports": [{"port": 53, "protocol": "UDP"}]}],
    }
    yield made("networking.k8s.io/v1", "NetworkPolicy", spec=traffic)
    host = f"{name}.example.com"
    backend = {"service": {"name": name, "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": host, "http": {"paths": paths}}]
    tls = {"tls": [{"hosts": [host], "secretName": f"{name}-tls"}]} if good else {}
    yield made("networking.k8s.io/v1", "Ingress", spec={"rules": rules, **tls})
    job = {"backoffLimit": 2, "template": {"spec": {**_pod(name, good), "restartPolicy": "Never"}}}
    cron = {"schedule": "0 3 * * *", "concurrencyPolicy": "Forbid", "jobTemplate": {"spec": job}}
    yield made("batch/v1", "CronJob", "-nightly", spec=cron)
    access = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
    yield made("rbac.authorization.k8s.io/v1", "Role", rules=[access])


def _pod(name: str, good: bool) -> Manifest:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10}
    container: Manifest = {
        "name": "server",
        "image": f"registry.example.com/shop/{name}:1.4.2@sha256:{'a1' * 32}",
        "imagePullPolicy": "IfNotPresent",
        "args": ["--listen=:8080", "--config=/etc/app/application.yaml"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": f"FEATURE_{index}", "value": str(index)} for index in range(6)],
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "100Mi"},
            "limits": {"memory": "512Mi", "ephemeral-storage": "1Gi"},
        },
        "readinessProbe": probe,
        "livenessProbe": {**probe, "failureThreshold": 6},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app", "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},
        ],
    }
    if not good:
        container["image"] = f"registry.example.com/shop/{name}:latest"
        container["securityContext"] = {"privileged": True}
        del container["resources"], container["livenessProbe"]
    return {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
            }
        ],
        "initContainers": [{**container, "name": "migrate", "args": ["migrate"]}],
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": name}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }


def _settings(chance: random.Random) -> str:
    lines = [f"option_{index}: {chance.randrange(1_000)}" for index in range(20)]
    return "\n".join(lines) + "\n"
