"""One address for large language models, wherever they run."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, network, pods
from stanchion.children import child_options, once_made
from stanchion.credentials import SECRET_STORE, WAITS_FOR_SECRET, external_secret
from stanchion.labels import metadata
from stanchion.monitoring import (
    RUNBOOKS,
    WatchedGateway,
    gateway_rules,
    prometheus_rule,
    service_monitor,
)
from stanchion.monitoring.dashboards.llm_service import LLM_SERVICE
from stanchion.names import service_host, short_hash
from stanchion.serving import _autoscaler, _served
from stanchion.serving import _llm_gateway_file as file
from stanchion.serving import _llm_gateway_pods as gateway
from stanchion.serving._llm_gateway_checks import checked
from stanchion.serving.llm_gateway_arguments import LlmGatewayArgs


class LlmGateway(pulumi.ComponentResource):
    """An OpenAI-compatible address in front of served models and providers' APIs.

    It knows who asks, holds each to its limits and budget, redacts or refuses what guardrails
    find in prompts and answers, streamed ones included, falls back from one backend to the next
    until the first byte, writes a redacted line of each request, and traces some. A changed
    configuration is a rollout. A leaving replica finishes the answers it has begun.

    It deliberately serves no model, keeps no key of its consumers (only hashes), finds no names of
    people, and is reached from inside the cluster alone.
    """

    url: pulumi.Output[str]
    """Base address inside the cluster for OpenAI's clients, known once the gateway answers."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    service_name: pulumi.Output[str]
    """Name of its Service."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for the network policies of its backends and for queries."""

    def __init__(
        self, name: str, args: LlmGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:LlmGateway", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", name)
        selected = labels.selector("llm-gateway", service, "gateway")
        labelled = labels.standard(
            selected,
            owner=args["owner"],
            cost_center=args["cost_center"],
            extra={labels.TENANT: args["tenant"]},
        )
        child = child_options(self, opts)

        def named(suffix: str = "") -> k8s.meta.v1.ObjectMetaArgs:
            return metadata(service + suffix, namespace, labelled)

        account = pods.service_account(f"{name}-account", named(), child)
        document = file.configuration(service, args)
        configuration = k8s.core.v1.ConfigMap(
            f"{name}-configuration",
            metadata=named("-configuration"),
            data={file.FILE: document},
            opts=child,
        )
        fetched = [
            external_secret(
                f"{name}-{folder}",
                metadata(
                    gateway.made_secret_name(service, folder),
                    namespace,
                    labelled,
                    WAITS_FOR_SECRET,
                ),
                source=own["external_name"],
                keys=list(keys),
                store=SECRET_STORE,
                opts=child,
            )
            for folder, own, keys in gateway.secrets(args)
            if "external_name" in own
        ]
        walls = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=named(),
            spec=network.policy_spec(
                selected, admit=gateway.way_in(args), allow=gateway.way_out(args)
            ),
            opts=child,
        )
        endpoint = _served.endpoint(
            f"{name}-service", named(), selected, child, metrics_port=gateway.METRICS_PORT
        )
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=named(),
            spec=gateway.deployment_spec(
                service, args, labelled, selected, document.apply(short_hash)
            ),
            opts=_served.autoscaled(
                child_options(self, opts, depends_on=[account, configuration, walls, *fetched])
            ),
        )
        k8s.autoscaling.v2.HorizontalPodAutoscaler(
            f"{name}-autoscaler",
            metadata=named(),
            spec=_autoscaler.horizontal_spec(
                ("apps/v1", "Deployment", service), args["autoscaling"]
            ),
            opts=child,
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata=named(),
            spec=pods.disruption_budget(selected),
            opts=child,
        )
        if args.get("monitoring", False):
            service_monitor(f"{name}-monitor", named(), selected, "metrics", child)
            prometheus_rule(
                f"{name}-rules",
                named(),
                lambda inside: gateway_rules(_watched(service, inside, args)),
                namespace,
                child,
            )

        self.url = once_made(namespace, deployment, endpoint).apply(
            lambda inside: f"http://{service_host(service, inside)}/v1"
        )
        self.namespace = pulumi.Output.from_input(namespace)
        self.service_name = pulumi.Output.from_input(service)
        self.pod_labels = pulumi.Output.from_input(selected)
        self.register_outputs(
            {
                "url": self.url,
                "namespace": self.namespace,
                "serviceName": self.service_name,
                "podLabels": self.pod_labels,
            }
        )


def _watched(service: str, namespace: str, args: LlmGatewayArgs) -> WatchedGateway:
    scored = args["traces"].get("groundedness") if "traces" in args else None
    return WatchedGateway(
        service,
        namespace,
        tenant=args["tenant"],
        owner=args["owner"],
        slo=args.get("slo", {}),
        traced="traces" in args,
        grounded=scored is not None,
        least_grounded=scored.get("minimum") if scored is not None else None,
        runbooks=args.get("runbooks", RUNBOOKS),
        dashboard=LLM_SERVICE.path(tenant=namespace, model=service),
        grafana=args.get("grafana_url", ""),
    )
