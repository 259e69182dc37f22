"""Workloads as a program registers them, made by hand."""

from __future__ import annotations

from typing import Any

from stanchion_cli.preview.model import Resource
from unit.estimate.samples import resource


def pods(cpu: str = "500m", memory: str = "1Gi", *, gpus: int = 0, pool: str = "") -> Any:
    """A pod template of one container."""
    gpu = {"limits": {"nvidia.com/gpu": gpus}} if gpus else {}
    container = {"name": "main", "resources": {"requests": {"cpu": cpu, "memory": memory}, **gpu}}
    selector = {"nodeSelector": {"stanchion.dev/pool": pool}} if pool else {}
    return {"metadata": {}, "spec": {"containers": [container], **selector}}


def workload(
    kind: str, name: str, spec: dict[str, Any], *, team: str = "team-a", service: str = ""
) -> Resource:
    """A workload in the namespace demo."""
    versions = {
        "Deployment": "apps/v1",
        "CronJob": "batch/v1",
        "Job": "batch/v1",
        "JobSet": "jobset.x-k8s.io/v1alpha2",
        "RayJob": "ray.io/v1",
    }
    version = versions[kind]
    labels = {
        "app.kubernetes.io/instance": service or name,
        "stanchion.dev/owner": team,
        "stanchion.dev/cost-center": f"cc-{team}",
    }
    return resource(
        f"kubernetes:{version}:{kind}",
        name,
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "namespace": "demo", "labels": labels},
            "spec": spec,
        },
    )


def deployment(name: str, replicas: int = 1, *, team: str = "team-a", **asked: Any) -> Resource:
    """A Deployment of so many replicas."""
    spec = {"replicas": replicas, "template": pods(**asked)}
    return workload("Deployment", name, spec, team=team)


def autoscaler(name: str, low: int, high: int) -> Resource:
    """What scales the Deployment of that name."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return resource(
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        f"{name}-autoscaler",
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name, "namespace": "demo"},
            "spec": {"minReplicas": low, "maxReplicas": high, "scaleTargetRef": target},
        },
    )


def scheduled(name: str, schedule: str, *, hours: float, **asked: Any) -> Resource:
    """A CronJob whose runs end after so many hours."""
    job = {"activeDeadlineSeconds": int(hours * 3600), "template": pods(**asked)}
    return workload("CronJob", name, {"schedule": schedule, "jobTemplate": {"spec": job}})


def trigger(name: str, training: str, budget: int, *, namespace: str = "demo") -> Resource:
    """A `RetrainingTrigger`'s Deployment: it starts the CronJob no more often in 30 days."""
    template = pods()
    told = {"CRON_JOB": training, "MAX_RUNS": str(budget)}
    template["spec"]["containers"][0]["env"] = [
        {"name": key, "value": value} for key, value in told.items()
    ]
    made = workload("Deployment", name, {"replicas": 1, "template": template})
    made.inputs["metadata"]["namespace"] = namespace
    made.inputs["metadata"]["labels"]["app.kubernetes.io/name"] = "retraining"
    return made
