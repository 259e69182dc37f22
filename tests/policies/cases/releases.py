"""Cases of the policies about releases: pinned models, canaries, the way back."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import (
    DROP,
    LABELS,
    UNKNOWN,
    Manifest,
    autoscaler,
    manifest,
    workload,
)
from policies.node_pools import eks, gke, karpenter, on_gpu

COMMIT = "9c1f0d" + "0" * 34
ARGO = "argoproj.io/v1alpha1"


def vllm(*command: str, **change: Any) -> Manifest:
    """A server of a language model."""
    return workload(server={"image": "vllm/vllm-openai:v0.11.0", "args": list(command)}, **change)


def rollout(*steps: Any, **strategy: Any) -> Manifest:
    """A canary with steps, or another strategy."""
    return workload("Rollout", spec={"strategy": strategy or {"canary": {"steps": list(steps)}}})


def analysis(name: str = "errors", **change: Any) -> dict[str, Any]:
    return {"analysis": {"templates": [{"templateName": name, **change}]}}


def template(name: str = "errors", kind: str = "AnalysisTemplate") -> Manifest:
    return manifest(kind, name, apiVersion=ARGO, spec={"metrics": []})


WEIGHT = {"setWeight": 20}

PINNED: list[Case] = [
    passes("llm-model-pinned", "commit", vllm("--model", "meta/llama", "--revision", COMMIT)),
    passes("llm-model-pinned", "own bucket", vllm("--model=s3://models/llama/7")),
    passes("llm-model-pinned", "own folder", vllm("serve", "/models/llama")),
    passes("llm-model-pinned", "no language model", workload()),
    fails("llm-model-pinned", "no revision", vllm("--model", "meta/llama")),
    fails("llm-model-pinned", "branch", vllm("serve", "meta/llama", "--revision=main")),
    fails(
        "llm-model-pinned",
        "another server",
        workload(
            server={
                "image": "ghcr.io/huggingface/text-generation-inference:3.0",
                "args": ["--model-id", "meta/llama"],
            }
        ),
    ),
    passes("release-can-go-back", "default", workload()),
    passes("release-can-go-back", "five", workload(spec={"revisionHistoryLimit": 5})),
    passes("release-can-go-back", "set", workload("StatefulSet", spec={"revisionHistoryLimit": 1})),
    undecided("release-can-go-back", "unknown", workload(spec={"revisionHistoryLimit": UNKNOWN})),
    fails("release-can-go-back", "none", workload(spec={"revisionHistoryLimit": 0})),
    fails("release-can-go-back", "rollout", workload("Rollout", spec={"revisionHistoryLimit": 0})),
    fails(
        "release-can-go-back",
        "fewer than set",
        workload("DaemonSet", spec={"revisionHistoryLimit": 2}),
        revisions=3,
    ),
]

ANALYSED: list[Case] = [
    passes("rollout-analysed", "step", rollout(WEIGHT, analysis()), template()),
    passes("rollout-analysed", "template of another stack", rollout(WEIGHT, analysis())),
    passes(
        "rollout-analysed",
        "in the background",
        rollout(canary={"steps": [WEIGHT], **analysis("errors", clusterScope=True)}),
        template(kind="ClusterAnalysisTemplate"),
    ),
    passes("rollout-analysed", "no weight", rollout({"pause": {}})),
    passes(
        "rollout-analysed",
        "by hand",
        rollout(canary=DROP, blueGreen={"autoPromotionEnabled": False}),
    ),
    fails("rollout-analysed", "none", rollout(WEIGHT, {"pause": {"duration": "5m"}})),
    fails(
        "rollout-analysed", "blue-green", rollout(canary=DROP, blueGreen={"activeService": "churn"})
    ),
    fails("rollout-analysed", "no such template", rollout(WEIGHT, analysis()), template("latency")),
]


def variant(track: str, version: str = "7", **change: Any) -> Manifest:
    """A Deployment that is one variant of a service."""
    return workload(
        name=f"churn-{track}",
        server={"env": [{"name": "MODEL_VERSION", "value": version}]},
        template={"metadata": {"labels": {**LABELS, "track": track}}},
        **change,
    )


def route(*names: str) -> Manifest:
    """An HTTPRoute that splits traffic between Services."""
    backends = [{"name": name, "port": 80, "weight": 50} for name in names]
    return manifest(
        "HTTPRoute",
        apiVersion="gateway.networking.k8s.io/v1",
        spec={"rules": [{"backendRefs": backends}]},
    )


DIFFERENT: list[Case] = [
    passes(
        "canary-differs",
        "two Services",
        rollout(canary={"canaryService": "churn-canary", "stableService": "churn"}),
    ),
    passes("canary-differs", "two versions", variant("stable", "6"), variant("canary", "7")),
    passes("canary-differs", "two backends", route("churn", "churn-canary")),
    passes("canary-differs", "one backend", route("churn")),
    passes(
        "canary-differs",
        "beside what has no variants",
        variant("canary"),
        workload(name="other"),
    ),
    fails(
        "canary-differs",
        "one Service",
        rollout(canary={"canaryService": "churn", "stableService": "churn"}),
    ),
    fails(
        "canary-differs",
        "one preview",
        rollout(blueGreen={"previewService": "churn", "activeService": "churn"}),
    ),
    fails("canary-differs", "one version", variant("stable"), variant("canary")),
    fails("canary-differs", "one backend twice", route("churn", "churn")),
]


def scaled(most: int) -> Manifest:
    return autoscaler(spec={"maxReplicas": most})


ONE_MORE: Any = {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1}}}}

SURGE: list[Case] = [
    passes("surge-fits-pool", "room", on_gpu(**ONE_MORE), scaled(7), karpenter()),
    passes(
        "surge-fits-pool",
        "no surge",
        on_gpu(spec={"strategy": {"rollingUpdate": {"maxSurge": 0}}}),
        scaled(8),
        karpenter(),
    ),
    passes("surge-fits-pool", "no GPUs", workload(), scaled(50), karpenter()),
    passes(
        "surge-fits-pool", "unbounded pool", on_gpu(), scaled(50), karpenter(spec={"limits": DROP})
    ),
    passes("surge-fits-pool", "pool of another stack", on_gpu(), scaled(50)),
    fails("surge-fits-pool", "no room to update", on_gpu(**ONE_MORE), scaled(8), karpenter()),
    fails("surge-fits-pool", "no room at all", on_gpu(), scaled(9), karpenter()),
    fails(
        "surge-fits-pool",
        "blue-green doubles",
        on_gpu(
            "Rollout",
            spec={"replicas": 3, "strategy": {"canary": DROP, "blueGreen": {"activeService": "a"}}},
        ),
        eks(),
    ),
    fails(
        "surge-fits-pool",
        "weights of a gateway double in the end",
        on_gpu(
            "Rollout",
            spec={
                "replicas": 3,
                "strategy": {"canary": {"trafficRouting": {"plugins": {"a": {}}}}},
            },
        ),
        eks(),
    ),
    fails("surge-fits-pool", "a quarter by default", on_gpu(spec={"replicas": 4}), gke()),
]

CASES = [*PINNED, *ANALYSED, *DIFFERENT, *SURGE]
