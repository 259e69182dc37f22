"""What `Database` takes, and what each backend gives back."""

import re
from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import Cloud
from stanchion.foundation.location import Location, NetworkReference, check_location
from stanchion.network import NetworkPeer
from stanchion.pods import ContainerResources

PORT = 5432
LOGIN = ("username", "password")
"""Keys of the administrator's Secret, on every cloud."""
VERSION = 17
VERSIONS = (15, 16, 17, 18)
BACKUP_DAYS = 7
MOST_BACKUP_DAYS = 35
GROWTH = 4
"""Times its first size that a managed database's disk may grow to by itself."""
LARGEST_DISK = 65536
"""GiB of a managed database's disk in either cloud."""
LONGEST_SERVER = 63
"""Characters of a managed database's name on AWS; on Google Cloud a longest project fits too."""
_GIBIBYTES = re.compile(r"([1-9]\d*)Gi")


class DatabaseArgs(TypedDict):
    """Arguments of `Database`."""

    cloud: Cloud
    """Where it runs: aws, gcp or local."""
    namespace: pulumi.Input[str]
    """Namespace of its Kubernetes objects."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    clients: list[NetworkPeer]
    """The only pods that may connect. A managed database cannot tell pods apart: there the
    network's addresses may connect, and pods are held back by policies of their own."""
    service_name: NotRequired[str]
    """Name of its Service and prefix of its other objects; in a cloud the database itself is
    called ENVIRONMENT-SERVICE_NAME. Default: database."""
    image: NotRequired[str]
    """PostgreSQL image; needed for local, where PostgreSQL runs in the cluster."""
    storage: NotRequired[str]
    """Size of its volume; whole Gi for aws and gcp, where it grows by itself to four times
    that. Default: 10Gi; 20Gi on aws and gcp."""
    storage_class: NotRequired[str]
    """StorageClass of its volume; local alone. Default: the cluster's default class."""
    resources: NotRequired[ContainerResources]
    """CPU and memory; local alone. Default: 100m up to 1 core, 512Mi."""
    priority_class: NotRequired[str]
    """PriorityClass of its pod; local alone. Default: none."""
    location: NotRequired[Location]
    """Account or project, region and zones; needed for aws and gcp. Default: none."""
    environment: NotRequired[str]
    """Name of the environment, as prod-aws; needed for aws and gcp. Default: none."""
    network: NotRequired[NetworkReference]
    """Where it gets its private address: `Network`'s output `reference`; needed for aws and
    gcp. Default: none."""
    machine: NotRequired[str]
    """Machine it runs on; needed for aws and gcp. AWS: a DB instance class, as db.m7g.large.
    GCP: a tier, as db-custom-2-8192 (CPUs, MiB) or db-perf-optimized-N-2. Default: none."""
    version: NotRequired[int]
    """Major version of a managed PostgreSQL: 15 to 18. Of a running one a higher number is an
    upgrade in place on GCP, and refused by AWS. Default: 17."""
    high_availability: NotRequired[bool]
    """Whether a second zone holds a standby that takes over; aws and gcp alone. Default: true."""
    backup_days: NotRequired[int]
    """Days that daily backups of a managed database are kept, and that any moment can be
    restored: 7 to 35. On GCP's db-custom any moment of the last 7. Default: 7."""
    secret_store: NotRequired[pulumi.Input[str]]
    """ClusterSecretStore of External Secrets through which the administrator's login comes from
    the cloud's secret manager; aws and gcp alone. Default: cloud."""
    keep: NotRequired[bool]
    """Whether its data and password are protected from deletion. Default: false."""


@dataclass(frozen=True)
class DatabaseParts:
    """What a backend has made."""

    host: pulumi.Output[str]
    admin_secret_name: pulumi.Output[str]
    pod_labels: dict[str, str]
    requires_tls: bool = False
    cidr: pulumi.Output[str] | None = None
    admin_secret_source: pulumi.Output[str] | None = None
    encryption_key: pulumi.Output[str] | None = None


class DatabaseBackend(Protocol):
    """One way to run PostgreSQL."""

    def check(self, check: Checks, args: DatabaseArgs) -> None:
        """Note what this backend cannot do with `args`."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> DatabaseParts:
        """Make it, as children of `parent`."""
        ...


def service_name(args: DatabaseArgs) -> str:
    """Prefix of its objects' names."""
    return args.get("service_name", "database")


def server_name(args: DatabaseArgs) -> str:
    """What a managed database is called in its cloud."""
    return f"{args['environment']}-{service_name(args)}"


def disk_gib(args: DatabaseArgs) -> int:
    """First size of a managed database's disk in GiB; 0 for what is no whole number of them."""
    found = _GIBIBYTES.fullmatch(args.get("storage", "20Gi"))
    return int(found.group(1)) if found else 0


def check_managed(check: Checks, args: DatabaseArgs, *, smallest_disk: int) -> None:
    """What a managed database of either cloud needs.

    Args:
        check: Where problems are noted.
        args: The arguments.
        smallest_disk: GiB.
    """
    for field in ("location", "environment", "network", "machine"):
        if field not in args:
            check.refuse(field, f"is missing, and cloud: {args['cloud']} needs it", "add it")
    if "location" in args:
        check_location(check, args["location"])
        if args["location"]["cloud"] != args["cloud"]:
            check.refuse(
                "cloud",
                f"is {args['cloud']}, but location.cloud is {args['location']['cloud']}",
                "write the same in both",
            )
    if "environment" in args:
        check.name("environment", args["environment"])
        called = server_name(args)
        if len(called) > LONGEST_SERVER or "--" in called:
            check.refuse(
                "service_name",
                f"makes '{called}' with environment, and that is no name for a database",
                f"keep both together below {LONGEST_SERVER} characters, without double dashes",
            )
    if args.get("version", VERSION) not in VERSIONS:
        check.refuse(
            "version",
            f"{args.get('version')} is no PostgreSQL that both clouds run",
            f"write one of {', '.join(map(str, VERSIONS))}",
        )
    check.between("backup_days", args.get("backup_days", BACKUP_DAYS), 7, MOST_BACKUP_DAYS)
    disk = disk_gib(args)
    if not smallest_disk <= disk <= LARGEST_DISK // GROWTH:
        check.refuse(
            "storage",
            f"'{args.get('storage')}' is no size for a managed database",
            f"write {smallest_disk}Gi to {LARGEST_DISK // GROWTH}Gi",
        )
