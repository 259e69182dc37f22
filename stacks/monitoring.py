"""The monitoring layer: an environment's routes of alerts, and the watch over monitoring itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pulumi
from environment import NAMESPACE, Environment, Profile
from explain import problems_in_files
from foundation import Foundation
from monitoring_config import ReceiverConfig, external_name
from provider import LocalProvider
from pydantic.alias_generators import to_camel
from secret_source import SecretSource
from stanchion import GpuMetrics, MonitoringStack, MonitoringStackArgs, Operator
from stanchion.monitoring.links import RUNBOOKS, RUNBOOKS_EXAMPLE
from stanchion.monitoring.stack_arguments import checked
from validation import InvalidFileError, Strict

_OF_ALERTS = ("receivers", "routes", "heartbeat", "runbooks", "grafana_url")
"""Settings that mean nothing where nothing sends alerts."""


def check_monitoring(environment: Environment, name: str) -> None:
    """Hold the receivers and routes of the environment `name` to each other and to where it runs.

    Raises:
        InvalidFileError: with every problem found.
    """
    config = environment.monitoring
    problems = [*_unreachable(environment)]
    if environment.monitored:
        problems += problems_in_files(
            lambda: checked("monitoring", monitoring_args(environment, name))
        )
    else:
        lacking = environment.lacks_for_metrics
        problems += [
            f"{to_camel(field)}: nothing sends alerts; add {lacking}, or remove it"
            for field in _OF_ALERTS
            if getattr(config, field)
        ]
    if problems:
        raise InvalidFileError([f"{NAMESPACE}:monitoring.{problem}" for problem in problems])


def monitoring_args(environment: Environment, name: str) -> MonitoringStackArgs:
    """The arguments of the `MonitoringStack` of the environment `name`."""
    config = environment.monitoring
    teams = [environment.owner, *(tenant.owner for tenant in environment.tenants)]
    args: MonitoringStackArgs = {
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "receivers": [_written(each, environment, name) for each in config.receivers],
        "routes": [_written(each, environment, name) for each in config.routes],
        "paged_teams": teams if environment.profile is Profile.PROD else [],
        "replicas": 2 if environment.keep else 1,
    }
    config.link(args)
    if config.heartbeat is not None:
        args["heartbeat"] = config.heartbeat
    if (gpus := _gpu_metrics(environment)) is not None:
        args["gpu_metrics"] = gpus
    return args


def _gpu_metrics(environment: Environment) -> GpuMetrics | None:
    """Who exports counters of GPUs there; None where nobody does."""
    if isinstance(environment.provider, LocalProvider):
        return None
    source = environment.provider.gpu_metrics
    by_operator = source is GpuMetrics.GPU_OPERATOR
    return None if by_operator and environment.lacks(Operator.GPU_OPERATOR) else source


def build_monitoring(environment: Environment, foundation: Foundation) -> None:
    """Routes and rules, where there is an Alertmanager to read them."""
    if not environment.monitored:
        return
    args = monitoring_args(environment, foundation.environment)
    if unlinked := _unlinked(environment):
        pulumi.log.warn(unlinked)
    if foundation.site is not None:
        args["secret_store"] = foundation.site.secret_store
    MonitoringStack("monitoring", args, foundation.workloads)


def _unlinked(environment: Environment) -> str:
    """What is missing where people of prod are told of alerts and led nowhere; empty where not."""
    config = environment.monitoring
    prod = environment.profile is Profile.PROD
    if not prod or not config.receivers or config.runbooks is not None:
        return ""
    return (
        f"{NAMESPACE}:monitoring.runbooks: is not written, so whoever is told of an alert gets the "
        f"name of a file and no link; write where {RUNBOOKS} is published, as {RUNBOOKS_EXAMPLE}"
    )


def _written(model: Strict, environment: Environment, name: str) -> Any:
    """A part of the file as the component takes it."""
    if isinstance(model, SecretSource):
        secret = {
            "external_name": external_name(model, environment.provider, name),
            "secret_name": model.kubernetes_secret,
            "key": model.key,
        }
        return {field: value for field, value in secret.items() if value is not None}
    written: dict[str, Any] = {}
    for field in type(model).model_fields:
        value = getattr(model, field)
        if isinstance(value, Strict):
            written[field] = _written(value, environment, name)
        elif value is not None:
            written[field] = list(value) if isinstance(value, tuple) else value
    return written


def _unreachable(environment: Environment) -> Iterator[str]:
    """Secrets that nothing here could read."""
    local = isinstance(environment.provider, LocalProvider)
    lacking = environment.lacks(Operator.EXTERNAL_SECRETS)
    for at, receiver in enumerate(environment.monitoring.receivers):
        for path, source in _sources(receiver):
            if source.cloud_secret is None or not (local or lacking):
                continue
            why = (
                "no cloud keeps secrets for `cloud: local`"
                if local
                else f"is read by External Secrets, which is not there; add {lacking}"
            )
            yield (
                f"receivers[{at}].{path}.cloudSecret: {why}; write `kubernetesSecret`, a Secret of "
                "the namespace monitoring"
            )


def _sources(receiver: ReceiverConfig) -> Iterator[tuple[str, SecretSource]]:
    if receiver.slack:
        yield "slack.webhookUrl", receiver.slack.webhook_url
    if receiver.pagerduty:
        yield "pagerduty.routingKey", receiver.pagerduty.routing_key
    if receiver.webhook and receiver.webhook.url_secret:
        yield "webhook.urlSecret", receiver.webhook.url_secret
    if receiver.email and receiver.email.password:
        yield "email.password", receiver.email.password
