"""Flow logs of a VPC."""

import json

import pulumi
import pulumi_aws as aws

from stanchion.foundation.location import Location, aws_partition


def flow_logs(
    name: str,
    vpc_id: pulumi.Input[str],
    *,
    environment: str,
    location: Location,
    days: int,
    tags: dict[str, str],
    keep: bool,
    held: pulumi.ResourceOptions,
    plain: pulumi.ResourceOptions,
) -> None:
    """Accepted and rejected connections, in a log group that only one role writes.

    Args:
        name: Of the component, before the names of its parts.
        vpc_id: Whose connections.
        environment: Prefix of names in the cloud.
        location: Account and region.
        days: How long they are kept.
        tags: Of everything.
        keep: Whether the cloud refuses to delete the log group.
        held: Options of the log group.
        plain: Options of all else.
    """
    account, region = location["account"], location["region"]
    partition = aws_partition(region)
    group_name = f"/stanchion/{environment}/flow-logs"
    group_arn = f"arn:{partition}:logs:{region}:{account}:log-group:{group_name}"
    group = aws.cloudwatch.LogGroup(
        f"{name}-flow-log-group",
        name=group_name,
        retention_in_days=days,
        deletion_protection_enabled=keep,
        tags=tags,
        opts=held,
    )
    role = aws.iam.Role(
        f"{name}-flow-log-role",
        name=f"{environment}-flow-logs",
        description="Lets VPC flow logs of this account write one log group",
        assume_role_policy=json.dumps(
            _trust(account, f"arn:{partition}:ec2:{region}:{account}:vpc-flow-log/*")
        ),
        tags=tags,
        opts=plain,
    )
    writes = aws.iam.RolePolicy(
        f"{name}-flow-log-policy",
        name="write-flow-logs",
        role=role.name,
        policy=json.dumps(_writes(group_arn)),
        opts=plain,
    )
    aws.ec2.FlowLog(
        f"{name}-flow-log",
        vpc_id=vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group_arn,
        iam_role_arn=role.arn,
        max_aggregation_interval=600,
        tags={**tags, "Name": f"{environment}-flow-logs"},
        opts=pulumi.ResourceOptions.merge(
            plain, pulumi.ResourceOptions(depends_on=[group, writes])
        ),
    )


def _trust(account: str, flow_logs: str) -> dict[str, object]:
    """Who may be the role: the flow-log service, for flow logs of this account alone."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": flow_logs},
                },
            }
        ],
    }


def _writes(group_arn: str) -> dict[str, object]:
    """What the role may do: write streams of one log group."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                "Resource": [group_arn, f"{group_arn}:*"],
            }
        ],
    }
