"""Generated passwords and the Secrets that hold them."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random


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
