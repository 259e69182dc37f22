"""From a service file of kind LlmService to the arguments of the components it needs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import pulumi
from environment import Environment
from images import image, vllm_image
from llm_adapters import AdapterPins, arguments, served
from llm_gateway_config import ExternalModel, LlmGroundedness, LlmPrice
from llm_prompts import PromptPin
from llm_service import LlmServiceFile
from secret_source import SecretSource
from stanchion import (
    LlmGatewayArgs,
    LlmGatewaySecret,
    LlmServiceArgs,
    ModelRegistryAccess,
    Placement,
)
from stanchion.labels import selector

_NOT_YET: ModelRegistryAccess = {"url": "", "namespace": "", "username": "", "password": ""}
"""A registry to check the rest with."""
OWN = "own"
"""The gateway's name for the model on the environment's own GPUs."""


def llm_args(
    file: LlmServiceFile,
    environment: Environment,
    stack: str,
    placement: Placement,
    namespace: pulumi.Input[str],
    *,
    registry: ModelRegistryAccess | None = None,
    adapters: AdapterPins = MappingProxyType({}),
) -> LlmServiceArgs:
    """The arguments of the file's `LlmService`.

    Args:
        file: The file.
        environment: The environment.
        stack: Its name.
        placement: On its pool.
        namespace: The tenant's.
        registry: The environment's MLflow; a stand-in where that is not yet known.
        adapters: What the lock file pins of adapters; those without a pin are left out.

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
        "service_name": own_name(file),
        "resources": file.resources.model_dump(),
        "load_seconds": file.load_seconds,
        "stream_seconds": file.stream_seconds,
        "monitoring": environment.monitored,
        **environment.monitoring.links,
    }
    if environment.monitored:
        args["slo"] = file.slo.at_model(guarded=file.gateway is not None)
    found = served(file, adapters)
    if found:
        args["adapters"] = [arguments(adapter, pin) for adapter, pin in found]
    if any(pin is not None for _, pin in found):
        args["registry"] = registry or _NOT_YET
        args["fetcher_image"] = image(environment, stack, "model-server")
    if file.hub_token is not None:
        token = {"source": file.hub_token.cloud_secret, "key": file.hub_token.key}
        args["hub_token"] = {key: value for key, value in token.items() if value is not None}
    if file.cold_start is not None:
        args["cold_start"] = file.cold_start.arguments()
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
    *,
    own_url: pulumi.Input[str] | None = None,
    registry: ModelRegistryAccess | None = None,
    prompts: Mapping[str, PromptPin] = MappingProxyType({}),
    adapters: AdapterPins = MappingProxyType({}),
) -> LlmGatewayArgs:
    """The arguments of the file's `LlmGateway`.

    Args:
        file: The file.
        environment: The environment.
        stack: Its name.
        namespace: The tenant's.
        own_url: Address of the own model; a stand-in where that is not yet known.
        registry: The environment's MLflow; a stand-in where that is not yet known.
        prompts: What the lock file pins of the service's prompts.
        adapters: What it pins of adapters.

    Raises:
        TypeError: if the file has no gateway.
    """
    config = file.gateway
    if config is None:
        raise TypeError(f"{file.name} has no gateway")
    backends = [_external(each, namespace) for each in file.external]
    targets = _targets(file)
    if file.model is not None:
        pods = {"namespace": namespace, "pod_labels": selector("vllm", own_name(file), "server")}
        url = own_url or f"http://{own_name(file)}.{file.tenant}.svc/v1"
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
                for adapter, _ in served(file, adapters)
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
        "resources": config.resources.model_dump(),
        "total": config.total.model_dump(exclude_none=True),
        "guardrails": _lists(config.guardrails.model_dump()),
        "audit": {"retention_days": config.retention_days},
        "service_name": file.name,
        "stream_seconds": file.stream_seconds,
        "allow_from": list(file.allow_from),
        "monitoring": environment.monitored,
        **environment.monitoring.links,
    }
    applied = {name: prompts[name] for name in file.prompts if name in prompts}
    if applied:
        args["prompts"] = [
            {"name": name, **pin.model_dump(), "messages": [m.model_dump() for m in pin.messages]}
            for name, pin in applied.items()
        ]
    if config.traces is not None:
        args["traces"] = {
            **config.traces.model_dump(include={"experiment", "sample_percent"}, exclude_none=True),
            **_grounding(config.traces.groundedness, monitored=environment.monitored),
            "tracking": {
                "url": registry["url"] if registry else "",
                "namespace": registry["namespace"] if registry else "",
                "secret_name": config.traces.credentials,
            },
        }
    if environment.monitored:
        args["slo"] = file.slo.at_gateway()
    if config.ledger is not None:
        args["ledger"] = {"url": _secret(config.ledger)}
    return cast("LlmGatewayArgs", args)


def _grounding(wanted: LlmGroundedness | None, *, monitored: bool) -> dict[str, Any]:
    if wanted is None:
        return {}
    args: dict[str, Any] = {"variables": list(wanted.variables), "roles": list(wanted.roles)}
    if wanted.minimum is not None and monitored:
        args["minimum"] = wanted.minimum
    return {"groundedness": args}


def own_name(file: LlmServiceFile) -> str:
    """Name of the model's own Service: the address is the gateway's where there is one."""
    return f"{file.name}-vllm" if file.gateway is not None else file.name


def _targets(file: LlmServiceFile) -> list[dict[str, Any]]:
    prices = file.gateway.price if file.gateway else None
    own = []
    if file.model is not None and prices is not None:
        own.append({"backend": OWN, "model": own_name(file), **_price(prices)})
    return [
        *own,
        *(
            {"backend": each.name, "model": each.model, **_price(each.price)}
            for each in file.external
        ),
    ]


def _price(price: LlmPrice) -> dict[str, float]:
    return {"input_price": price.input, "output_price": price.output}


def _external(provider: ExternalModel, namespace: pulumi.Input[str]) -> dict[str, Any]:
    backend: dict[str, Any] = {"name": provider.name, "url": provider.url}
    if provider.api_key is not None:
        backend["api_key"] = _secret(provider.api_key)
    if provider.pods is not None:
        there, labels = provider.pods.namespace or namespace, dict(provider.pods.labels)
        backend["pods"] = {"namespace": there, "pod_labels": labels}
        backend["port"] = provider.pods.port
    return backend


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
