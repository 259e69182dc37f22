"""What a managed database has in the cluster: a name that stays, and the administrator's login."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels
from stanchion.children import child_options, once_made
from stanchion.credentials import SECRET_STORE, WAITS_FOR_SECRET, external_secret
from stanchion.foundation.database.contract import LOGIN, PORT, DatabaseArgs, service_name
from stanchion.labels import metadata
from stanchion.names import service_host

_CORE = k8s.core.v1
_DISCOVERY = k8s.discovery.v1


class InCluster:
    """The Kubernetes objects of one managed database.

    Clients know it by a Service of its own: its name is known before the database is there, and
    a restored one can take the place of another under it.
    """

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        self._parent, self._name, self._args, self._opts = parent, name, args, opts
        self._service, self._namespace = service_name(args), args["namespace"]
        self._labels = labels.standard(
            labels.selector("postgresql", self._service, "database"),
            owner=args["owner"],
            cost_center=args["cost_center"],
        )

    def known_by_name(self, host: pulumi.Output[str]) -> pulumi.Output[str]:
        """A Service for a database with a name in the cloud's DNS."""
        return self._host(_CORE.ServiceSpecArgs(type="ExternalName", external_name=host))

    def known_by_address(self, address: pulumi.Output[str]) -> pulumi.Output[str]:
        """A Service for a database with an IPv4 address alone."""
        endpoints = _DISCOVERY.EndpointSlice(
            f"{self._name}-address",
            metadata=metadata(
                self._service,
                self._namespace,
                {
                    **self._labels,
                    "kubernetes.io/service-name": self._service,
                    "endpointslice.kubernetes.io/managed-by": "stanchion",
                },
            ),
            address_type="IPv4",
            endpoints=[
                _DISCOVERY.EndpointArgs(
                    addresses=[address], conditions=_DISCOVERY.EndpointConditionsArgs(ready=True)
                )
            ],
            ports=[_DISCOVERY.EndpointPortArgs(name="postgresql", port=PORT, protocol="TCP")],
            opts=child_options(self._parent, self._opts),
        )
        port = _CORE.ServicePortArgs(name="postgresql", port=PORT, target_port=PORT)
        return self._host(_CORE.ServiceSpecArgs(type="ClusterIP", ports=[port]), endpoints)

    def _host(
        self, spec: k8s.core.v1.ServiceSpecArgs, *before: pulumi.Resource
    ) -> pulumi.Output[str]:
        endpoint = _CORE.Service(
            f"{self._name}-service",
            # Without a selector there are no pods that anyone could wait for.
            metadata=metadata(
                self._service, self._namespace, self._labels, {"pulumi.com/skipAwait": "true"}
            ),
            spec=spec,
            opts=child_options(self._parent, self._opts, depends_on=before),
        )
        return once_made(self._namespace, endpoint).apply(
            lambda inside: service_host(self._service, inside)
        )

    def admin_login(self, source: pulumi.Output[str]) -> pulumi.Output[str]:
        """Name of the Secret with the login, for users who must wait until it is there.

        Args:
            source: Name or ARN of the cloud's secret, a JSON object with username and password.
        """
        called = f"{self._service}-admin"
        login = external_secret(
            f"{self._name}-admin",
            metadata(called, self._namespace, self._labels, WAITS_FOR_SECRET),
            source=source,
            keys=LOGIN,
            store=self._args.get("secret_store", SECRET_STORE),
            opts=child_options(self._parent, self._opts),
        )
        return once_made(called, login)
