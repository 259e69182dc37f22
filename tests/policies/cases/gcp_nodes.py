"""Cases of the policies about nodes of GKE."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cases.gcp_cluster import autopilot, cluster, pool
from policies.manifests import DROP, UNKNOWN
from stanchion_cli.policies import AnalyzedResource


def nodes(**change: Any) -> AnalyzedResource:
    """A pool with changes to its nodes."""
    return pool(nodeConfig=change)


CASES: list[Case] = [
    passes("gcp-gke-private-nodes", "cluster", cluster()),
    passes("gcp-gke-private-nodes", "pool as its cluster", pool()),
    passes("gcp-gke-private-nodes", "pool", pool(networkConfig={"enablePrivateNodes": True})),
    undecided(
        "gcp-gke-private-nodes",
        "not known",
        cluster(privateClusterConfig={"enablePrivateNodes": UNKNOWN}),
    ),
    fails("gcp-gke-private-nodes", "not said", cluster(privateClusterConfig=DROP)),
    fails(
        "gcp-gke-private-nodes",
        "public",
        cluster(privateClusterConfig={"enablePrivateNodes": False}),
    ),
    fails(
        "gcp-gke-private-nodes",
        "a public pool of a private cluster",
        cluster(),
        pool(networkConfig={"enablePrivateNodes": False}),
    ),
    passes("gcp-gke-workload-identity", "cluster", cluster()),
    passes(
        "gcp-gke-workload-identity",
        "not known yet",
        cluster(workloadIdentityConfig={"workloadPool": UNKNOWN}),
    ),
    passes("gcp-gke-workload-identity", "pool", pool()),
    passes("gcp-gke-workload-identity", "Autopilot", autopilot()),
    fails("gcp-gke-workload-identity", "none", cluster(workloadIdentityConfig=DROP)),
    fails(
        "gcp-gke-workload-identity", "empty", cluster(workloadIdentityConfig={"workloadPool": ""})
    ),
    fails(
        "gcp-gke-workload-identity",
        "the node's",
        nodes(workloadMetadataConfig={"mode": "GCE_METADATA"}),
    ),
    fails("gcp-gke-workload-identity", "a pool says nothing", nodes(workloadMetadataConfig=DROP)),
    passes("gcp-gke-node-account", "its own", pool()),
    passes("gcp-gke-node-account", "one that the deployment makes", nodes(serviceAccount=UNKNOWN)),
    passes("gcp-gke-node-account", "no nodes of the cluster's own", cluster()),
    passes("gcp-gke-node-account", "Autopilot", autopilot(removeDefaultNodePool=DROP)),
    fails("gcp-gke-node-account", "not said", nodes(serviceAccount=DROP)),
    fails("gcp-gke-node-account", "the default one", nodes(serviceAccount="default")),
    fails(
        "gcp-gke-node-account",
        "the default one by name",
        nodes(serviceAccount="42-compute@developer.gserviceaccount.com"),
    ),
    fails("gcp-gke-node-account", "the first pool's", cluster(removeDefaultNodePool=DROP)),
    fails(
        "gcp-gke-node-account",
        "of pools to come",
        cluster(clusterAutoscaling={"enabled": True}),
    ),
    passes("gcp-gke-shielded-nodes", "pool", pool()),
    passes("gcp-gke-shielded-nodes", "cluster, by default", cluster()),
    passes(
        "gcp-gke-shielded-nodes",
        "monitored by default",
        nodes(shieldedInstanceConfig={"enableIntegrityMonitoring": DROP}),
    ),
    fails("gcp-gke-shielded-nodes", "cluster", cluster(enableShieldedNodes=False)),
    fails(
        "gcp-gke-shielded-nodes", "no secure boot by default", nodes(shieldedInstanceConfig=DROP)
    ),
    fails(
        "gcp-gke-shielded-nodes",
        "not monitored",
        nodes(shieldedInstanceConfig={"enableIntegrityMonitoring": False}),
    ),
    passes("gcp-gke-node-maintenance", "both", pool()),
    passes(
        "gcp-gke-node-maintenance",
        "queued nodes are not repaired",
        pool(queuedProvisioning={"enabled": True}, management={"autoRepair": False}),
    ),
    passes("gcp-gke-node-maintenance", "a cluster", cluster()),
    fails("gcp-gke-node-maintenance", "nothing said", pool(management=DROP)),
    fails("gcp-gke-node-maintenance", "no repair", pool(management={"autoRepair": False})),
    fails(
        "gcp-gke-node-maintenance",
        "queued nodes are upgraded",
        pool(queuedProvisioning={"enabled": True}, management={"autoUpgrade": False}),
    ),
    passes("gcp-gke-node-image", "said", pool()),
    passes("gcp-gke-node-image", "not said", nodes(imageType=DROP)),
    passes("gcp-gke-node-image", "in small letters", nodes(imageType="cos_containerd")),
    fails("gcp-gke-node-image", "Ubuntu", nodes(imageType="UBUNTU_CONTAINERD")),
    fails("gcp-gke-node-image", "with Docker", nodes(imageType="COS")),
    fails("gcp-gke-node-image", "Windows", nodes(imageType="WINDOWS_LTSC_CONTAINERD")),
]
