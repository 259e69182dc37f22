"""Cases of the policies about budgets, cost and quotas."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import cloud
from policies.manifests import DROP, UNKNOWN, with_changes
from policies.node_pools import eks, gke, karpenter
from stanchion_cli.policies import AnalyzedResource


def aws_budget(amount: Any = "100000", **change: Any) -> AnalyzedResource:
    base = {
        "budgetType": "COST",
        "timeUnit": "MONTHLY",
        "limitAmount": amount,
        "limitUnit": "USD",
        "notifications": [{"threshold": 80, "subscriberEmailAddresses": ["ml@example.com"]}],
    }
    return cloud("aws:budgets/budget:Budget", **with_changes(base, change))


def gcp_budget(units: Any = "100000", **change: Any) -> AnalyzedResource:
    base = {
        "amount": {"specifiedAmount": {"currencyCode": "USD", "units": units}},
        "thresholdRules": [{"thresholdPercent": 0.8}],
    }
    return cloud("gcp:billing/budget:Budget", **with_changes(base, change))


EKS = cloud("aws:eks/cluster:Cluster", name="prod")
GKE = cloud("gcp:container/cluster:Cluster", name="prod")
ALWAYS = eks(scalingConfig={"minSize": 2})
"""Two g6.xlarge that always run: $1,175 a month; four at the most: $2,350."""

CASES: list[Case] = [
    passes("budget-exists", "EKS", EKS, aws_budget()),
    passes("budget-exists", "GKE", GKE, gcp_budget()),
    passes("budget-exists", "no cluster", cloud("aws:s3/bucket:Bucket")),
    passes("budget-exists", "notifications unknown yet", EKS, aws_budget(limitAmount=UNKNOWN)),
    fails("budget-exists", "none", EKS),
    fails("budget-exists", "another cloud's", GKE, aws_budget()),
    fails("budget-exists", "nobody hears", EKS, aws_budget(notifications=DROP)),
    fails("budget-exists", "no threshold", GKE, gcp_budget(thresholdRules=[])),
    passes("budget-covers-floor", "nothing runs", aws_budget("10"), eks()),
    passes("budget-covers-floor", "enough", aws_budget("1300"), ALWAYS, EKS),
    passes("budget-covers-floor", "hours, not money", aws_budget("1", budgetType="USAGE"), ALWAYS),
    passes("budget-covers-floor", "another cloud's", gcp_budget("10"), ALWAYS),
    undecided("budget-covers-floor", "unknown", aws_budget(UNKNOWN), ALWAYS),
    fails("budget-covers-floor", "too little", aws_budget("1000"), ALWAYS),
    fails("budget-covers-floor", "a quarter's", aws_budget("3000", timeUnit="QUARTERLY"), ALWAYS),
    fails("budget-covers-floor", "control plane", gcp_budget("50"), GKE),
    passes("budget-covers-ceiling", "enough", aws_budget("2400"), eks()),
    passes("budget-covers-ceiling", "half by setting", aws_budget("1200"), eks(), percent=50),
    passes(
        "budget-covers-ceiling",
        "spot at half price",
        gcp_budget("1200"),
        gke(nodeConfig={"spot": True}),
    ),
    passes("budget-covers-ceiling", "unpriced", aws_budget("1"), eks(instanceTypes=["g9.xlarge"])),
    undecided("budget-covers-ceiling", "unknown", aws_budget("1"), eks(instanceTypes=UNKNOWN)),
    fails("budget-covers-ceiling", "node group", aws_budget("2300"), eks()),
    fails("budget-covers-ceiling", "node pool", gcp_budget("2200"), gke()),
    fails(
        "budget-covers-ceiling",
        "karpenter",
        aws_budget("5000"),
        karpenter("g6.xlarge", "g6.2xlarge"),
    ),
    passes("pools-within-quota", "unknown quota", karpenter()),
    passes("pools-within-quota", "enough", eks(), granted=["L-DB2E81BA=16"]),
    passes(
        "pools-within-quota",
        "spot counts apart",
        eks(capacityType="SPOT"),
        granted=["L-DB2E81BA=1"],
    ),
    passes(
        "pools-within-quota",
        "asked for",
        eks(),
        cloud("aws:servicequotas/serviceQuota:ServiceQuota", quotaCode="L-DB2E81BA", value=16),
    ),
    fails("pools-within-quota", "node group", eks(), granted=["L-DB2E81BA=8"]),
    fails(
        "pools-within-quota",
        "two pools together",
        eks(),
        karpenter("g6.xlarge"),
        granted=["L-DB2E81BA=40"],
    ),
    fails("pools-within-quota", "GPUs", gke(), granted=["NVIDIA_L4_GPUS=3"]),
    fails(
        "pools-within-quota",
        "asked for too little",
        eks(),
        cloud("aws:servicequotas/serviceQuota:ServiceQuota", quotaCode="L-DB2E81BA", value=8),
    ),
]
