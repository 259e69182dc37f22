"""Compliant Kubernetes objects, and the means to break one field of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc
from stanchion_cli.policies import AnalyzedResource

Manifest = dict[str, Any]

UNKNOWN: Final[str] = rpc.UNKNOWN
DROP: Final = object()
"""In a change: take the key away."""

LABELS = {
    "app.kubernetes.io/name": "churn",
    "app.kubernetes.io/part-of": "stanchion",
    "stanchion.dev/owner": "team-growth",
    "stanchion.dev/cost-center": "growth",
}
SELECTOR = {"app.kubernetes.io/name": "churn"}
DIGEST = "sha256:" + "a1" * 32
NAMESPACE = "growth"

API_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "ReplicationController": "v1",
    "Rollout": "argoproj.io/v1alpha1",
    "DeploymentConfig": "apps.openshift.io/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "Pod": "v1",
    "Service": "v1",
    "ConfigMap": "v1",
    "Secret": "v1",
    "Namespace": "v1",
    "Ingress": "networking.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "ScaledObject": "keda.sh/v1alpha1",
    "PodDisruptionBudget": "policy/v1",
    "Release": "helm.sh/v3",
    "Role": "rbac.authorization.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
}
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def changed(base: Any, change: Any) -> Any:
    """`base` with `change` laid over it: mappings key by key, everything else replaced."""
    if not isinstance(change, Mapping):
        return copy.deepcopy(change)
    kept = base if isinstance(base, Mapping) else {}
    merged = {key: copy.deepcopy(value) for key, value in kept.items()}
    for key, value in change.items():
        if value is DROP:
            merged.pop(key, None)
        else:
            merged[key] = changed(merged.get(key), value)
    return merged


def put(body: Any, path: Sequence[str | int], value: Any) -> None:
    """Set the field at a path of `body`, or take it away where the value is `DROP`.

    A mapping on the way that is not there is made.
    """
    *above, last = path
    for step in above:
        body = body.setdefault(step, {}) if isinstance(body, dict) else body[step]
    if value is DROP:
        del body[last]
    else:
        body[last] = value


def container(**change: Any) -> Manifest:
    """A container that every policy accepts, with changes."""
    base = {
        "name": "server",
        "image": f"registry.example/churn:1.4.2@{DIGEST}",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "MODEL_VERSION", "value": "7"}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "100Mi"},
            "limits": {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "1Gi"},
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "failureThreshold": 6},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    merged: Manifest = changed(base, change)
    return merged


def pod_spec(
    *,
    server: Mapping[str, Any] | None = None,
    init: Mapping[str, Any] | None = None,
    **change: Any,
) -> Manifest:
    """A pod spec with one compliant container, `server` its changes; `init` adds another."""
    base: Manifest = {
        "serviceAccountName": "churn",
        "priorityClassName": "serving",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 45,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": SELECTOR},
            }
        ],
        "containers": [container(**(server or {}))],
    }
    if init is not None:
        bare = {"name": "prepare", "readinessProbe": DROP, "livenessProbe": DROP, "ports": DROP}
        base["initContainers"] = [container(**{**bare, **init})]
    merged: Manifest = changed(base, change)
    return merged


def manifest(kind: str, name: str = "churn", **change: Any) -> Manifest:
    """An object of any kind with name, namespace and labels, and changes."""
    metadata = {"name": name, "labels": LABELS}
    if kind not in CLUSTER_WIDE:
        metadata["namespace"] = NAMESPACE
    merged: Manifest = changed(
        {"apiVersion": API_VERSIONS.get(kind, "v1"), "kind": kind, "metadata": metadata}, change
    )
    return merged


def with_changes(base: Manifest, change: Mapping[str, Any]) -> Manifest:
    """`changed`, for whole objects."""
    merged: Manifest = changed(base, change)
    return merged


def workload(
    kind: str = "Deployment",
    name: str = "churn",
    *,
    server: Mapping[str, Any] | None = None,
    init: Mapping[str, Any] | None = None,
    pod: Mapping[str, Any] | None = None,
    template: Mapping[str, Any] | None = None,
    **change: Any,
) -> Manifest:
    """A compliant workload of any kind.

    Args:
        kind: The workload's kind.
        name: The object's name.
        server: Changes to its container.
        init: Changes to an init container that it gets then.
        pod: Changes to the pod spec.
        template: Changes to the pod template around the spec.
        change: Changes to the object, `spec=` most often.
    """
    made = {"metadata": {"labels": LABELS}, "spec": pod_spec(server=server, init=init, **pod or {})}
    made = changed(made, template or {})
    if kind == "Pod":
        return with_changes(manifest(kind, name, spec=made["spec"]), change)
    if kind in {"Job", "CronJob"}:
        made["spec"]["restartPolicy"] = "Never"
        job = {"backoffLimit": 2, "activeDeadlineSeconds": 600, "template": made}
        cron = {
            "schedule": "0 3 * * *",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 300,
            "jobTemplate": {"spec": job},
        }
        spec = job if kind == "Job" else cron
    else:
        spec = {"selector": {"matchLabels": SELECTOR}, "template": made}
    if kind == "ReplicationController":
        spec["selector"] = SELECTOR
    if kind == "Rollout":
        spec["strategy"] = {"canary": {"maxUnavailable": 0}}
    return with_changes(manifest(kind, name, spec=spec), change)


def autoscaler(**change: Any) -> Manifest:
    """A HorizontalPodAutoscaler from 2 to 6 replicas for the Deployment."""
    spec = {
        "minReplicas": 2,
        "maxReplicas": 6,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "churn"},
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 70},
                },
            }
        ],
    }
    return with_changes(manifest("HorizontalPodAutoscaler", spec=spec), change)


def scaled_object(**change: Any) -> Manifest:
    """KEDA's autoscaler for the Deployment."""
    spec = {"minReplicaCount": 2, "maxReplicaCount": 6, "scaleTargetRef": {"name": "churn"}}
    return with_changes(manifest("ScaledObject", spec=spec), change)


def budget(**change: Any) -> Manifest:
    """A PodDisruptionBudget that lets one pod go."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": SELECTOR}}
    return with_changes(manifest("PodDisruptionBudget", spec=spec), change)


def service(**change: Any) -> Manifest:
    """A ClusterIP Service for the Deployment."""
    spec = {"selector": SELECTOR, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return with_changes(manifest("Service", spec=spec), change)


def ingress(**change: Any) -> Manifest:
    """An Ingress with TLS in front of the Service."""
    backend = {"service": {"name": "churn", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec = {
        "rules": [{"host": "churn.example", "http": {"paths": [path]}}],
        "tls": [{"hosts": ["churn.example"], "secretName": "churn-tls"}],
    }
    return with_changes(manifest("Ingress", spec=spec), change)


def network_policy(**change: Any) -> Manifest:
    """A NetworkPolicy that selects the Deployment's pods in both directions."""
    spec = {
        "podSelector": {"matchLabels": SELECTOR},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": 8080}]}],
        "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
    }
    return with_changes(manifest("NetworkPolicy", spec=spec), change)


def default_deny(**change: Any) -> Manifest:
    """A NetworkPolicy that denies everything in the namespace."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return with_changes(manifest("NetworkPolicy", "default-deny", spec=spec), change)


def namespace(**change: Any) -> Manifest:
    """A namespace that enforces restricted pod security."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return with_changes(manifest("Namespace", NAMESPACE, metadata={"labels": labels}), change)


def resource(
    body: Mapping[str, Any],
    *,
    name: str = "",
    provider: Mapping[str, Any] | None = None,
    ignores: tuple[str, ...] = (),
) -> AnalyzedResource:
    """A manifest as the resource that a Pulumi program registers for it."""
    api_version, kind = str(body["apiVersion"]), str(body["kind"])
    api_version = f"core/{api_version}" if "/" not in api_version else api_version
    type_ = f"kubernetes:{api_version}:{kind}"
    metadata = body.get("metadata", {})
    name = name or "-".join([kind, str(metadata.get("namespace", "")), str(metadata.get("name"))])
    return AnalyzedResource(
        urn=f"urn:pulumi:test::stanchion::{type_}::{name}",
        type=type_,
        name=name,
        properties=struct(body),
        provider=None
        if provider is None
        else (
            "urn:pulumi:test::stanchion::pulumi:providers:kubernetes::cluster",
            "pulumi:providers:kubernetes",
            "cluster",
            struct(provider),
        ),
        ignore_changes=ignores,
    )


def struct(body: Mapping[str, Any]) -> Struct:
    """A mapping as it goes over the wire."""
    made = Struct()
    made.update(body)
    return made
