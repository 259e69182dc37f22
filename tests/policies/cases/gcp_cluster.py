"""Cases of the policies about GKE."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import altered, cloud
from policies.manifests import DROP, UNKNOWN
from stanchion_cli.policies import AnalyzedResource

ACCOUNT = "nodes@project.iam.gserviceaccount.com"
CLUSTER: dict[str, Any] = {
    "name": "ml",
    "removeDefaultNodePool": True,
    "privateClusterConfig": {"enablePrivateNodes": True, "enablePrivateEndpoint": True},
    "workloadIdentityConfig": {"workloadPool": "project.svc.id.goog"},
    "releaseChannel": {"channel": "REGULAR"},
    "datapathProvider": "ADVANCED_DATAPATH",
    "networkingMode": "VPC_NATIVE",
    "ipAllocationPolicy": {},
    "databaseEncryption": {"state": "ENCRYPTED", "keyName": "projects/p/keys/k"},
}
POOL: dict[str, Any] = {
    "cluster": "ml",
    "management": {"autoRepair": True, "autoUpgrade": True},
    "nodeConfig": {
        "imageType": "COS_CONTAINERD",
        "serviceAccount": ACCOUNT,
        "workloadMetadataConfig": {"mode": "GKE_METADATA"},
        "shieldedInstanceConfig": {"enableSecureBoot": True, "enableIntegrityMonitoring": True},
    },
}


def cluster(**change: Any) -> AnalyzedResource:
    return cloud("gcp:container/cluster:Cluster", "ml", **altered(CLUSTER, change))


def pool(**change: Any) -> AnalyzedResource:
    return cloud("gcp:container/nodePool:NodePool", "pool", **altered(POOL, change))


def autopilot(**change: Any) -> AnalyzedResource:
    """A cluster whose nodes are Google's."""
    bare = dict.fromkeys(("workloadIdentityConfig", "releaseChannel", "datapathProvider"), DROP)
    return cluster(enableAutopilot=True, **{**bare, **change})


def authorised(*cidrs: Any, **more: Any) -> AnalyzedResource:
    """A cluster with a public endpoint for some ranges."""
    return cluster(
        privateClusterConfig={"enablePrivateEndpoint": False},
        masterAuthorizedNetworksConfig={"cidrBlocks": [{"cidrBlock": c} for c in cidrs], **more},
    )


REACH = [
    passes("gcp-gke-control-plane", "private", cluster()),
    passes("gcp-gke-control-plane", "ranges", authorised("203.0.113.0/24")),
    passes("gcp-gke-control-plane", "nobody by address", authorised()),
    passes(
        "gcp-gke-control-plane",
        "by name only",
        cluster(
            privateClusterConfig={"enablePrivateEndpoint": False},
            controlPlaneEndpointsConfig={"ipEndpointsConfig": {"enabled": False}},
        ),
    ),
    undecided("gcp-gke-control-plane", "not known", authorised(UNKNOWN)),
    fails(
        "gcp-gke-control-plane",
        "no ranges",
        cluster(privateClusterConfig={"enablePrivateEndpoint": False}),
    ),
    fails("gcp-gke-control-plane", "nothing said", cluster(privateClusterConfig=DROP)),
    fails("gcp-gke-control-plane", "everybody", authorised("203.0.113.0/24", "0.0.0.0/0")),
    fails(
        "gcp-gke-control-plane",
        "all of Google Cloud",
        authorised("203.0.113.0/24", gcpPublicCidrsAccessEnabled=True),
    ),
    passes("gcp-gke-network-policy", "Dataplane V2", cluster()),
    passes(
        "gcp-gke-network-policy",
        "Calico",
        cluster(datapathProvider=DROP, networkPolicy={"enabled": True}),
    ),
    passes("gcp-gke-network-policy", "Autopilot", autopilot()),
    fails("gcp-gke-network-policy", "nothing said", cluster(datapathProvider=DROP)),
    fails("gcp-gke-network-policy", "the older one", cluster(datapathProvider="LEGACY_DATAPATH")),
    fails(
        "gcp-gke-network-policy",
        "off",
        cluster(datapathProvider=DROP, networkPolicy={"enabled": False}),
    ),
    passes("gcp-gke-vpc-native", "said", cluster()),
    passes("gcp-gke-vpc-native", "not said, native by default", cluster(networkingMode=DROP)),
    passes("gcp-gke-vpc-native", "Autopilot", autopilot()),
    fails("gcp-gke-vpc-native", "routes", cluster(networkingMode="ROUTES")),
    fails(
        "gcp-gke-vpc-native",
        "routes, no policy",
        cluster(networkingMode="ROUTES", ipAllocationPolicy=DROP),
    ),
    fails(
        "gcp-gke-vpc-native",
        "routes, public",
        cluster(networkingMode="ROUTES", privateClusterConfig=DROP),
    ),
]

CONTROL_PLANE = [
    passes("gcp-gke-release-channel", "regular", cluster()),
    passes("gcp-gke-release-channel", "by setting", cluster(), channels=["REGULAR"]),
    passes("gcp-gke-release-channel", "Autopilot", autopilot()),
    undecided("gcp-gke-release-channel", "not known", cluster(releaseChannel={"channel": UNKNOWN})),
    fails("gcp-gke-release-channel", "none", cluster(releaseChannel=DROP)),
    fails(
        "gcp-gke-release-channel", "unspecified", cluster(releaseChannel={"channel": "UNSPECIFIED"})
    ),
    fails("gcp-gke-release-channel", "another by setting", cluster(), channels=["STABLE"]),
    passes("gcp-gke-no-client-certificate", "none", cluster()),
    passes(
        "gcp-gke-no-client-certificate",
        "said",
        cluster(masterAuth={"clientCertificateConfig": {"issueClientCertificate": False}}),
    ),
    passes("gcp-gke-no-client-certificate", "a pool", pool()),
    fails(
        "gcp-gke-no-client-certificate",
        "issued",
        cluster(masterAuth={"clientCertificateConfig": {"issueClientCertificate": True}}),
    ),
    fails(
        "gcp-gke-no-client-certificate",
        "issued in Autopilot",
        autopilot(masterAuth={"clientCertificateConfig": {"issueClientCertificate": True}}),
    ),
    fails(
        "gcp-gke-no-client-certificate",
        "issued in a private cluster",
        cluster(
            privateClusterConfig={"enablePrivateEndpoint": True},
            masterAuth={"clientCertificateConfig": {"issueClientCertificate": True}},
        ),
    ),
    passes("gcp-gke-no-legacy-abac", "not said, off by default", cluster()),
    passes("gcp-gke-no-legacy-abac", "off", cluster(enableLegacyAbac=False)),
    passes("gcp-gke-no-legacy-abac", "a pool", pool()),
    undecided("gcp-gke-no-legacy-abac", "not known", cluster(enableLegacyAbac=UNKNOWN)),
    fails("gcp-gke-no-legacy-abac", "on", cluster(enableLegacyAbac=True)),
    fails(
        "gcp-gke-no-legacy-abac",
        "on beside roles",
        cluster(enableLegacyAbac=True, rbacBindingConfig={}),
    ),
    fails("gcp-gke-no-legacy-abac", "on in private", cluster(enableLegacyAbac=True, name="b")),
    passes("gcp-gke-logging-and-monitoring", "by default", cluster()),
    passes(
        "gcp-gke-logging-and-monitoring",
        "listed",
        cluster(
            loggingConfig={"enableComponents": ["WORKLOADS", "SYSTEM_COMPONENTS"]},
            monitoringConfig={"enableComponents": ["SYSTEM_COMPONENTS"]},
        ),
    ),
    passes(
        "gcp-gke-logging-and-monitoring",
        "only Prometheus said",
        cluster(monitoringConfig={"managedPrometheus": {"enabled": True}}),
    ),
    fails("gcp-gke-logging-and-monitoring", "no logs", cluster(loggingService="none")),
    fails(
        "gcp-gke-logging-and-monitoring",
        "no metrics",
        cluster(monitoringConfig={"enableComponents": []}),
    ),
    fails(
        "gcp-gke-logging-and-monitoring",
        "no logs of workloads",
        cluster(loggingConfig={"enableComponents": ["SYSTEM_COMPONENTS"]}),
    ),
    passes("gcp-gke-secrets-encrypted", "key", cluster()),
    passes(
        "gcp-gke-secrets-encrypted",
        "key not known yet",
        cluster(databaseEncryption={"keyName": UNKNOWN}),
    ),
    passes(
        "gcp-gke-secrets-encrypted",
        "everything",
        cluster(databaseEncryption={"state": "ALL_OBJECTS_ENCRYPTION_ENABLED"}),
    ),
    fails("gcp-gke-secrets-encrypted", "nothing said", cluster(databaseEncryption=DROP)),
    fails("gcp-gke-secrets-encrypted", "no", cluster(databaseEncryption={"state": "DECRYPTED"})),
    fails("gcp-gke-secrets-encrypted", "no key", cluster(databaseEncryption={"keyName": DROP})),
    passes("gcp-gke-deletion-protection", "by default", cluster()),
    passes("gcp-gke-deletion-protection", "on", cluster(deletionProtection=True)),
    passes("gcp-gke-deletion-protection", "a pool", pool()),
    undecided("gcp-gke-deletion-protection", "not known", cluster(deletionProtection=UNKNOWN)),
    fails("gcp-gke-deletion-protection", "off", cluster(deletionProtection=False)),
    fails("gcp-gke-deletion-protection", "off in Autopilot", autopilot(deletionProtection=False)),
    fails(
        "gcp-gke-deletion-protection",
        "off beside another that is on",
        cluster(),
        cloud("gcp:container/cluster:Cluster", "b", deletionProtection=False),
    ),
    passes("gcp-gke-no-alpha", "none", cluster()),
    passes("gcp-gke-no-alpha", "off", cluster(enableKubernetesAlpha=False)),
    passes(
        "gcp-gke-no-alpha", "beta interfaces", cluster(enableK8sBetaApis={"enabledApis": ["a"]})
    ),
    fails("gcp-gke-no-alpha", "alpha", cluster(enableKubernetesAlpha=True)),
    fails(
        "gcp-gke-no-alpha",
        "alpha off channel",
        cluster(enableKubernetesAlpha=True, releaseChannel=DROP),
    ),
    fails(
        "gcp-gke-no-alpha", "alpha without a name", cluster(enableKubernetesAlpha=True, name=DROP)
    ),
]

CASES: list[Case] = [*REACH, *CONTROL_PLANE]
