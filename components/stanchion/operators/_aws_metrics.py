"""Amazon Managed Service for Prometheus: a workspace, and the right to write to it."""

from collections.abc import Callable, Mapping

import pulumi
import pulumi_aws as aws

from stanchion.foundation.encryption.aws import customer_key
from stanchion.operators import _aws_iam
from stanchion.operators.contract import OperatorsArgs
from stanchion.operators.managed_metrics import ManagedMetrics, ManagedPrometheus

_REPLICA = "prometheus_replica"
# The service takes one replica's samples where `cluster` is equal and this is not.
_ELECTED = "__replica__"
_DEFAULT_RETENTION_DAYS = 150


def workspace(
    name: str,
    args: OperatorsArgs,
    managed: ManagedPrometheus,
    tags: Mapping[str, str],
    *,
    identity: Callable[..., pulumi.Resource],
    held: pulumi.ResourceOptions,
    plain: pulumi.ResourceOptions,
) -> ManagedMetrics:
    """A workspace of the environment's own, encrypted with a key of its own.

    Args:
        name: Prefix of the resources' names.
        args: The operators' arguments.
        managed: What it is told.
        tags: Tags of what is made.
        identity: Makes the role of Prometheus' pods, given its `policy`.
        held: Options of what holds samples.
        plain: Options of the rest.
    """
    environment, region = args["environment"], args["location"]["region"]
    key = customer_key(
        f"{name}-metrics",
        alias=f"{environment}-metrics",
        description=f"Samples of {environment}",
        tags=tags,
        held=held,
        plain=plain,
    )
    made = aws.amp.Workspace(
        f"{name}-metrics",
        alias=environment,
        kms_key_arn=key.arn,
        tags={**tags, "Name": environment},
        opts=held,
    )
    aws.amp.WorkspaceConfiguration(
        f"{name}-metrics-retention",
        workspace_id=made.id,
        retention_period_in_days=managed.get("retention_days", _DEFAULT_RETENTION_DAYS),
        opts=plain,
    )
    writes = made.arn.apply(lambda arn: _aws_iam.policy(_aws_iam.allow(("aps:RemoteWrite",), arn)))
    return ManagedMetrics(
        url=made.prometheus_endpoint,
        remote_write=[
            {
                "url": pulumi.Output.concat(made.prometheus_endpoint, "api/v1/remote_write"),
                "sigv4": {"region": region},
                "writeRelabelConfigs": [
                    {"sourceLabels": [_REPLICA], "targetLabel": _ELECTED},
                    {"action": "labeldrop", "regex": _REPLICA},
                ],
            }
        ],
        waits=[identity(policy=writes)],
    )
