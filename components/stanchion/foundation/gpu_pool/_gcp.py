"""GKE node pools: one for each kind of capacity, in the order of a ComputeClass."""

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

from stanchion.catalog.machines import catalogue
from stanchion.catalog.pools import CapacityKind
from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.gpu_pool.contract import (
    GPU_DEVICE,
    GPU_TAINT_VALUE,
    GpuPoolArgs,
    GpuPoolBackend,
    PoolParts,
    PoolPlan,
)
from stanchion.foundation.gpu_pool.placement import no_schedule

_CLASS = "cloud.google.com/compute-class"
_LOCAL_SSD_GIB = 375
_C = gcp.container


class GcpGpuPool:
    """One node pool, or several that a ComputeClass tries in turn.

    The maximum of each is its own, for GKE has no bound over several.
    """

    mixes_sizes = False

    def check(self, check: Checks, args: GpuPoolArgs, plan: PoolPlan) -> None:
        """Note what GKE cannot do."""
        if CapacityKind.CAPACITY_BLOCK in plan.capacity:
            check.refuse("capacity", "capacity_block is AWS's", "write queued or reservation")
        if args.get("efa"):
            check.refuse("efa", "Elastic Fabric Adapters are AWS's", "leave it out")
        if CapacityKind.QUEUED in plan.capacity and plan.min_nodes:
            check.refuse(
                "min_nodes", f"{plan.min_nodes}, but queued nodes come with their job", "write 0"
            )
        if CapacityKind.QUEUED in plan.capacity and not plan.gpus:
            check.refuse("capacity", "queued is for GPUs", "write spot or on_demand")

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: GpuPoolArgs,
        plan: PoolPlan,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        """Node pools, and the class above them if there are several."""
        kept = child_options(parent, opts, keep=args.get("keep", False))
        laddered = _laddered(plan)
        made = []
        for at, kind in enumerate(plan.capacity):
            made.append(
                _C.NodePool(
                    f"{name}-{kind.replace('_', '-')}",
                    name=_node_pool_name(plan, kind),
                    project=args["location"]["account"],
                    location=args["location"]["region"],
                    cluster=args["cluster"]["name"],
                    node_locations=list(plan.zones),
                    initial_node_count=0,
                    autoscaling=_C.NodePoolAutoscalingArgs(
                        total_min_node_count=0 if at else plan.min_nodes,
                        total_max_node_count=plan.max_nodes,
                        location_policy="ANY",
                    ),
                    management=_C.NodePoolManagementArgs(
                        auto_repair=kind is not CapacityKind.QUEUED, auto_upgrade=True
                    ),
                    # GPUs are too scarce to count on a spare one during an upgrade.
                    upgrade_settings=_C.NodePoolUpgradeSettingsArgs(
                        strategy="SURGE",
                        max_surge=0 if plan.gpus else 1,
                        max_unavailable=1 if plan.gpus else 0,
                    ),
                    queued_provisioning=(
                        _C.NodePoolQueuedProvisioningArgs(enabled=True)
                        if kind is CapacityKind.QUEUED
                        else None
                    ),
                    network_config=_C.NodePoolNetworkConfigArgs(enable_private_nodes=True),
                    node_config=_node_config(args, plan, kind, laddered=laddered),
                    opts=kept,
                )
            )
        if not laddered:
            return
        k8s.apiextensions.CustomResource(
            f"{name}-class",
            api_version="cloud.google.com/v1",
            kind="ComputeClass",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=plan.name, labels=plan.labels),
            spec={
                "priorities": [{"nodepools": [_node_pool_name(plan, k)]} for k in plan.capacity],
                "nodePoolAutoCreation": {"enabled": False},
                "whenUnsatisfiable": "DoNotScaleUp",
            },
            opts=child_options(parent, opts, depends_on=made),
        )

    def parts(self, plan: PoolPlan) -> PoolParts:
        """The class above several node pools is asked for, and tolerated."""
        if not _laddered(plan):
            return PoolParts({}, (), plan.max_nodes, image_streaming=True)
        return PoolParts(
            {_CLASS: plan.name},
            (no_schedule(_CLASS, plan.name),),
            plan.max_nodes * len(plan.capacity),
            image_streaming=True,
        )


def _laddered(plan: PoolPlan) -> bool:
    """Whether it is several node pools, one for each kind of capacity."""
    return len(plan.capacity) > 1


def _node_pool_name(plan: PoolPlan, kind: CapacityKind) -> str:
    return plan.name if len(plan.capacity) == 1 else f"{plan.name}-{kind.replace('_', '-')}"


def _node_config(
    args: GpuPoolArgs, plan: PoolPlan, kind: CapacityKind, *, laddered: bool
) -> gcp.container.NodePoolNodeConfigArgs:
    machine = plan.machines[0]
    taints = [(GPU_DEVICE, GPU_TAINT_VALUE)] if plan.gpus else []
    in_class = {_CLASS: plan.name} if laddered else {}
    expires = args.get("expire_hours")
    return _C.NodePoolNodeConfigArgs(
        machine_type=machine.name,
        image_type="COS_CONTAINERD",
        disk_size_gb=args.get("disk_gb", 200),
        spot=True if kind is CapacityKind.SPOT else None,
        max_run_duration=f"{expires * 3600}s" if expires else None,
        service_account=args["cluster"]["node_role"],
        oauth_scopes=["https://www.googleapis.com/auth/cloud-platform"],
        guest_accelerators=[_accelerator(args, plan)] if plan.gpus else None,
        gcfs_config=_C.NodePoolNodeConfigGcfsConfigArgs(enabled=True),
        gvnic=_C.NodePoolNodeConfigGvnicArgs(enabled=True),
        shielded_instance_config=_C.NodePoolNodeConfigShieldedInstanceConfigArgs(
            enable_secure_boot=True, enable_integrity_monitoring=True
        ),
        workload_metadata_config=_C.NodePoolNodeConfigWorkloadMetadataConfigArgs(
            mode="GKE_METADATA"
        ),
        metadata={"disable-legacy-endpoints": "true"},
        kubelet_config=_C.NodePoolNodeConfigKubeletConfigArgs(
            insecure_kubelet_readonly_port_enabled="FALSE"
        ),
        reservation_affinity=_reservation(args, kind),
        ephemeral_storage_local_ssd_config=(
            _C.NodePoolNodeConfigEphemeralStorageLocalSsdConfigArgs(
                local_ssd_count=machine.nvme // _LOCAL_SSD_GIB
            )
            if args.get("nvme_cache")
            else None
        ),
        labels={**plan.labels, **in_class},
        resource_labels=plan.tags,
        taints=[
            _C.NodePoolNodeConfigTaintArgs(key=key, value=value, effect="NO_SCHEDULE")
            for key, value in [*taints, *in_class.items()]
        ]
        or None,
    )


def _accelerator(
    args: GpuPoolArgs, plan: PoolPlan
) -> gcp.container.NodePoolNodeConfigGuestAcceleratorArgs:
    machine, slices = plan.machines[0], args.get("time_slices")
    return _C.NodePoolNodeConfigGuestAcceleratorArgs(
        type=catalogue().accelerator_types[machine.accelerator or ""],
        count=machine.gpus,
        gpu_driver_installation_config=(
            _C.NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs(
                gpu_driver_version="DEFAULT"
            )
        ),
        gpu_partition_size=args.get("mig_profile"),
        gpu_sharing_config=(
            _C.NodePoolNodeConfigGuestAcceleratorGpuSharingConfigArgs(
                gpu_sharing_strategy="TIME_SHARING", max_shared_clients_per_gpu=slices
            )
            if slices
            else None
        ),
    )


def _reservation(
    args: GpuPoolArgs, kind: CapacityKind
) -> gcp.container.NodePoolNodeConfigReservationAffinityArgs | None:
    if kind is CapacityKind.RESERVATION:
        return _C.NodePoolNodeConfigReservationAffinityArgs(
            consume_reservation_type="SPECIFIC_RESERVATION",
            key="compute.googleapis.com/reservation-name",
            values=[args.get("reservation", "")],
        )
    if kind is CapacityKind.QUEUED:
        return _C.NodePoolNodeConfigReservationAffinityArgs(
            consume_reservation_type="NO_RESERVATION"
        )
    return None


BACKEND: GpuPoolBackend = GcpGpuPool()
