"""The labels every object carries: who owns it, what it is, what its cost belongs to."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from stanchion.names import label_value

OWNER = "stanchion.dev/owner"
COST_CENTER = "stanchion.dev/cost-center"
TENANT = "stanchion.dev/tenant"
MODEL = "stanchion.dev/model"
TRACKING_CLIENT = "stanchion.dev/tracking-client"
"""On a namespace: its pods may reach the tracking server."""
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Set by Kubernetes on every namespace to its own name."""


def selector(name: str, instance: str, component: str | None = None) -> dict[str, str]:
    """The few labels that never change and so may select pods.

    Args:
        name: The application, as `mlflow`.
        instance: This installation of it.
        component: Its part in it, as `server`; left out, every part is selected.
    """
    chosen = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": instance}
    return chosen if component is None else {**chosen, "app.kubernetes.io/component": component}


def standard(
    selected_by: Mapping[str, str],
    *,
    owner: str,
    cost_center: str,
    version: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """All labels of an object: what selects it, who owns it, and where its cost goes.

    Args:
        selected_by: The result of `selector`.
        owner: Team that answers for the object.
        cost_center: Where its cost is booked.
        version: What it runs, as a model version or an image tag.
        extra: Further labels.
    """
    labels = {
        **selected_by,
        "app.kubernetes.io/part-of": "stanchion",
        "app.kubernetes.io/managed-by": "stanchion",
        OWNER: owner,
        COST_CENTER: cost_center,
    }
    if version is not None:
        labels["app.kubernetes.io/version"] = label_value(version)
    return {**labels, **(extra or {})}


def metadata(
    name: pulumi.Input[str],
    namespace: pulumi.Input[str] | None,
    labels: Mapping[str, str],
    annotations: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
) -> k8s.meta.v1.ObjectMetaArgs:
    """Metadata with an explicit name, so that nothing is named by chance."""
    return k8s.meta.v1.ObjectMetaArgs(
        name=name, namespace=namespace, labels=labels, annotations=annotations
    )
