"""Cases of the policies about GPUs, and the pools and workloads that have them."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, Manifest, with_changes, workload
from policies.node_pools import GPU, TAINT, by, eks, gke, karpenter, on_gpu


def affinity(key: str, *values: str) -> dict[str, Any]:
    """Required node affinity instead of a selector."""
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": list(values)}]}
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"nodeSelector": DROP, "affinity": {"nodeAffinity": rule}}


QUEUED = {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "team"}}}

ASKING: list[Case] = [
    passes("gpu-requests-equal-limits", "limit alone", on_gpu()),
    passes("gpu-requests-equal-limits", "equal", on_gpu(request="1")),
    passes("gpu-requests-equal-limits", "none", workload()),
    undecided("gpu-requests-equal-limits", "unknown", on_gpu(gpus=UNKNOWN)),
    fails("gpu-requests-equal-limits", "less", on_gpu(gpus=2, request=1)),
    fails(
        "gpu-requests-equal-limits",
        "no limit",
        workload(server={"resources": {"requests": {GPU: 1}}}),
    ),
    fails("gpu-requests-equal-limits", "half of one", on_gpu("Job", gpus="500m")),
    fails(
        "gpu-requests-equal-limits",
        "slices in an init container",
        workload(
            init={
                "resources": {
                    "limits": {"nvidia.com/mig-1g.10gb": 2},
                    "requests": {"nvidia.com/mig-1g.10gb": 1},
                }
            }
        ),
    ),
    passes("gpu-reaches-pool", "karpenter", on_gpu(), karpenter()),
    passes("gpu-reaches-pool", "node group", on_gpu("Rollout"), eks()),
    passes("gpu-reaches-pool", "node pool", on_gpu("CronJob"), gke()),
    passes("gpu-reaches-pool", "pool of another stack", on_gpu()),
    passes("gpu-reaches-pool", "no GPUs", workload(), karpenter()),
    passes(
        "gpu-reaches-pool",
        "queued, placed by its flavour",
        on_gpu("Job", pod={"nodeSelector": DROP, "tolerations": DROP}, **QUEUED),
        karpenter(),
    ),
    passes(
        "gpu-reaches-pool",
        "by affinity",
        on_gpu(pod=affinity("example.com/pool", "h100", "l4")),
        karpenter(),
    ),
    passes(
        "gpu-reaches-pool",
        "by machine type",
        on_gpu(pod={"nodeSelector": {"node.kubernetes.io/instance-type": "g6.2xlarge"}}),
        karpenter(),
    ),
    passes(
        "gpu-reaches-pool",
        "one pool of two",
        on_gpu(),
        karpenter(),
        karpenter("p5.48xlarge", name="h100", spec={"template": {"metadata": {"labels": DROP}}}),
    ),
    undecided("gpu-reaches-pool", "unknown", on_gpu(pod={"nodeSelector": UNKNOWN}), karpenter()),
    fails("gpu-reaches-pool", "no selector", on_gpu(pod={"nodeSelector": DROP}), karpenter()),
    fails("gpu-reaches-pool", "no toleration", on_gpu(pod={"tolerations": DROP}), gke()),
    fails(
        "gpu-reaches-pool",
        "nothing at all, no pool known",
        workload(server={"resources": {"limits": {GPU: 1}}}),
    ),
    fails(
        "gpu-reaches-pool",
        "another taint",
        on_gpu("StatefulSet", pod={"tolerations": [{"key": "dedicated", "operator": "Exists"}]}),
        eks(),
    ),
    fails(
        "gpu-reaches-pool",
        "no such pool",
        on_gpu("Job", pod={"nodeSelector": {"example.com/pool": "a100"}}),
        karpenter(),
    ),
    fails(
        "gpu-reaches-pool",
        "machine type that the pool has not",
        on_gpu(pod=affinity("node.kubernetes.io/instance-type", "g5.xlarge")),
        karpenter(),
    ),
    passes("gpu-fits-node", "one of one", on_gpu(), karpenter()),
    passes("gpu-fits-node", "eight of eight", on_gpu("Job", gpus=8), karpenter("p5.48xlarge")),
    passes(
        "gpu-fits-node",
        "slices",
        on_gpu(gpus=4),
        gke(
            nodeConfig=with_changes(
                {},
                {
                    "guestAccelerators": [
                        {
                            "type": "nvidia-l4",
                            "count": 1,
                            "gpuSharingConfig": {"maxSharedClientsPerGpu": 4},
                        }
                    ]
                },
            )
        ),
    ),
    passes(
        "gpu-fits-node",
        "machine unknown to the catalogue",
        on_gpu(gpus=8),
        karpenter("g9.48xlarge"),
    ),
    passes("gpu-fits-node", "no pool in the stack", on_gpu(gpus=16)),
    passes(
        "gpu-fits-node", "eight of a family's eight", on_gpu(gpus=8), by("instance-family", "p5")
    ),
    fails("gpu-fits-node", "nine of eight", on_gpu(gpus=9), by("instance-family", "p5", "g6")),
    fails("gpu-fits-node", "two of one", on_gpu(gpus=2), karpenter()),
    fails("gpu-fits-node", "sixteen of eight", on_gpu("Job", gpus=16), karpenter("p5.48xlarge")),
    fails("gpu-fits-node", "node group", on_gpu("Rollout", gpus="4"), eks()),
    fails("gpu-fits-node", "node pool", on_gpu("CronJob", gpus=2), gke()),
]

POOLS: list[Case] = [
    passes("gpu-pool-tainted", "karpenter", karpenter()),
    passes("gpu-pool-tainted", "node group", eks()),
    passes("gpu-pool-tainted", "CPUs", eks(instanceTypes=["m7i.large"], taints=DROP)),
    undecided("gpu-pool-tainted", "unknown", eks(taints=UNKNOWN)),
    fails(
        "gpu-pool-tainted",
        "karpenter",
        karpenter(spec={"template": {"spec": {"taints": DROP}}}),
    ),
    fails("gpu-pool-tainted", "node group", eks(taints=[])),
    fails(
        "gpu-pool-tainted",
        "only preferred",
        gke(nodeConfig={"taints": [{**TAINT, "effect": "PREFER_NO_SCHEDULE"}]}),
    ),
    passes("gpu-pool-bounded", "karpenter", karpenter()),
    passes(
        "gpu-pool-bounded",
        "per zone",
        gke(autoscaling={"totalMaxNodeCount": DROP, "maxNodeCount": 2}),
    ),
    passes("gpu-pool-bounded", "fixed size", gke(autoscaling=DROP, nodeCount=2)),
    passes("gpu-pool-bounded", "CPUs", karpenter("m7i.large", spec={"limits": DROP})),
    fails("gpu-pool-bounded", "karpenter", karpenter(spec={"limits": DROP})),
    fails("gpu-pool-bounded", "node pool", gke(autoscaling={"totalMaxNodeCount": DROP})),
    fails("gpu-pool-bounded", "no label", eks(labels=DROP)),
    fails("gpu-pool-bounded", "family", by("instance-family", "g5", spec={"limits": DROP})),
    fails("gpu-pool-bounded", "category", by("instance-category", "p", spec={"limits": DROP})),
    passes(
        "gpu-pool-bounded", "category of CPUs", by("instance-category", "c", spec={"limits": DROP})
    ),
    passes("gpu-pool-idle", "karpenter", karpenter()),
    passes("gpu-pool-idle", "node group", eks()),
    passes("gpu-pool-idle", "by setting", eks(scalingConfig={"minSize": 2}), toZero=False),
    passes("gpu-pool-idle", "CPUs", eks(instanceTypes=["m7i.large"], scalingConfig={"minSize": 3})),
    fails("gpu-pool-idle", "node group", eks(scalingConfig={"minSize": 1})),
    fails("gpu-pool-idle", "node pool", gke(autoscaling={"totalMinNodeCount": 1})),
    fails("gpu-pool-idle", "fixed size", gke(autoscaling=DROP, nodeCount=2)),
    fails("gpu-pool-idle", "static karpenter pool", karpenter(spec={"replicas": 2})),
]

SPOT = ("spot",)
MIXED = ("spot", "on-demand")
CLAIM = {"volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": "work"}}]}
SCRATCH = {"volumes": [{"name": "work", "emptyDir": {}}]}


def trains(path: str = "", *, pod: Any = None, kind: str = "Job") -> Manifest:
    """A job on GPUs that keeps checkpoints at `path`, where there is one."""
    env = [{"name": "CHECKPOINT_DIR", "value": path}] if path else []
    mounts = [{"name": "work", "mountPath": "/work"}]
    return on_gpu(kind, server={"env": env, "volumeMounts": mounts}, pod=pod or SCRATCH)


SCORES = [{"name": "OUTPUT_URI", "value": "s3://scores/all/"}]

SPOT_CASES: list[Case] = [
    passes("spot-serving", "on demand", on_gpu(), karpenter()),
    passes("spot-serving", "either", on_gpu(), karpenter(capacity=MIXED)),
    passes(
        "spot-serving", "nothing listens", on_gpu(server={"ports": DROP}), karpenter(capacity=SPOT)
    ),
    passes("spot-serving", "a job", on_gpu("Job"), karpenter(capacity=SPOT)),
    passes("spot-serving", "no pool in the stack", on_gpu()),
    fails("spot-serving", "karpenter", on_gpu(), karpenter(capacity=SPOT)),
    fails("spot-serving", "node group", on_gpu("Rollout"), eks(capacityType="SPOT")),
    fails("spot-serving", "node pool", on_gpu("StatefulSet"), gke(nodeConfig={"spot": True})),
    fails(
        "spot-serving",
        "by its own selector",
        workload(pod={"nodeSelector": {"cloud.google.com/gke-spot": "true"}}),
    ),
    passes("gpu-job-checkpoints", "bucket", trains("s3://runs/7"), karpenter(capacity=SPOT)),
    passes("gpu-job-checkpoints", "volume", trains("/work/7", pod=CLAIM), karpenter(capacity=SPOT)),
    passes("gpu-job-checkpoints", "on demand", trains(), karpenter()),
    passes("gpu-job-checkpoints", "no GPUs", workload("Job"), karpenter(capacity=SPOT)),
    passes(
        "gpu-job-checkpoints",
        "by option",
        on_gpu("Job", server={"args": ["train.py", "--checkpoint-dir", "gs://runs/7"]}),
        karpenter(capacity=SPOT),
    ),
    passes(
        "gpu-job-checkpoints",
        "shards that are done",
        on_gpu("Job", server={"command": ["stanchion-batch"], "env": SCORES}),
        karpenter(capacity=SPOT),
    ),
    fails(
        "gpu-job-checkpoints",
        "another program's output",
        on_gpu("Job", server={"command": ["score.py"], "env": SCORES}),
        karpenter(capacity=SPOT),
    ),
    fails("gpu-job-checkpoints", "none", trains(), karpenter(capacity=SPOT)),
    fails("gpu-job-checkpoints", "maybe spot", trains(kind="CronJob"), karpenter(capacity=MIXED)),
    fails("gpu-job-checkpoints", "on the node", trains("/work/7"), karpenter(capacity=SPOT)),
    fails("gpu-job-checkpoints", "node group", trains(), eks(capacityType="SPOT")),
]


def server(
    startup: Any = None, image: str = "registry.example/vllm-openai:v0.11", **change: Any
) -> Manifest:
    """A model server with a startup probe, or with its liveness probe alone."""
    probe = {} if startup is None else {"startupProbe": startup}
    return workload(server={"image": image, **probe}, **change)


def probe(period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": "/", "port": "http"},
        "periodSeconds": period,
        "failureThreshold": failures,
    }


STARTING: list[Case] = [
    passes(
        "startup-allows-load",
        "ten minutes",
        server(probe(10, 60), spec={"progressDeadlineSeconds": 900}),
    ),
    passes("startup-allows-load", "no model", workload()),
    passes(
        "startup-allows-load",
        "classic model",
        server(probe(5, 24), image="registry.example/model-server:1"),
    ),
    passes("startup-allows-load", "by setting", server(probe(10, 6)), llmSeconds=60),
    undecided("startup-allows-load", "unknown", server(probe(10, 60) | {"periodSeconds": UNKNOWN})),
    fails("startup-allows-load", "one minute", server(probe(10, 6))),
    fails("startup-allows-load", "liveness alone", server()),
    fails(
        "startup-allows-load",
        "deadline below",
        server(probe(10, 60), spec={"progressDeadlineSeconds": 300}),
    ),
    fails("startup-allows-load", "default deadline below", server(probe(10, 90))),
    fails(
        "startup-allows-load",
        "classic model",
        server(probe(1, 20), image="registry.example/model-server:1"),
    ),
]

CASES = [*ASKING, *POOLS, *SPOT_CASES, *STARTING]
