"""Trust of AWS roles in pods: EKS Pod Identity."""

import json

from stanchion.foundation.location import aws_partition


def cluster_arn(region: str, account: str, cluster: str) -> str:
    """ARN of an EKS cluster, from its name."""
    return f"arn:{aws_partition(region)}:eks:{region}:{account}:cluster/{cluster}"


def pod_trust(*, account: str, cluster: str, namespace: str, service_account: str) -> str:
    """A trust policy for the pods of one service account in one cluster.

    The association alone would let anyone who may write associations hand the role to another
    service account; the session tags that EKS sets close that.

    Args:
        account: AWS account ID of the cluster.
        cluster: ARN of the cluster.
        namespace: Namespace of the service account.
        service_account: Its name.
    """
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "pods.eks.amazonaws.com"},
                    "Action": ["sts:AssumeRole", "sts:TagSession"],
                    "Condition": {
                        "StringEquals": {
                            "aws:SourceAccount": account,
                            "aws:RequestTag/kubernetes-namespace": namespace,
                            "aws:RequestTag/kubernetes-service-account": service_account,
                        },
                        "ArnEquals": {"aws:SourceArn": cluster},
                    },
                }
            ],
        }
    )
