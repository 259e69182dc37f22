"""The managed databases of the clouds; test_foundation.py has the local one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import botocore.session
import pulumi_random as random
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion.credentials import SECRET_STORE
from stanchion.foundation.database.contract import VERSIONS
from stanchion_cli.preview import typecheck
from unit.components.test_network import LOCATIONS, TAGS, enumeration, of, one
from unit.components.world import (
    RANDOM_PASSWORD,
    SECRET_MARK,
    Registered,
    World,
    deploy,
    generated,
    text,
)

MACHINES = {"aws": "db.m7g.large", "gcp": "db-custom-2-8192"}
NETWORK = {
    "network_id": "the-network",
    "subnet_ids": ["subnet-1", "subnet-2", "subnet-3"],
    "cidr": "10.20.0.0/16",
    "pods_range": "pods",
    "services_range": "services",
}
SERVICE_IDENTITY = "gcp:projects/serviceIdentity:ServiceIdentity"
SQL = "gcp:sql/databaseInstance:DatabaseInstance"
COMPUTED: dict[str, dict[str, Any]] = {
    "aws:kms/key:Key": {"arn": "arn:key", "keyId": "key"},
    "aws:rds/instance:Instance": {
        "address": "dev-database.example.com",
        "masterUserSecrets": [{"secretArn": "arn:rds-made-this"}],
    },
    SQL: {"privateIpAddress": "10.20.224.3"},
    SERVICE_IDENTITY: {"member": "serviceAccount:google@example.com"},
}


def arguments(cloud: str) -> dict[str, Any]:
    """What a database of the environment dev is given."""
    return {
        "cloud": cloud,
        "namespace": "tracking",
        "owner": "team-a",
        "cost_center": "cc-1",
        "clients": [{"namespace": "tracking"}],
        "location": LOCATIONS[cloud],
        "environment": "dev",
        "network": NETWORK,
        "machine": MACHINES[cloud],
    }


def database(cloud: str, *, preview: bool = False, **changes: Any) -> World:
    """It, with other arguments where given."""
    args = {**arguments(cloud), **changes}

    def program() -> Any:
        made = stanchion.Database("db", cast("stanchion.DatabaseArgs", args))
        told = {
            "host": made.host,
            "port": made.port,
            "login": made.admin_secret_name,
            "tls": made.requires_tls,
            "cidr": made.cidr,
            "pods": made.pod_labels,
        }
        computed = {"source": made.admin_secret_source, "key": made.encryption_key}
        return told if preview else {**told, **computed}

    return deploy(program, preview=preview, computed={} if preview else COMPUTED)


def server(world: World) -> Registered:
    """The managed server itself."""
    (found,) = [each for each in world.resources if each.name == "db-server"]
    return found


def settings(world: World) -> Mapping[str, Any]:
    """Settings of a Cloud SQL instance."""
    found: Mapping[str, Any] = server(world).inputs["settings"]
    return found


@pytest.fixture(scope="module")
def on_aws() -> World:
    return database("aws")


@pytest.fixture(scope="module")
def on_gcp() -> World:
    return database("gcp")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_input_is_one_the_providers_know(cloud: str) -> None:
    resources: list[dict[str, Any]] = [
        {"urn": each.urn, "type": each.type, "inputs": each.wire}
        for each in database(cloud, keep=True).resources
    ]
    assert typecheck.check(resources) == []
    misspelt = [{**each, "inputs": {**each["inputs"], "enginee": "x"}} for each in resources]
    assert len(typecheck.check(misspelt)) >= len(resources) - 2


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_preview_knows_all_but_what_the_cloud_chooses(cloud: str) -> None:
    assert database(cloud, preview=True).exports == {
        "host": "database.tracking.svc.cluster.local",
        "port": 5432,
        "login": "database-admin",
        "tls": True,
        "cidr": "10.20.0.0/16",
        "pods": {},
    }


def test_consumers_get_the_same_outputs_from_both_clouds(on_aws: World, on_gcp: World) -> None:
    assert set(on_aws.exports) == set(on_gcp.exports)
    assert on_aws.exports["source"] == "arn:rds-made-this"
    assert on_gcp.exports["source"] == "dev-database-admin"
    assert on_aws.exports["key"] == "arn:key"


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_login_comes_through_external_secrets(cloud: str) -> None:
    world = database(cloud)
    login = world.object("ExternalSecret")
    assert login["apiVersion"] == "external-secrets.io/v1"
    assert login["metadata"]["name"] == world.exports["login"]
    assert login["metadata"]["namespace"] == "tracking"
    spec = login["spec"]
    assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": SECRET_STORE}
    read = {each["secretKey"]: each["remoteRef"] for each in spec["data"]}
    source = world.exports["source"]
    assert read == {key: {"key": source, "property": key} for key in ("username", "password")}


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_users_of_the_login_wait_until_its_secret_is_there(cloud: str) -> None:
    login = database(cloud).object("ExternalSecret")
    assert login["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}


def test_clients_know_it_by_a_service_of_its_own(on_aws: World, on_gcp: World) -> None:
    for world in (on_aws, on_gcp):
        assert world.exports["host"] == "database.tracking.svc.cluster.local"
        service = world.registered("Service", "database")
        assert world.waits_for(service, server(world))
        assert "selector" not in service.inputs["spec"]
    spec = on_aws.object("Service", "database")["spec"]
    assert spec == {"type": "ExternalName", "externalName": "dev-database.example.com"}
    endpoints = on_gcp.object("EndpointSlice", "database")
    assert endpoints["metadata"]["labels"]["kubernetes.io/service-name"] == "database"
    (endpoint,) = endpoints["endpoints"]
    assert endpoint["addresses"] == ["10.20.224.3"]
    (port,) = on_gcp.object("Service", "database")["spec"]["ports"]
    assert endpoints["ports"] == [{"name": port["name"], "port": 5432, "protocol": "TCP"}]
    waiting = on_gcp.registered("Service", "database")
    assert on_gcp.waits_for(waiting, on_gcp.registered("EndpointSlice", "database"))


def test_a_rotated_password_arrives_while_a_migration_still_tries() -> None:
    login = database("aws").object("ExternalSecret")
    assert login["spec"]["refreshInterval"] == "10m"


def test_only_the_login_waits_for_the_store() -> None:
    """The store's own identity needs the secret's name: a server that waited would be a cycle."""

    def program() -> Any:
        store = random.RandomString("store", length=8)
        args = {**arguments("aws"), "secret_store": store.id}
        return stanchion.Database("db", cast("stanchion.DatabaseArgs", args)).host

    world = deploy(program, computed=COMPUTED)
    (store,) = of(world, "RandomString")
    (login,) = [each for each in world.resources if each.name == "db-admin"]
    assert login.inputs["spec"]["secretStoreRef"]["name"] == "store-id"
    assert world.waits_for(login, store)
    assert not world.waits_for(server(world), store)


def test_no_password_is_made_or_kept_where_rds_makes_it(on_aws: World) -> None:
    assert not [each for each in on_aws.resources if each.type == RANDOM_PASSWORD]
    made = server(on_aws).inputs
    assert made["manageMasterUserPassword"] is True
    assert made["masterUserSecretKmsKeyId"] == "arn:key"
    assert not {"password", "passwordWo"} & set(made)


def test_the_password_of_cloud_sql_is_only_in_its_user_and_its_secret(on_gcp: World) -> None:
    password = generated("db-admin-password")
    holding = [each for each in on_gcp.resources if password in text(each.inputs)]
    assert {each.name for each in holding} == {"db-admin-user", "db-admin-secret-version"}
    for each in holding:
        assert password not in text(_without_secrets(each.wire)), each.name
    login = json.loads(one(on_gcp, "SecretVersion")["secretData"])
    user = one(on_gcp, "User")
    assert login == {"username": user["name"], "password": password}
    assert user["deletionPolicy"] == "ABANDON"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if SECRET_MARK in value:
            return "secret"
        return {key: _without_secrets(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_secrets(part) for part in value]
    return value


def test_it_has_no_public_address(on_aws: World, on_gcp: World) -> None:
    assert server(on_aws).inputs["publiclyAccessible"] is False
    assert one(on_aws, "SubnetGroup")["subnetIds"] == NETWORK["subnet_ids"]
    addresses = settings(on_gcp)["ipConfiguration"]
    assert addresses["ipv4Enabled"] is False
    assert addresses["privateNetwork"] == "the-network"
    assert "authorizedNetworks" not in addresses


def test_only_the_networks_addresses_reach_postgresql_and_it_reaches_nobody(on_aws: World) -> None:
    (group,) = of(on_aws, "SecurityGroup")
    assert not {"ingress", "egress"} & set(group.inputs)
    rule = one(on_aws, "SecurityGroupIngressRule")
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.20.0.0/16", 5432, 5432)
    assert server(on_aws).inputs["vpcSecurityGroupIds"] == [rule["securityGroupId"]]
    assert not of(on_aws, "SecurityGroupEgressRule")


def test_connections_without_tls_are_refused(on_aws: World, on_gcp: World) -> None:
    group = one(on_aws, "ParameterGroup")
    values = {each["name"]: each["value"] for each in group["parameters"]}
    assert values["rds.force_ssl"] == "1"
    assert server(on_aws).inputs["parameterGroupName"] == group["name"]
    assert settings(on_gcp)["ipConfiguration"]["sslMode"] == "ENCRYPTED_ONLY"
    assert on_aws.exports["tls"] is on_gcp.exports["tls"] is True


def test_data_backups_and_login_are_encrypted_with_its_own_rotating_key(
    on_aws: World, on_gcp: World
) -> None:
    made = server(on_aws).inputs
    assert made["storageEncrypted"] is True
    assert made["kmsKeyId"] == "arn:key"
    assert one(on_aws, "Key")["enableKeyRotation"] is True
    assert server(on_gcp).inputs["encryptionKeyName"] == "db-key-id"
    assert one(on_gcp, "CryptoKey")["rotationPeriod"] == "7776000s"
    (replica,) = one(on_gcp, "Secret")["replication"]["userManaged"]["replicas"]
    assert replica == {
        "location": "us-central1",
        "customerManagedEncryption": {"kmsKeyName": "db-key-id"},
    }


def test_googles_services_may_use_the_key_before_they_need_it(on_gcp: World) -> None:
    services = {each.name: each.inputs["service"] for each in of(on_gcp, "ServiceIdentity")}
    assert set(services.values()) == {"sqladmin.googleapis.com", "secretmanager.googleapis.com"}
    rights = {each.name: each for each in of(on_gcp, "CryptoKeyIAMMember")}
    for right in rights.values():
        assert right.inputs["role"] == "roles/cloudkms.cryptoKeyEncrypterDecrypter"
        assert right.inputs["member"] == "serviceAccount:google@example.com"
    (secret,) = of(on_gcp, "Secret")
    assert on_gcp.waits_for(server(on_gcp), rights["db-database-key-user"])
    assert on_gcp.waits_for(secret, rights["db-secrets-key-user"])


@pytest.mark.parametrize("redundant", [True, False])
def test_a_standby_is_in_another_zone(redundant: bool) -> None:
    aws = database("aws", high_availability=redundant)
    assert server(aws).inputs["multiAz"] is redundant
    made = settings(database("gcp", high_availability=redundant))
    assert made["availabilityType"] == ("REGIONAL" if redundant else "ZONAL")
    zones = made["locationPreference"]
    assert zones["zone"] == "us-central1-a"
    assert zones.get("secondaryZone") == ("us-central1-b" if redundant else None)


def test_a_standby_is_the_default(on_aws: World, on_gcp: World) -> None:
    assert server(on_aws).inputs["multiAz"] is True
    assert settings(on_gcp)["availabilityType"] == "REGIONAL"


@pytest.mark.parametrize(
    ("machine", "edition", "log_days"),
    [("db-custom-2-8192", "ENTERPRISE", 7), ("db-perf-optimized-N-2", "ENTERPRISE_PLUS", 20)],
)
def test_any_moment_of_the_last_days_can_be_restored(
    machine: str, edition: str, log_days: int
) -> None:
    aws = server(database("aws", backup_days=20)).inputs
    assert aws["backupRetentionPeriod"] == 20
    gcp = settings(database("gcp", backup_days=20, machine=machine))
    assert gcp["edition"] == edition
    backups = gcp["backupConfiguration"]
    assert backups["enabled"] is backups["pointInTimeRecoveryEnabled"] is True
    assert backups["backupRetentionSettings"] == {"retainedBackups": 20, "retentionUnit": "COUNT"}
    assert backups["transactionLogRetentionDays"] == log_days
    assert backups["location"] == "us-central1"


@pytest.mark.parametrize("keep", [True, False])
def test_kept_data_are_protected_here_and_in_the_cloud(keep: bool) -> None:
    aws, gcp = database("aws", keep=keep), database("gcp", keep=keep)
    held = [server(aws), server(gcp), *of(aws, "Key"), *of(gcp, "CryptoKey"), *of(gcp, "Secret")]
    held += [each for each in gcp.resources if each.type == RANDOM_PASSWORD]
    assert len(held) == 6
    assert all(each.protect is keep and each.retain is keep for each in held)
    assert server(aws).inputs["deletionProtection"] is keep
    assert server(aws).inputs["deleteAutomatedBackups"] is not keep
    assert server(gcp).inputs["deletionProtection"] is keep
    assert settings(gcp)["deletionProtectionEnabled"] is keep


def test_a_kept_database_that_goes_leaves_a_backup_behind() -> None:
    kept = server(database("aws", keep=True)).inputs
    assert kept["skipFinalSnapshot"] is False
    assert kept["finalSnapshotIdentifier"] == "dev-database-final"
    assert server(database("aws")).inputs["skipFinalSnapshot"] is True
    kept = settings(database("gcp", keep=True, backup_days=14))
    assert kept["finalBackupConfig"] == {"enabled": True, "retentionDays": 14}
    assert kept["retainBackupsOnDelete"] is True
    assert "finalBackupConfig" not in settings(database("gcp"))


def test_minor_versions_come_by_themselves_in_their_window(on_aws: World, on_gcp: World) -> None:
    made = server(on_aws).inputs
    assert made["autoMinorVersionUpgrade"] is True
    assert made["engineVersion"] == "17"
    assert made["maintenanceWindow"] == "sun:04:00-sun:05:00"
    assert "applyImmediately" not in made
    assert settings(on_gcp)["maintenanceWindow"] == {"day": 7, "hour": 4, "updateTrack": "stable"}


def test_a_group_of_parameters_is_of_the_servers_version() -> None:
    world = database("aws", version=16)
    group = one(world, "ParameterGroup")
    assert (group["family"], group["name"]) == ("postgres16", "dev-database-16")
    assert server(world).inputs["engineVersion"] == "16"
    assert server(database("gcp", version=16)).inputs["databaseVersion"] == "POSTGRES_16"


def test_logs_are_exported_to_groups_that_forget(on_aws: World) -> None:
    groups = of(on_aws, "LogGroup")
    exported = server(on_aws).inputs["enabledCloudwatchLogsExports"]
    assert {each.inputs["name"] for each in groups} == {
        f"/aws/rds/instance/dev-database/{log}" for log in exported
    }
    assert all(each.inputs["retentionInDays"] == 90 for each in groups)
    assert all(on_aws.waits_for(server(on_aws), each) for each in groups)


def test_a_disk_grows_by_itself_to_a_limit() -> None:
    made = server(database("aws", storage="100Gi")).inputs
    assert (made["allocatedStorage"], made["maxAllocatedStorage"]) == (100, 400)
    grown = settings(database("gcp", storage="100Gi"))
    assert (grown["diskSize"], grown["diskAutoresizeLimit"]) == (100, 400)
    assert grown["diskAutoresize"] is True


def test_cost_tags_are_on_everything_that_can_have_them(on_aws: World, on_gcp: World) -> None:
    for kind in ("Instance", "Key", "SubnetGroup", "ParameterGroup", "LogGroup", "SecurityGroup"):
        for each in of(on_aws, kind):
            assert TAGS.items() <= each.inputs["tags"].items()
    assert settings(on_gcp)["userLabels"] == TAGS
    assert one(on_gcp, "Secret")["labels"] == one(on_gcp, "CryptoKey")["labels"] == TAGS


def test_aws_values_are_botocores(on_aws: World) -> None:
    session = botocore.session.get_session()
    rds = session.get_service_model("rds")
    created = rds.shape_for("CreateDBInstanceMessage").members
    made = server(on_aws).inputs
    for field, value in {
        "EnableCloudwatchLogsExports": made["enabledCloudwatchLogsExports"],
        "EngineLifecycleSupport": [made["engineLifecycleSupport"]],
        "StorageType": [made["storageType"]],
        "NetworkType": [made["networkType"]],
        "Engine": [made["engine"]],
    }.items():
        for each in value:
            assert each in created[field].documentation, field
    assert "from 0 to 35" in created["BackupRetentionPeriod"].documentation
    methods = rds.shape_for("ApplyMethod").enum
    for each in one(on_aws, "ParameterGroup")["parameters"]:
        assert each["applyMethod"] in methods
    machines = session.get_service_model("ec2").shape_for("InstanceType").enum
    assert made["instanceClass"].removeprefix("db.") in machines


def test_google_values_are_the_discovery_documents(on_gcp: World) -> None:
    found = settings(on_gcp)
    backups = found["backupConfiguration"]["backupRetentionSettings"]
    for value, schema, field in (
        (found["edition"], "Settings", "edition"),
        (found["availabilityType"], "Settings", "availabilityType"),
        (found["diskType"], "Settings", "dataDiskType"),
        (found["ipConfiguration"]["sslMode"], "IpConfiguration", "sslMode"),
        (found["maintenanceWindow"]["updateTrack"], "MaintenanceWindow", "updateTrack"),
        (backups["retentionUnit"], "BackupRetentionSettings", "retentionUnit"),
        *((f"POSTGRES_{each}", "DatabaseInstance", "databaseVersion") for each in VERSIONS),
    ):
        assert value in enumeration("sqladmin.v1", schema, field)


@pytest.mark.parametrize("tier", ["db-custom-1-3840", "db-custom-4-26624", "db-perf-optimized-N-8"])
def test_a_tier_that_cloud_sql_has_is_taken(tier: str) -> None:
    assert settings(database("gcp", machine=tier))["tier"] == tier


@pytest.mark.parametrize(
    ("cloud", "wrong", "told"),
    [
        ("aws", {"location": None}, "location: is missing, and cloud: aws needs it; add it"),
        ("gcp", {"network": None}, "network: is missing, and cloud: gcp needs it; add it"),
        ("gcp", {"machine": None}, "machine: is missing, and cloud: gcp needs it; add it"),
        ("aws", {"environment": None}, "environment: is missing, and cloud: aws needs it"),
        (
            "gcp",
            {"location": LOCATIONS["aws"]},
            "cloud: is gcp, but location.cloud is aws; write the same in both",
        ),
        ("aws", {"machine": "m7g.large"}, "machine: 'm7g.large' is no class of DB instances"),
        ("aws", {"machine": "db-custom-2-8192"}, "write one as db.m7g.large"),
        ("gcp", {"machine": "db.m7g.large"}, "machine: 'db.m7g.large' is no tier of Cloud SQL"),
        ("gcp", {"machine": "db-custom-3-8192"}, "write 1 or an even number of CPUs to 96"),
        ("gcp", {"machine": "db-custom-2-8000"}, "a multiple of 256"),
        ("gcp", {"machine": "db-custom-2-16384"}, "0.9 to 6.5 GiB"),
        (
            "gcp",
            {"machine": "db-g1-small"},
            "machine: 'db-g1-small' shares its CPU and has no service level, and "
            "high_availability is on; write one as db-custom-2-8192, or turn high_availability off",
        ),
        ("aws", {"version": 14}, "version: 14 is no PostgreSQL that both clouds run"),
        ("gcp", {"backup_days": 6}, "backup_days: 6 is out of range; write 7 to 35"),
        ("aws", {"backup_days": 36}, "backup_days: 36 is out of range; write 7 to 35"),
        ("aws", {"storage": "10Gi"}, "storage: '10Gi' is no size for a managed database"),
        ("gcp", {"storage": "1.5Ti"}, "write 10Gi to 16384Gi"),
        (
            "aws",
            {"network": {**NETWORK, "subnet_ids": ["subnet-1"]}},
            "network.subnet_ids: are fewer than 2, which RDS needs; add zones",
        ),
        (
            "gcp",
            {"environment": "a" * 40, "service_name": "b" * 30},
            "that is no name for a database; keep both together below 63 characters",
        ),
        ("aws", {"machin": "db.m7g.large"}, "machin: is no argument; write machine"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(
    cloud: str, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentsError) as error:
        database(cloud, **wrong)
    assert told in str(error.value)
