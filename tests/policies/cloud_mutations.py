"""Our own production environments in either cloud, each broken in the way that a policy forbids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.cloud_resources import allow, cloud, document
from policies.manifests import DROP
from stanchion_cli.policies import AnalyzedResource

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutation:
    """What is done to an environment and what is to be said of it.

    Attributes:
        policy: The policy that is to see it.
        environment: The environment.
        told: What the message must name, the field above all.
        about: The Pulumi name of the resource that the message must be about.
        changes: What resources, by name, get at each path; `DROP` takes it away.
        without: Names of resources that are taken away.
        added: A resource that is added.
    """

    policy: str
    environment: str
    told: str
    about: str
    changes: Mapping[str, Mapping[Path, Any]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    added: AnalyzedResource | None = None

    def __str__(self) -> str:
        return self.policy


def changed(policy: str, name: str, *path: str | int, to: Any = DROP, told: str = "") -> Mutation:
    """A resource with another value at a path, or with none there."""
    words = told or str([step for step in path if isinstance(step, str)][-1])
    return Mutation(policy, _environment(policy), words, name, {name: {path: to}})


def through(
    policy: str, about: str, name: str, *path: str | int, to: Any = DROP, told: str
) -> Mutation:
    """A change of one resource that makes another one break the rule."""
    return Mutation(policy, _environment(policy), told, about, {name: {path: to}})


def lacking(policy: str, about: str, *names: str, told: str) -> Mutation:
    """An environment without some resources, which leaves another one to break the rule."""
    return Mutation(policy, _environment(policy), told, about, without=names)


def having(policy: str, resource: AnalyzedResource, told: str) -> Mutation:
    """An environment with a resource more."""
    return Mutation(policy, _environment(policy), told, resource.name, added=resource)


def _environment(policy: str) -> str:
    return "prod-gcp" if policy.startswith("gcp-") else "prod-aws"


def _trust(account: str) -> str:
    """Trust in any token of an issuer whose subject is a service account like one."""
    subject = f"system:serviceaccount:tracking:{account}"
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/oidc"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {"oidc:sub": subject}},
        }
    )


EVERYBODY = "0.0.0.0/0"
SERVER = ("settings",)
NODE: Path = ("nodeConfig",)

AWS = [
    changed(
        "aws-eks-endpoint",
        "cluster-cluster",
        "vpcConfig",
        "endpointPublicAccess",
        to=True,
        told="publicAccessCidrs",
    ),
    changed("aws-eks-secrets-encrypted", "cluster-cluster", "encryptionConfig"),
    changed(
        "aws-eks-control-plane-logs",
        "cluster-cluster",
        "enabledClusterLogTypes",
        to=["api"],
        told="audit",
    ),
    changed("aws-eks-version", "cluster-cluster", "version", to="1.30"),
    changed("aws-eks-access-entries", "cluster-cluster", "accessConfig", "authenticationMode"),
    changed("aws-eks-deletion-protection", "cluster-cluster", "deletionProtection", to=False),
    through(
        "aws-eks-network-policy",
        "cluster-cluster",
        "cluster-vpc-cni",
        "configurationValues",
        to=json.dumps({"enableNetworkPolicy": "false"}),
        told="enableNetworkPolicy",
    ),
    changed(
        "aws-eks-nodes-no-ssh", "cluster-system", "remoteAccess", to={"ec2SshKey": "administrators"}
    ),
    changed("aws-instance-metadata", "cluster-system-template", "metadataOptions", "httpTokens"),
    changed(
        "karpenter-instance-metadata",
        "pool-general-class",
        "spec",
        "metadataOptions",
        "httpPutResponseHopLimit",
        to=2,
    ),
    changed(
        "karpenter-volumes-encrypted",
        "pool-general-class",
        "spec",
        "blockDeviceMappings",
        0,
        "ebs",
        "encrypted",
        to=False,
    ),
    changed("aws-s3-no-public-acl", "artifacts-bucket", "acl", to="public-read"),
    through(
        "aws-s3-public-access-blocked",
        "artifacts-bucket",
        "artifacts-private",
        "restrictPublicBuckets",
        to=False,
        told="restrictPublicBuckets",
    ),
    through(
        "aws-s3-encrypted",
        "backups-bucket",
        "backups-encryption",
        "rules",
        0,
        "applyServerSideEncryptionByDefault",
        to={"sseAlgorithm": "AES256"},
        told="kmsMasterKeyId",
    ),
    through(
        "aws-s3-versioned",
        "backups-bucket",
        "backups-versioning",
        "versioningConfiguration",
        "status",
        to="Suspended",
        told="status",
    ),
    lacking("aws-s3-lifecycle", "artifacts-bucket", "artifacts-lifecycle", told="lifecycle"),
    lacking("aws-s3-tls-only", "backups-bucket", "backups-tls-only", told="aws:SecureTransport"),
    lacking(
        "aws-s3-access-logs",
        "artifacts-bucket",
        "artifacts-logging",
        "artifacts-access-logs",
        told="BucketLogging",
    ),
    changed("aws-rds-private", "database-server", "publiclyAccessible", to=True),
    changed("aws-rds-encrypted", "database-server", "storageEncrypted"),
    changed("aws-rds-backups", "database-server", "backupRetentionPeriod", to=1),
    changed("aws-rds-deletion-protection", "database-server", "deletionProtection", to=False),
    changed("aws-rds-multi-az", "database-server", "multiAz", to=False),
    changed("aws-rds-minor-upgrades", "database-server", "autoMinorVersionUpgrade", to=False),
    through(
        "aws-rds-tls",
        "database-server",
        "database-parameters",
        "parameters",
        0,
        "value",
        to="0",
        told="rds.force_ssl",
    ),
    changed(
        "aws-volumes-encrypted",
        "cluster-system-template",
        "blockDeviceMappings",
        0,
        "ebs",
        "encrypted",
        to="false",
    ),
    changed("aws-kms-rotation", "database-key", "enableKeyRotation"),
    changed("aws-ecr-immutable", "images-mlflow", "imageTagMutability", to="MUTABLE"),
    changed("aws-ecr-scan", "images-mlflow", "imageScanningConfiguration", told="scanOnPush"),
    changed("aws-log-retention", "cluster-logs", "retentionInDays"),
    changed(
        "aws-iam-no-wildcards", "network-flow-log-policy", "policy", to=document(allow("logs:*"))
    ),
    changed(
        "aws-iam-no-escalation",
        "operators-external-secrets-policy",
        "policy",
        to=document(allow(["iam:PassRole"])),
        told="iam:passrole",
    ),
    changed(
        "aws-iam-no-administrators",
        "cluster-node-role-AmazonEKSWorkerNodePolicy",
        "policyArn",
        to="arn:aws:iam::aws:policy/AdministratorAccess",
    ),
    changed("aws-iam-trust", "mlflow-identity-role", "assumeRolePolicy", to=_trust("*")),
    changed(
        "aws-iam-one-workload",
        "mlflow-identity-role",
        "assumeRolePolicy",
        to=_trust("another"),
        told="tracking/another and tracking/mlflow",
    ),
    having(
        "aws-iam-no-access-keys", cloud("aws:iam/accessKey:AccessKey", "ci", user="ci"), "expires"
    ),
    having(
        "aws-iam-rights-by-group",
        cloud("aws:iam/userPolicy:UserPolicy", "ci", user="ci", policy=document()),
        "user",
    ),
    changed(
        "aws-resource-policy-not-public",
        "artifacts-tls-only",
        "policy",
        to=document(allow("s3:GetObject", Principal="*")),
    ),
    changed(
        "aws-security-group-not-open",
        "database-group-postgresql",
        "cidrIpv4",
        to=EVERYBODY,
        told=EVERYBODY,
    ),
    having(
        "aws-network-acl-no-administration",
        cloud(
            "aws:ec2/networkAclRule:NetworkAclRule",
            "ssh",
            ruleAction="allow",
            protocol="-1",
            cidrBlock=EVERYBODY,
        ),
        "22",
    ),
    lacking(
        "aws-vpc-default-group-closed",
        "network-vpc",
        "network-default-group",
        told="default security group",
    ),
    lacking("aws-vpc-flow-logs", "network-vpc", "network-flow-log", told="FlowLog"),
    having("aws-no-default-vpc", cloud("aws:ec2/defaultVpc:DefaultVpc", "default"), "network"),
    changed(
        "aws-no-public-addresses", "network-private-us-east-1a", "mapPublicIpOnLaunch", to=True
    ),
    having(
        "aws-load-balancer-tls",
        cloud("aws:lb/listener:Listener", "web", protocol="HTTP", defaultActions=[]),
        "HTTP",
    ),
]

GCP = [
    changed(
        "gcp-gke-private-nodes",
        "cluster-cluster",
        "privateClusterConfig",
        "enablePrivateNodes",
        to=False,
    ),
    changed(
        "gcp-gke-control-plane",
        "cluster-cluster",
        "masterAuthorizedNetworksConfig",
        "cidrBlocks",
        0,
        "cidrBlock",
        to=EVERYBODY,
        told=EVERYBODY,
    ),
    changed("gcp-gke-workload-identity", "pool-l4-on-demand", *NODE, "workloadMetadataConfig"),
    changed("gcp-gke-node-account", "pool-l4-on-demand", *NODE, "serviceAccount"),
    changed(
        "gcp-gke-shielded-nodes",
        "cluster-system",
        *NODE,
        "shieldedInstanceConfig",
        "enableSecureBoot",
        to=False,
    ),
    changed("gcp-gke-node-maintenance", "cluster-system", "management", "autoUpgrade", to=False),
    changed("gcp-gke-node-image", "cluster-system", *NODE, "imageType", to="UBUNTU_CONTAINERD"),
    changed("gcp-gke-release-channel", "cluster-cluster", "releaseChannel"),
    changed("gcp-gke-network-policy", "cluster-cluster", "datapathProvider"),
    changed("gcp-gke-vpc-native", "cluster-cluster", "networkingMode", to="ROUTES"),
    changed(
        "gcp-gke-no-client-certificate",
        "cluster-cluster",
        "masterAuth",
        "clientCertificateConfig",
        "issueClientCertificate",
        to=True,
    ),
    changed("gcp-gke-no-legacy-abac", "cluster-cluster", "enableLegacyAbac", to=True),
    changed("gcp-gke-logging-and-monitoring", "cluster-cluster", "loggingService", to="none"),
    changed("gcp-gke-secrets-encrypted", "cluster-cluster", "databaseEncryption"),
    changed("gcp-gke-deletion-protection", "cluster-cluster", "deletionProtection", to=False),
    changed("gcp-gke-no-alpha", "cluster-cluster", "enableKubernetesAlpha", to=True),
    changed("gcp-sql-private", "database-server", *SERVER, "ipConfiguration", "ipv4Enabled"),
    changed(
        "gcp-sql-not-open",
        "database-server",
        *SERVER,
        "ipConfiguration",
        "authorizedNetworks",
        to=[{"value": EVERYBODY}],
    ),
    changed("gcp-sql-backups", "database-server", *SERVER, "backupConfiguration"),
    changed("gcp-sql-tls", "database-server", *SERVER, "ipConfiguration", "sslMode"),
    changed("gcp-sql-deletion-protection", "database-server", "deletionProtection", to=False),
    changed("gcp-sql-regional", "database-server", *SERVER, "availabilityType", to="ZONAL"),
    changed("gcp-storage-uniform-access", "artifacts-bucket", "uniformBucketLevelAccess"),
    changed(
        "gcp-storage-public-access-prevented",
        "artifacts-access-logs",
        "publicAccessPrevention",
        to="inherited",
    ),
    changed("gcp-storage-versioned", "backups-bucket", "versioning", "enabled", to=False),
    changed("gcp-storage-lifecycle", "backups-bucket", "lifecycleRules"),
    changed("gcp-registry-immutable", "images-repository", "dockerConfig", "immutableTags"),
    changed(
        "gcp-registry-scan",
        "images-repository",
        "vulnerabilityScanningConfig",
        "enablementConfig",
        to="DISABLED",
    ),
    changed("gcp-kms-rotation", "database-key", "rotationPeriod"),
    changed(
        "gcp-iam-no-primitive-roles",
        "operators-secrets-may-read",
        "role",
        to="roles/editor",
        told="roles/editor",
    ),
    changed(
        "gcp-iam-not-public",
        "mlflow-identity-may-artifacts",
        "member",
        to="allUsers",
        told="allUsers",
    ),
    changed(
        "gcp-iam-no-project-wide-impersonation",
        "operators-secrets-may-read",
        "role",
        to="roles/iam.serviceAccountTokenCreator",
        told="roles/iam.serviceAccountTokenCreator",
    ),
    changed(
        "gcp-iam-no-administrator-accounts",
        "cluster-administrator-group-platform-admins@example.com",
        "member",
        to="serviceAccount:ci@example-ml-prod.iam.gserviceaccount.com",
        told="roles/container.admin",
    ),
    having(
        "gcp-iam-no-account-keys",
        cloud("gcp:serviceaccount/key:Key", "ci", serviceAccountId="ci"),
        "expires",
    ),
    through(
        "gcp-iam-one-workload",
        "mlflow-identity-account",
        "mlflow-identity-user",
        "member",
        to="principalSet://iam.googleapis.com/pools/github/*",
        told="principalSet",
    ),
    changed(
        "gcp-firewall-not-open", "network-internal", "sourceRanges", to=[EVERYBODY], told=EVERYBODY
    ),
    changed("gcp-network-custom", "network-network", "autoCreateSubnetworks"),
    changed("gcp-subnet-flow-logs", "network-nodes", "logConfig"),
    changed("gcp-subnet-private-access", "network-nodes", "privateIpGoogleAccess", to=False),
    having(
        "gcp-no-public-addresses",
        cloud(
            "gcp:compute/instance:Instance",
            "bastion",
            networkInterfaces=[{"accessConfigs": [{"networkTier": "PREMIUM"}]}],
        ),
        "accessConfigs",
    ),
]

MUTATIONS = [*AWS, *GCP]
