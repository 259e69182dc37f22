"""How Karpenter hears of nodes that are about to go."""

import json
from collections.abc import Mapping
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from stanchion.foundation.location import aws_partition
from stanchion.operators.contract import OperatorsArgs
from stanchion.operators.values.aws import interruption_queue

RETENTION_SECONDS = 300
"""An interruption older than this has happened."""


class Event(NamedTuple):
    """An event of EventBridge."""

    source: str
    kind: str


EVENTS = {
    "health": Event("aws.health", "AWS Health Event"),
    "spot-interruption": Event("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": Event("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-change": Event("aws.ec2", "EC2 Instance State-change Notification"),
    "reservation": Event("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}
"""By the ends of their rules' names."""


def interruptions(
    name: str, args: OperatorsArgs, tags: Mapping[str, str], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """An encrypted queue that only these rules fill, and only by TLS."""
    location = args["location"]
    queue = aws.sqs.Queue(
        f"{name}-interruptions",
        name=interruption_queue(args["environment"]),
        message_retention_seconds=RETENTION_SECONDS,
        sqs_managed_sse_enabled=True,
        tags=tags,
        opts=opts,
    )
    rules = (
        f"arn:{aws_partition(location['region'])}:events:{location['region']}:"
        f"{location['account']}:rule/{args['environment']}-karpenter-*"
    )
    admitted = aws.sqs.QueuePolicy(
        f"{name}-interruptions-policy",
        queue_url=queue.id,
        policy=queue.arn.apply(lambda arn: json.dumps(_queue_policy(arn, rules))),
        opts=opts,
    )
    made: list[pulumi.Resource] = [admitted]
    for part, event in EVENTS.items():
        rule = aws.cloudwatch.EventRule(
            f"{name}-interruptions-{part}",
            name=f"{args['environment']}-karpenter-{part}",
            description=f"{event.kind}, for Karpenter",
            event_pattern=json.dumps({"source": [event.source], "detail-type": [event.kind]}),
            tags=tags,
            opts=opts,
        )
        made.append(
            aws.cloudwatch.EventTarget(
                f"{name}-interruptions-{part}-target",
                rule=rule.name,
                target_id="karpenter",
                arn=queue.arn,
                opts=opts,
            )
        )
    return made


def _queue_policy(queue: str, rules: str) -> dict[str, object]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "RulesOfThisEnvironment",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnLike": {"aws:SourceArn": rules}},
            },
            {
                "Sid": "TlsAlone",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": queue,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
