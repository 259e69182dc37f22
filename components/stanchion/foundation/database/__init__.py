"""PostgreSQL, wherever the platform runs."""

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import choose
from stanchion.foundation.database.contract import PORT, DatabaseArgs, DatabaseBackend
from stanchion.pods import check_resources

__all__ = ["Database", "DatabaseArgs"]


class Database(pulumi.ComponentResource):
    """One PostgreSQL server with a generated administrator, open to named pods alone.

    It deliberately creates no databases and no further roles: what uses it does so in a
    migration of its own, as `MlflowServer`. The local backend is a single replica without
    backups: for a machine of one's own, not for data that must outlive it.
    """

    host: pulumi.Output[str]
    """Host name, known once the server answers."""
    port: pulumi.Output[int]
    """TCP port."""
    admin_username: pulumi.Output[str]
    """Name of the administrator's role."""
    admin_password: pulumi.Output[str]
    """Password of the administrator; a secret."""
    admin_secret_name: pulumi.Output[str]
    """Name of the Secret with the keys `username` and `password` of the administrator."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for the network policies of clients; empty where it has no pods."""

    def __init__(
        self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        check = Checks("Database", name)
        args = check.arguments(DatabaseArgs, args)
        backend: DatabaseBackend = choose(check, args["cloud"], __name__)
        check.name("service_name", args.get("service_name", "database"))
        check.label("owner", args["owner"])
        check.label("cost_center", args["cost_center"])
        check.quantity("storage", args.get("storage", "10Gi"))
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
        self.admin_username = parts.admin_username
        self.admin_password = parts.admin_password
        self.admin_secret_name = parts.admin_secret_name
        self.namespace = pulumi.Output.from_input(args["namespace"])
        self.pod_labels = pulumi.Output.from_input(parts.pod_labels)
        self.register_outputs(
            {
                "host": self.host,
                "port": self.port,
                "adminUsername": self.admin_username,
                "adminPassword": self.admin_password,
                "adminSecretName": self.admin_secret_name,
                "namespace": self.namespace,
                "podLabels": self.pod_labels,
            }
        )
