"""Objects with a fault for most subjects of the policies."""

from typing import Any

import pulumi_kubernetes as k8s

LABELS = {"app": "web"}
HERE: Any = {"name": "web", "namespace": "shop"}
CONTAINER: Any = {
    "name": "web",
    "image": "nginx",
    "security_context": {"privileged": True},
    "env": [{"name": "API_KEY", "value": "not-a-real-one"}],
}
POD: Any = {
    "metadata": {"labels": LABELS},
    "spec": {"host_network": True, "containers": [CONTAINER]},
}

k8s.core.v1.Namespace("shop", metadata={"name": "shop"})
k8s.apps.v1.Deployment(
    "web",
    metadata=HERE,
    spec={"replicas": 3, "selector": {"match_labels": LABELS}, "template": POD},
)
k8s.core.v1.Service(
    "web",
    metadata=HERE,
    spec={"type": "NodePort", "selector": {"app": "other"}, "ports": [{"port": 80}]},
)
k8s.policy.v1.PodDisruptionBudget(
    "web", metadata=HERE, spec={"max_unavailable": 0, "selector": {"match_labels": LABELS}}
)
k8s.autoscaling.v2.HorizontalPodAutoscaler(
    "web",
    metadata=HERE,
    spec={
        "min_replicas": 1,
        "max_replicas": 1,
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": "nobody"},
    },
)
k8s.core.v1.ConfigMap("web", metadata=HERE, data={"url": "postgres://shop:not-a-real-one@db/shop"})
k8s.rbac.v1.RoleBinding(
    "web",
    metadata=HERE,
    role_ref={
        "api_group": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "cluster-admin",
    },
    subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
)
k8s.batch.v1.CronJob(
    "night",
    metadata={"name": "night", "namespace": "default"},
    spec={"schedule": "0 3 * * *", "job_template": {"spec": {"template": POD}}},
)
