"""Google Cloud Managed Service for Prometheus: Google's build of the server, and its right.

Google's service takes samples from its own build of Prometheus, which keeps and answers them like
any other, evaluates rules and sends alerts, and hands every sample to the service as well
(https://cloud.google.com/stackdriver/docs/managed-prometheus/setup-unmanaged).
"""

from typing import Any

import pulumi
import pulumi_gcp as gcp

from stanchion.operators.contract import OperatorsArgs
from stanchion.operators.managed_metrics import ManagedMetrics
from stanchion.operators.values.common import sized

WRITER_ROLE = "roles/monitoring.metricWriter"
_VERSION = "v2.53.5"
_BUILD: dict[str, Any] = {
    "image": {
        "registry": "gke.gcr.io",
        "repository": "prometheus-engine/prometheus",
        "tag": f"{_VERSION}-gmp.4-gke.0",
        "sha": "6f349dc0be36c8a61be183254f1126c9935f5332daa96c481f7e0e1b20fe0513",
    },
    # What the operator writes its configuration for.
    "version": _VERSION,
    # Samples wait in memory until they are handed over.
    "resources": sized("500m", "4Gi"),
}


def writer(
    name: str,
    args: OperatorsArgs,
    account: gcp.serviceaccount.Account,
    used: pulumi.Resource,
    opts: pulumi.ResourceOptions,
) -> ManagedMetrics:
    """What Prometheus needs to write to its project.

    Args:
        name: Prefix of the resources' names.
        args: The operators' arguments.
        account: The service account that it writes as.
        used: What lets its pods be that.
        opts: Options of what is made.
    """
    project = args["location"]["account"]
    allowed = gcp.projects.IAMMember(
        f"{name}-metrics-may-write",
        project=project,
        role=WRITER_ROLE,
        member=pulumi.Output.concat("serviceAccount:", account.email),
        opts=opts,
    )
    return ManagedMetrics(
        url=f"https://monitoring.googleapis.com/v1/projects/{project}/location/global/prometheus",
        external_labels={"project_id": project, "location": args["location"]["region"]},
        server=_BUILD,
        annotations=account.email.apply(lambda email: {"iam.gke.io/gcp-service-account": email}),
        waits=[used, allowed],
    )
