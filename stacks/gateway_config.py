"""`gateway` of an environment file: the Gateway that services may be called through."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from stanchion import Operator
from stanchion.google_backends import CLASS_PREFIX
from stanchion.operators.plans import PLANS
from stanchion.serving.gateway import DEFAULT_GATEWAY_CLASS, ModelGateway, unfit_class
from validation import Name, Strict


class GatewayConfig(Strict):
    """A Gateway of Gateway API v1 that is there.

    Its certificate, its address and who reaches it are its owner's. It needs a class that is
    installed (`envoy` by the operator envoy-gateway, GKE's own by GKE, with their definitions), a
    listener that admits HTTPRoutes of the tenants' namespaces, and for canaries by its weights the
    operator argo-rollouts, which then gets Argo's plugin for Gateway API, downloaded when its
    controller starts and held to a digest.
    """

    name: Name
    """Name of the Gateway."""
    namespace: Name
    """Its namespace."""
    class_name: Annotated[str, Field(max_length=63, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")] = (
        DEFAULT_GATEWAY_CLASS
    )
    """Its class: gke-l7-rilb, gke-l7-regional-external-managed or gke-l7-global-external-managed on
    Google Cloud; default: envoy."""
    proxies_namespace: Name | None = None
    """Namespace of the pods that its requests come from; default: that of the operator
    envoy-gateway for the class envoy, the Gateway's own for others."""
    plugin_url: (
        Annotated[str, Field(max_length=500, pattern=r"^https://[A-Za-z0-9.\-:]+/\S+$")] | None
    ) = None
    """Where Argo's plugin is for closed networks, the pinned file with the pinned digest; default:
    its makers' release on GitHub."""

    @model_validator(mode="after")
    def _weighs(self) -> Self:
        if unfit := unfit_class(self.class_name):
            reason, fix = unfit
            raise ValueError(f"className: {reason}; {fix}")
        return self

    @property
    def is_googles(self) -> bool:
        """Whether Google's load balancers are behind it."""
        return self.class_name.startswith(CLASS_PREFIX)

    def check_in(self, *, google: bool, local: bool, bundled: bool, lacks_envoy: str) -> None:
        """Hold it to what an environment can have.

        Args:
            google: Whether the cloud is Google's.
            local: Whether there is no cloud.
            bundled: Whether the cluster is the bundled node.
            lacks_envoy: What the controller of the class envoy lacks there; empty where nothing.

        Raises:
            ValueError: with the reason and the fix.
        """
        if bundled:
            raise ValueError("gateway: the bundled node has no Gateway API; remove it")
        if google != self.is_googles and not local:
            fix = "write one that begins with gke-l7-" if google else "write envoy"
            raise ValueError(f"gateway.className: {self.class_name} is not of this cloud; {fix}")
        if self.class_name == DEFAULT_GATEWAY_CLASS and not local and lacks_envoy:
            raise ValueError(
                f"gateway.className: {self.class_name} needs {lacks_envoy}; add it there"
            )

    def arguments(self, hostnames: tuple[str, ...], balancers: list[str]) -> ModelGateway:
        """What a service has at it.

        Args:
            hostnames: Hosts of the service.
            balancers: Addresses that Google's load balancers call from.
        """
        args: ModelGateway = {
            "name": self.name,
            "namespace": self.namespace,
            "hostnames": list(hostnames),
            "gateway_class": self.class_name,
        }
        if self.is_googles:
            args["proxy_cidrs"] = balancers
        elif self.proxies_namespace is not None:
            args["proxies_namespace"] = self.proxies_namespace
        elif self.class_name == DEFAULT_GATEWAY_CLASS:
            args["proxies_namespace"] = PLANS[Operator.ENVOY_GATEWAY].namespace
        return args
