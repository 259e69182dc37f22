"""A pinned model behind one address."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, pods
from stanchion.children import child_options, once_made
from stanchion.credentials import generated_password, secret
from stanchion.labels import metadata
from stanchion.monitoring import (
    RUNBOOKS,
    WatchedService,
    prometheus_rule,
    service_monitor,
    service_rules,
)
from stanchion.monitoring.dashboards.model_service import MODEL_SERVICE
from stanchion.names import label_value, service_host
from stanchion.serving import (
    _addresses,
    _autoscaler,
    _gateway,
    _pods,
    _shadow,
    _walls,
    _workload,
    prediction_log,
)
from stanchion.serving.arguments import ModelServiceArgs, checked, cold_start_of
from stanchion.serving.autoscaling import rests
from stanchion.serving.rollout import weighs_at_gateway


class ModelService(pulumi.ComponentResource):
    """One version of a registered model, served over HTTP.

    The version and digest are part of the pod: a new pin is a rollout that keeps every old
    replica until a new one has fetched, verified, loaded and warmed up the model. With `rollout`
    it gets its requests step by step, is judged by metrics, and is taken back by itself. How many
    replicas run belongs to the autoscaler alone. With `cold_start` a replica that demand asks for
    must be expected to answer within a budget; with `min_replicas` 0 there may be none, and an
    activator before them holds requests within that budget until there is one. A leaving replica
    reports itself unready, goes on accepting requests for `drain_seconds` while clients learn of
    it, and then finishes what it has: nothing accepted is lost. With `monitoring` its objectives
    and what else hurts it are watched: an alert of each kind leads to a runbook. With
    `prediction_log` a sample of what it is asked and answers is kept for a while, without what is
    personal. With `gateway` it has a route at a Gateway too, whose weights can be a canary's shares
    and which can mirror requests to a `shadow`; calls that go around the Gateway meet the version
    before until the new one serves alone.

    It deliberately asks the registry nothing while it is planned, exposes nothing outside
    the cluster by itself, and does not retry for its callers.
    With `placement` it runs on that pool's nodes alone; it does not wait for the pool, whose
    nodes come with the first replica.
    """

    url: pulumi.Output[str]
    """Address inside the cluster, known once the service answers."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    service_name: pulumi.Output[str]
    """Name of its Service, and of the model in URLs."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for network policies and queries."""
    release_seconds: pulumi.Output[int]
    """Longest that a new version may take until it serves alone, or is taken back."""
    cold_start: pulumi.Output[str]
    """How long a replica that demand asks for takes, part by part, each with where it is from."""
    cold_start_seconds: pulumi.Output[int]
    """The sum of these parts."""

    def __init__(
        self, name: str, args: ModelServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:ModelService", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", name)
        selected = labels.selector("model-server", service, "server")
        labelled = _labels(args, selected, version=args["model"]["version"])
        child = child_options(self, opts)

        def named(suffix: str = "") -> k8s.meta.v1.ObjectMetaArgs:
            return metadata(service + suffix, namespace, labelled)

        identity = metadata(service, namespace, labelled, args.get("service_account_annotations"))
        account = pods.service_account(f"{name}-account", identity, child)
        credentials = [
            secret(
                f"{name}-registry",
                named("-registry"),
                {key: args["registry"][key] for key in ("username", "password")},
                child,
            )
        ]
        if prediction_log.has_key(args.get("prediction_log")):
            folder = prediction_log.KEY_FOLDER
            # Another key would make other hashes of the same values: it is never renewed by itself.
            key = generated_password(f"{name}-{folder}-key", child)
            made = secret(f"{name}-{folder}", named(f"-{folder}"), {prediction_log.KEY: key}, child)
            credentials.append(made)
        walls = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=named(),
            spec=_walls.policy_spec(selected, args, _gateway.callers(args), _gateway.PORT),
            opts=child,
        )
        replicas = _workload.Replicas(name, service, args, named, labelled, selected)
        front = _labels(args, labels.selector("model-server", service, "activator"))
        addresses = _addresses.make(replicas, front, child)
        endpoint, resting = addresses.endpoint, rests(args["autoscaling"])
        needed: list[pulumi.Resource] = [account, *credentials, walls]
        if "gateway" in args:
            after = child_options(self, opts, depends_on=[account, *credentials])
            needed.append(_at_gateway(replicas, addresses, after))
        workload = _workload.make(replicas, child_options(self, opts, depends_on=needed))
        # Whoever wakes it is there before it may rest.
        waits = child_options(self, opts, depends_on=[endpoint]) if resting else child
        _autoscaler.make(replicas, workload, waits)
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata=named(),
            spec=pods.disruption_budget(selected),
            opts=child,
        )
        if args.get("monitoring", False):
            interval, by_version = _workload.scraping(args)
            service_monitor(
                f"{name}-monitor",
                named(),
                selected,
                "http",
                child,
                interval_seconds=interval,
                pod_labels=by_version,
                known_as=addresses.known_as,
            )
            prometheus_rule(
                f"{name}-rules",
                named(),
                lambda inside: service_rules(_watched(service, inside, args)),
                namespace,
                child,
            )

        self.url = once_made(namespace, workload, endpoint).apply(
            lambda inside: f"http://{service_host(service, inside)}"
        )
        self.namespace = pulumi.Output.from_input(namespace)
        self.service_name = pulumi.Output.from_input(service)
        self.pod_labels = pulumi.Output.from_input(_addresses.pod_labels(service, args, selected))
        self.release_seconds = pulumi.Output.from_input(_workload.release_seconds(args))
        start = cold_start_of(args)
        self.cold_start = pulumi.Output.from_input(start.told())
        self.cold_start_seconds = pulumi.Output.from_input(start.seconds)
        self.register_outputs(
            {
                "url": self.url,
                "namespace": self.namespace,
                "serviceName": self.service_name,
                "podLabels": self.pod_labels,
                "releaseSeconds": self.release_seconds,
                "coldStart": self.cold_start,
                "coldStartSeconds": self.cold_start_seconds,
            }
        )


def _labels(
    args: ModelServiceArgs, selected: dict[str, str], version: str | None = None
) -> dict[str, str]:
    return labels.standard(
        selected,
        owner=args["owner"],
        cost_center=args["cost_center"],
        version=version,
        extra={
            labels.TENANT: args["tenant"],
            labels.MODEL: label_value(args["model"]["name"]),
        },
    )


def _watched(service: str, namespace: str, args: ModelServiceArgs) -> WatchedService:
    return WatchedService(
        service,
        namespace,
        tenant=args["tenant"],
        owner=args["owner"],
        slo=args.get("slo", {}),
        settling_seconds=_pods.settling_seconds(args),
        autoscaler=_autoscaler.varying(service, args["autoscaling"]),
        runbooks=args.get("runbooks", RUNBOOKS),
        drift=args.get("drift", {}),
        hold_seconds=(args["cold_start"]["budget_seconds"] if rests(args["autoscaling"]) else None),
        dashboard=MODEL_SERVICE.path(tenant=namespace, service=service),
        grafana=args.get("grafana_url", ""),
    )


def _at_gateway(
    replicas: _workload.Replicas, addresses: _addresses.Addresses, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """The route at the Gateway, with the candidate that it mirrors requests to."""
    name, service, args = replicas.name, replicas.service, replicas.args
    services: list[pulumi.Resource] = [addresses.endpoint, *addresses.others]
    backends = [service]
    if weighs_at_gateway(args.get("rollout")):
        backends.append(service + _gateway.CANARY_SUFFIX)
    if "shadow" in args:
        services.append(_shadow.make(name, service, args, replicas.labels, opts))
        backends.append(service + _gateway.SHADOW_SUFFIX)
    # Without the version: a new one changes nothing here.
    labelled = _labels(args, replicas.selector)
    _gateway.tell_google(name, backends, args, labelled, opts)
    there = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=services))
    return _gateway.route(name, service, args, labelled, there)
