"""When the alerts about GPUs come and when they do not: Prometheus' own evaluation.

No GPU was at hand: the series have the names, labels and types of DCGM's exporter.
"""

from __future__ import annotations

import pytest
from e2e.simulation import Simulation, counter, gauge
from e2e.stories import Stage, Story, severities
from stanchion.monitoring.gpu_alerts import FATAL_XIDS, PROGRAM_XIDS, gpu_rules
from stanchion.monitoring.gpu_counters import GpuMetrics
from stanchion.monitoring.kube_state import kube_state
from stanchion.monitoring.platform_alerts import WatchedMonitoring
from stanchion.monitoring.routing import inhibitions

HOURS = 6
MINUTES = 60 * HOURS
RULES = [
    group.manifest() for group in gpu_rules(WatchedMonitoring("platform"), GpuMetrics.GPU_OPERATOR)
]
ALERTS = {rule["alert"]: rule for group in RULES for rule in group["rules"]}
OF = 'gpu="%s",Hostname="node-a",node="node-a",modelName="NVIDIA L4",UUID="GPU-%s"'
BOUND = ',exported_namespace="demo",exported_pod="llama-0"'
NODE = kube_state("kube_node_status_allocatable", 'node="node-a",resource="nvidia_com_gpu"')


def of(counter_name: str, gpu: int = 0, more: str = "") -> str:
    """A series of a GPU."""
    return f"DCGM_FI_DEV_{counter_name}{{{OF % (gpu, gpu)}{more}}}"


def always(value: float) -> str:
    """A gauge that stays."""
    return gauge((MINUTES + 1, value))


def from_the_second_hour(before: float | None, after: float | None, minutes: int = MINUTES) -> str:
    """A gauge that changes after 120 minutes, for so many of them."""
    rest = MINUTES + 1 - 120 - minutes
    if rest <= 0:
        return gauge((120, before), (MINUTES + 1 - 120, after))
    return gauge((120, before), (minutes, after), (rest, before))


def xid(code: int) -> str:
    """The series of the last error; its code is a label as well."""
    return of("XID_ERRORS", more=f',err_code="{code}",err_msg="told"')


def last_error(code: int) -> dict[str, str]:
    """None for two hours, then this one: another series."""
    return {
        xid(0): gauge((120, 0), (MINUTES + 1 - 120, None)),
        xid(code): gauge((120, None), (MINUTES + 1 - 120, code)),
    }


WELL = {
    NODE: always(1),
    xid(0): always(0),
    of("GPU_TEMP"): always(70),
    of("MEMORY_TEMP"): always(80),
    of("GPU_UTIL", more=BOUND): always(60),
    # What vLLM takes at its start.
    of("FB_USED", more=BOUND): always(21_000),
    of("FB_FREE", more=BOUND): always(2_000),
    of("THERMAL_VIOLATION"): counter((MINUTES, 0)),
    # A third of a minute at the limit of its power: usual under load.
    of("POWER_VIOLATION"): counter((MINUTES, 20e9)),
    of("ECC_DBE_VOL_TOTAL"): always(0),
    of("UNCORRECTABLE_REMAPPED_ROWS"): always(1),
    of("ROW_REMAP_FAILURE"): always(0),
    of("PCIE_REPLAY_COUNTER"): counter((MINUTES, 1)),
    of("NVLINK_REPLAY_ERROR_COUNT_TOTAL"): counter((MINUTES, 1)),
    of("NVLINK_RECOVERY_ERROR_COUNT_TOTAL"): always(0),
}
LATE = MINUTES - 120
STORIES = [
    Story("all is well", WELL, {}),
    Story("fallen off the bus", {**WELL, **last_error(79)}, {"GpuFailed": 121}),
    Story("memory of another", {**WELL, **last_error(31)}, {"GpuProgramErrors": 121}),
    Story("an error of neither kind", {**WELL, **last_error(45)}, {}),
    Story(
        "a row could not be replaced",
        {**WELL, of("ROW_REMAP_FAILURE"): from_the_second_hour(0, 1)},
        {"GpuMemoryFaulty": 121},
    ),
    Story(
        "a double-bit error",
        {**WELL, of("ECC_DBE_VOL_TOTAL"): from_the_second_hour(0, 1)},
        {"GpuMemoryFaulty": 121},
    ),
    Story(
        "a row more is to be replaced",
        {**WELL, of("UNCORRECTABLE_REMAPPED_ROWS"): from_the_second_hour(1, 2)},
        {"GpuMemoryFaulty": 121},
    ),
    Story("hot", {**WELL, of("GPU_TEMP"): from_the_second_hour(70, 92)}, {"GpuHot": 131}),
    Story(
        "hot memory", {**WELL, of("MEMORY_TEMP"): from_the_second_hour(80, 101)}, {"GpuHot": 131}
    ),
    Story("hot for five minutes", {**WELL, of("GPU_TEMP"): from_the_second_hour(70, 92, 5)}, {}),
    Story(
        "slowed by heat, a second of every minute",
        {**WELL, of("THERMAL_VIOLATION"): counter((120, 0), (LATE, 1e9))},
        {"GpuSlowed": 137},
    ),
    Story(
        "slowed by heat once",
        {**WELL, of("THERMAL_VIOLATION"): counter((120, 0), (2, 1e9), (LATE - 2, 0))},
        {},
    ),
    Story(
        "slowed by power, most of the time",
        {**WELL, of("POWER_VIOLATION"): counter((120, 20e9), (LATE, 50e9))},
        {"GpuSlowed": 140},
    ),
    Story(
        "memory is full",
        {
            **WELL,
            of("FB_USED", more=BOUND): from_the_second_hour(21_000, 22_900),
            of("FB_FREE", more=BOUND): from_the_second_hour(2_000, 100),
        },
        {"GpuMemoryNearlyFull": 136},
    ),
    Story(
        "a pod that never computes",
        {**WELL, of("GPU_UTIL", more=BOUND): always(1)},
        {"GpuIdle": 241},
    ),
    Story(
        "a pod that came three hours ago and waits for its weights",
        {**WELL, of("GPU_UTIL", more=BOUND): gauge((180, None), (MINUTES + 1 - 180, 0))},
        {},
    ),
    Story(
        "a pod that never computed and is gone",
        {**WELL, of("GPU_UTIL", more=BOUND): gauge((200, 0), (MINUTES + 1 - 200, None))},
        {},
    ),
    Story("a GPU that nobody holds", {**WELL, of("GPU_UTIL", gpu=1): always(0)}, {}),
    Story(
        "packets are sent again over PCIe",
        {**WELL, of("PCIE_REPLAY_COUNTER"): counter((120, 1), (LATE, 10))},
        {"GpuLinkErrors": 135},
    ),
    Story(
        "an NVLink is trained again",
        {**WELL, of("NVLINK_RECOVERY_ERROR_COUNT_TOTAL"): from_the_second_hour(0, 1)},
        {"GpuLinkErrors": 121},
    ),
    Story(
        "the exporter of a node is gone",
        {**WELL, of("GPU_TEMP"): from_the_second_hour(70, None)},
        {"GpuNotReporting": 145},
    ),
    Story(
        "the exporter restarts",
        {**WELL, of("GPU_TEMP"): from_the_second_hour(70, None, 5)},
        {},
    ),
    Story("nodes without GPUs", {NODE: always(0)}, {}),
]


STAGE = Stage(STORIES, RULES, severities(RULES), minutes=MINUTES, quiet=119)
HELD = STAGE.held


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)


@pytest.mark.parametrize(
    ("alert", "codes"), [("GpuFailed", FATAL_XIDS), ("GpuProgramErrors", PROGRAM_XIDS)]
)
def test_every_error_that_is_named_gives_its_alert(
    simulation: Simulation, alert: str, codes: tuple[int, ...]
) -> None:
    series = {
        f'DCGM_FI_DEV_XID_ERRORS{{gpu="{code}",Hostname="node-a",modelName="NVIDIA L4"}}': gauge(
            (120, 0), (20, code)
        )
        for code in codes
    }
    queries = [
        f'count(ALERTS{{alertname="{alert}",alertstate="firing",gpu="{code}"}})' for code in codes
    ]
    found = simulation.answers(
        queries, series, "130m", groups=RULES, step="1m", evaluated_every="1m"
    )
    assert found == [1.0] * len(codes)


def test_gpus_that_do_not_report_are_told_by_the_node_whose_outage_is_told_instead(
    simulation: Simulation,
) -> None:
    (outage,) = (rule for rule in inhibitions() if "node" in rule.get("equal", []))
    assert outage["targetMatch"] == [
        {"name": "alertname", "value": "GpuNotReporting", "matchType": "="}
    ]
    series = {**WELL, of("GPU_TEMP"): from_the_second_hour(70, None)}
    firing = 'count(ALERTS{alertname="GpuNotReporting",alertstate="firing",node="node-a"})'
    found = simulation.answers(
        [firing], series, "150m", groups=RULES, step="1m", evaluated_every="1m"
    )
    assert found == [1.0]


def test_an_error_of_a_program_is_over_an_hour_later(simulation: Simulation) -> None:
    firing = 'count(ALERTS{alertname="GpuProgramErrors",alertstate="firing"})'
    series = {**WELL, **last_error(31)}
    for at, expected in (("170m", 1.0), ("182m", None)):
        found = simulation.answers(
            [firing], series, at, groups=RULES, step="1m", evaluated_every="1m"
        )
        assert found == [expected], at


def test_the_summary_names_the_gpu_its_node_and_what_was_measured(simulation: Simulation) -> None:
    rule = ALERTS["GpuFailed"]
    annotations = {
        **rule["annotations"],
        "summary": "GPU 0 of node-a (NVIDIA L4) failed with XID 79",
    }
    labels = {
        **{key: value for key, value in rule["labels"].items() if key != "alertname"},
        "gpu": "0",
        "Hostname": "node-a",
        "modelName": "NVIDIA L4",
    }
    expected = {
        "alert_rule_test": [
            {
                "eval_time": "130m",
                "alertname": "GpuFailed",
                "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}],
            }
        ]
    }
    told = simulation.told(
        expected, {**WELL, **last_error(79)}, RULES, step="1m", evaluated_every="1m"
    )
    assert "SUCCESS" in told, told
