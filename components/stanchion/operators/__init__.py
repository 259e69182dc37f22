"""The third-party controllers of a platform, from pinned charts."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pulumi
import pulumi_kubernetes as k8s

from stanchion.checks import Checks
from stanchion.children import once_made
from stanchion.credentials import (
    SECRET_STORE,
    WAITS_FOR_SECRET,
    external_secret,
    generated_password,
    secret,
)
from stanchion.foundation.cloud import Cloud, choose
from stanchion.foundation.location import check_location
from stanchion.labels import metadata, selector, standard
from stanchion.monitoring.gpu_counters import COUNTERS_FILE, counters_file, counters_name
from stanchion.operators import gateway_plugin
from stanchion.operators.contract import (
    CloudParts,
    Operator,
    OperatorsArgs,
    OperatorsBackend,
    Setting,
)
from stanchion.operators.managed_metrics import ManagedPrometheus
from stanchion.operators.metrics_storage import (
    MetricsStorage,
    RemoteWrite,
    RemoteWriteLogin,
    check_metrics,
    external_logins,
)
from stanchion.operators.plans import PLANS
from stanchion.operators.releases import Releases
from stanchion.operators.values.monitoring import GRAFANA_LOGIN

__all__ = [
    "ManagedPrometheus",
    "MetricsStorage",
    "Operator",
    "Operators",
    "OperatorsArgs",
    "RemoteWrite",
    "RemoteWriteLogin",
]

GATEWAY_CLASS = "envoy"
_GATEWAY_CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
_MIRROR = re.compile(r"(https|oci)://[a-z0-9.-]+(:\d+)?(/[A-Za-z0-9._-]+)*/?")


class Operators(pulumi.ComponentResource):
    """Third-party controllers as Helm releases: versions, values and order are this package's.

    Custom resource definitions come first, each release waits until its pods are ready and is
    taken back where they are not, and controllers run on the cluster's system nodes. What a
    controller may do in its cloud is a role of its own, for the one service account, on what
    belongs to the environment. Namespaces admit restricted pods alone, and the connections their
    controllers need; what reaches into nodes is in `kube-system`. With External Secrets comes the
    store `cloud`, which ExternalSecrets name; with Envoy Gateway the GatewayClass `envoy`; on AWS
    the default class of volumes.

    Rights on ExternalSecrets belong to cluster administrators alone: a tenant that could make
    one would read every secret of the environment.

    It deliberately makes no objects of the controllers beyond these, mirrors no images, and does
    not upgrade definitions that a chart bundles: `stanchion operators check` names those charts.
    """

    ready: pulumi.Output[str]
    """Name of the cluster, known once all that is enabled runs."""
    installed: pulumi.Output[list[str]]
    """Names of the operators, in the order of installation."""
    managed_metrics_url: pulumi.Output[str]
    """Where samples in the cloud's managed Prometheus are asked for, with a signed request; empty
    without `metrics.managed`."""

    def __init__(
        self, name: str, args: OperatorsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args, backend, setting = checked(name, args)
        super().__init__("stanchion:index:Operators", name, {}, opts)

        releases = Releases(self, name, args, setting, opts)
        parts = backend.build(self, name, args, setting, opts)
        login = _grafana_login(name, args, setting, releases)
        counters = _gpu_counters(name, args, setting, releases)
        releases.install(
            parts, {Operator.KUBE_PROMETHEUS_STACK: login, Operator.GPU_OPERATOR: counters}
        )
        store = _secret_store(name, args, parts, releases)
        objects = [
            *store,
            *_metrics_logins(name, args, releases, store),
            *_gateway_class(name, args, releases),
        ]

        running = pulumi.Output.all(*(release.name for release in releases.made.values()))
        cluster = args["cluster"]["name"]
        self.ready = once_made(running.apply(lambda _: cluster), *objects)
        self.installed = pulumi.Output.from_input([str(operator) for operator in releases.made])
        self.managed_metrics_url = pulumi.Output.from_input(parts.managed.url)
        self.register_outputs(
            {
                "ready": self.ready,
                "installed": self.installed,
                "managedMetricsUrl": self.managed_metrics_url,
            }
        )


def checked(name: str, args: OperatorsArgs) -> tuple[OperatorsArgs, OperatorsBackend, Setting]:
    """The arguments, held to their types and bounds, with what they choose.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("Operators", name)
    args = check.arguments(OperatorsArgs, args)
    backend: OperatorsBackend = choose(check, args["location"]["cloud"], __name__)
    check_location(check, args["location"])
    check.name("environment", args["environment"])
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    enabled = [*args.get("enabled", backend.defaults), *args.get("more", [])]
    _check_enabled(check, enabled, backend, args["location"]["cloud"])
    if "mirror" in args and not _MIRROR.fullmatch(args["mirror"]):
        check.refuse(
            "mirror",
            f"'{args['mirror']}' is no prefix of charts",
            "write one as oci://registry.example.com/charts or https://charts.example.com",
        )
    gateway_plugin.check_plugin(check, args, enabled)
    if "metrics" in args:
        _check_metrics(check, args["metrics"], enabled, args["location"]["cloud"])
    backend.check(check, args)
    check.done()
    setting = backend.setting(args, frozenset(enabled))
    return args, backend, replace(setting, gateway_plugin_url=gateway_plugin.url_of(args))


def _check_enabled(
    check: Checks, enabled: list[Operator], backend: OperatorsBackend, cloud: str
) -> None:
    if not enabled:
        check.refuse("enabled", "is empty", "name an operator, or leave the component out")
    check.unique("enabled", enabled)
    for at, operator in enumerate(enabled):
        if operator not in backend.offered:
            offered = ", ".join(each for each in PLANS if each in backend.offered)
            check.refuse(
                f"enabled[{at}]",
                f"{operator} is not for {cloud}, which has its own or no use for it",
                f"remove it; offered are {offered}",
            )
        for needed in PLANS[operator].needs:
            if needed not in enabled:
                check.refuse(
                    f"enabled[{at}]",
                    f"{operator} does not start without {needed}, which is not in enabled",
                    f"add {needed}, or remove {operator}",
                )


def _check_metrics(
    check: Checks, metrics: MetricsStorage, enabled: list[Operator], cloud: Cloud
) -> None:
    if Operator.KUBE_PROMETHEUS_STACK not in enabled:
        check.refuse(
            "metrics",
            "is what Prometheus keeps, and kube-prometheus-stack is not in enabled",
            "add kube-prometheus-stack, or remove metrics",
        )
    check_metrics(
        check, metrics, cloud=cloud, external_secrets=Operator.EXTERNAL_SECRETS in enabled
    )


def _grafana_login(
    name: str, args: OperatorsArgs, setting: Setting, releases: Releases
) -> list[pulumi.Resource]:
    """Grafana's administrator, in place of the password that the chart would publish."""
    if Operator.KUBE_PROMETHEUS_STACK not in setting.enabled:
        return []
    place = releases.options(*releases.namespace(Operator.KUBE_PROMETHEUS_STACK))
    return [
        secret(
            f"{name}-grafana-login",
            metadata(
                GRAFANA_LOGIN,
                PLANS[Operator.KUBE_PROMETHEUS_STACK].namespace,
                _labels(args, "grafana"),
            ),
            {
                "admin-user": "admin",
                "admin-password": generated_password(
                    f"{name}-grafana-password", releases.options()
                ),
            },
            place,
        )
    ]


def _gpu_counters(
    name: str, args: OperatorsArgs, setting: Setting, releases: Releases
) -> list[pulumi.Resource]:
    """What DCGM's exporter reads; several counters of our alerts are off by its own default."""
    if Operator.GPU_OPERATOR not in setting.enabled:
        return []
    return [
        k8s.core.v1.ConfigMap(
            f"{name}-gpu-counters",
            metadata=metadata(
                counters_name(),
                PLANS[Operator.GPU_OPERATOR].namespace,
                _labels(args, "dcgm-exporter"),
            ),
            data={COUNTERS_FILE: counters_file()},
            opts=releases.options(),
        )
    ]


def _secret_store(
    name: str, args: OperatorsArgs, parts: CloudParts, releases: Releases
) -> list[k8s.apiextensions.CustomResource]:
    if Operator.EXTERNAL_SECRETS not in releases.made:
        return []
    return [
        k8s.apiextensions.CustomResource(
            f"{name}-secret-store",
            api_version="external-secrets.io/v1",
            kind="ClusterSecretStore",
            metadata=metadata(SECRET_STORE, None, _labels(args, "external-secrets")),
            spec={"provider": parts.secret_provider},
            opts=releases.options(releases.made[Operator.EXTERNAL_SECRETS]),
        )
    ]


def _metrics_logins(
    name: str, args: OperatorsArgs, releases: Releases, store: Sequence[pulumi.Resource]
) -> list[pulumi.Resource]:
    """Secrets by which Prometheus writes to other stores; until they are there, it waits."""
    return [
        external_secret(
            f"{name}-{made}",
            metadata(
                made,
                PLANS[Operator.KUBE_PROMETHEUS_STACK].namespace,
                _labels(args, "prometheus"),
                WAITS_FOR_SECRET,
            ),
            source=source,
            keys=keys,
            store=SECRET_STORE,
            opts=releases.options(*releases.namespace(Operator.KUBE_PROMETHEUS_STACK), *store),
        )
        for made, source, keys in external_logins(args.get("metrics", {}))
    ]


def _gateway_class(
    name: str, args: OperatorsArgs, releases: Releases
) -> list[k8s.apiextensions.CustomResource]:
    if Operator.ENVOY_GATEWAY not in releases.made:
        return []
    return [
        k8s.apiextensions.CustomResource(
            f"{name}-gateway-class",
            api_version="gateway.networking.k8s.io/v1",
            kind="GatewayClass",
            metadata=metadata(GATEWAY_CLASS, None, _labels(args, "envoy-gateway")),
            spec={"controllerName": _GATEWAY_CONTROLLER},
            opts=releases.options(releases.made[Operator.ENVOY_GATEWAY]),
        )
    ]


def _labels(args: OperatorsArgs, part: str) -> dict[str, str]:
    return standard(
        selector(part, args["environment"]), owner=args["owner"], cost_center=args["cost_center"]
    )
