"""What dashboards' queries yield: Prometheus' own evaluation over series as exporters give them.

The node feeds a part of the panels alone; here all of them are, in the form of real exporters, so
that a join of series that do not go together is found without a GPU and without a cloud.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from e2e.exported import AT, EVERYTHING, MINUTES
from e2e.simulation import Simulation, gauge
from stanchion.monitoring.dashboards import DASHBOARDS, Dashboard, queries
from stanchion.monitoring.dashboards.batch_training import BATCH_TRAINING
from stanchion.monitoring.dashboards.cost import COST
from stanchion.monitoring.dashboards.gpu_fleet import GPU_FLEET
from stanchion.monitoring.dashboards.platform import PLATFORM
from unit.costs.test_live import asked as asked_by_costs

_GOT = re.compile(r"^ +got:(.*)$", re.MULTILINE)


def got(
    simulation: Simulation, queried: list[str], series: Mapping[str, str] = EVERYTHING
) -> list[str]:
    """What promtool says that each query yields; `nil` for nothing."""
    wanted = [{"expr": query, "eval_time": AT, "exp_samples": [{"value": -1}]} for query in queried]
    told = simulation.told({"promql_expr_test": wanted}, series, step="1m")
    found = [each.strip() for each in _GOT.findall(told)]
    assert len(found) == len(queried), told
    return found


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_every_panel_has_data_where_everything_is_exported(
    simulation: Simulation, dashboard: Dashboard
) -> None:
    queried = [*queries(dashboard)]
    answered = dict(zip(queried, got(simulation, queried), strict=True))
    assert [query for query, found in answered.items() if found == "nil"] == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_series_of_kubernetes_state_that_another_exporter_has_too_change_no_answer(
    simulation: Simulation, dashboard: Dashboard
) -> None:
    again = {
        name.replace('job="kube-state-metrics"', 'job="opencost"'): values
        for name, values in EVERYTHING.items()
        if name.startswith("kube_")
    }
    assert again
    assert again.keys().isdisjoint(EVERYTHING)
    both = {**EVERYTHING, **again}
    queried = [*queries(dashboard)]
    assert got(simulation, queried, both) == got(simulation, queried)


def number(
    simulation: Simulation,
    dashboard: Dashboard,
    title: str,
    series: Mapping[str, str] = EVERYTHING,
    **chosen: str,
) -> float:
    """The one number of a panel, for some values of the dashboard's variables."""
    (panel,) = [panel for panel in dashboard.panels if panel.title == title]
    return number_of(simulation, panel.queries[0].filled(chosen), series)


def number_of(simulation: Simulation, query: str, series: Mapping[str, str] = EVERYTHING) -> float:
    """The one number that a query yields."""
    (found,) = got(simulation, [query], series)
    return float(found.split()[-1])


def test_a_gpu_that_is_held_and_does_not_compute_is_counted_with_its_cost(
    simulation: Simulation,
) -> None:
    assert number(simulation, GPU_FLEET, "Held and idle") == 1
    assert number(simulation, COST, "GPUs that idle") == pytest.approx(0.7 * 730)


def test_a_gpu_whose_pod_is_gone_is_held_by_nobody(simulation: Simulation) -> None:
    of = 'Hostname="node-a",gpu="7",exported_namespace="demo",exported_pod="gone"'
    gone = {f"DCGM_FI_DEV_GPU_UTIL{{{of}}}": gauge((MINUTES - 30, 0.0), (31, None))}
    series = {**EVERYTHING, **gone}
    assert number(simulation, GPU_FLEET, "Held and idle", series) == 1
    assert number(simulation, COST, "GPUs that idle", series) == pytest.approx(0.7 * 730)


def test_a_job_that_survived_a_kill_did_not_give_up(simulation: Simulation) -> None:
    assert number(simulation, BATCH_TRAINING, "Failed jobs") == 1


def test_a_pod_that_is_over_asks_for_nothing(simulation: Simulation) -> None:
    # Five containers of half a core and a GB on a node of four and 16, one of them with a GPU.
    assert number(simulation, PLATFORM, "CPU asked for") == 5 * 0.5 / 4
    assert number(simulation, PLATFORM, "Memory asked for") == 5 * 1 / 16
    assert number(simulation, GPU_FLEET, "Asked for") == 1 / 2
    assert number(simulation, BATCH_TRAINING, "GPUs of jobs") == 1
    # Each of the tenant's four used six seconds a minute, for two hours of the day.
    unused = number(simulation, COST, "Asked for and unused CPU", tenant="demo")
    assert unused == pytest.approx(4 * (0.5 - 6 * MINUTES / 86400))


def test_cost_is_what_pods_are_given_at_their_nodes_price(simulation: Simulation) -> None:
    assert number(simulation, COST, "Nodes") == pytest.approx(2 * 1.2 * 730)
    # Five containers of half a core and a GiB, one of them with a GPU.
    given = 5 * (0.5 * 0.03 + 0.004) + 0.7
    assert number(simulation, COST, "Not allocated") == pytest.approx(1 - given / 2.4)
    assert number(simulation, COST, "By model service") == pytest.approx(
        3 * (0.5 * 0.03 + 0.004) * 730
    )


def test_what_1000_predictions_cost_counts_rows_and_the_pods_before_the_replicas(
    simulation: Simulation,
) -> None:
    # Two replicas and an activator; 58 requests of three rows a minute to each replica.
    assert number(simulation, COST, "Of 1,000 predictions") == pytest.approx(
        1000 * 3 * (0.5 * 0.03 + 0.004) / (2 * 58 * 3 * 60)
    )


def test_costs_have_their_figures_where_everything_is_exported(simulation: Simulation) -> None:
    found = got(simulation, asked_by_costs("1h"))
    assert "nil" not in found


def test_costs_count_rows_and_the_hours_of_every_pod(simulation: Simulation) -> None:
    (rows,) = [query for query in asked_by_costs("1h") if "batch_size" in query]
    (hours,) = [query for query in asked_by_costs("1h") if "activator" in query]
    assert number_of(simulation, f"sum({rows})") == pytest.approx(2 * 58 * 3 * 60)
    assert number_of(simulation, f"count({hours})") == 3
    assert number_of(simulation, f"sum({hours})") == pytest.approx(3, rel=0.02)


def test_a_panel_without_data_is_noticed(simulation: Simulation) -> None:
    assert got(simulation, ["model_server_ready", "model_server_redy"])[1:] == ["nil"]


def test_costs_count_the_idle_gpus_of_pods_that_still_are_there(simulation: Simulation) -> None:
    """Every release leaves pods behind whose series are within the window for a day."""
    idle = {
        "released": gauge((30, 0.0), (91, None)),
        "killed": gauge((60, None), (41, 0.0), (20, None)),
        "serving": gauge((90, None), (31, 0.0)),
    }
    of = 'Hostname="node-a",gpu="0",exported_namespace="demo",exported_pod='
    series = {f'DCGM_FI_DEV_GPU_UTIL{{{of}"{pod}"}}': use for pod, use in idle.items()}
    (query,) = [query for query in asked_by_costs("2h") if "DCGM" in query]
    assert simulation.answers([f"count({query})"], series, AT, step="1m") == [1]
