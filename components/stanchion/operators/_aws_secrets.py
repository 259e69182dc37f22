"""What External Secrets may read on AWS."""

from typing import Any

from stanchion.foundation.location import Location, aws_partition
from stanchion.operators import _aws_iam
from stanchion.operators._aws_iam import allow

_READ = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")


def policy(location: Location, environment: str) -> dict[str, Any]:
    """Secrets named ENVIRONMENT/..., and those that RDS keeps for the environment's databases."""
    region, account = location["region"], location["account"]
    partition = aws_partition(region)
    secrets = f"arn:{partition}:secretsmanager:{region}:{account}:secret"
    return _aws_iam.policy(
        allow(_READ, f"{secrets}:{environment}/*"),
        # RDS names its secrets itself, and tags them with the database.
        allow(
            _READ,
            f"{secrets}:rds!db-*",
            {
                "StringLike": {
                    "aws:ResourceTag/aws:rds:primaryDBInstanceArn": (
                        f"arn:{partition}:rds:{region}:{account}:db:{environment}-*"
                    )
                }
            },
        ),
        allow(
            ("kms:Decrypt",),
            f"arn:{partition}:kms:{region}:{account}:key/*",
            {
                "StringEquals": {
                    "aws:ResourceTag/environment": environment,
                    "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
                }
            },
        ),
    )
