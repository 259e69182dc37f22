"""RDS for PostgreSQL."""

import re

import pulumi
import pulumi_aws as aws

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.database._managed import InCluster
from stanchion.foundation.database.contract import (
    BACKUP_DAYS,
    GROWTH,
    PORT,
    VERSION,
    DatabaseArgs,
    DatabaseBackend,
    DatabaseParts,
    check_managed,
    disk_gib,
    server_name,
)
from stanchion.foundation.encryption.aws import customer_key
from stanchion.foundation.tags import cloud_tags

ADMIN = "postgres"
LOGS = ("postgresql", "upgrade")
LOG_DAYS = 90
SLOW_STATEMENT_MS = 1000
BACKUP_WINDOW, MAINTENANCE_WINDOW = "02:00-03:00", "sun:04:00-sun:05:00"
"""UTC."""
_SMALLEST_DISK = 20
_CLASS = re.compile(r"db\.[a-z0-9-]+\.[a-z0-9]+")


class AwsDatabase:
    """An RDS instance in the private subnets, with its administrator in Secrets Manager."""

    def check(self, check: Checks, args: DatabaseArgs) -> None:
        """The place, a class of instance, and subnets in two zones."""
        check_managed(check, args, smallest_disk=_SMALLEST_DISK)
        if "machine" in args and not _CLASS.fullmatch(args["machine"]):
            check.refuse(
                "machine",
                f"'{args['machine']}' is no class of DB instances",
                "write one as db.m7g.large",
            )
        if "network" in args and len(args["network"]["subnet_ids"]) < 2:
            check.refuse("network.subnet_ids", "are fewer than 2, which RDS needs", "add zones")

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> DatabaseParts:
        """Key, network, parameters, log groups, instance, and the login in the cluster."""
        return _Server(parent, name, args, opts).parts()


class _Server:
    """One RDS instance being made: its parts share name, tags and options."""

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        self._parent, self._name, self._args, self._opts = parent, name, args, opts
        self._called = server_name(args)
        self._keep = args.get("keep", False)
        self._held = child_options(parent, opts, keep=self._keep)
        self._plain = child_options(parent, opts)
        self._tags = cloud_tags(
            owner=args["owner"],
            cost_center=args["cost_center"],
            environment=args["environment"],
        )
        self._key = self._encryption_key()
        self._instance = self._database()

    def parts(self) -> DatabaseParts:
        """Address, and the login that RDS itself made and rotates."""
        secret = self._instance.master_user_secrets.apply(lambda made: str(made[0].secret_arn))
        inside = InCluster(self._parent, self._name, self._args, self._opts)
        return DatabaseParts(
            host=inside.known_by_name(self._instance.address),
            admin_secret_name=inside.admin_login(secret),
            pod_labels={},
            requires_tls=True,
            cidr=pulumi.Output.from_input(self._args["network"]["cidr"]),
            admin_secret_source=secret,
            encryption_key=self._key.arn,
        )

    def _encryption_key(self) -> aws.kms.Key:
        """Of data, backups and the administrator's secret."""
        return customer_key(
            self._name,
            alias=self._called,
            description=f"Database {self._called}",
            tags=self._tags,
            held=self._held,
            plain=self._plain,
        )

    def _group(self) -> aws.ec2.SecurityGroup:
        """PostgreSQL from the network's addresses, and no way out."""
        group = aws.ec2.SecurityGroup(
            f"{self._name}-group",
            name=self._called,
            description=f"PostgreSQL of {self._called}",
            vpc_id=self._args["network"]["network_id"],
            tags={**self._tags, "Name": self._called},
            opts=self._plain,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-group-postgresql",
            security_group_id=group.id,
            description="PostgreSQL from the network",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            cidr_ipv4=self._args["network"]["cidr"],
            tags=self._tags,
            opts=self._plain,
        )
        return group

    def _parameters(self) -> aws.rds.ParameterGroup:
        """Settings of the server; a group is of one major version, hence the version in its name.

        Whether `rds.force_ssl` can change while the server runs differs by version: all of them
        hold from its first start.
        """
        major = self._args.get("version", VERSION)
        settings = {
            "rds.force_ssl": "1",
            "log_lock_waits": "1",
            "log_min_duration_statement": str(SLOW_STATEMENT_MS),
        }
        return aws.rds.ParameterGroup(
            f"{self._name}-parameters",
            name=f"{self._called}-{major}",
            family=f"postgres{major}",
            description=f"PostgreSQL {major} of {self._called}",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(
                    name=key, value=value, apply_method="pending-reboot"
                )
                for key, value in settings.items()
            ],
            tags=self._tags,
            opts=self._plain,
        )

    def _logs(self) -> list[pulumi.Resource]:
        """Made first: RDS would make them itself, without an end to what they keep."""
        return [
            aws.cloudwatch.LogGroup(
                f"{self._name}-logs-{each}",
                name=f"/aws/rds/instance/{self._called}/{each}",
                retention_in_days=LOG_DAYS,
                tags=self._tags,
                opts=self._held,
            )
            for each in LOGS
        ]

    def _database(self) -> aws.rds.Instance:
        args = self._args
        subnets = aws.rds.SubnetGroup(
            f"{self._name}-subnets",
            name=self._called,
            description=f"Private subnets of {self._called}",
            subnet_ids=args["network"]["subnet_ids"],
            tags=self._tags,
            opts=self._plain,
        )
        disk = disk_gib(args)
        return aws.rds.Instance(
            f"{self._name}-server",
            identifier=self._called,
            engine="postgres",
            engine_version=str(args.get("version", VERSION)),
            engine_lifecycle_support="open-source-rds-extended-support-disabled",
            auto_minor_version_upgrade=True,
            instance_class=args["machine"],
            multi_az=args.get("high_availability", True),
            storage_type="gp3",
            allocated_storage=disk,
            max_allocated_storage=disk * GROWTH,
            storage_encrypted=True,
            kms_key_id=self._key.arn,
            username=ADMIN,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self._key.arn,
            port=PORT,
            publicly_accessible=False,
            network_type="IPV4",
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self._group().id],
            parameter_group_name=self._parameters().name,
            backup_retention_period=args.get("backup_days", BACKUP_DAYS),
            backup_window=BACKUP_WINDOW,
            maintenance_window=MAINTENANCE_WINDOW,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not self._keep,
            skip_final_snapshot=not self._keep,
            final_snapshot_identifier=f"{self._called}-final" if self._keep else None,
            deletion_protection=self._keep,
            enabled_cloudwatch_logs_exports=list(LOGS),
            tags=self._tags,
            opts=child_options(self._parent, self._opts, depends_on=self._logs(), keep=self._keep),
        )


BACKEND: DatabaseBackend = AwsDatabase()
"""What `Database` takes for AWS."""
