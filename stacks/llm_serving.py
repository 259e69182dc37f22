"""Every service file of kind LlmService becomes an `LlmService`, an `LlmGateway`, or both."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import pulumi
from environment import Environment
from foundation import Foundation
from images import image, vllm_image
from llm_service import ExternalModel, LlmServiceFile, SecretSource
from pydantic.alias_generators import to_camel
from stanchion import (
    ArgumentsError,
    CapacityKind,
    GrantKind,
    LlmGateway,
    LlmGatewayArgs,
    LlmGatewaySecret,
    LlmService,
    LlmServiceArgs,
    LlmWeightFormat,
    Operator,
    Placement,
    WorkloadIdentity,
)
from stanchion.labels import selector
from stanchion.serving import _llm_gateway_checks, llm_checks
from validation import InvalidFileError, amount

OWN = "own"
"""The gateway's name for the model on the environment's own GPUs."""
_SNAKE = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
_VALUES = {str(value) for value in LlmWeightFormat}


def check_llm_services(
    files: Sequence[LlmServiceFile],
    environment: Environment,
    stack: str,
    pools: Mapping[str, tuple[Placement, tuple[CapacityKind, ...]]],
) -> None:
    """Hold the files to the environment's tenants and pools, and to the components' own rules.

    Args:
        files: The files.
        environment: The environment.
        stack: Its name.
        pools: Placement and kinds of capacity of its pools, by their names.

    Raises:
        InvalidFileError: with every problem found, by its path in the file.
    """
    problems: list[str] = []
    for file in files:
        found: list[str] = []
        found += _tenant_problems(file, environment, stack)
        if file.pool is not None:
            found += _pool_problems(file, environment, stack, pools)
        if file.gateway is not None:
            args = gateway_args(file, environment, stack, file.tenant, None)
            found += _refused(partial(_llm_gateway_checks.checked, file.name, args))
        problems += [f"services/{file.name}: {problem}" for problem in dict.fromkeys(found)]
    if problems:
        raise InvalidFileError(problems)


def _tenant_problems(file: LlmServiceFile, environment: Environment, stack: str) -> list[str]:
    tenants = {tenant.name: tenant for tenant in environment.tenants}
    if file.tenant not in tenants:
        known = ", ".join(tenants) or "none"
        return [
            f"tenant: '{file.tenant}' is not declared; add it under stanchion:tenants of {stack} "
            f"(declared: {known})"
        ]
    if file.model is None:
        return []
    quota, replicas = tenants[file.tenant].quota, file.autoscaling.max_replicas + 1
    engine = file.engine
    gpus = engine.tensor_parallel * engine.pipeline_parallel if engine else 0
    return [
        f"autoscaling.maxReplicas: {file.autoscaling.max_replicas} and the 1 more that a rollout "
        f"needs take {replicas} times {each} of {what}, and tenant '{file.tenant}' of {stack} may "
        f"have {limit}; raise quota.{what} of the tenant"
        for what, each, limit in (
            ("gpus", str(gpus), str(quota.gpus)),
            ("cpu", file.resources.cpu, quota.cpu),
            ("memory", file.resources.memory, quota.memory),
        )
        if amount(each) * replicas > amount(limit)
    ]


def _pool_problems(
    file: LlmServiceFile,
    environment: Environment,
    stack: str,
    pools: Mapping[str, tuple[Placement, tuple[CapacityKind, ...]]],
) -> list[str]:
    pool = file.pool or ""
    if pool not in pools:
        known = ", ".join(sorted(pools)) or "none"
        return [f"pool: '{file.pool}' is not under stanchion:pools of {stack} (declared: {known})"]
    placement, capacity = pools[pool]
    problems = []
    if environment.keep and set(capacity) == {CapacityKind.SPOT}:
        problems.append(
            f"pool: '{file.pool}' of {stack} has spot capacity alone, and the cloud may take all "
            "of it back at once; write a pool that has on_demand or reservation too"
        )
    enabled = environment.operators.enabled
    if enabled is not None and Operator.KEDA not in enabled:
        problems.append(
            f"autoscaling: needs {Operator.KEDA}, which operators.enabled of {stack} lacks; add it"
        )
    args = llm_args(file, environment, stack, placement, file.tenant)
    return [*problems, *_refused(partial(llm_checks.checked, file.name, args))]


def _refused(check: Callable[[], object]) -> list[str]:
    """What a component has against its arguments, in the notation of files."""
    try:
        check()
    except ArgumentsError as error:
        return [
            _SNAKE.sub(lambda word: word[0] if word[0] in _VALUES else to_camel(word[0]), problem)
            for problem in error.problems
        ]
    return []


def llm_args(
    file: LlmServiceFile,
    environment: Environment,
    stack: str,
    placement: Placement,
    namespace: pulumi.Input[str],
) -> LlmServiceArgs:
    """The arguments of the file's `LlmService`.

    Raises:
        TypeError: if the file has no model of its own.
    """
    if file.model is None or file.engine is None or file.storage is None:
        raise TypeError(f"{file.name} has no model of its own")
    scaling = file.autoscaling
    args: dict[str, Any] = {
        "namespace": namespace,
        "tenant": file.tenant,
        "owner": file.owner,
        "cost_center": file.cost_center,
        "image": file.image or vllm_image(environment, stack),
        "model": file.model.model_dump(exclude_none=True),
        "engine": file.engine.model_dump(exclude_none=True),
        "placement": placement,
        "storage": file.storage.model_dump(exclude_none=True),
        "autoscaling": {
            **scaling.model_dump(exclude_none=True),
            "min_replicas": scaling.min_replicas or environment.min_replicas,
        },
        "service_name": _own_name(file),
        "resources": file.resources.model_dump(),
        "load_seconds": file.load_seconds,
        "stream_seconds": file.stream_seconds,
        "monitoring": environment.monitored,
    }
    if file.adapters:
        args["adapters"] = [adapter.model_dump() for adapter in file.adapters]
    if file.hub_token is not None:
        token = {"source": file.hub_token.cloud_secret, "key": file.hub_token.key}
        args["hub_token"] = {key: value for key, value in token.items() if value is not None}
    if file.evaluation is not None:
        args["evaluation"] = file.evaluation
    if file.gateway is not None:
        args["guardrail"] = file.name
    elif file.allow_from:
        args["allow_from"] = list(file.allow_from)
    return cast("LlmServiceArgs", args)


def gateway_args(
    file: LlmServiceFile,
    environment: Environment,
    stack: str,
    namespace: pulumi.Input[str],
    own_url: pulumi.Input[str] | None,
) -> LlmGatewayArgs:
    """The arguments of the file's `LlmGateway`.

    Args:
        file: The file.
        environment: The environment.
        stack: Its name.
        namespace: The tenant's.
        own_url: Address of the own model; a stand-in where that is not yet known.

    Raises:
        TypeError: if the file has no gateway.
    """
    config = file.gateway
    if config is None:
        raise TypeError(f"{file.name} has no gateway")
    backends, targets = [_external(each) for each in file.external], _targets(file)
    if file.model is not None:
        pods = {"namespace": namespace, "pod_labels": selector("vllm", _own_name(file), "server")}
        url = own_url or f"http://{_own_name(file)}.{file.tenant}.svc/v1"
        backends.insert(0, {"name": OWN, "url": url, "pods": pods})
    args: dict[str, Any] = {
        "namespace": namespace,
        "tenant": file.tenant,
        "owner": file.owner,
        "cost_center": file.cost_center,
        "image": image(environment, stack, "llm-gateway"),
        "backends": backends,
        "models": [
            {"name": file.name, "targets": targets},
            *(
                {"name": adapter.name, "targets": [{**targets[0], "model": adapter.name}]}
                for adapter in file.adapters
            ),
        ],
        "consumers": [
            {"name": each.name, "limits": each.limits.model_dump(exclude_none=True)}
            for each in config.consumers
        ],
        "consumer_keys": _secret(config.consumer_keys),
        "autoscaling": {
            "min_replicas": environment.min_replicas,
            "max_replicas": config.max_replicas,
        },
        "total": config.total.model_dump(exclude_none=True),
        "guardrails": _lists(config.guardrails.model_dump()),
        "audit": {"retention_days": config.retention_days},
        "service_name": file.name,
        "stream_seconds": file.stream_seconds,
        "allow_from": list(file.allow_from),
        "monitoring": environment.monitored,
    }
    if config.ledger is not None:
        args["ledger"] = {"url": _secret(config.ledger)}
    return cast("LlmGatewayArgs", args)


def build_llm_services(
    environment: Environment,
    foundation: Foundation,
    namespaces: Mapping[str, pulumi.Output[str]],
    files: Sequence[LlmServiceFile],
) -> Mapping[str, object]:
    """Create each service; return all for the outputs."""
    stack, summary = foundation.environment, {}
    for file in files:
        namespace, own = namespaces[file.tenant], None
        if file.pool is not None:
            args = llm_args(file, environment, stack, foundation.placements[file.pool], namespace)
            identity = _identity(file, foundation)
            if identity is not None:
                args["service_account_annotations"] = identity.annotations
            own = LlmService(_own_name(file), args, foundation.pools[file.pool])
        url = own.url if own else None
        if file.gateway is not None:
            guarded = gateway_args(file, environment, stack, namespace, url)
            url = LlmGateway(file.name, guarded, foundation.workloads).url
        summary[file.name] = {
            "tenant": file.tenant,
            "url": url,
            "model": file.model.name if file.model else None,
            "revision": file.model.revision if file.model else None,
            "external": [each.name for each in file.external],
        }
    return summary


def _identity(file: LlmServiceFile, foundation: Foundation) -> WorkloadIdentity | None:
    """The right to read the bucket of the weights, where they are in one."""
    site = foundation.site
    if site is None or file.model is None or file.model.uri is None:
        return None
    bucket = urlsplit(file.model.uri).netloc
    return WorkloadIdentity(
        f"{_own_name(file)}-identity",
        {
            "location": site.location,
            "environment": site.environment,
            "owner": file.owner,
            "cost_center": file.cost_center,
            "cluster": site.cluster,
            "namespace": file.tenant,
            "service_account": _own_name(file),
            "grants": [{"name": "weights", "kind": GrantKind.BUCKET_READ, "resource": bucket}],
        },
        foundation.opts,
    )


def _own_name(file: LlmServiceFile) -> str:
    """Name of the model's own Service: the address is the gateway's where there is one."""
    return f"{file.name}-vllm" if file.gateway is not None else file.name


def _targets(file: LlmServiceFile) -> list[dict[str, Any]]:
    prices = file.gateway.price if file.gateway else None
    own = []
    if file.model is not None and prices is not None:
        own.append({"backend": OWN, "model": _own_name(file), **_price(prices)})
    return [
        *own,
        *(
            {"backend": each.name, "model": each.model, **_price(each.price)}
            for each in file.external
        ),
    ]


def _price(price: Any) -> dict[str, float]:
    return {"input_price": price.input, "output_price": price.output}


def _external(provider: ExternalModel) -> dict[str, Any]:
    return {
        "name": provider.name,
        "url": provider.url,
        "api_key": _secret(provider.api_key),
    }


def _secret(source: SecretSource) -> LlmGatewaySecret:
    named = {"external_name": source.cloud_secret, "secret_name": source.kubernetes_secret}
    given = {**named, "key": source.key}
    return cast(
        "LlmGatewaySecret", {key: value for key, value in given.items() if value is not None}
    )


def _lists(values: Mapping[str, Any]) -> dict[str, Any]:
    """Tuples as the lists that components take, without the empty ones."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if value != ()
    }
