"""What metrics add to costs: what predictions cost, and what is paid for and not used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from stanchion_cli import commands
from stanchion_cli.costs import Allocation, allocation_of
from stanchion_cli.costs.live import Measured, is_window, measure
from stanchion_cli.deploy.prometheus import Prometheus
from stanchion_cli.errors import InputError
from stanchion_cli.report import costs as report
from typer.testing import CliRunner
from unit.costs.manifests import autoscaler, deployment, pods, workload
from unit.costs.test_shares import NODE, PLATFORM
from unit.deploy.prometheus_stand_in import Answers, answering
from unit.estimate.samples import previewed

ROOT = Path(__file__).parents[3]
POD, GIB = "namespace=demo,pod=web-6f7d-aaaaa", 2**30
LLM = "exported_namespace=demo,exported_pod=llm-5c-%s"
CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
GPU, ROWS, HOURS = (
    "DCGM_FI_DEV_GPU_UTIL",
    "model_server_batch_size_sum",
    "model_server_ready",
)
WEB_SERVICE = "namespace=demo,service=web"
WEB = deployment("web", cpu="1", memory="4Gi")


def allocation(*resources: Any) -> Allocation:
    found = allocation_of([previewed(PLATFORM, *resources)])
    assert found is not None
    return found


def measured(answers: Answers, *resources: Any, window: str = "1d") -> Measured:
    with answering(answers) as there:
        return measure(allocation(*(resources or (WEB,))), Prometheus(there.address), window)


def test_predictions_cost_what_their_replicas_did_meanwhile() -> None:
    found = {f"{WEB_SERVICE},pod=web-6f7d-{pod}": 24.0 for pod in ("aaaaa", "bbbbb")}
    (served,) = measured({ROWS: {WEB_SERVICE: 50_000}, HOURS: found}).served
    # Two replicas for a day, each half of a node.
    assert served.floor == pytest.approx(1000 * 48 * NODE / 2 / 50_000)
    assert served.floor == served.ceiling
    assert served.predictions == 50_000


def test_each_pod_of_a_service_costs_what_its_own_workload_asks_for() -> None:
    spec = {"replicas": 2, "template": pods(cpu="200m", memory="256Mi")}
    activator = workload("Deployment", "web-activator", spec, service="web")
    hours = {f"{WEB_SERVICE},pod=web-6f7d-aaaaa": 24.0,
             f"{WEB_SERVICE},pod=web-activator-5c-bbbbb": 20.0}  # fmt: skip
    answers: Answers = {ROWS: {WEB_SERVICE: 1000}, HOURS: hours}
    for declared in ((WEB, activator), (activator, WEB)):
        (served,) = measured(answers, *declared).served
        # A half of a node, and a tenth of one.
        assert served.floor == pytest.approx(24 * NODE / 2 + 20 * NODE / 10)


def test_a_pod_without_a_price_leaves_its_service_without_one() -> None:
    strange = workload("Deployment", "web-activator", {"template": pods(pool="none")})
    hours = {f"{WEB_SERVICE},pod=web-6f7d-aaaaa": 24.0,
             f"{WEB_SERVICE},pod=web-activator-5c-bbbbb": 20.0}  # fmt: skip
    (served,) = measured({ROWS: {WEB_SERVICE: 1000}, HOURS: hours}, WEB, strange).served
    assert (served.floor, served.ceiling) == (None, None)


@pytest.mark.parametrize("predictions", [{}, {"namespace=demo,service=web": 0}])
def test_without_predictions_there_is_no_cost_of_one(predictions: dict[str, float]) -> None:
    found = measured({ROWS: predictions, HOURS: {f"{WEB_SERVICE},pod=web-6f7d-aaaaa": 24}})
    assert len(found.served) == len(predictions)
    assert all(served.floor is None for served in found.served)
    assert all(row.cells[2] == "-" for row in report.served_rows(found))


def test_a_service_that_is_not_declared_is_nobodys_cost() -> None:
    of = "namespace=demo,service=else"
    found = measured({ROWS: {of: 9}, HOURS: {f"{of},pod=else-6f7d-aaaaa": 24}})
    assert found.served == ()


def test_what_is_asked_for_and_not_used_is_told_with_the_saving() -> None:
    found = measured({CPU: {POD: 0.1}, MEMORY: {POD: 0.5 * GIB}}, WEB, autoscaler("web", 1, 4))
    (finding,) = found.findings
    assert "0.12 CPU, 0.6 GiB would do" in finding.told
    # From a half of the node to 0.075 of it.
    assert finding.floor_monthly == pytest.approx(730 * NODE * (0.5 - 0.075))
    assert finding.ceiling_monthly == pytest.approx(4 * finding.floor_monthly)


def test_the_busiest_pod_of_a_workload_counts() -> None:
    other = "namespace=demo,pod=web-6f7d-bbbbb"
    busy = {CPU: {POD: 0.1, other: 0.95}, MEMORY: {POD: GIB, other: 3.9 * GIB}}
    assert measured(busy).findings == ()


def test_nothing_is_saved_where_the_other_resource_fills_the_node() -> None:
    found = measured({CPU: {POD: 0.01}, MEMORY: {POD: 3.9 * GIB}})
    assert found.findings == ()


def test_cpu_alone_says_nothing() -> None:
    found = measured({CPU: {POD: 0.01}})
    assert found.findings == ()
    assert MEMORY in found.missing


def test_pods_of_charts_and_of_longer_names_are_no_ones_here() -> None:
    strangers = {
        f"namespace={space},pod={pod}": 0.01
        for space, pod in (
            ("demo", "web-preview-6f7d-aaaaa"),
            ("keda", "web-6f7d-aaaaa"),
            ("demo", "web"),
        )
    }
    assert measured({CPU: strangers, MEMORY: strangers}).findings == ()


def test_a_gpu_that_idles_costs_its_pod() -> None:
    llm = deployment("llm", gpus=1, cpu="1", memory="4Gi", pool="l4")
    use = {LLM % "aaaaa": 0.0, LLM % "bbbbb": 1.5, LLM % "ccccc": 60.0}
    (finding,) = measured({GPU: use}, llm).findings
    assert finding.told.startswith("2 pods with 1 GPU each computed less than 5 %")
    assert finding.floor_monthly == pytest.approx(2 * 730 * 0.8048 * 0.5)
    assert finding.ceiling_monthly == pytest.approx(2 * 730 * 0.9776)


def test_the_largest_saving_comes_first_and_tools_get_the_same() -> None:
    llm = deployment("llm", gpus=1, cpu="1", memory="4Gi", pool="l4")
    found = measured({CPU: {POD: 0.1}, MEMORY: {POD: 0.5 * GIB}, GPU: {LLM % "aaaaa": 0}}, WEB, llm)
    assert [each.title for each in found.findings] == ["demo/llm", "demo/web"]
    document = report.measured_json(found)
    assert [each["service"] for each in document["findings"]] == ["demo/llm", "demo/web"]
    assert document["missing"] == []


def test_what_nobody_exports_is_said() -> None:
    notes = report.measured_notes(measured({}))
    assert len([note for note in notes if note.startswith("nothing is found by")]) == 3


@pytest.mark.parametrize(
    ("text", "good"),
    [("1d", True), ("12h", True), ("0d", False), ("1", False), ("1w", False), ("1d]", False)],
)
def test_a_window_is_hours_or_days(text: str, good: bool) -> None:
    assert is_window(text) is good


def asked(window: str = "1d") -> list[str]:
    """Every query of `measure`."""
    with answering({}) as there:
        measure(allocation(WEB), Prometheus(there.address), window)
        return there.asked


def test_the_window_is_asked_about() -> None:
    assert all("[7d" in query for query in asked("7d"))


def stanchion(*arguments: str) -> Any:
    app = typer.Typer()
    commands.register(app)
    return CliRunner().invoke(app, ["costs", *arguments, "--root", str(ROOT)])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--live",), "--live: means one environment's Prometheus; name one environment"),
        (("prod-aws", "--live", "--window", "soon"), "--window: 'soon' is no time"),
        (("prod-aws", "--context", "kind"), "--context: goes with --live"),
        (("atlantis",), "atlantis"),
    ],
)
def test_bad_input_is_refused_in_one_message(arguments: tuple[str, ...], told: str) -> None:
    done = stanchion(*arguments)
    assert isinstance(done.exception, InputError)
    assert told in str(done.exception)


def test_one_machine_has_nothing_that_is_paid_for() -> None:
    done = stanchion("local")
    assert done.exit_code == 0
    assert "local: has no nodes that are paid for" in done.stdout


def test_the_command_shows_services_teams_and_what_was_measured() -> None:
    wine = "namespace=demo,service=wine"
    with answering({ROWS: {wine: 1e6}, HOURS: {f"{wine},pod=wine-6f7d-aaaaa": 48}}) as there:
        done = stanchion("prod-aws", "--prometheus", there.address)
    assert done.exit_code == 0, done.exception
    for shown in ("demo/wine", "demo-team", "not allocated: general", "total", "1,000,000"):
        assert shown in done.stdout
