"""The GPUs: are they used, by whom, are they well, and who waits for one."""

from stanchion.catalog.machines import IDLE_PERCENT
from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Panel,
    Query,
    Section,
    Unit,
    Variable,
    lines,
    stat,
    table,
)
from stanchion.monitoring.gpu_use import HELD, mean_use
from stanchion.monitoring.kube_state import kube_state, requested

# The exporter's own pod is the target; whose GPU it is comes with a prefix.
_OF = 'Hostname=~"$node",exported_namespace=~"$tenant"'
_ASKED = requested("nvidia_com_gpu")
_THERE = kube_state("kube_node_status_allocatable", 'resource="nvidia_com_gpu"')
_BY = "{{Hostname}} {{gpu}}"


def _last_hour(more: str = "") -> str:
    return mean_use(f"{_OF}{more}", "1h")


def _each(metric: str) -> str:
    return f'max by (Hostname, gpu, modelName) ({metric}{{Hostname=~"$node"}})'


GPU_FLEET = Dashboard(
    "gpu-fleet",
    "GPU fleet",
    "Whether GPUs that are paid for compute, who holds them, and which of them fail.",
    variables=(
        Variable("node", "Node", "DCGM_FI_DEV_GPU_UTIL", "Hostname"),
        Variable("tenant", "Tenant", "DCGM_FI_DEV_GPU_UTIL", "exported_namespace"),
    ),
    sections=(
        Section(
            "Use",
            (
                stat("GPUs", "GPUs that report.", 'count(DCGM_FI_DEV_GPU_UTIL{Hostname=~"$node"})'),
                stat(
                    "Held and idle",
                    f"GPUs that a pod holds and that computed less than {IDLE_PERCENT} percent of "
                    "the last hour: `stanchion costs --live` says what they cost.",
                    f"count({_last_hour(f',{HELD}')} < {IDLE_PERCENT}) or vector(0)",
                    limits=Limits(1),
                ),
                stat(
                    "Asked for",
                    "Share of the GPUs of all nodes that pods hold or wait for.",
                    f"sum{_ASKED} / sum({_THERE})",
                    Unit.RATIO,
                ),
                stat(
                    "Pods without a node",
                    "Pods that ask for a GPU and no node has one free.",
                    f"count({_ASKED} * on (namespace, pod) group_left () "
                    f"({kube_state('kube_pod_status_unschedulable')} == 1)) or vector(0)",
                    limits=Limits(10, 1),
                ),
            ),
        ),
        Section(
            "By tenant",
            (
                lines(
                    "Computing",
                    "Mean share of time in which a kernel ran, by tenant.",
                    f"avg by (exported_namespace) (DCGM_FI_DEV_GPU_UTIL{{{_OF}}}) / 100",
                    "{{exported_namespace}}",
                    Unit.RATIO,
                ),
                lines(
                    "GPUs held",
                    "GPUs whose memory a tenant's pods hold.",
                    f"count by (exported_namespace) (DCGM_FI_DEV_GPU_UTIL{{{_OF}}})",
                    "{{exported_namespace}}",
                ),
                table(
                    "Who has which",
                    "Share of each GPU's time in the last hour, with its pod.",
                    "avg by (Hostname, gpu, modelName, exported_namespace, exported_pod) "
                    f"{_last_hour()} / 100",
                    Unit.RATIO,
                ),
            ),
        ),
        Section(
            "Each GPU",
            (
                lines(
                    "Computing",
                    "Share of time in which a kernel ran.",
                    f"{_each('DCGM_FI_DEV_GPU_UTIL')} / 100",
                    _BY,
                    Unit.RATIO,
                ),
                lines(
                    "Memory",
                    "Share of the GPU's memory that is taken; a language model's server takes its "
                    "part at the start.",
                    f"{_each('DCGM_FI_DEV_FB_USED')} / "
                    f"({_each('DCGM_FI_DEV_FB_USED')} + {_each('DCGM_FI_DEV_FB_FREE')})",
                    _BY,
                    Unit.RATIO,
                    Limits(0.98, 0.95),
                ),
                lines(
                    "Temperature",
                    "Data centre GPUs slow down from about 85 degrees on.",
                    _each("DCGM_FI_DEV_GPU_TEMP"),
                    _BY,
                    Unit.CELSIUS,
                    Limits(90, 85),
                ),
                lines("Power", "Watts drawn.", _each("DCGM_FI_DEV_POWER_USAGE"), _BY, Unit.WATT),
            ),
        ),
        Section(
            "Health",
            (
                table(
                    "Last XID",
                    "The last error that the driver reported of each GPU, 0 for none: 48, 63, 64, "
                    "79 and 94 to 95 are the hardware's, 13, 31 and 43 mostly the program's.",
                    _each("DCGM_FI_DEV_XID_ERRORS"),
                    limits=Limits(1),
                ),
                Panel(
                    "Remapped rows",
                    "Rows of memory that are replaced by spare ones; uncorrectable ones ask for a "
                    "reset of the GPU, a failed replacement for another GPU.",
                    (
                        Query(
                            _each("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"),
                            f"{_BY} uncorrectable",
                        ),
                        Query(_each("DCGM_FI_DEV_ROW_REMAP_FAILURE"), f"{_BY} failed"),
                    ),
                    limits=Limits(1),
                ),
                lines(
                    "PCIe repeats",
                    "Packets that were sent again in five minutes: a bad slot or riser.",
                    "sum by (Hostname, gpu) (increase(DCGM_FI_DEV_PCIE_REPLAY_COUNTER"
                    '{Hostname=~"$node"}[5m]))',
                    _BY,
                    limits=Limits(100, 10),
                ),
            ),
        ),
    ),
)
