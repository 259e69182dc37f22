"""Rules of `WorkloadIdentity` on both clouds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import stanchion
from stanchion.foundation.identity import _aws, _gcp
from stanchion_cli.preview import typecheck
from unit.components.world import Registered, World, deploy

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mlflow-AbCdEf"
IMAGES = "arn:aws:ecr:eu-west-1:123456789012:repository/model-server"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234"
AWS: dict[str, Any] = {
    "location": {
        "cloud": "aws",
        "account": "123456789012",
        "region": "eu-west-1",
        "zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
    },
    "environment": "prod-aws",
    "owner": "platform",
    "cost_center": "cc-417",
    "cluster": {
        "name": "prod-aws",
        "version": "1.35",
        "endpoint": "https://eks.example.com",
        "certificate_authority": "Q0E=",
        "node_role": "arn:aws:iam::123456789012:role/prod-aws-nodes",
        "node_security_group_id": "sg-1",
        "identity_provider": "arn:aws:iam::123456789012:oidc-provider/example",
    },
    "namespace": "mlflow",
    "service_account": "server",
    "grants": [
        {"name": "artifacts", "kind": "bucket_write", "resource": "acme-artifacts", "key": KEY},
        {"name": "data", "kind": "bucket_read", "resource": "acme-data"},
        {"name": "password", "kind": "secret_read", "resource": SECRET},
        {"name": "images", "kind": "image_pull", "resource": IMAGES},
    ],
}
REPOSITORY = "projects/acme-prod/locations/europe-west4/repositories/models"
GCP: dict[str, Any] = {
    **AWS,
    "location": {
        "cloud": "gcp",
        "account": "acme-prod",
        "region": "europe-west4",
        "zones": ["europe-west4-a", "europe-west4-b", "europe-west4-c"],
    },
    "environment": "prod-gcp",
    "cluster": {
        **AWS["cluster"],
        "name": "prod-gcp",
        "node_security_group_id": "",
        "identity_provider": "acme-prod.svc.id.goog",
    },
    "grants": [
        {"name": "artifacts", "kind": "bucket_write", "resource": "acme-artifacts"},
        {"name": "data", "kind": "bucket_read", "resource": "acme-data"},
        {"name": "password", "kind": "secret_read", "resource": "mlflow"},
        {"name": "images", "kind": "image_pull", "resource": REPOSITORY},
    ],
}
BOTH = pytest.mark.parametrize("base", [AWS, GCP], ids=["aws", "gcp"])
EMAIL = "it@acme-prod.iam.gserviceaccount.com"
FILLED_IN: dict[str, dict[str, Any]] = {
    "aws:iam/role:Role": {"arn": "arn:role"},
    "gcp:serviceaccount/account:Account": {"email": EMAIL, "name": "projects/acme-prod/sa"},
}


def identity(base: Mapping[str, Any], *, preview: bool = False, **more: Any) -> World:
    def program() -> dict[str, Any]:
        made = stanchion.WorkloadIdentity("it", {**base, **more})  # type: ignore[typeddict-item]
        return {"annotations": made.annotations, "principal": made.principal}

    return deploy(program, preview=preview, computed=None if preview else FILLED_IN)


def of(world: World, type_: str) -> list[Registered]:
    return [r for r in world.resources if r.type.endswith(f":{type_}")]


def allowed(world: World) -> list[tuple[str, list[str]]]:
    """Resource and actions of each statement of the role's policy."""
    (policy,) = of(world, "RolePolicy")
    statements = json.loads(policy.inputs["policy"])["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return [(statement["Resource"], statement["Action"]) for statement in statements]


def problems(base: Mapping[str, Any], **more: Any) -> str:
    with pytest.raises(stanchion.ArgumentsError) as raised:
        identity(base, **more)
    return str(raised.value)


@BOTH
@pytest.mark.parametrize("preview", [True, False])
def test_every_input_is_one_that_the_provider_has(base: Mapping[str, Any], preview: bool) -> None:
    component, *children = identity(base, preview=preview).resources
    assert {child.parent for child in children} == {component.urn}
    assert not typecheck.check([{"urn": r.urn, "type": r.type, "inputs": r.wire} for r in children])


def test_a_role_may_do_exactly_what_its_grants_say() -> None:
    assert allowed(identity(AWS)) == [
        (
            "arn:aws:s3:::acme-artifacts",
            ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
        ),
        (
            "arn:aws:s3:::acme-artifacts/*",
            [
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
        ),
        (KEY, ["kms:Decrypt", "kms:GenerateDataKey"]),
        ("arn:aws:s3:::acme-data", ["s3:GetBucketLocation", "s3:ListBucket"]),
        ("arn:aws:s3:::acme-data/*", ["s3:GetObject"]),
        (SECRET, ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]),
        (
            IMAGES,
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        ),
        ("*", ["ecr:GetAuthorizationToken"]),
    ]


def test_no_action_is_a_wildcard_and_only_the_login_to_the_registry_is_on_anything() -> None:
    for resource, actions in allowed(identity(AWS)):
        assert not [action for action in actions if "*" in action]
        if resource == "*":
            assert actions == ["ecr:GetAuthorizationToken"]


def test_a_resource_may_be_known_later() -> None:
    grants = [
        {"name": "data", "kind": "bucket_read", "resource": pulumi.Output.from_input("acme-late")}
    ]
    assert allowed(identity(AWS, grants=grants))[0][0] == "arn:aws:s3:::acme-late"


def test_a_statement_is_there_once() -> None:
    grants = [
        {"name": f"images-{at}", "kind": "image_pull", "resource": f"{IMAGES}-{at}"}
        for at in range(3)
    ]
    resources = [resource for resource, _ in allowed(identity(AWS, grants=grants))]
    assert len(resources) == 4
    assert resources.count("*") == 1


def test_only_pods_of_the_service_account_in_the_cluster_may_take_the_role() -> None:
    (role,) = of(identity(AWS), "Role")
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": "123456789012",
        "aws:RequestTag/kubernetes-namespace": "mlflow",
        "aws:RequestTag/kubernetes-service-account": "server",
    }
    assert statement["Condition"]["ArnEquals"] == {
        "aws:SourceArn": "arn:aws:eks:eu-west-1:123456789012:cluster/prod-aws"
    }


def test_the_association_is_of_the_service_account_and_waits_for_the_rights() -> None:
    world = identity(AWS)
    (association,), (policy,) = of(world, "PodIdentityAssociation"), of(world, "RolePolicy")
    inputs = {key: value for key, value in association.inputs.items() if key != "tags"}
    assert inputs == {
        "clusterName": "prod-aws",
        "namespace": "mlflow",
        "serviceAccount": "server",
        "roleArn": "arn:role",
    }
    assert world.waits_for(association, policy)
    assert association.inputs["tags"]["cost-center"] == "cc-417"


def test_on_google_cloud_each_right_is_on_its_resource_and_none_on_the_project() -> None:
    world = identity(GCP)
    assert not [r for r in world.resources if r.type.startswith("gcp:projects/")]
    rights = {
        (r.type.split("/")[0], r.inputs.get("bucket") or r.inputs.get("secretId")
         or r.inputs.get("repository"), r.inputs["role"])
        for r in world.resources
        if r.inputs.get("member") == f"serviceAccount:{EMAIL}"
    }  # fmt: skip
    assert rights == {
        ("gcp:storage", "acme-artifacts", "roles/storage.objectUser"),
        ("gcp:storage", "acme-data", "roles/storage.objectViewer"),
        ("gcp:secretmanager", "mlflow", "roles/secretmanager.secretAccessor"),
        ("gcp:artifactregistry", REPOSITORY, "roles/artifactregistry.reader"),
    }


def test_only_pods_of_the_service_account_may_use_the_google_account() -> None:
    (user,) = of(identity(GCP), "IAMMember")
    assert user.inputs["role"] == "roles/iam.workloadIdentityUser"
    assert user.inputs["member"] == "serviceAccount:acme-prod.svc.id.goog[mlflow/server]"
    assert user.inputs["serviceAccountId"] == "projects/acme-prod/sa"


def test_the_kubernetes_service_account_learns_what_its_cloud_needs() -> None:
    assert identity(AWS).exports == {"annotations": {}, "principal": "arn:role"}
    assert identity(GCP).exports == {
        "annotations": {"iam.gke.io/gcp-service-account": EMAIL},
        "principal": EMAIL,
    }


@BOTH
def test_a_long_name_is_cut_and_told_apart(base: Mapping[str, Any]) -> None:
    made = set()
    for last in "ab":
        more: dict[str, Any] = {"namespace": "n" * 40, "service_account": f"{'s' * 39}{last}"}
        world = identity(base, **more)
        accounts = [*of(world, "Role"), *of(world, "Account")]
        made |= {r.inputs.get("accountId") or r.inputs["name"] for r in accounts}
    longest = _aws.LONGEST_ROLE if base is AWS else _gcp.LONGEST_ACCOUNT
    assert len(made) == 2
    assert all(len(name) <= longest for name in made)


def test_every_kind_of_grant_has_its_rights_on_both_clouds() -> None:
    kinds = set(stanchion.GrantKind)
    assert set(_aws.RIGHTS) == set(_gcp.ROLES) == kinds


def _grant(**grant: Any) -> dict[str, Any]:
    return {"grants": [{"name": "data", "kind": "bucket_read", "resource": "acme", **grant}]}


@BOTH
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"grants": []}, "grants: is empty"),
        (_grant(resource="acme-*"), "'acme-*' is more than one resource"),
        (_grant(kind="admin"), "write one of bucket_read, bucket_write, secret_read, image_pull"),
        (_grant(resource="Acme Data"), "is not the name of a bucket"),
        (_grant(kind="image_pull", resource="models"), "grants[0].resource: 'models' is not"),
        (_grant(kind="image_pull", key=KEY), "grants[0].key: is given"),
        ({"grants": _grant()["grants"] * 2}, "grants: 'data' is there twice"),
        ({"namespace": "kube*"}, "namespace: 'kube*' is no name"),
        ({"service_account": ""}, "service_account: '' is no name"),
        ({"cluster": {"name": "prod"}}, "cluster.endpoint: is missing"),
        ({"policy": "admin"}, "policy: is no argument"),
    ],
)
def test_bad_arguments_are_refused(
    base: Mapping[str, Any], more: Mapping[str, Any], expected: str
) -> None:
    assert expected in problems(base, **more)


def test_a_secret_of_aws_is_named_by_its_arn() -> None:
    told = problems(AWS, **_grant(kind="secret_read", resource="mlflow"))
    assert "'mlflow' is not the ARN of a secret" in told
