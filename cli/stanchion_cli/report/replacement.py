"""Which changes make the engine replace a resource, and which resources hold what cannot be remade.

The providers' plugins decide this when they run. Offline there are none, so this is a table of
what they do to resources that hold data or that everything else stands on. A change that is not
in it may still replace: the engine's own preview is the last word.
"""

from __future__ import annotations

from collections.abc import Iterable

from stanchion_cli.preview.model import Resource

STATEFUL: dict[str, frozenset[str]] = {
    "aws:cognito/userPool:UserPool": frozenset({"name"}),
    "aws:ebs/volume:Volume": frozenset({"availabilityZone", "encrypted", "kmsKeyId", "snapshotId"}),
    "aws:ecr/repository:Repository": frozenset({"name", "encryptionConfigurations"}),
    "aws:efs/fileSystem:FileSystem": frozenset(
        {"availabilityZoneName", "creationToken", "encrypted", "kmsKeyId", "performanceMode"}
    ),
    "aws:kms/key:Key": frozenset(
        {"customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion"}
    ),
    "aws:rds/instance:Instance": frozenset(
        {
            "availabilityZone",
            "characterSetName",
            "dbName",
            "engine",
            "kmsKeyId",
            "restoreToPointInTime",
            "snapshotIdentifier",
            "storageEncrypted",
            "timezone",
            "username",
        }
    ),
    "aws:s3/bucket:Bucket": frozenset({"bucket", "bucketPrefix", "objectLockEnabled"}),
    "aws:secretsmanager/secret:Secret": frozenset({"name", "namePrefix"}),
    "gcp:artifactregistry/repository:Repository": frozenset(
        {"format", "kmsKeyName", "location", "mode", "project", "repositoryId"}
    ),
    "gcp:compute/disk:Disk": frozenset({"image", "name", "project", "snapshot", "type", "zone"}),
    "gcp:kms/cryptoKey:CryptoKey": frozenset(
        {"destroyScheduledDuration", "importOnly", "keyRing", "name", "purpose"}
    ),
    "gcp:kms/keyRing:KeyRing": frozenset({"location", "name", "project"}),
    "gcp:secretmanager/secret:Secret": frozenset({"project", "replication", "secretId"}),
    "gcp:sql/database:Database": frozenset({"instance", "name", "project"}),
    "gcp:sql/databaseInstance:DatabaseInstance": frozenset(
        {"encryptionKeyName", "masterInstanceName", "name", "project", "region"}
    ),
    "gcp:storage/bucket:Bucket": frozenset(
        {"customPlacementConfig", "location", "name", "project"}
    ),
    "kubernetes:apps/v1:StatefulSet": frozenset(
        {
            "spec.podManagementPolicy",
            "spec.selector",
            "spec.serviceName",
            "spec.volumeClaimTemplates",
        }
    ),
    "kubernetes:core/v1:PersistentVolume": frozenset(),
    "kubernetes:core/v1:PersistentVolumeClaim": frozenset(
        {"spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"}
    ),
}
"""Types that hold data or keys to it, with what replaces them when it changes."""

CARRYING: dict[str, frozenset[str]] = {
    "aws:ec2/subnet:Subnet": frozenset({"availabilityZone", "cidrBlock", "vpcId"}),
    "aws:ec2/vpc:Vpc": frozenset({"cidrBlock", "ipv4IpamPoolId"}),
    "aws:eks/cluster:Cluster": frozenset(
        {
            "name",
            "roleArn",
            "bootstrapSelfManagedAddons",
            "kubernetesNetworkConfig.ipFamily",
            "kubernetesNetworkConfig.serviceIpv4Cidr",
        }
    ),
    "gcp:compute/network:Network": frozenset({"autoCreateSubnetworks", "name", "project"}),
    "gcp:compute/subnetwork:Subnetwork": frozenset({"name", "network", "project", "region"}),
    "gcp:container/cluster:Cluster": frozenset(
        {
            "clusterIpv4Cidr",
            "datapathProvider",
            "enableAutopilot",
            "ipAllocationPolicy",
            "location",
            "name",
            "network",
            "project",
            "subnetwork",
        }
    ),
    "kubernetes:core/v1:Namespace": frozenset(),
}
"""Types that everything else stands on, with what replaces them when it changes."""

_KUBERNETES = frozenset({"apiVersion", "kind", "metadata.name", "metadata.namespace"})
_SELECTORS = frozenset({"spec.selector"})
_ALSO: dict[str, frozenset[str]] = {
    "kubernetes:apps/v1:DaemonSet": _SELECTORS,
    "kubernetes:apps/v1:Deployment": _SELECTORS,
    "kubernetes:batch/v1:Job": frozenset({"spec.completions", "spec.selector", "spec.template"}),
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding": frozenset({"roleRef"}),
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": frozenset({"roleRef"}),
}


def replacing(resource: Resource, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the changed property paths that make the engine replace the resource.

    Args:
        resource: As it is planned, with its option `replace_on_changes`.
        paths: What differs from before, as `spec.selector.matchLabels.app`.
    """
    known = (STATEFUL, CARRYING, _ALSO)
    forcing = {path for table in known for path in table.get(resource.type, ())}
    if resource.type.startswith("kubernetes:"):
        forcing |= _KUBERNETES
    forcing |= set(resource.options.replace_on_changes)
    ignored = resource.options.ignore_changes
    return tuple(
        path
        for path in paths
        if not path.startswith("(option)")
        and any(_covers(each, path) for each in forcing)
        and not any(_covers(each, path) for each in ignored)
    )


def loss(type_: str) -> str:
    """What goes with such a resource when it goes; empty where nothing of weight does."""
    if type_ in STATEFUL:
        return "what it holds is lost"
    return "what stands on it goes with it" if type_ in CARRYING else ""


def _covers(pattern: str, path: str) -> bool:
    """Whether a path is the named property or lies within it; `*` stands for every property."""
    if pattern == "*":
        return True
    within = path.removeprefix(pattern)
    return path.startswith(pattern) and (not within or within[0] in ".[")
