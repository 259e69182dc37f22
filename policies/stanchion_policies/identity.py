"""Who a pod is towards the Kubernetes API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject
from stanchion_policies.reading import get
from stanchion_policies.rules import Settings, Severity, choice, cis, cluster_policy, object_policy
from stanchion_policies.unknown import UnknownValueError


@object_policy(
    "pod-service-account",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Give the workload a ServiceAccount of its own, in serviceAccountName.",
    framework=cis("5.1.5"),
)
def service_account(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod has an identity of its own."""
    if item.pod is None:
        return
    with contextlib.suppress(UnknownValueError):  # whatever its name, there will be one
        if item.pod.service_account == "default":
            yield "serviceAccountName is default or missing; name an account of its own"


@cluster_policy(
    "pod-service-account-token",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set automountServiceAccountToken: false on the pod, or on its ServiceAccount.",
    framework=cis("5.1.6"),
    settings={
        "mounted": choice(
            "`never` wants no token in any pod; `stated` accepts one where the pod says true.",
            "never",
            "stated",
        )
    },
)
def service_account_token(
    item: KubernetesObject, cluster: Cluster, settings: Settings
) -> Iterator[str]:
    """A pod has no token for the Kubernetes API unasked."""
    if item.pod is None:
        return
    mounted = get(item.pod.spec, "automountServiceAccountToken")
    if mounted is None:
        account = cluster.find("ServiceAccount", item.namespace, item.pod.service_account)
        stated = get(account.body, "automountServiceAccountToken") if account else None
        if stated is not False:
            yield "the pod does not say automountServiceAccountToken; write false"
    elif mounted and settings.text("mounted") == "never":
        yield "the pod sets automountServiceAccountToken; write false"
