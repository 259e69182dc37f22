"""Passwords, generated here or kept by a cloud, and the Secrets that hold them."""

import re
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

SECRET_STORE = "cloud"  # noqa: S105 - a name
"""Name of the ClusterSecretStore by which External Secrets reads the cloud's secret manager."""
REFRESH_MINUTES = 10
"""A password that the cloud rotates is old in the cluster for at most this long."""
_SECRET_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_EXTERNAL_NAME = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,500}")
_VALUE = re.compile(r"[0-9a-fA-F]{32,}|\S*://\S*|(xox[a-z]|sk|ghp|pat)[-_]\S+")
"""Keys as services make them, and addresses."""
NO_NAME_OF_SECRET = (
    "is to name where the value is kept, and cannot be such a name",
    "keep the value in a secret and name that; a value that was written here is known to whoever "
    "reads the file, so replace it",
)
"""What is wrong with a text that `names_secret` refuses, and the fix; it is not shown itself."""


def names_secret(text: str, *, external: bool = False) -> bool:
    """Whether a text can be the name of a secret, and does not look like the value itself.

    Args:
        text: What somebody wrote where a name is due; it must not be shown.
        external: Whether it names one in a cloud's secret manager, else one in Kubernetes.
    """
    form = _EXTERNAL_NAME if external else _SECRET_NAME
    return form.fullmatch(text) is not None and _VALUE.fullmatch(text) is None


def generated_password(name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """32 random letters and digits, a secret of the state, the same at every later run.

    No special characters: it then needs no quoting in a file, a URL or a connection string.
    """
    password = random.RandomPassword(name, length=32, special=False, opts=opts)
    return pulumi.Output.secret(password.result)


def secret(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    values: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> k8s.core.v1.Secret:
    """A Secret whose every value stays secret in state, previews and logs."""
    return k8s.core.v1.Secret(
        name,
        metadata=metadata,
        type="Opaque",
        string_data={key: pulumi.Output.secret(value) for key, value in values.items()},
        opts=opts,
    )


def external_secret(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    *,
    source: pulumi.Input[str],
    keys: Sequence[str],
    store: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    """A Secret of the same name that External Secrets makes, and keeps as the cloud has it.

    Its values never pass through the program or its state. Give `metadata` the annotations
    `WAITS_FOR_SECRET`, so that it counts as made only once the Secret is there.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels of the ExternalSecret.
        source: Name or ARN of the cloud's secret, which holds one JSON object.
        keys: Fields of that object, which become the Secret's keys.
        store: Name of the ClusterSecretStore.
        opts: Its options.
    """
    return k8s.apiextensions.CustomResource(
        name,
        api_version="external-secrets.io/v1",
        kind="ExternalSecret",
        metadata=metadata,
        spec={
            "refreshInterval": f"{REFRESH_MINUTES}m",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
            "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"},
            "data": [
                {"secretKey": key, "remoteRef": {"key": source, "property": key}} for key in keys
            ],
        },
        opts=opts,
    )


WAITS_FOR_SECRET = {"pulumi.com/waitFor": "condition=Ready"}
