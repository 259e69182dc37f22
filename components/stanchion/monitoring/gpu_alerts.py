"""The rules of the GPUs: broken ones, slow ones, full ones, and those that idle.

Which of them an environment has depends on who exports its counters. A GPU is told by its node and
its number there; the tenant's pod that holds it is in the labels `exported_namespace` and
`exported_pod`. All go to the platform's owner, who can change a node; a tenant cannot.
"""

from collections.abc import Iterator

from stanchion.catalog.machines import IDLE_PERCENT
from stanchion.monitoring.burn_rates import INTERVAL_SECONDS
from stanchion.monitoring.dashboards.gpu_fleet import GPU_FLEET
from stanchion.monitoring.gpu_counters import GpuMetrics, asked, exported
from stanchion.monitoring.gpu_use import GPU_USE, HELD, mean_use
from stanchion.monitoring.kube_state import kube_state
from stanchion.monitoring.platform_alerts import WatchedMonitoring
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RuleGroup
from stanchion.monitoring.service_monitor import NAMESPACE

GPUS = "gpus"
"""Label `service` of the alerts."""
FATAL_XIDS = (48, 62, 64, 74, 79, 95, 119, 120, 140)
"""Of NVIDIA's catalogue (docs.nvidia.com/deploy/xid-errors): double-bit error, halted controller,
rows that could not be replaced, NVLink, fallen off the bus, uncontained error, GSP twice, and
uncorrectable errors: the GPU needs a reset or goes."""
PROGRAM_XIDS = (13, 31, 43)
"""Of the same: an exception in a kernel, an access outside its memory, a channel given up."""
_HOT, _HOT_MEMORY = 90, 100
"""Degrees from which data centre GPUs and their memory slow down, or soon will."""
_FULL = 0.98
_IDLE_HOURS = 4
_SLOWED_BY_POWER = 0.5
_REPLAYS = 100
_UNREPORTED_MINUTES = 20
"""More than the 15 after which kube-prometheus-stack tells that a node is gone, which is told in
place of it."""
_MINUTES = 60
_BY = "Hostname, gpu, modelName"
_HELD_BY = f"{_BY}, exported_namespace, exported_pod"
_GPU = "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} ({{ $labels.modelName }})"
_HELD = "{{ $labels.exported_pod }} in {{ $labels.exported_namespace }}"


def gpu_rules(watched: WatchedMonitoring, source: GpuMetrics) -> list[RuleGroup]:
    """Every rule about GPUs whose counters the source exports."""
    there = exported(source)
    alerts = [alert for alert in _alerts(watched) if asked(alert.expr) <= there]
    return [RuleGroup(f"{NAMESPACE}-gpus", alerts, INTERVAL_SECONDS)]


def _each(query: str, by: str = _BY) -> str:
    return f"max by ({by}) ({query})"


def _last(xids: tuple[int, ...], ago: str = "") -> str:
    # A new error is a new series: its code is in the exporter's labels as well.
    last = " or ".join(f"DCGM_FI_DEV_XID_ERRORS{ago} == {xid}" for xid in xids)
    return _each(last)


def _alerts(watched: WatchedMonitoring) -> Iterator[AlertRule]:
    yield from _errors(watched)
    yield from _slow(watched)
    yield from _use(watched)


def _alert(
    watched: WatchedMonitoring,
    name: str,
    expr: str,
    severity: AlertSeverity,
    *,
    summary: str,
    description: str,
    hold_minutes: int = 0,
) -> AlertRule:
    return watched.alert(
        name,
        expr,
        severity,
        of=GPUS,
        summary=summary,
        description=description,
        hold_seconds=hold_minutes * _MINUTES,
        dashboard=GPU_FLEET.path(),
    )


def _errors(watched: WatchedMonitoring) -> Iterator[AlertRule]:
    program, before = _last(PROGRAM_XIDS), _last(PROGRAM_XIDS, " offset 1h")
    yield _alert(
        watched,
        "GpuFailed",
        _last(FATAL_XIDS),
        AlertSeverity.PAGE,
        summary=f'{_GPU} failed with XID {{{{ printf "%.0f" $value }}}}',
        description="What runs on it has stopped or will, and what is put there next as well, "
        "until the node is replaced or the GPU reset.",
    )
    yield _alert(
        watched,
        "GpuProgramErrors",
        # The last error stays: one that was the last an hour ago already is no news.
        f"{program} unless {program} == {before}",
        AlertSeverity.TICKET,
        summary=f'a program on {_GPU} failed with XID {{{{ printf "%.0f" $value }}}}',
        description="Mostly the program's own mistake, as memory that is not its own; from "
        "several programs on one GPU it is the GPU's.",
    )
    yield _alert(
        watched,
        "GpuMemoryFaulty",
        f'label_replace({_each("DCGM_FI_DEV_ROW_REMAP_FAILURE")} > 0, "fault", '
        '"rows that could not be replaced", "", "") or '
        f'label_replace({_each("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL")} > 0, "fault", '
        '"double-bit errors", "", "") or '
        "label_replace(sum by "
        f"({_BY}) (increase(DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS[1h])) > 0, "
        '"fault", "rows to be replaced at a reset", "", "")',
        AlertSeverity.TICKET,
        summary=f'the memory of {_GPU} has {{{{ $labels.fault }}}}: {{{{ printf "%.0f" $value }}}}',
        description="Programs that touch the place are ended. A reset replaces rows by spare "
        "ones; where that failed the GPU is to be replaced.",
    )
    nvlink = (
        f"sum by ({_BY}) (increase(DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL[1h])) > {_REPLAYS}"
        f" or sum by ({_BY}) (increase(DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL[1h])) > 0"
    )
    pcie = f"sum by ({_BY}) (increase(DCGM_FI_DEV_PCIE_REPLAY_COUNTER[1h])) > {_REPLAYS}"
    yield _alert(
        watched,
        "GpuLinkErrors",
        f'label_replace({pcie}, "link", "PCIe", "", "") or '
        f'label_replace({nvlink}, "link", "NVLink", "", "")',
        AlertSeverity.TICKET,
        summary=f'{{{{ $labels.link }}}} of {_GPU} repeated or lost {{{{ printf "%.0f" $value }}}} '
        "packets in an hour",
        description="A bad slot, cable or bridge. What moves much data over it is slow, and a "
        "training over several GPUs waits for the slowest.",
    )


def _slow(watched: WatchedMonitoring) -> Iterator[AlertRule]:
    yield _alert(
        watched,
        "GpuHot",
        f"{_each('DCGM_FI_DEV_GPU_TEMP')} >= {_HOT} or "
        f"{_each('DCGM_FI_DEV_MEMORY_TEMP')} >= {_HOT_MEMORY}",
        AlertSeverity.TICKET,
        summary=f'{_GPU} or its memory has {{{{ printf "%.0f" $value }}}} degrees',
        description="It slows down to stay whole, and switches itself off where that is not "
        "enough.",
        hold_minutes=10,
    )
    heat = f"{_each('rate(DCGM_FI_DEV_THERMAL_VIOLATION[5m])')} / 1e9 > 0"
    power = f"{_each('rate(DCGM_FI_DEV_POWER_VIOLATION[5m])')} / 1e9 > {_SLOWED_BY_POWER}"
    yield _alert(
        watched,
        "GpuSlowed",
        f'label_replace({heat}, "cause", "heat", "", "") or '
        f'label_replace({power}, "cause", "power", "", "")',
        AlertSeverity.TICKET,
        summary=f"{_GPU} runs {{{{ humanizePercentage $value }}}} of its time at lower clocks "
        "because of {{ $labels.cause }}",
        description="Answers and trainings on it take longer than on others of its kind.",
        hold_minutes=15,
    )


def _use(watched: WatchedMonitoring) -> Iterator[AlertRule]:
    used, free = (
        f"max by (Hostname, gpu, modelName, GPU_I_ID, exported_namespace, exported_pod) "
        f"(DCGM_FI_DEV_FB_{part})"
        for part in ("USED", "FREE")
    )
    yield _alert(
        watched,
        "GpuMemoryNearlyFull",
        f"{used} / ({used} + {free}) > {_FULL}",
        AlertSeverity.TICKET,
        summary=f"{{{{ humanizePercentage $value }}}} of the memory of {_GPU} are taken by {_HELD}",
        description="The next larger batch or longer prompt ends with out of memory.",
        hold_minutes=15,
    )
    mean = _each(mean_use(HELD, f"{_IDLE_HOURS}h"), _HELD_BY)
    before = _each(f"{GPU_USE}{{{HELD}}} offset {_IDLE_HOURS}h", _HELD_BY)
    yield _alert(
        watched,
        "GpuIdle",
        f"{mean} < {IDLE_PERCENT} and {before} >= 0",
        AlertSeverity.TICKET,
        summary=f'{_HELD} holds {_GPU}, which computed {{{{ printf "%.1f" $value }}}} percent of '
        f"{_IDLE_HOURS} hours",
        description="It is paid for as if it worked; `stanchion costs --live` says how much.",
    )
    there = kube_state("kube_node_status_allocatable", 'resource="nvidia_com_gpu"')
    yield _alert(
        watched,
        "GpuNotReporting",
        f"max by (node) ({there}) > 0 unless on (node) max by (node) (DCGM_FI_DEV_GPU_TEMP)",
        AlertSeverity.TICKET,
        summary='{{ printf "%.0f" $value }} GPUs of {{ $labels.node }} report no metrics',
        description="None of the alerts about GPUs can come for this node.",
        hold_minutes=_UNREPORTED_MINUTES,
    )
