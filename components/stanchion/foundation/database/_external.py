"""The administrator's login, from a cloud's secret manager into the cluster."""

import pulumi

from stanchion import labels
from stanchion.children import child_options, once_made
from stanchion.credentials import SECRET_STORE, WAITS_FOR_SECRET, external_secret
from stanchion.foundation.database.contract import LOGIN, DatabaseArgs, service_name
from stanchion.labels import metadata


def admin_login(
    parent: pulumi.ComponentResource,
    name: str,
    args: DatabaseArgs,
    opts: pulumi.ResourceOptions | None,
    source: pulumi.Output[str],
) -> pulumi.Output[str]:
    """Name of the Secret with the login, for users who must wait until it is there.

    Args:
        parent: The component.
        name: Its name.
        args: Its arguments.
        opts: Its options.
        source: Name or ARN of the cloud's secret, a JSON object with username and password.
    """
    called = f"{service_name(args)}-admin"
    labelled = labels.standard(
        labels.selector("postgresql", service_name(args), "database"),
        owner=args["owner"],
        cost_center=args["cost_center"],
    )
    login = external_secret(
        f"{name}-admin",
        metadata(called, args["namespace"], labelled, WAITS_FOR_SECRET),
        source=source,
        keys=LOGIN,
        store=args.get("secret_store", SECRET_STORE),
        opts=child_options(parent, opts),
    )
    return once_made(called, login)
