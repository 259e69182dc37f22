"""Bad environment files of the clouds: what is wrong, and where the error must point.

Each case is a valid file with replacements. They run against the checks of the program here, and
some of them against the command in tests/e2e.
"""

from __future__ import annotations

from dataclasses import dataclass

from unit.stacks.bad_files import ROOT, Bad

AWS = (ROOT / "stacks" / "Pulumi.prod-aws.yaml").read_text("utf-8")
GCP = (ROOT / "stacks" / "Pulumi.prod-gcp.yaml").read_text("utf-8")
_E = "stanchion:"
L4 = "      accelerator: nvidia-l4\n      capacity: [on_demand]\n      maxNodes: 8\n"
TRAIN = (
    "      accelerator: nvidia-h100-80gb\n      capacity: [spot, on_demand]\n      maxNodes: 2\n"
    "      nvmeCache: true\n"
)
GENERAL = "      cpu: {cores: 8, memory: 32Gi}\n      capacity: [on_demand]\n      maxNodes: 12\n"


@dataclass(frozen=True)
class _File:
    text: str

    def bad(self, rule: str, old: str, new: str, path: str, says: str) -> Bad:
        assert old in self.text, (rule, old)
        return Bad(rule, self.text.replace(old, new, 1), f"{_E}{path}", says)


_aws, _gcp = _File(AWS).bad, _File(GCP).bad


def _pool(*lines: str) -> str:
    return "".join(f"      {line}\n" for line in lines)


def _block(zones: str) -> str:
    """The provider block's last line, with what it knows of the pool `train`."""
    return f"    nodeImage: v20260915\n    pools: {{train: {{{zones}}}}}\n"


_IMAGE = "    nodeImage: v20260915\n"
_PAYER = "    billingAccount: 000000-000000-000000\n"
_ONE_ZONE = "zones: [us-east-1a]"


def _fixed(rule: str, place: str, pool: str, path: str, says: str) -> Bad:
    """A training pool whose provider block and own block are both changed."""
    changed = AWS.replace(_IMAGE, _block(place), 1).replace(TRAIN, pool, 1)
    assert changed not in (AWS, AWS.replace(TRAIN, pool, 1)), rule
    return Bad(rule, changed, f"{_E}{path}", says)


_EFA = _pool("accelerator: nvidia-h100-80gb", "gpusPerNode: 8", "capacity: [on_demand]")

CLOUDS = [
    _aws("an unknown accelerator", L4, L4.replace("nvidia-l4", "nvidia-l5"), "pools[1].accelerator", "write one of nvidia-l4"),
    _aws("an accelerator of the other cloud's name", L4, L4.replace("nvidia-l4", "nvidia-tesla-a100"), "pools[1].accelerator", "nvidia-a100"),
    _gcp("an accelerator that the cloud lacks", L4, L4.replace("nvidia-l4", "nvidia-l40s"), "pools[1].accelerator", "nearest to its 48 GiB"),
    _aws("GPUs and CPUs in one pool", L4, L4 + _pool("cpu: {cores: 4, memory: 16Gi}"), "pools[1]", "exactly one"),
    _aws("a schedule of backups that cron has not", "  stanchion:tracking:\n", "  stanchion:tracking:\n    backupSchedule: nightly\n", "tracking.backupSchedule", "write cron's five fields"),
    _gcp("a schedule of backups out of cron's bounds", "  stanchion:tracking:\n", "  stanchion:tracking:\n    backupSchedule: 0 25 * * *\n", "tracking.backupSchedule", "write cron's five fields"),
    _aws("a zone by its domain", "zone: Z0PRODEXAMPLE0000000", "zone: ml-prod.example.com", "provider.dns.zone", "no ID of a hosted zone"),
    _gcp("a zone by its domain, on Google Cloud", "zone: ml-prod-example-com", "zone: ml-prod.example.com", "provider.dns.zone", "the zone's name, not its domain"),
    _gcp("a domain with a star", "domain: ml-prod.example.com", "domain: '*.example.com'", "provider.dns.domain", "no name that a certificate can have"),
    _aws("a name without a domain", "    dns: {domain: ml-prod.example.com, zone: Z0PRODEXAMPLE0000000}   # yours\n", "", "provider.dns", "add `dns: {domain"),
    _aws("an ingress without what makes it", "  stanchion:pools:\n", "  stanchion:operators: {enabled: [karpenter, external-secrets]}\n  stanchion:pools:\n", "operators.enabled", "add it"),
    _aws("nothing deleted can be restored", "    privateIngress: true", "    garbageCollection: {deletedDays: 0}\n    privateIngress: true", "tracking.garbageCollection.deletedDays", "at least 1"),
    _gcp("a schedule of collections that cron has not", "    privateIngress: true", "    garbageCollection: {schedule: weekly}\n    privateIngress: true", "tracking.garbageCollection.schedule", "write cron's five fields"),
    _aws("neither GPUs nor CPUs", GENERAL, _pool("capacity: [on_demand]", "maxNodes: 3"), "pools[0]", "exactly one"),
    _aws("GPUs of a node without an accelerator", GENERAL, GENERAL + _pool("gpusPerNode: 2"), "pools[0]", "gpusPerNode"),
    _aws("GPUs per node that no machine has", L4, L4 + _pool("gpusPerNode: 3"), "pools[1].accelerator", "write one of 1, 4, 8"),
    _aws("CPUs that no machine has", "{cores: 8, memory: 32Gi}", "{cores: 192, memory: 1000Gi}", "pools[0].cpu", "write at most"),
    _aws("MIG on a GPU that has none", L4, L4 + _pool("migProfile: 1g.10gb"), "pools[1].migProfile", "cannot be partitioned"),
    _aws("a MIG profile of another GPU", TRAIN, TRAIN + _pool("migProfile: 1g.5gb"), "pools[2].migProfile", "write one of 1g.10gb"),
    _aws("slices of slices", TRAIN, TRAIN + _pool("migProfile: 1g.10gb", "timeSlices: 4"), "pools[2].timeSlices", "leave out one"),
    _aws("time slices of CPUs", GENERAL, GENERAL + _pool("timeSlices: 4"), "pools[0].timeSlices", "no GPU to share"),
    _aws("one time slice", L4, L4 + _pool("timeSlices: 1"), "pools[1].timeSlices", "at least 2"),
    _fixed("EFA on a family without it", "machineType: g6.xlarge, zones: [us-east-1a]", _pool("accelerator: nvidia-l4", "capacity: [on_demand]", "minNodes: 2", "maxNodes: 2", "efa: true"), "pools[2].efa", "no Elastic Fabric Adapter"),
    _fixed("EFA and spot", _ONE_ZONE, _EFA.replace("on_demand", "spot") + _pool("minNodes: 2", "maxNodes: 2", "efa: true"), "pools[2].efa", "end the work of all"),
    _aws("two zones for EFA", TRAIN, _EFA + _pool("minNodes: 2", "maxNodes: 2", "efa: true"), "provider.pools.train.zones", "name one zone"),
    _fixed("EFA that may shrink", _ONE_ZONE, _EFA + _pool("minNodes: 1", "maxNodes: 2", "efa: true"), "pools[2].minNodes", "write the same number"),
    _gcp("EFA on Google Cloud", TRAIN, TRAIN + _pool("efa: true"), "pools[2].efa", "leave it out"),
    _aws("a capacity block without a reservation", TRAIN, TRAIN.replace("[spot, on_demand]", "[capacity_block]"), "provider.pools.train.reservation", "name the reservation"),
    Bad(
        "a capacity block on Google Cloud",
        GCP.replace(_PAYER, f"{_PAYER}    pools: {{train: {{reservation: block}}}}\n").replace("[spot, on_demand]", "[capacity_block]"),
        f"{_E}pools[2].capacity",
        "write queued or reservation",
    ),
    _aws("queued nodes on AWS", TRAIN, TRAIN.replace("[spot, on_demand]", "[queued]"), "pools[2].capacity", "Google Cloud"),
    _gcp("queued nodes that are always there", TRAIN, TRAIN.replace("[spot, on_demand]", "[queued]") + _pool("minNodes: 1"), "pools[2].minNodes", "write 0"),
    _gcp("queued CPUs", GENERAL, GENERAL.replace("[on_demand]", "[queued]"), "pools[0].capacity", "write spot or on_demand"),
    _aws("an order that no cloud follows", TRAIN, TRAIN.replace("[spot, on_demand]", "[on_demand, spot]"), "pools[2].capacity", "write spot, on_demand"),
    _aws("a kind of capacity twice", TRAIN, TRAIN.replace("[spot, on_demand]", "[spot, spot]"), "pools[2].capacity", "twice"),
    _aws("an unknown kind of capacity", L4, L4.replace("[on_demand]", "[preemptible]"), "pools[1].capacity[0]", "'on_demand'"),
    _aws("no capacity", L4, L4.replace("[on_demand]", "[]"), "pools[1].capacity", "is empty"),
    _aws("a maximum below the minimum", L4, L4 + _pool("minNodes: 9"), "pools[1].minNodes", "above maxNodes"),
    _aws("a minimum that Karpenter cannot keep", L4, L4 + _pool("minNodes: 1"), "pools[1].minNodes", "write 0"),
    _aws("a maximum of none", L4, L4.replace("maxNodes: 8", "maxNodes: 0"), "pools[1].maxNodes", "at least 1"),
    _aws("local disks that the machine lacks", GENERAL, GENERAL + _pool("nvmeCache: true"), "pools[0].nvmeCache", "no local NVMe"),
    _aws("a pool's name twice", "name: l4", "name: general", "pools", "used twice"),
    _aws("a pool's name that is too long", "name: l4", f"name: {'l' * 29}", "pools[1].name", "28"),
    _aws("no pool of CPUs", f"    - name: general\n{GENERAL}", "", "pools", "cpu: {cores"),
    _aws("a place for a pool that is not there", _IMAGE, f"{_IMAGE}    pools: {{trian: {{zones: [us-east-1a]}}}}\n", "provider.pools.trian", "train"),
    _aws("a pool's zone outside the provider's", _IMAGE, _block("zones: [us-east-1f]"), "provider.pools.train.zones[0]", "us-east-1a"),
    _aws("a machine without the accelerator", _IMAGE, _block("machineType: g6.xlarge"), "provider.pools.train.machineType", "carries nvidia-l4"),
    _aws("an unknown machine", _IMAGE, _block("machineType: p5.5xlarge"), "provider.pools.train.machineType", "p5.4xlarge"),
    _aws("a key of a pool's place is misspelt", _IMAGE, _block("zone: us-east-1a"), "provider.pools.train.zone", "`zones`"),
    _aws("no release of the node image", _IMAGE, "", "provider.nodeImage", "required"),
    _aws("a node image that moves", _IMAGE, "    nodeImage: latest\n", "provider.nodeImage", "v20250920"),
    _gcp("a key of the other cloud", "    billingAccount:", "    nodeImage: v20260915\n    billingAccount:", "provider.nodeImage", "allowed here"),
    _gcp("no billing account", _PAYER, "", "provider.billingAccount", "required"),
    _aws("an account that is none", '"333333333333" ', '"3333" ', "provider.account", "12 digits"),
    _gcp("a project that is none", "account: example-ml-prod", "account: Example", "provider.account", "project ID"),
    _aws("a zone of another region", "us-east-1c]", "us-west-2c]", "provider.zones[2]", "us-east-1"),
    _aws("two zones", ", us-east-1c]", "]", "provider.zones", "name 3"),
    _aws("a zone twice", "us-east-1c]", "us-east-1b]", "provider.zones", "twice"),
    _aws("an administrator who is no role", "arn:aws:iam::333333333333:role/platform-admin", "alice", "provider.administrators[0]", "role"),
    _gcp("an administrator who is no member", "group:platform-admins@example.com", "platform-admins", "provider.administrators[0]", "group:"),
    _aws("nobody to administer it", '["arn:aws:iam::333333333333:role/platform-admin"]', "[]", "provider.administrators", "nobody"),
    _aws("public addresses for a private network", "10.40.0.0/16", "8.8.0.0/16", "network.cidr", "not private"),
    _aws("a network too small", "10.40.0.0/16", "10.40.0.0/24", "network.cidr", "/16 to /20"),
    _aws("an address that begins no range", "10.40.0.0/16", "10.40.0.1/16", "network.cidr", "10.20.0.0/16"),
    _aws("addresses in use elsewhere", "10.40.0.0/16", "10.40.0.0/16\n    reservedCidrs: [10.40.128.0/20]", "network.cidr", "overlaps"),
    _gcp("addresses of the control plane", "10.40.0.0/16", "172.16.0.0/16", "cluster.controlPlaneCidr", "172.16.0.0"),
    _aws("no network", "  stanchion:network:\n    cidr: 10.40.0.0/16\n", "", "network", "required"),
    _aws("a NAT that is unknown", "10.40.0.0/16", "10.40.0.0/16\n    nat: none", "network.nat", "'single'"),
    _aws("restricted to nobody", "  stanchion:pools:", "  stanchion:cluster: {api: {mode: restricted}}\n  stanchion:pools:", "cluster.api.allowedCidrs", "list addresses"),
    _aws("restricted to everyone", "  stanchion:pools:", "  stanchion:cluster: {api: {mode: restricted, allowedCidrs: [0.0.0.0/0]}}\n  stanchion:pools:", "cluster.api.allowedCidrs[0]", "everyone"),
    _aws("addresses for a private API", "  stanchion:pools:", "  stanchion:cluster: {api: {mode: private, allowedCidrs: [203.0.113.0/24]}}\n  stanchion:pools:", "cluster.api.allowedCidrs", "restricted"),
    _aws("a Kubernetes that EKS lacks", "  stanchion:pools:", "  stanchion:cluster: {version: '1.20'}\n  stanchion:pools:", "cluster.version", "1.3"),
    _aws("no budget", "  stanchion:budget:\n    monthlyUsd: 40000\n    emails: [platform-team@example.com, finance@example.com]\n", "", "budget", "required"),
    _aws("a budget below the floor", "monthlyUsd: 40000", "monthlyUsd: 300", "budget.monthlyUsd", "floor"),
    _aws("a budget that nobody hears of", "[platform-team@example.com, finance@example.com]", "[]", "budget.emails", "empty"),
    _aws("an address that is none", "finance@example.com", "finance", "budget.emails[1]", "form"),
    _aws("a volume in a cloud's provider", _IMAGE, f"{_IMAGE}    storageClass: fast\n", "provider.storageClass", "allowed here"),
    _aws("a size of database that is unknown", "  stanchion:tracking:\n", "  stanchion:tracking:\n    databaseSize: huge\n", "tracking.databaseSize", "'large'"),
]  # fmt: skip
