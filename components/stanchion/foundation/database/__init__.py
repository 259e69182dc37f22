"""PostgreSQL, wherever the platform runs."""

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import choose
from stanchion.foundation.database.contract import (
    PORT,
    DatabaseArgs,
    DatabaseBackend,
    service_name,
)
from stanchion.pods import check_resources

__all__ = ["Database", "DatabaseArgs"]


class Database(pulumi.ComponentResource):
    """One PostgreSQL server with a generated administrator, without a public address.

    In a cloud it is managed: RDS, or Cloud SQL. Data, backups and login are encrypted with a key
    of its own, connections without TLS are refused, minor versions are upgraded, the disk grows,
    and any moment of the last days can be restored. The administrator's login is in the cloud's
    secret manager; External Secrets brings it into the cluster. On AWS it changes every week, so
    only a migration uses it, which reads it when it starts.

    It deliberately creates no databases and no further roles: what uses it does so in a
    migration of its own, as `MlflowServer`. The local backend is a single replica without
    backups: for a machine of one's own, not for data that must outlive it.
    """

    host: pulumi.Output[str]
    """Host name inside the cluster, known beforehand; its users wait until the server answers."""
    port: pulumi.Output[int]
    """TCP port."""
    admin_secret_name: pulumi.Output[str]
    """Name of the Secret with the keys `username` and `password` of the administrator, known
    once it is there."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for the network policies of clients; empty where it has no pods."""
    requires_tls: pulumi.Output[bool]
    """Whether it refuses connections without TLS, as managed ones do."""
    cidr: pulumi.Output[str] | None
    """Addresses that it is among, for the network policies of clients; absent where it has
    pods."""
    admin_secret_source: pulumi.Output[str] | None
    """The administrator's secret in the cloud, which External Secrets must have a right to read:
    its ARN on AWS, its ID on Google Cloud; absent where there is no cloud."""
    encryption_key: pulumi.Output[str] | None
    """Key of data, backups and that secret: its ARN on AWS, whose readers need a right to it as
    well, its resource name on Google Cloud; absent where there is no cloud."""

    def __init__(
        self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        check = Checks("Database", name)
        args = check.arguments(DatabaseArgs, args)
        backend: DatabaseBackend = choose(check, args["cloud"], __name__)
        check.name("service_name", service_name(args))
        check.label("owner", args["owner"])
        check.label("cost_center", args["cost_center"])
        if "storage" in args:
            check.quantity("storage", args["storage"])
        if "resources" in args:
            check_resources(check, "resources", args["resources"])
        if not args["clients"]:
            check.refuse("clients", "is empty, so nothing could connect", "name a client")
        backend.check(check, args)
        check.done()
        super().__init__("stanchion:index:Database", name, {}, opts)

        parts = backend.build(self, name, args, opts)
        self.host = parts.host
        self.port = pulumi.Output.from_input(PORT)
        self.admin_secret_name = parts.admin_secret_name
        self.namespace = pulumi.Output.from_input(args["namespace"])
        self.pod_labels = pulumi.Output.from_input(parts.pod_labels)
        self.requires_tls = pulumi.Output.from_input(parts.requires_tls)
        self.cidr = parts.cidr
        self.admin_secret_source = parts.admin_secret_source
        self.encryption_key = parts.encryption_key
        self.register_outputs(
            {
                "host": self.host,
                "port": self.port,
                "adminSecretName": self.admin_secret_name,
                "namespace": self.namespace,
                "podLabels": self.pod_labels,
                "requiresTls": self.requires_tls,
                "cidr": self.cidr,
                "adminSecretSource": self.admin_secret_source,
                "encryptionKey": self.encryption_key,
            }
        )
