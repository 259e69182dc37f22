"""From an environment file to the arguments of the foundation's components, and their judgement.

The components judge their own arguments. They are asked here before anything is made, so that
every problem of the file is told at once, by the path that the file has for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from capacity import PoolConfig
from cluster_config import ApiConfig, NetworkConfig
from environment import NAMESPACE, Environment, Profile
from explain import in_the_notation_of_files
from provider import AnyCloud, LocalProvider, location
from stanchion import (
    ApiAccess,
    ApiMode,
    ArgumentsError,
    BudgetArgs,
    CapacityKind,
    ClusterArgs,
    ClusterReference,
    GpuPoolArgs,
    NatGateways,
    NetworkArgs,
    NetworkReference,
    Operator,
    OperatorsArgs,
    Placement,
    SystemNodes,
    operators,
)
from stanchion.catalog.machines import CatalogueError, machine, smallest
from stanchion.catalog.pools import Pool
from stanchion.foundation import budget, cluster, gpu_pool, ingress, network
from stanchion.foundation.gpu_pool.placement import placement
from tracking_ingress import ingress_args
from validation import InvalidFileError

_CLUSTER = ClusterReference(
    name="", version="", endpoint="", certificate_authority="", node_role="",
    node_security_group_id="", identity_provider="",
)  # fmt: skip
"""Stands in for what exists only once it is made; nothing is made of it."""
_ANY = "10.0.0.0/16"
"""Stands in for the addresses of a network that was refused, to judge what depends on them."""
_SYSTEM = {Profile.DEV: (2, 8, 2, 4), Profile.STAGING: (4, 16, 2, 4), Profile.PROD: (4, 16, 3, 6)}
"""System nodes: virtual CPUs, GiB, fewest and most."""


def network_args(environment: Environment, provider: AnyCloud, name: str) -> NetworkArgs:
    """The arguments of the environment's `Network`."""
    config = environment.network or NetworkConfig(cidr="")
    single = environment.profile is Profile.DEV
    return {
        "location": location(provider),
        "environment": name,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "cidr": config.cidr,
        "nat": config.nat or (NatGateways.SINGLE if single else NatGateways.PER_ZONE),
        "reserved_cidrs": list(config.reserved_cidrs),
        "keep": environment.keep,
    }


def cluster_args(
    environment: Environment, provider: AnyCloud, name: str, inside: NetworkReference
) -> ClusterArgs:
    """The arguments of the environment's `Cluster`."""
    return {
        "location": location(provider),
        "environment": name,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "network": inside,
        "version": environment.cluster.version,
        "api": _api(environment),
        "administrators": list(provider.administrators),
        "system_nodes": system_nodes(environment, provider),
        "keep": environment.keep,
    }


def _api(environment: Environment) -> ApiAccess:
    public = environment.profile is Profile.DEV
    default = ApiConfig(mode=ApiMode.PUBLIC if public else ApiMode.PRIVATE)
    api = environment.cluster.api or default
    return {"mode": api.mode, "allowed_cidrs": list(api.allowed_cidrs)}


def system_nodes(environment: Environment, provider: AnyCloud) -> SystemNodes:
    """The nodes of the cluster itself, sized by the profile."""
    vcpus, memory, minimum, maximum = _SYSTEM[environment.profile]
    machine = smallest(provider.cloud, vcpus, memory)
    return {"machine": machine.name, "minimum": minimum, "maximum": maximum}


def pool_args(
    environment: Environment,
    provider: AnyCloud,
    name: str,
    pool: PoolConfig,
    inside: tuple[NetworkReference, ClusterReference],
) -> GpuPoolArgs:
    """The arguments of one of the environment's pools.

    Raises:
        CatalogueError: when the cloud has no machine of the size asked for.
    """
    args: GpuPoolArgs = {
        "location": location(provider),
        "environment": name,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "network": inside[0],
        "cluster": inside[1],
        "pool_name": pool.name,
        "capacity": list(pool.capacity),
        "min_nodes": pool.min_nodes,
        "max_nodes": pool.max_nodes,
        "efa": pool.efa,
        "nvme_cache": pool.nvme_cache,
        "disk_gb": pool.disk_gb,
        "keep": environment.keep,
    }
    if pool.accelerator is not None:
        args["accelerator"] = pool.accelerator
    if pool.cpu is not None:
        args["machine_type"] = smallest(provider.cloud, pool.cpu.cores, pool.cpu.gibibytes).name
    if pool.gpus_per_node is not None:
        args["gpus_per_node"] = pool.gpus_per_node
    if pool.mig_profile is not None:
        args["mig_profile"] = pool.mig_profile
    if pool.time_slices is not None:
        args["time_slices"] = pool.time_slices
    if pool.expire_hours is not None:
        args["expire_hours"] = pool.expire_hours
    return {**args, **provider.pool_arguments(pool.name)}


def budget_args(environment: Environment, provider: AnyCloud, name: str) -> BudgetArgs:
    """The arguments of the environment's `Budget`."""
    config = environment.budget
    args: BudgetArgs = {
        "location": location(provider),
        "environment": name,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "monthly_usd": config.monthly_usd if config else 0,
        "emails": list(config.emails) if config else [],
        "keep": environment.keep,
    }
    if provider.payer is not None:
        args["billing_account"] = provider.payer
    return args


def operators_args(
    environment: Environment, provider: AnyCloud, name: str, inside: ClusterReference
) -> OperatorsArgs:
    """The arguments of the environment's `Operators`."""
    config = environment.operators
    args: OperatorsArgs = {
        "location": location(provider),
        "environment": name,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "cluster": inside,
        "high_availability": environment.keep,
        "keep": environment.keep,
    }
    if config.enabled is not None:
        args["enabled"] = list(config.enabled)
    if config.more:
        args["more"] = list(config.more)
    if config.mirror is not None:
        args["mirror"] = config.mirror
    if environment.gateway is not None and not environment.lacks(Operator.ARGO_ROLLOUTS):
        args["gateway_weights"] = True
        if environment.gateway.plugin_url is not None:
            args["gateway_plugin_url"] = environment.gateway.plugin_url
    if environment.monitoring.prometheus is not None:
        args["metrics"] = environment.monitoring.prometheus.arguments(provider, name)
    return args


@dataclass(frozen=True)
class CheckedPool:
    """A pool whose arguments hold."""

    pool: Pool
    """What its cost and its quotas depend on."""
    placement: Placement | None
    """How workloads get there; None for the system nodes, where none may go."""


def checked_foundation(environment: Environment, name: str) -> tuple[CheckedPool, ...]:
    """The environment's pools, the system nodes first; none without a cloud.

    Raises:
        InvalidFileError: with every problem that a component has with the file.
    """
    provider = environment.provider
    if isinstance(provider, LocalProvider):
        return ()
    problems: list[str] = []
    inside = NetworkReference(
        network_id="", subnet_ids=["", "", ""], cidr=_ANY, pods_range="pods", services_range="all"
    )
    with _told(problems, "network"):
        args = network_args(environment, provider, name)
        network.checked("network", args)
        inside["cidr"] = args["cidr"]
    with _told(problems, "cluster"):
        cluster.checked("cluster", cluster_args(environment, provider, name, inside))
    pools = [_system_pool(environment, provider)]
    for at, config in enumerate(environment.pools):
        with _told(problems, f"pools[{at}]", config):
            try:
                asked = pool_args(environment, provider, name, config, (inside, _CLUSTER))
            except CatalogueError as error:
                raise ArgumentsError("GpuPool", config.name, [f"cpu: {error}"]) from None
            asked, backend, plan = gpu_pool.checked(config.name, asked)
            pool = Pool(
                name=plan.name,
                cloud=provider.cloud,
                machines=plan.machines,
                capacity=plan.capacity,
                min_nodes=plan.min_nodes,
                max_nodes=plan.max_nodes,
            )
            pools.append(CheckedPool(pool, placement(asked, plan, backend.parts(plan))))
    with _told(problems, "operators"):
        operators.checked("operators", operators_args(environment, provider, name, _CLUSTER))
    with _told(problems, "tracking.privateIngress"):
        asked_in = ingress_args(environment, name, inside, "")
        if asked_in is not None:
            ingress.checked("mlflow", asked_in)
    with _told(problems, "budget"):
        budget.checked("budget", budget_args(environment, provider, name))
    if problems:
        raise InvalidFileError(list(dict.fromkeys(problems)))
    return tuple(pools)


def _system_pool(environment: Environment, provider: AnyCloud) -> CheckedPool:
    nodes = system_nodes(environment, provider)
    pool = Pool(
        name="system",
        cloud=provider.cloud,
        machines=(machine(provider.cloud, nodes["machine"]),),
        capacity=(CapacityKind.ON_DEMAND,),
        min_nodes=nodes["minimum"],
        max_nodes=nodes["maximum"],
    )
    return CheckedPool(pool, None)


@contextmanager
def _told(problems: list[str], block: str, pool: PoolConfig | None = None) -> Iterator[None]:
    """Add what a component refuses, each by its path in the file."""
    try:
        yield
    except ArgumentsError as error:
        for problem in error.problems:
            field, _, rest = problem.partition(": ")
            path, said = _path(field, block, pool), _in_the_notation_of_files(rest)
            if field.startswith("metrics"):
                said = _SECRETS.sub(_secret, said)
            problems.append(f"{NAMESPACE}:{path}: {said}")


def _path(field: str, block: str, pool: PoolConfig | None) -> str:
    written = _in_the_notation_of_files(field)
    head = re.split(r"[.\[]", field)[0]
    if head in _INGRESS:
        return _INGRESS[head]
    if head == "metrics":
        return f"monitoring.prometheus{_SECRETS.sub(_secret, written.removeprefix(head))}"
    if head in {"location", "administrators", "node_image", "billing_account"}:
        return f"provider.{written.removeprefix('provider.')}"
    if pool is not None and head in {"zones", "reservation", "machine_type"}:
        if head == "machine_type" and pool.cpu is not None:
            return f"{block}.cpu"
        return f"provider.pools.{pool.name}.{written}"
    return f"{block}.{written}"


def _in_the_notation_of_files(text: str) -> str:
    return in_the_notation_of_files(text, _VALUES).replace("location.", "provider.")


def _secret(found: re.Match[str]) -> str:
    kept = {"secretName": "kubernetesSecret", "externalName": "cloudSecret"}
    return f"secret.{kept[found[0]]}"


_SECRETS = re.compile("secretName|externalName")
_INGRESS = {"host": "provider.dns.domain", "dns_zone": "provider.dns.zone"}
"""Where a file says what `PrivateIngress` takes."""
_VALUES = {str(value) for kind in (CapacityKind, NatGateways) for value in kind}
