"""Every service file of kind LlmService becomes an `LlmService`, an `LlmGateway`, or both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pulumi
from environment import Environment
from explain import problems_in_files
from foundation import Foundation
from llm_adapters import AdapterPins, adapter_problems, served
from llm_adapters import unpinned as unpinned_adapters
from llm_arguments import gateway_args, llm_args, own_name
from llm_prompts import PromptPins, unpinned
from llm_service import LlmServiceFile
from provider import LocalProvider
from service_place import PoolOffer, interruption_problems, place_problems
from service_quota import gateway, own_model, peak_problems
from stanchion import (
    GrantKind,
    LlmGateway,
    LlmService,
    Operator,
    Placement,
    WorkloadIdentity,
)
from stanchion.serving import _llm_gateway_checks, llm_checks
from validation import InvalidFileError

if TYPE_CHECKING:
    from serving import Platform

_GATEWAYS_OWN = {
    "audit",
    "consumer_keys",
    "consumers",
    "guardrails",
    "ledger",
    "resources",
    "total",
    "traces",
}
"""What of `LlmGateway`'s arguments a file has under `gateway`."""


def check_llm_services(
    files: Sequence[LlmServiceFile],
    environment: Environment,
    stack: str,
    pools: Mapping[str, PoolOffer],
    pins: PromptPins = MappingProxyType({}),
    *,
    adapters: AdapterPins = MappingProxyType({}),
) -> None:
    """Hold the files to the environment's tenants and pools, and to the components' own rules.

    Args:
        files: The files.
        environment: The environment.
        stack: Its name.
        pools: What its pools have, by their names.
        pins: What the lock file pins of their prompts.
        adapters: What it pins of their adapters.

    Raises:
        InvalidFileError: with every problem found, by its path in the file.
    """
    problems: list[str] = []
    for file in files:
        tenants = [tenant.name for tenant in environment.tenants]
        found = place_problems(file.tenant, file.pool, stack, tenants, pools)
        found += interruption_problems(file.pool, stack, pools)
        tenant = next((each for each in environment.tenants if each.name == file.tenant), None)
        for demand in (own_model(file, environment), gateway(file, environment)):
            found += peak_problems(demand, tenant, stack)
        found += _secret_problems(file, environment, stack)
        found += adapter_problems(file, adapters)
        if file.pool is not None and file.pool in pools:
            at = pools[file.pool].placement
            found += _model_problems(file, environment, stack, at, adapters)
        if file.gateway is not None:
            args = gateway_args(
                file,
                environment,
                stack,
                file.tenant,
                prompts=pins.get(file.name, {}),
                adapters=adapters,
            )
            found += problems_in_files(
                partial(_llm_gateway_checks.checked, file.name, args), partial(_gateway_path, file)
            )
        problems += [f"services/{file.name}: {problem}" for problem in dict.fromkeys(found)]
    if problems:
        raise InvalidFileError(problems)


def _secret_problems(file: LlmServiceFile, environment: Environment, stack: str) -> list[str]:
    missing, gateway = environment.lacks(Operator.EXTERNAL_SECRETS), file.gateway
    if not missing:
        return []
    sources = {
        **{f"external[{at}].apiKey": each.api_key for at, each in enumerate(file.external)},
        "gateway.consumerKeys": gateway.consumer_keys if gateway else None,
        "gateway.ledger": gateway.ledger if gateway else None,
    }
    problems = [
        f"{path}.cloudSecret: needs what {stack} lacks: {missing}; add it, or write "
        "kubernetesSecret"
        for path, source in sources.items()
        if source is not None and source.cloud_secret is not None
    ]
    if file.hub_token is not None:
        problems.append(f"hubToken: needs what {stack} lacks: {missing}; add it")
    return problems


def _model_problems(
    file: LlmServiceFile,
    environment: Environment,
    stack: str,
    placement: Placement,
    adapters: AdapterPins,
) -> list[str]:
    problems, provider = [], environment.provider
    args = llm_args(file, environment, stack, placement, file.tenant, adapters=adapters)
    scaling = args["autoscaling"]
    scales = scaling["min_replicas"] < scaling["max_replicas"]
    if scales and environment.lacks(Operator.KEDA):
        problems.append(
            f"autoscaling: needs {Operator.KEDA}, which operators.enabled of {stack} lacks; add it"
        )
    uri = args["model"].get("uri", "")
    if uri and not isinstance(provider, LocalProvider) and not uri.startswith(provider.BUCKETS):
        problems.append(
            f"model.uri: '{uri}' is in no bucket that {stack} can mount; write one with "
            f"{provider.BUCKETS}"
        )
    return [*problems, *problems_in_files(partial(llm_checks.checked, file.name, args), _own_path)]


def _own_path(field: str) -> str:
    """Where a file says what `LlmService` takes as `field`."""
    head = re.split(r"[.\[]", field)[0]
    return {"placement": "pool", "service_name": "name"}.get(head, field)


def _gateway_path(file: LlmServiceFile, field: str) -> str:
    """Where a file says what `LlmGateway` takes as `field`."""
    provider = re.fullmatch(r"backends\[(\d+)\](.*)", field)
    if provider is not None:
        place = int(provider[1]) - (file.model is not None)
        return f"external[{place}]{provider[2]}" if place >= 0 else "model"
    target = re.fullmatch(r"models\[0\]\.targets\[(\d+)\](.*)", field)
    if target is not None:
        return _gateway_path(file, f"backends[{target[1]}]{target[2]}")
    further = re.fullmatch(r"models\[([1-9]\d*)\]\..*", field)
    if further is not None:
        return f"adapters[{int(further[1]) - 1}].name"
    if field == "traces.tracking.secret_name":
        return "gateway.traces.credentials"
    head = re.split(r"[.\[]", field)[0]
    if head == "autoscaling":
        return "gateway.max_replicas"
    return f"gateway.{field}" if head in _GATEWAYS_OWN else _own_path(field)


def build_llm_services(
    platform: Platform, files: Sequence[LlmServiceFile], pins: PromptPins, adapters: AdapterPins
) -> Mapping[str, object]:
    """Create each service, warn of what is not pinned; return all for the outputs."""
    environment, foundation = platform.environment, platform.foundation
    namespaces, registry = platform.namespaces, platform.tracking.registry
    stack, summary = foundation.environment, {}
    for file in files:
        namespace, own = namespaces[file.tenant], None
        if file.pool is not None:
            args = llm_args(
                file,
                environment,
                stack,
                foundation.placements[file.pool],
                namespace,
                registry=registry,
                adapters=adapters,
            )
            identity = _identity(file, foundation)
            if identity is not None:
                args["service_account_annotations"] = identity.annotations
            own = LlmService(own_name(file), args, foundation.pools[file.pool])
        url = own.url if own else None
        if file.gateway is not None:
            guarded = gateway_args(
                file,
                environment,
                stack,
                namespace,
                own_url=url,
                registry=registry,
                prompts=pins.get(file.name, {}),
                adapters=adapters,
            )
            url = LlmGateway(file.name, guarded, foundation.workloads).url
        lacking = unpinned(file.name, file.prompts, pins, stack)
        for warning in [*lacking, *unpinned_adapters(file, adapters, stack)]:
            pulumi.log.warn(warning)
        summary[file.name] = {
            "prompts": list(file.prompts),
            "adapters": _registered(file, adapters),
            "tenant": file.tenant,
            "namespace": namespace,
            "url": url,
            "model": file.model.name if file.model else None,
            "revision": file.model.revision if file.model else None,
            "evaluation": file.evaluation,
            "gates": file.gates.model_dump(by_alias=True, mode="json") if file.gates else None,
            "external": [each.name for each in file.external],
            "gpuMemory": own.gpu_memory if own else None,
            "weightsCache": own.weights_cache if own else None,
            "coldStart": own.cold_start if own else None,
        }
    return summary


def _registered(file: LlmServiceFile, pins: AdapterPins) -> dict[str, object]:
    """Its adapters of the registry, by their names there: what is served, and what would fit."""
    if file.model is None:
        return {}
    pinned = {adapter.model: pin.version for adapter, pin in served(file, pins) if pin}
    base = f"{file.model.name}@{file.model.revision}"
    return {
        adapter.model: {
            "name": adapter.name,
            "version": pinned.get(adapter.model),
            "base": base,
            "rank": adapter.rank,
        }
        for adapter in file.adapters
        if adapter.model is not None
    }


def _identity(file: LlmServiceFile, foundation: Foundation) -> WorkloadIdentity | None:
    """The right to read the bucket of the weights, where they are in one."""
    if file.model is None or file.model.uri is None:
        return None
    bucket = urlsplit(file.model.uri).netloc
    return foundation.identity(
        own_name(file),
        tenant=file.tenant,
        owner=file.owner,
        cost_center=file.cost_center,
        grants=[{"name": "weights", "kind": GrantKind.BUCKET_READ, "resource": bucket}],
    )
