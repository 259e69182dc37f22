"""Pools of GPU and CPU nodes, in each cloud."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, cast

import botocore.session
import pytest
from stanchion import ArgumentsError
from stanchion.checks import Checks
from stanchion.foundation.gpu_pool import GpuPool, GpuPoolArgs
from stanchion.placement import Placement, check_devices
from stanchion_cli.preview import typecheck
from unit.components.world import World, deploy

LOCATIONS: dict[str, dict[str, Any]] = {
    "aws": {
        "cloud": "aws",
        "account": "123456789012",
        "region": "us-east-1",
        "zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
    },
    "gcp": {
        "cloud": "gcp",
        "account": "stanchion-dev",
        "region": "us-central1",
        "zones": ["us-central1-a", "us-central1-b", "us-central1-c"],
    },
}
TAGS = {
    "owner": "team-a",
    "cost-center": "cc-1",
    "environment": "dev",
    "managed-by": "stanchion",
}
TOLERATION = {
    "key": "nvidia.com/gpu",
    "operator": "Equal",
    "value": "present",
    "effect": "NoSchedule",
}
TRAINING: dict[str, Any] = {
    "accelerator": "nvidia-h100-80gb",
    "gpus_per_node": 8,
    "efa": True,
    "zones": ["us-east-1a"],
    "min_nodes": 4,
    "max_nodes": 4,
    "capacity": ["on_demand"],
}
BLOCK: dict[str, Any] = {
    **TRAINING,
    "capacity": ["capacity_block"],
    "reservation": "cr-0123456789abcdef0",
}


def arguments(cloud: str, **changes: Any) -> dict[str, Any]:
    """Of a pool of L4s in the environment dev; a change to None leaves an argument out."""
    aws = cloud == "aws"
    args: dict[str, Any] = {
        "location": LOCATIONS[cloud],
        "environment": "dev",
        "owner": "team-a",
        "cost_center": "cc-1",
        "cluster": {
            "name": "dev",
            "version": "1.33",
            "endpoint": "https://cluster.example.com",
            "certificate_authority": "Q0E=",
            "node_role": "arn:aws:iam::123456789012:role/dev-nodes"
            if aws
            else "nodes@stanchion-dev.iam.gserviceaccount.com",
            "node_security_group_id": "sg-0123" if aws else "",
            "identity_provider": "idp",
        },
        "network": {
            "network_id": "network",
            "subnet_ids": ["subnet-a", "subnet-b", "subnet-c"] if aws else ["subnet"],
            "cidr": "10.20.0.0/16",
            "pods_range": "",
            "services_range": "",
        },
        "accelerator": "nvidia-l4",
        "capacity": ["spot", "on_demand"],
        "max_nodes": 10,
        **({"node_image": "v20250920"} if aws else {}),
        **changes,
    }
    return {key: value for key, value in args.items() if value is not None}


def pool(cloud: str, *, preview: bool = False, **changes: Any) -> World:
    """A pool named l4 with `arguments`."""
    given = cast("GpuPoolArgs", arguments(cloud, **changes))
    return deploy(lambda: GpuPool("l4", given).placement, preview=preview)


def made(world: World, kind: str) -> list[Mapping[str, Any]]:
    return [each.inputs for each in world.resources if each.type.endswith(f":{kind}")]


def one(world: World, kind: str) -> Mapping[str, Any]:
    (found,) = made(world, kind)
    return found


def spec(world: World, kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = world.object(kind)["spec"]
    return found


SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("aws", {}),
    ("aws", TRAINING),
    ("aws", {**BLOCK, "nvme_cache": True}),
    ("aws", {"accelerator": None, "machine_type": "m7i.2xlarge"}),
    ("gcp", {}),
    ("gcp", {"capacity": ["queued"], "accelerator": "nvidia-h100-80gb"}),
    ("gcp", {"capacity": ["reservation"], "reservation": "h100", "nvme_cache": True}),
    ("gcp", {"time_slices": 4, "expire_hours": 24}),
    ("gcp", {"accelerator": "nvidia-a100-40gb", "mig_profile": "1g.5gb"}),
    ("gcp", {"accelerator": None, "machine_type": "c3-standard-8"}),
]


@pytest.mark.parametrize(("cloud", "changes"), SHAPES)
@pytest.mark.parametrize("preview", [True, False])
def test_every_input_is_one_that_the_provider_takes(
    cloud: str, changes: dict[str, Any], preview: bool
) -> None:
    world = pool(cloud, preview=preview, **changes)
    assert world.resources
    assert not typecheck.check(
        [{"urn": r.urn, "type": r.type, "inputs": r.wire} for r in world.resources]
    )


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_workloads_receive_the_same_placement_from_either_cloud(cloud: str) -> None:
    placed = pool(cloud, capacity=["spot"]).exports
    assert placed == {
        "pool": "l4",
        "node_selector": {"stanchion.dev/pool": "l4"},
        "tolerations": [TOLERATION],
        "device": "nvidia.com/gpu",
        "devices_per_node": 1,
        "devices_per_container": 1,
        "max_devices": 10,
        "device_memory": 21.9,
        "nvme_cache": False,
        "cloud": cloud,
        "min_nodes": 0,
        "max_cpu": 30,
        "max_memory": 120,
        "image_streaming": cloud == "gcp",
    }


def test_an_elastic_pool_of_aws_offers_every_machine_with_the_accelerator() -> None:
    world = pool("aws")
    template = spec(world, "NodePool")["template"]
    wanted = {each["key"]: each["values"] for each in template["spec"]["requirements"]}
    assert wanted["node.kubernetes.io/instance-type"][:2] == ["g6.xlarge", "g6.2xlarge"]
    assert wanted["karpenter.sh/capacity-type"] == ["spot", "on-demand"]
    assert wanted["topology.kubernetes.io/zone"] == LOCATIONS["aws"]["zones"]
    assert template["metadata"]["labels"]["stanchion.dev/accelerator"] == "nvidia-l4"


def test_the_nodes_of_aws_carry_the_taint_that_workloads_tolerate() -> None:
    (taint,) = spec(pool("aws"), "NodePool")["template"]["spec"]["taints"]
    assert {**taint, "operator": "Equal"} == TOLERATION


def test_an_elastic_pool_is_bounded_in_gpus_and_a_cpu_pool_in_cores() -> None:
    four = spec(pool("aws", gpus_per_node=4, max_nodes=3), "NodePool")
    assert four["limits"] == {"nvidia.com/gpu": "12"}
    cpu = spec(pool("aws", accelerator=None, machine_type="m7i.2xlarge"), "NodePool")
    assert cpu["limits"] == {"cpu": "80"}
    assert "taints" not in cpu["template"]["spec"]


def test_a_loaded_gpu_is_never_moved_to_save_a_node() -> None:
    assert spec(pool("aws"), "NodePool")["disruption"]["consolidationPolicy"] == "WhenEmpty"


def test_nodes_of_karpenter_are_hardened_and_their_image_is_pinned() -> None:
    node_class = spec(pool("aws", nvme_cache=True, zones=["us-east-1b"]), "EC2NodeClass")
    assert node_class["metadataOptions"]["httpTokens"] == "required"
    assert node_class["metadataOptions"]["httpPutResponseHopLimit"] == 1
    (disk,) = node_class["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"] is True
    assert node_class["amiSelectorTerms"] == [{"alias": "al2023@v20250920"}]
    assert node_class["role"] == "dev-nodes"
    assert node_class["instanceStorePolicy"] == "RAID0"
    assert node_class["subnetSelectorTerms"] == [{"id": "subnet-b"}]
    assert node_class["tags"].items() >= TAGS.items()


def test_a_reservation_is_tried_first_on_aws() -> None:
    world = pool("aws", capacity=["reservation", "on_demand"], reservation="cr-0abc")
    assert spec(world, "EC2NodeClass")["capacityReservationSelectorTerms"] == [{"id": "cr-0abc"}]
    wanted = spec(world, "NodePool")["template"]["spec"]["requirements"]
    assert {"reserved", "on-demand"} in [set(each["values"]) for each in wanted]


def test_training_with_efa_is_a_group_of_fixed_size_in_one_placement_group() -> None:
    world = pool("aws", **TRAINING)
    group, template = one(world, "NodeGroup"), one(world, "LaunchTemplate")
    assert group["scalingConfig"] == {"desiredSize": 4, "minSize": 4, "maxSize": 4}
    assert group["subnetIds"] == ["subnet-a"]
    assert template["placement"]["groupName"] == one(world, "PlacementGroup")["name"]
    cards = template["networkInterfaces"]
    assert [card["networkCardIndex"] for card in cards] == list(range(32))
    assert {card["interfaceType"] for card in cards[1:]} == {"efa-only"}
    assert "vpcSecurityGroupIds" not in template
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert not world.objects


def test_the_smallest_size_that_has_adapters_is_chosen_for_efa() -> None:
    world = pool("aws", **{**TRAINING, "accelerator": "nvidia-t4", "gpus_per_node": 1})
    assert one(world, "LaunchTemplate")["instanceType"] == "g4dn.8xlarge"


def test_a_capacity_block_is_bought_in_the_launch_template_without_a_placement_group() -> None:
    world = pool("aws", **BLOCK, nvme_cache=True)
    template = one(world, "LaunchTemplate")
    assert one(world, "NodeGroup")["capacityType"] == "CAPACITY_BLOCK"
    assert template["instanceMarketOptions"] == {"marketType": "capacity-block"}
    target = template["capacityReservationSpecification"]["capacityReservationTarget"]
    assert target == {"capacityReservationId": "cr-0123456789abcdef0"}
    assert not made(world, "PlacementGroup")
    assert "strategy: RAID0" in base64.b64decode(template["userData"]).decode()


def test_what_is_named_to_eks_and_ec2_is_in_their_models() -> None:
    session = botocore.session.get_session()
    eks, ec2 = session.get_service_model("eks"), session.get_service_model("ec2")
    for changes in (TRAINING, BLOCK):
        world = pool("aws", **changes)
        group, template = one(world, "NodeGroup"), one(world, "LaunchTemplate")
        assert group["amiType"] in eks.shape_for("AMITypes").enum
        assert group["capacityType"] in eks.shape_for("CapacityTypes").enum
        assert group["taints"][0]["effect"] in eks.shape_for("TaintEffect").enum
        assert template["instanceType"] in ec2.shape_for("InstanceType").enum
        if "instanceMarketOptions" in template:
            market = template["instanceMarketOptions"]["marketType"]
            assert market in ec2.shape_for("MarketType").enum


def test_gke_has_a_node_pool_for_each_kind_and_a_class_that_orders_them() -> None:
    world = pool("gcp", min_nodes=1)
    by_name = {each["name"]: each for each in made(world, "NodePool")}
    assert set(by_name) == {"l4-spot", "l4-on-demand"}
    spot, on_demand = by_name["l4-spot"], by_name["l4-on-demand"]
    assert spot["nodeConfig"]["spot"] is True
    assert "spot" not in on_demand["nodeConfig"]
    assert [p["autoscaling"]["totalMinNodeCount"] for p in (spot, on_demand)] == [1, 0]
    assert spec(world, "ComputeClass")["priorities"] == [
        {"nodepools": ["l4-spot"]},
        {"nodepools": ["l4-on-demand"]},
    ]
    assert world.exports["node_selector"]["cloud.google.com/compute-class"] == "l4"


@pytest.mark.parametrize("capacity", [["spot"], ["spot", "on_demand"]])
def test_every_taint_on_gke_is_tolerated_and_every_selected_label_is_there(
    capacity: list[str],
) -> None:
    world = pool("gcp", capacity=capacity)
    for node_pool in made(world, "NodePool"):
        config = node_pool["nodeConfig"]
        tainted = {(taint["key"], taint["value"]) for taint in config["taints"]}
        tolerated = {(each["key"], each["value"]) for each in world.exports["tolerations"]}
        assert tainted == tolerated
        assert world.exports["node_selector"].items() <= config["labels"].items()


def test_nodes_of_gke_are_hardened() -> None:
    node_pool = one(pool("gcp", capacity=["on_demand"]), "NodePool")
    config = node_pool["nodeConfig"]
    assert config["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
    assert config["shieldedInstanceConfig"] == {
        "enableSecureBoot": True,
        "enableIntegrityMonitoring": True,
    }
    assert config["kubeletConfig"]["insecureKubeletReadonlyPortEnabled"] == "FALSE"
    assert config["serviceAccount"].startswith("nodes@")
    assert config["resourceLabels"] == TAGS
    assert node_pool["networkConfig"] == {"enablePrivateNodes": True}
    assert node_pool["management"] == {"autoRepair": True, "autoUpgrade": True}


def test_queued_nodes_come_all_at_once_and_are_not_repaired() -> None:
    node_pool = one(
        pool("gcp", capacity=["queued"], accelerator="nvidia-h100-80gb", gpus_per_node=8),
        "NodePool",
    )
    assert node_pool["queuedProvisioning"] == {"enabled": True}
    assert node_pool["management"]["autoRepair"] is False
    assert node_pool["nodeConfig"]["machineType"] == "a3-highgpu-8g"
    affinity = node_pool["nodeConfig"]["reservationAffinity"]
    assert affinity == {"consumeReservationType": "NO_RESERVATION"}


def test_the_enumerations_of_gke_are_in_its_discovery_document() -> None:
    documents = files("googleapiclient") / "discovery_cache" / "documents"
    schemas = json.loads((documents / "container.v1.json").read_text(encoding="utf-8"))["schemas"]

    def known(schema: str, name: str) -> list[str]:
        found: list[str] = schemas[schema]["properties"][name]["enum"]
        return found

    world = pool("gcp", capacity=["reservation"], reservation="l4", time_slices=4)
    node_pool = one(world, "NodePool")
    config = node_pool["nodeConfig"]
    (gpu,) = config["guestAccelerators"]
    assert gpu["gpuDriverInstallationConfig"]["gpuDriverVersion"] in known(
        "GPUDriverInstallationConfig", "gpuDriverVersion"
    )
    assert gpu["gpuSharingConfig"]["gpuSharingStrategy"] in known(
        "GPUSharingConfig", "gpuSharingStrategy"
    )
    assert config["reservationAffinity"]["consumeReservationType"] in known(
        "ReservationAffinity", "consumeReservationType"
    )
    assert node_pool["autoscaling"]["locationPolicy"] in known(
        "NodePoolAutoscaling", "locationPolicy"
    )
    assert config["taints"][0]["effect"] in known("NodeTaint", "effect")
    assert node_pool["upgradeSettings"]["strategy"] in known("UpgradeSettings", "strategy")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_slices_of_gpus_are_counted_in_the_placement(cloud: str) -> None:
    changes: dict[str, Any] = {
        "accelerator": "nvidia-a100-40gb",
        "gpus_per_node": 8,
        "mig_profile": "1g.5gb",
    }
    placed = pool(cloud, **changes).exports
    assert placed["devices_per_node"] == 56
    shared = pool(cloud, time_slices=4).exports
    assert (shared["devices_per_node"], shared["devices_per_container"]) == (4, 1)


def test_the_largest_size_counts_every_node_pool_of_a_ladder() -> None:
    assert pool("aws", gpus_per_node=4, max_nodes=3).exports["max_devices"] == 12
    assert pool("gcp", gpus_per_node=4, max_nodes=3).exports["max_devices"] == 24
    assert pool("aws", **TRAINING).exports["max_devices"] == 32


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("keep", [True, False])
def test_a_kept_pool_is_protected(cloud: str, keep: bool) -> None:
    pools = [r for r in pool(cloud, keep=keep).resources if r.type.endswith(":NodePool")]
    assert pools
    assert all(each.protect is keep for each in pools)


def test_a_container_that_asks_for_more_than_a_node_has_is_refused_with_the_numbers() -> None:
    placed = cast("Placement", pool("aws", gpus_per_node=4).exports)
    check = Checks("Training", "llm")
    check_devices(check, "gpus", 4, placed)
    check.done()
    check_devices(check, "gpus", 8, placed)
    with pytest.raises(ArgumentsError, match=r"gpus: 8 is more than the 4 .* pool 'l4'"):
        check.done()


@pytest.mark.parametrize(
    ("cloud", "wrong", "told"),
    [
        ("aws", {"accelerator": "nvidia-l5"}, "accelerator: 'nvidia-l5' is no accelerator"),
        ("gcp", {"accelerator": "nvidia-a10g"}, "accelerator: gcp has no nvidia-a10g; nearest"),
        ("aws", {"accelerator": None}, "accelerator: is missing, and so is machine_type"),
        ("aws", {"machine_type": "m7i.large"}, "machine_type: m7i.large carries no GPU"),
        ("aws", {"gpus_per_node": 3}, "no machine with 3 nvidia-l4; write one of 1, 4, 8"),
        ("gcp", {"min_nodes": 11}, "min_nodes: 11 is above max_nodes, 10"),
        ("aws", {"min_nodes": 1}, "min_nodes: 1, but Karpenter makes nodes for waiting pods"),
        ("aws", {"capacity": []}, "capacity: is empty"),
        ("aws", {"capacity": ["on_demand", "spot"]}, "an order that no cloud follows"),
        ("aws", {"capacity": ["queued"]}, "capacity: queued is Google Cloud's"),
        ("gcp", {"capacity": ["queued", "spot"]}, "capacity: queued stands alone"),
        ("gcp", {"capacity": ["capacity_block"], "reservation": "x"}, "capacity_block is AWS's"),
        ("aws", {"capacity": ["capacity_block"]}, "reservation: is missing, and capacity has"),
        ("aws", {"reservation": "cr-0"}, "reservation: is there, but capacity does not use it"),
        ("aws", {**BLOCK, "reservation": "mine"}, "'mine' is no ID of a reservation"),
        ("aws", {"efa": True}, "zones: us-east-1a, us-east-1b, us-east-1c are 3, and nodes must"),
        ("aws", {**TRAINING, "machine_type": "p5.48xlarge", "min_nodes": 2}, "differs from max"),
        ("aws", {"machine_type": "g6.xlarge", "efa": True}, "efa: g6.xlarge has no Elastic Fabric"),
        ("aws", {**TRAINING, "capacity": ["spot"]}, "efa: with spot in capacity"),
        ("gcp", {"efa": True}, "efa: Elastic Fabric Adapters are AWS's"),
        ("aws", {"mig_profile": "1g.5gb"}, "mig_profile: nvidia-l4 cannot be partitioned"),
        (
            "gcp",
            {"accelerator": "nvidia-h100-80gb", "mig_profile": "1g.5gb"},
            "mig_profile: '1g.5gb' is no profile of nvidia-h100-80gb; write one of 1g.10gb",
        ),
        ("gcp", {"time_slices": 1}, "time_slices: 1 is out of range; write 2 to 48"),
        (
            "gcp",
            {"accelerator": None, "machine_type": "e2-standard-4", "time_slices": 2},
            "time_slices: a CPU pool has no GPU to share",
        ),
        (
            "gcp",
            {"accelerator": "nvidia-a100-40gb", "nvme_cache": True},
            "nvme_cache: a2-highgpu-1g has no local NVMe",
        ),
        ("aws", {"zones": ["us-east-1f"]}, "zones[0]: 'us-east-1f' is not in location.zones"),
        ("aws", {"node_image": "latest"}, "node_image: 'latest' pins no release"),
        ("aws", {"node_image": None}, "node_image: is missing"),
        ("gcp", {"pool_name": "a" * 29}, "pool_name: 'aaaa"),
        ("gcp", {"max_nodes": 0}, "max_nodes: 0 is out of range"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(
    cloud: str, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentsError) as error:
        pool(cloud, **wrong)
    assert told in str(error.value)
