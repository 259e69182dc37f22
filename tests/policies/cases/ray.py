"""Cases of the policies about Ray's clusters, and of what they make visible to all others."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, Manifest, manifest, with_changes, workload
from policies.node_pools import GPU, LABEL, TOLERATION, karpenter

RAY = "ray.io/v1"
ON_DEMAND: dict[str, Any] = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {
                            "key": "karpenter.sh/capacity-type",
                            "operator": "NotIn",
                            "values": ["spot"],
                        }
                    ]
                }
            ]
        }
    }
}


def cluster(head: Any = None, worker: Any = None, **change: Any) -> dict[str, Any]:
    """A head and two workers, with changes to their pod specs and to the cluster."""
    group = {
        "groupName": "worker",
        "replicas": 2,
        "minReplicas": 2,
        "maxReplicas": 2,
        "template": workload("Job", pod=worker)["spec"]["template"],
    }
    spec = {
        "rayVersion": "2.60.0",
        "authOptions": {"mode": "token"},
        "headGroupSpec": {"template": workload("Job", pod=head)["spec"]["template"]},
        "workerGroupSpecs": [group],
    }
    return with_changes(spec, change)


def ray_job(head: Any = None, worker: Any = None, of: Any = None, **change: Any) -> Manifest:
    """A RayJob; `of` changes its cluster, the rest its spec."""
    spec = {
        "entrypoint": "python train.py",
        "shutdownAfterJobFinishes": True,
        "backoffLimit": 3,
        "activeDeadlineSeconds": 3600,
        "rayClusterSpec": cluster(head, worker, **(of or {})),
    }
    return with_changes(manifest("RayJob", "tune", apiVersion=RAY, spec=spec), {"spec": change})


def ray_cluster(**change: Any) -> Manifest:
    return manifest("RayCluster", "shared", apiVersion=RAY, spec=cluster(**change))


def waiting(queue: str) -> Manifest:
    """A RayJob that waits in a queue."""
    labels = {"kueue.x-k8s.io/queue-name": queue}
    return with_changes(ray_job(), {"metadata": {"labels": labels}})


def local() -> Manifest:
    spec = {"clusterQueue": "gpus"}
    return manifest("LocalQueue", "team", apiVersion="kueue.x-k8s.io/v1beta2", spec=spec)


def of_gpus(count: int = 1, tolerations: Any = (TOLERATION,)) -> dict[str, Any]:
    """A worker's pod that asks for GPUs of the pool."""
    (container,) = workload("Job")["spec"]["template"]["spec"]["containers"]
    sizes = {**container["resources"]["limits"], GPU: count}
    placed = {"nodeSelector": LABEL, "tolerations": [*tolerations]}
    return {**placed, "containers": [with_changes(container, {"resources": {"limits": sizes}})]}


def privileged() -> dict[str, Any]:
    """A pod that may do anything to its node."""
    (container,) = workload("Job")["spec"]["template"]["spec"]["containers"]
    return {"containers": [with_changes(container, {"securityContext": {"privileged": True}})]}


EITHER = karpenter(capacity=("spot", "on-demand"))
SPOT = karpenter(capacity=("spot",))
ON_POOL = {"nodeSelector": LABEL, "tolerations": [TOLERATION]}
SELECTED = {"clusterSelector": {"ray.io/cluster": "shared"}, "rayClusterSpec": DROP}

CASES: list[Case] = [
    passes("ray-job-ends-its-cluster", "shut down", ray_job()),
    passes(
        "ray-job-ends-its-cluster",
        "by rules",
        ray_job(
            shutdownAfterJobFinishes=DROP,
            deletionStrategy={"deletionRules": [{"policy": "DeleteCluster"}]},
        ),
    ),
    passes(
        "ray-job-ends-its-cluster",
        "no cluster of its own",
        ray_job(shutdownAfterJobFinishes=DROP, **SELECTED),
    ),
    passes("ray-job-ends-its-cluster", "a cluster that is shared", ray_cluster()),
    fails("ray-job-ends-its-cluster", "nothing said", ray_job(shutdownAfterJobFinishes=DROP)),
    fails("ray-job-ends-its-cluster", "kept", ray_job(shutdownAfterJobFinishes=False)),
    fails(
        "ray-job-ends-its-cluster",
        "kept, whatever its time to live",
        ray_job(shutdownAfterJobFinishes=False, ttlSecondsAfterFinished=60),
    ),
    undecided("ray-job-ends-its-cluster", "unknown", ray_job(shutdownAfterJobFinishes=UNKNOWN)),
    passes("ray-closed", "a token", ray_job()),
    passes("ray-closed", "a cluster", ray_cluster()),
    passes(
        "ray-closed",
        "a Service inside",
        ray_job(of={"headGroupSpec": {"serviceType": "ClusterIP"}}),
    ),
    passes("ray-closed", "somebody else's cluster", ray_job(**SELECTED)),
    fails("ray-closed", "no token", ray_job(of={"authOptions": DROP})),
    fails("ray-closed", "disabled", ray_job(of={"authOptions": {"mode": "disabled"}})),
    fails("ray-closed", "a cluster without token", ray_cluster(authOptions=DROP)),
    fails(
        "ray-closed",
        "a load balancer",
        ray_job(of={"headGroupSpec": {"serviceType": "LoadBalancer"}}),
    ),
    fails("ray-closed", "a port of nodes", ray_cluster(headGroupSpec={"serviceType": "NodePort"})),
    fails("ray-closed", "an ingress", ray_job(of={"headGroupSpec": {"enableIngress": True}})),
    undecided("ray-closed", "unknown", ray_job(of={"authOptions": {"mode": UNKNOWN}})),
    passes("ray-head-stays", "no pool known", ray_job()),
    passes("ray-head-stays", "on demand alone", ray_job(head=ON_POOL), karpenter()),
    passes(
        "ray-head-stays", "kept off spot", ray_job(head={**ON_POOL, "affinity": ON_DEMAND}), EITHER
    ),
    passes("ray-head-stays", "workers on spot", ray_job(worker=ON_POOL), SPOT),
    fails("ray-head-stays", "on spot alone", ray_job(head=ON_POOL), SPOT),
    fails("ray-head-stays", "on either", ray_job(head=ON_POOL), EITHER),
    fails(
        "ray-head-stays",
        "chosen by label",
        ray_job(head={"nodeSelector": {"cloud.google.com/gke-spot": "true"}}),
    ),
    fails(
        "ray-head-stays",
        "the affinity of something else",
        ray_job(
            head={
                **ON_POOL,
                "affinity": with_changes(
                    ON_DEMAND,
                    {
                        "nodeAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": {
                                "nodeSelectorTerms": [
                                    {
                                        "matchExpressions": [
                                            {"key": "kubernetes.io/arch", "operator": "Exists"}
                                        ]
                                    }
                                ]
                            }
                        }
                    },
                ),
            }
        ),
        EITHER,
    ),
    # What is in a RayJob is judged as what is in a Job.
    passes("pod-not-privileged", "a RayJob", ray_job()),
    fails("pod-not-privileged", "a RayJob's head", ray_job(head=privileged())),
    fails("pod-not-privileged", "a RayJob's worker", ray_job(worker=privileged())),
    fails(
        "pod-not-privileged",
        "what hands a RayJob in",
        ray_job(submitterPodTemplate={"spec": privileged()}),
    ),
    passes("job-limits", "a RayJob", ray_job()),
    fails("job-limits", "a RayJob without deadline", ray_job(activeDeadlineSeconds=DROP)),
    passes("gpu-reaches-pool", "a RayJob's workers", ray_job(worker=of_gpus()), karpenter()),
    fails(
        "gpu-reaches-pool",
        "a RayJob's workers that tolerate nothing",
        ray_job(worker=of_gpus(tolerations=())),
        karpenter(),
    ),
    fails("gpu-fits-node", "a RayJob's worker", ray_job(worker=of_gpus(8)), karpenter()),
    passes("queue-leads-to-nodes", "a RayJob's queue", waiting("team"), local()),
    fails("queue-leads-to-nodes", "a RayJob's no such queue", waiting("other"), local()),
]
