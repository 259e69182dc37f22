"""A large language model on GPUs of one's own."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, network, pods
from stanchion.children import child_options, once_made
from stanchion.credentials import SECRET_STORE, WAITS_FOR_SECRET, external_secret
from stanchion.labels import metadata
from stanchion.monitoring import (
    PROMETHEUS_URL,
    RUNBOOKS,
    WatchedLlm,
    llm_rules,
    prometheus_rule,
    service_monitor,
)
from stanchion.monitoring.dashboards.llm_service import LLM_SERVICE
from stanchion.names import label_value, service_host
from stanchion.serving import _llm_adapters, _llm_pods, _llm_routing, _served
from stanchion.serving import _llm_weights as weights
from stanchion.serving._llm_cold_start import cold_start_of
from stanchion.serving._llm_fit import architecture, running
from stanchion.serving._scaled_object import prometheus_trigger, scaled_object
from stanchion.serving.cold_start import annotations
from stanchion.serving.llm_arguments import (
    DEFAULT_KV_CACHE_PERCENT,
    DEFAULT_SCALE_DOWN_SECONDS,
    DEFAULT_WAITING_REQUESTS,
    PORT,
    LlmServiceArgs,
)
from stanchion.serving.llm_checks import checked
from stanchion.serving.llm_memory import estimate


class LlmService(pulumi.ComponentResource):
    """One revision of a language model, served by vLLM behind an OpenAI-compatible address.

    Its memory is added up before anything is made: weights by their format, KV cache by context
    and requests, activations, CUDA graphs. What does not fit the pool's GPUs is refused with the
    sum and with what would fit. Weights are fetched at their commit, or mounted; adapters too, or
    they are versions of the model registry, verified as a `ModelService` verifies its model. The
    server itself asks nobody outside. A leaving replica answers as before for `drain_seconds` and
    then finishes its streams. Replicas follow waiting requests and the use of the KV cache. With
    `cold_start` a replica that demand asks for must be expected to answer within a budget.

    It deliberately judges no prompt and no answer (that is `LlmGateway`), spans no more than one
    node, scales to no fewer than one replica, and installs neither the drivers that mount buckets
    nor a Gateway's endpoint picker.
    """

    url: pulumi.Output[str]
    """Address inside the cluster for OpenAI's clients, known once the service answers."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    service_name: pulumi.Output[str]
    """Name of its Service, and of the model in requests."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for network policies and queries."""
    gpu_memory: pulumi.Output[str]
    """The estimate of what each GPU holds, part by part, with its sum in GiB."""
    weights_cache: pulumi.Output[str]
    """Where replicas have the weights from: nodeNvme, bucketMount or volume."""
    cold_start: pulumi.Output[str]
    """How long a replica that demand asks for takes, part by part, each with where it is from."""
    cold_start_seconds: pulumi.Output[int]
    """The sum of these parts."""

    def __init__(
        self, name: str, args: LlmServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:LlmService", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", name)
        model, pin = architecture(args), args["model"]
        selected = labels.selector("vllm", service, "server")
        labelled = labels.standard(
            selected,
            owner=args["owner"],
            cost_center=args["cost_center"],
            version=pin["revision"],
            extra={labels.TENANT: args["tenant"], labels.MODEL: label_value(pin["name"])},
        )
        child = child_options(self, opts)

        def named(suffix: str = "") -> k8s.meta.v1.ObjectMetaArgs:
            return metadata(service + suffix, namespace, labelled)

        before: list[pulumi.Resource] = [
            pods.service_account(
                f"{name}-account",
                metadata(service, namespace, labelled, args.get("service_account_annotations")),
                child,
            ),
            k8s.networking.v1.NetworkPolicy(
                f"{name}-network",
                metadata=named(),
                spec=network.policy_spec(selected, admit=_way_in(args), allow=_way_out(args)),
                opts=child,
            ),
            *weights.mounted_bucket(name, service, args, labelled, child),
            *_llm_adapters.credentials(name, args, named("-registry"), child),
        ]
        if "hub_token" in args:
            token = args["hub_token"]
            before.append(
                external_secret(
                    f"{name}-hub",
                    metadata(f"{service}-hub", namespace, labelled, WAITS_FOR_SECRET),
                    source=token["source"],
                    keys=[token.get("key", "token")],
                    store=token.get("store", SECRET_STORE),
                    opts=child,
                )
            )
        endpoint = _served.endpoint(f"{name}-service", named(), selected, child)
        varies = args["autoscaling"]["min_replicas"] < args["autoscaling"]["max_replicas"]
        described = {**annotations(args.get("cold_start")), **({} if varies else _served.FIXED)}
        own = child_options(self, opts, depends_on=before)
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata(service, namespace, labelled, described or None),
            spec=_llm_pods.deployment_spec(service, args, model, labelled, selected),
            opts=pulumi.ResourceOptions.merge(
                _served.autoscaled(own) if varies else own,
                _llm_pods.rollout_options(args, model),
            ),
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata=named(),
            spec=pods.disruption_budget(selected),
            opts=child,
        )
        if args.get("monitoring", False):
            service_monitor(f"{name}-monitor", named(), selected, "http", child)
            prometheus_rule(
                f"{name}-rules",
                named(),
                lambda inside: llm_rules(_watched(service, inside, args)),
                namespace,
                child,
            )
        if varies:
            _autoscaler(f"{name}-autoscaler", service, args, named(), child)
        if "routing" in args:
            _llm_routing.route(name, args, named(), selected=selected, opts=child)

        self.url = once_made(namespace, deployment, endpoint).apply(
            lambda inside: f"http://{service_host(service, inside)}/v1"
        )
        self.namespace = pulumi.Output.from_input(namespace)
        self.service_name = pulumi.Output.from_input(service)
        self.pod_labels = pulumi.Output.from_input(selected)
        self.gpu_memory = pulumi.Output.from_input(
            estimate(model, running(args, model)).told(
                args["engine"].get("full_length_requests", 1)
            )
        )
        self.weights_cache = pulumi.Output.from_input(str(args["storage"]["cache"]))
        start = cold_start_of(args, model)
        self.cold_start = pulumi.Output.from_input(start.told())
        self.cold_start_seconds = pulumi.Output.from_input(start.seconds)
        self.register_outputs(
            {
                "url": self.url,
                "namespace": self.namespace,
                "serviceName": self.service_name,
                "podLabels": self.pod_labels,
                "gpuMemory": self.gpu_memory,
                "weightsCache": self.weights_cache,
                "coldStart": self.cold_start,
                "coldStartSeconds": self.cold_start_seconds,
            }
        )


def _watched(service: str, namespace: str, args: LlmServiceArgs) -> WatchedLlm:
    return WatchedLlm(
        service,
        namespace,
        tenant=args["tenant"],
        owner=args["owner"],
        slo=args.get("slo", {}),
        guarded="guardrail" in args,
        runbooks=args.get("runbooks", RUNBOOKS),
        dashboard=LLM_SERVICE.path(tenant=namespace, service=service),
        grafana=args.get("grafana_url", ""),
    )


def _autoscaler(
    name: str,
    service: str,
    args: LlmServiceArgs,
    named: k8s.meta.v1.ObjectMetaArgs,
    opts: pulumi.ResourceOptions,
) -> None:
    """Follow the requests that wait, and the share of the KV cache in use."""
    scaling = args["autoscaling"]
    address = scaling.get("prometheus_url", PROMETHEUS_URL)
    of_it = pulumi.Output.concat(f'{{model_name="{service}",namespace="', args["namespace"], '"}')
    used = scaling.get("kv_cache_percent", DEFAULT_KV_CACHE_PERCENT) / 100
    limits = {
        "vllm:num_requests_waiting": scaling.get("waiting_requests", DEFAULT_WAITING_REQUESTS),
        "vllm:kv_cache_usage_perc": used,
    }
    scaled_object(
        name,
        named,
        target={"apiVersion": "apps/v1", "kind": "Deployment", "name": service},
        triggers=[
            prometheus_trigger(address, pulumi.Output.concat(f"sum({metric}", of_it, ")"), limit)
            for metric, limit in limits.items()
        ],
        min_replicas=scaling["min_replicas"],
        max_replicas=scaling["max_replicas"],
        scale_down_seconds=scaling.get("scale_down_seconds", DEFAULT_SCALE_DOWN_SECONDS),
        opts=opts,
    )


def _way_in(args: LlmServiceArgs) -> list[k8s.networking.v1.NetworkPolicyIngressRuleArgs]:
    """Its guardrail's pods, or its namespace; who scrapes; the Gateway that routes to it."""
    own = labels.selector("llm-gateway", args["guardrail"]) if "guardrail" in args else None
    admitted = [*_served.callers(args, own), *_served.scrapers(args)]
    if "routing" in args:
        admitted.append(network.peer(args["routing"]["gateway_namespace"]))
    return [network.ingress(admitted, PORT)]


def _way_out(args: LlmServiceArgs) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """Names; the registry of adapters; by HTTPS the hub, or the bucket mounted within the pod."""
    rules = [network.dns_egress(), *_llm_adapters.ways(args)]
    if weights.is_on_google(args):
        rules += network.credentials_egress()
    if weights.is_fetched(args) or weights.is_on_google(args):
        rules.append(network.public_egress())
    return rules
