"""The registry of the platform's own images, in each cloud."""

from __future__ import annotations

import json
from typing import Any, cast

import botocore.session
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion_cli.preview import typecheck
from unit.components.test_network import LOCATIONS, TAGS, enumeration, of, one
from unit.components.world import World, deploy

IMAGES = ["model-server", "mlflow"]


def registry(cloud: str, *, preview: bool = False, **changes: Any) -> World:
    """A registry of the environment dev."""
    args = {
        "location": LOCATIONS[cloud],
        "environment": "dev",
        "owner": "team-a",
        "cost_center": "cc-1",
        "images": IMAGES,
        **changes,
    }

    def program() -> Any:
        made = stanchion.ImageRegistry("images", cast("stanchion.ImageRegistryArgs", args))
        return made.repository

    filled_in: dict[str, dict[str, Any]] = {
        "aws:kms/key:Key": {"arn": "arn:key", "keyId": "key"},
        "gcp:projects/serviceIdentity:ServiceIdentity": {"member": "serviceAccount:registry"},
    }
    return deploy(program, preview=preview, computed={} if preview else filled_in)


@pytest.fixture(scope="module")
def on_aws() -> World:
    return registry("aws")


@pytest.fixture(scope="module")
def on_gcp() -> World:
    return registry("gcp")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_input_is_one_the_providers_know(cloud: str) -> None:
    resources: list[dict[str, Any]] = [
        {"urn": each.urn, "type": each.type, "inputs": each.wire}
        for each in registry(cloud).resources
    ]
    assert typecheck.check(resources) == []


@pytest.mark.parametrize(
    ("cloud", "address"),
    [
        ("aws", "123456789012.dkr.ecr.us-east-1.amazonaws.com/dev"),
        ("gcp", "us-central1-docker.pkg.dev/stanchion-dev/dev"),
    ],
)
def test_the_address_is_known_in_a_preview(cloud: str, address: str) -> None:
    assert registry(cloud).exports == address
    assert registry(cloud, preview=True).exports == address


def test_each_image_has_a_repository_below_the_environment(on_aws: World) -> None:
    names = {each.inputs["name"] for each in of(on_aws, "Repository")}
    assert names == {f"dev/{image}" for image in IMAGES}
    assert {each.inputs["repository"] for each in of(on_aws, "LifecyclePolicy")} == names


def test_tags_never_move_and_images_are_scanned_and_encrypted(on_aws: World, on_gcp: World) -> None:
    for each in of(on_aws, "Repository"):
        assert each.inputs["imageTagMutability"] == "IMMUTABLE"
        assert each.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert each.inputs["encryptionConfigurations"] == [
            {"encryptionType": "KMS", "kmsKey": "arn:key"}
        ]
    assert one(on_aws, "Key")["enableKeyRotation"] is True
    made = one(on_gcp, "Repository")
    assert made["dockerConfig"] == {"immutableTags": True}
    assert made["vulnerabilityScanningConfig"] == {"enablementConfig": "INHERITED"}
    assert made["kmsKeyName"] == "images-key-id"
    assert one(on_gcp, "CryptoKey")["rotationPeriod"] == "7776000s"


def test_the_key_can_be_used_before_the_repository_is_made(on_gcp: World) -> None:
    (right,), (made,) = of(on_gcp, "CryptoKeyIAMMember"), of(on_gcp, "Repository")
    assert right.inputs["member"] == "serviceAccount:registry"
    assert on_gcp.waits_for(made, right)


def test_only_images_without_a_tag_are_deleted() -> None:
    aws, gcp = registry("aws", untagged_days=3), registry("gcp", untagged_days=3)
    for each in of(aws, "LifecyclePolicy"):
        (rule,) = json.loads(each.inputs["policy"])["rules"]
        assert rule["selection"]["tagStatus"] == "untagged"
        assert (rule["selection"]["countNumber"], rule["selection"]["countUnit"]) == (3, "days")
    (policy,) = one(gcp, "Repository")["cleanupPolicies"]
    assert policy["condition"] == {"tagState": "UNTAGGED", "olderThan": "259200s"}
    assert one(gcp, "Repository")["cleanupPolicyDryRun"] is False


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_kept_images_are_protected_and_booked(cloud: str, keep: bool) -> None:
    made = of(registry(cloud, keep=keep), "Repository")
    assert made
    for each in made:
        assert each.protect is keep
        assert each.retain is keep
        assert each.inputs["tags" if cloud == "aws" else "labels"] == TAGS


def test_enumerations_are_the_clouds_own(on_aws: World, on_gcp: World) -> None:
    model = botocore.session.get_session().get_service_model("ecr")
    for each in of(on_aws, "Repository"):
        assert each.inputs["imageTagMutability"] in model.shape_for("ImageTagMutability").enum
        (encryption,) = each.inputs["encryptionConfigurations"]
        assert encryption["encryptionType"] in model.shape_for("EncryptionType").enum
    made = one(on_gcp, "Repository")
    (policy,) = made["cleanupPolicies"]
    document = "artifactregistry.v1"
    assert made["format"] in enumeration(document, "Repository", "format")
    assert made["mode"] in enumeration(document, "Repository", "mode")
    assert policy["action"] in enumeration(document, "CleanupPolicy", "action")
    state = policy["condition"]["tagState"]
    assert state in enumeration(document, "CleanupPolicyCondition", "tagState")
    assert made["vulnerabilityScanningConfig"]["enablementConfig"] in enumeration(
        document, "VulnerabilityScanningConfig", "enablementConfig"
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"images": []}, "images: is empty; name an image"),
        ({"images": ["mlflow", "mlflow"]}, "images: 'mlflow' is there twice; remove one"),
        ({"images": ["MLflow"]}, "images[0]: 'MLflow' is no name"),
        ({"untagged_days": 0}, "untagged_days: 0 is out of range; write 1 to 365"),
        ({"environment": "-"}, "environment: '-' is no name"),
        ({"owner": "a b"}, "owner: 'a b' cannot be a label"),
        (
            {"location": {**LOCATIONS["aws"], "account": "dev"}},
            "location.account: 'dev' is no account; write the 12 digits",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        registry("aws", **wrong)
    assert told in str(error.value)
