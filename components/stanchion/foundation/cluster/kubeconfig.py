"""Kubeconfigs that hold no credentials."""

import json
from collections.abc import Sequence

import pulumi


def kubeconfig(
    cluster: str,
    endpoint: pulumi.Input[str],
    certificate_authority: pulumi.Input[str] | None,
    command: Sequence[str],
) -> pulumi.Output[str]:
    """A kubeconfig, as JSON, whose user is whom `command` names.

    Args:
        cluster: Name of the cluster, and of its context.
        endpoint: Address of its API, with https://.
        certificate_authority: Its CA certificate, base64; None where public CAs vouch for it.
        command: Program and arguments of an exec plugin.
    """

    def written(known: Sequence[str | None]) -> str:
        address, authority = known
        reached = {"server": address}
        if authority is not None:
            reached["certificate-authority-data"] = authority
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": command[0],
            "args": list(command[1:]),
            "interactiveMode": "Never",
            "provideClusterInfo": True,
        }
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": cluster, "cluster": reached}],
                "users": [{"name": cluster, "user": {"exec": plugin}}],
                "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
                "current-context": cluster,
            }
        )

    return pulumi.Output.all(endpoint, certificate_authority).apply(written)
