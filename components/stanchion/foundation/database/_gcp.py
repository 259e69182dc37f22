"""Cloud SQL for PostgreSQL."""

import re

import pulumi
import pulumi_gcp as gcp

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.credentials import generated_password
from stanchion.foundation.database._managed import InCluster
from stanchion.foundation.database.contract import (
    BACKUP_DAYS,
    GROWTH,
    VERSION,
    DatabaseArgs,
    DatabaseBackend,
    DatabaseParts,
    check_managed,
    disk_gib,
    server_name,
)
from stanchion.foundation.encryption.gcp import customer_key
from stanchion.foundation.tags import cloud_tags

ADMIN = "stanchion_admin"
RESTORE_DAYS = {"ENTERPRISE": 7, "ENTERPRISE_PLUS": 35}
"""Most days that an edition keeps transaction logs, and so can restore any moment."""
SLOW_STATEMENT_MS = 1000
KEY_USERS = {"database": "sqladmin.googleapis.com", "secrets": "secretmanager.googleapis.com"}
"""Services of Google that use the key themselves: of data and backups, and of the login."""
_SUNDAY, _STABLE = 7, "stable"
_SMALLEST_DISK = 10
_SHARED = {"db-f1-micro", "db-g1-small"}
_CUSTOM = re.compile(r"db-custom-(\d+)-(\d+)")
_PREDEFINED = re.compile(r"db-perf-optimized-N-(2|4|8|16|32|48|64|80|96|128)")


class GcpDatabase:
    """A Cloud SQL instance with a private address, its administrator in Secret Manager."""

    def check(self, check: Checks, args: DatabaseArgs) -> None:
        """The place and a tier."""
        check_managed(check, args, smallest_disk=_SMALLEST_DISK)
        if "machine" in args:
            _check_tier(check, args)

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> DatabaseParts:
        """Key with its users, instance, administrator, secret, and the login in the cluster."""
        return _Server(parent, name, args, opts).parts()


def _check_tier(check: Checks, args: DatabaseArgs) -> None:
    tier = args["machine"]
    custom = _CUSTOM.fullmatch(tier)
    if custom:
        cpus, memory = int(custom.group(1)), int(custom.group(2))
        if (
            not (cpus == 1 or (cpus % 2 == 0 and 2 <= cpus <= 96))
            or memory % 256
            or not max(3840, cpus * 922) <= memory <= cpus * 6656
        ):
            check.refuse(
                "machine",
                f"'{tier}' is no tier of Cloud SQL",
                "write 1 or an even number of CPUs to 96, and for each 0.9 to 6.5 GiB in MiB, "
                "at least 3840 in all and a multiple of 256, as db-custom-2-8192",
            )
    elif tier in _SHARED:
        if args.get("high_availability", True):
            check.refuse(
                "machine",
                f"'{tier}' shares its CPU and has no service level, and high_availability is on",
                "write one as db-custom-2-8192, or turn high_availability off",
            )
    elif not _PREDEFINED.fullmatch(tier):
        check.refuse(
            "machine",
            f"'{tier}' is no tier of Cloud SQL",
            "write one as db-custom-2-8192 or db-perf-optimized-N-2",
        )


class _Server:
    """One Cloud SQL instance being made: its parts share project, labels and options."""

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        self._parent, self._name, self._args, self._opts = parent, name, args, opts
        self._called = server_name(args)
        self._project = args["location"]["account"]
        self._region = args["location"]["region"]
        self._keep = args.get("keep", False)
        self._deletion = "PREVENT" if self._keep else "DELETE"
        self._held = child_options(parent, opts, keep=self._keep)
        self._plain = child_options(parent, opts)
        self._labels = cloud_tags(
            owner=args["owner"],
            cost_center=args["cost_center"],
            environment=args["environment"],
        )
        self._key = self._encryption_key()
        rights = {part: self._key_user(part, api) for part, api in KEY_USERS.items()}
        self._instance = self._database(rights["database"])
        self._secret = self._administrator(rights["secrets"])

    def parts(self) -> DatabaseParts:
        """Private address, and the login once its secret has a version."""
        inside = InCluster(self._parent, self._name, self._args, self._opts)
        return DatabaseParts(
            host=inside.known_by_address(self._instance.private_ip_address),
            admin_secret_name=inside.admin_login(self._secret),
            pod_labels={},
            requires_tls=True,
            cidr=pulumi.Output.from_input(self._args["network"]["cidr"]),
            admin_secret_source=self._secret,
            encryption_key=self._key.id,
        )

    def _waiting(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return child_options(self._parent, self._opts, depends_on=depends_on, keep=self._keep)

    def _encryption_key(self) -> gcp.kms.CryptoKey:
        """Of data, backups and the administrator's secret."""
        return customer_key(
            self._name,
            location=self._args["location"],
            ring_name=self._called,
            key_name="database",
            labels=self._labels,
            deletion_policy=self._deletion,
            held=self._held,
        )

    def _key_user(self, part: str, api: str) -> pulumi.Resource:
        """The right of one of Google's services, whose account may not exist before, to the key."""
        service = gcp.projects.ServiceIdentity(
            f"{self._name}-{part}-service", project=self._project, service=api, opts=self._plain
        )
        return gcp.kms.CryptoKeyIAMMember(
            f"{self._name}-{part}-key-user",
            crypto_key_id=self._key.id,
            role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
            member=service.member,
            opts=self._plain,
        )

    def _database(self, key_right: pulumi.Resource) -> gcp.sql.DatabaseInstance:
        return gcp.sql.DatabaseInstance(
            f"{self._name}-server",
            project=self._project,
            region=self._region,
            name=self._called,
            database_version=f"POSTGRES_{self._args.get('version', VERSION)}",
            encryption_key_name=self._key.id,
            deletion_protection=self._keep,
            settings=self._settings(),
            # What grew by itself would else be shrunk, that is replaced, by the next `up`.
            opts=pulumi.ResourceOptions.merge(
                self._waiting(key_right),
                pulumi.ResourceOptions(ignore_changes=["settings.diskSize"]),
            ),
        )

    def _settings(self) -> gcp.sql.DatabaseInstanceSettingsArgs:
        args, sql = self._args, gcp.sql
        tier, zones = args["machine"], args["location"]["zones"]
        edition = "ENTERPRISE_PLUS" if _PREDEFINED.fullmatch(tier) else "ENTERPRISE"
        redundant = args.get("high_availability", True)
        days, disk = args.get("backup_days", BACKUP_DAYS), disk_gib(args)
        return sql.DatabaseInstanceSettingsArgs(
            tier=tier,
            edition=edition,
            availability_type="REGIONAL" if redundant else "ZONAL",
            location_preference=sql.DatabaseInstanceSettingsLocationPreferenceArgs(
                zone=zones[0], secondary_zone=zones[1] if redundant else None
            ),
            disk_type="PD_SSD",
            disk_size=disk,
            disk_autoresize=True,
            disk_autoresize_limit=disk * GROWTH,
            ip_configuration=sql.DatabaseInstanceSettingsIpConfigurationArgs(
                ipv4_enabled=False,
                private_network=args["network"]["network_id"],
                ssl_mode="ENCRYPTED_ONLY",
            ),
            backup_configuration=sql.DatabaseInstanceSettingsBackupConfigurationArgs(
                enabled=True,
                start_time="02:00",
                location=self._region,
                point_in_time_recovery_enabled=True,
                transaction_log_retention_days=min(days, RESTORE_DAYS[edition]),
                backup_retention_settings=sql.DatabaseInstanceSettingsBackupConfigurationBackupRetentionSettingsArgs(
                    retained_backups=days, retention_unit="COUNT"
                ),
            ),
            final_backup_config=sql.DatabaseInstanceSettingsFinalBackupConfigArgs(
                enabled=True, retention_days=days
            )
            if self._keep
            else None,
            retain_backups_on_delete=self._keep,
            deletion_protection_enabled=self._keep,
            maintenance_window=sql.DatabaseInstanceSettingsMaintenanceWindowArgs(
                day=_SUNDAY, hour=4, update_track=_STABLE
            ),
            database_flags=[
                sql.DatabaseInstanceSettingsDatabaseFlagArgs(name=flag, value=value)
                for flag, value in {
                    "log_lock_waits": "on",
                    "log_min_duration_statement": str(SLOW_STATEMENT_MS),
                }.items()
            ],
            user_labels=self._labels,
        )

    def _administrator(self, key_right: pulumi.Resource) -> pulumi.Output[str]:
        """A login made here, since Cloud SQL makes none; the ID of its secret, once complete."""
        password = generated_password(f"{self._name}-admin-password", self._held)
        user = gcp.sql.User(
            f"{self._name}-admin-user",
            project=self._project,
            instance=self._instance.name,
            name=ADMIN,
            password=password,
            # PostgreSQL refuses to drop a role that owns anything; it goes with its server.
            deletion_policy="ABANDON",
            opts=self._plain,
        )
        secret_id = f"{self._called}-admin"
        secret = gcp.secretmanager.Secret(
            f"{self._name}-admin-secret",
            project=self._project,
            secret_id=secret_id,
            replication=gcp.secretmanager.SecretReplicationArgs(
                user_managed=gcp.secretmanager.SecretReplicationUserManagedArgs(
                    replicas=[
                        gcp.secretmanager.SecretReplicationUserManagedReplicaArgs(
                            location=self._region,
                            customer_managed_encryption=gcp.secretmanager.SecretReplicationUserManagedReplicaCustomerManagedEncryptionArgs(
                                kms_key_name=self._key.id
                            ),
                        )
                    ]
                )
            ),
            labels=self._labels,
            deletion_policy=self._deletion,
            opts=self._waiting(key_right),
        )
        login: pulumi.Output[str] = pulumi.Output.json_dumps(
            {"username": user.name, "password": password}
        )
        version = gcp.secretmanager.SecretVersion(
            f"{self._name}-admin-secret-version",
            secret=secret.id,
            secret_data=login,
            deletion_policy=self._deletion,
            opts=self._held,
        )
        return version.secret.apply(lambda _: secret_id)


BACKEND: DatabaseBackend = GcpDatabase()
"""What `Database` takes for Google Cloud."""
