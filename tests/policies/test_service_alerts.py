"""What a model service records, alarms about and has runbooks for, before our own policies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from policies.cases.operations import server
from policies.cases.scaling import alerts
from policies.in_process import judged, linked, seen
from policies.manifests import Manifest, manifest, resource
from stanchion.monitoring import (
    GpuMetrics,
    LlmObjectives,
    Once,
    Watched,
    WatchedGateway,
    WatchedJobs,
    WatchedLlm,
    WatchedService,
    backup_rules,
    gateway_rules,
    job_rules,
    llm_rules,
    mlflow_rules,
    service_rules,
)
from stanchion.monitoring.gpu_alerts import gpu_rules
from stanchion.monitoring.gpu_counters import COUNTERS_FILE, counters_file
from stanchion.monitoring.platform_alerts import WatchedMonitoring
from stanchion_cli import commands
from stanchion_policies import RULES

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
WINE = WatchedService(
    "wine",
    "demo",
    "growth",
    "team-a",
    {"latency": {"milliseconds": 250.0, "percent": 99.0}},
    settling_seconds=180,
    autoscaler="wine",
)


def rules() -> list[dict[str, Any]]:
    """Every rule of a service, as Prometheus reads it."""
    return [rule.manifest() for group in service_rules(WINE) for rule in group.rules]


def counters() -> Manifest:
    """What `Operators` tells DCGM's exporter to read."""
    return manifest("ConfigMap", "counters", data={COUNTERS_FILE: counters_file()})


def watched() -> list[dict[str, Any]]:
    """Every rule about GPUs, language models, gateways, jobs and MLflow."""
    platform = WatchedMonitoring("platform")
    told: LlmObjectives = {
        "first_token": {"milliseconds": 1000, "percent": 99.0},
        "token_time": {"milliseconds": 50, "percent": 99.0},
    }
    groups = [
        *gpu_rules(platform, GpuMetrics.GPU_OPERATOR),
        *llm_rules(WatchedLlm("llama", "demo", "growth", "team-a", told)),
        *gateway_rules(WatchedGateway("assistant", "demo", "growth", "team-a", {})),
        *(group for once in Once for group in job_rules(jobs(once))),
        *mlflow_rules(Watched("mlflow", "tracking", "", "platform"), 2),
        *backup_rules(Watched("mlflow-backup", "tracking", "", "platform"), "@daily", 7200),
    ]
    return [rule.manifest() for group in groups for rule in group.rules]


def jobs(once: Once) -> WatchedJobs:
    """What runs once, with a CronJob beside it."""
    return WatchedJobs(
        "scores",
        "demo",
        "growth",
        "team-a",
        deadline_seconds=600,
        once=once,
        repeats=True,
        schedule="@daily",
    )


def complaints(policy: str, *objects: Manifest) -> list[str]:
    """What a policy has against objects of one stack."""
    (rule,) = (each for each in RULES if each.name == policy)
    registered = [resource(each) for each in objects]
    said, undecided = judged(rule, {}, linked(map(seen, registered), registered))
    assert not undecided
    return [message for _, message in said]


def known_commands() -> set[str]:
    """The commands of `stanchion`, and groups of them."""
    app = typer.Typer()
    commands.register(app)
    own = {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    }
    return own | {str(group.name) for group in app.registered_groups}


def queries(page: Path) -> Iterator[str]:
    """What a runbook asks of Prometheus."""
    for block in re.findall(r"```promql\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        yield block.strip()


def test_every_query_asks_for_what_somebody_exports_or_the_service_records() -> None:
    assert complaints("query-exported", alerts(*rules())) == []


def test_gpus_language_models_jobs_and_mlflow_ask_for_what_somebody_exports() -> None:
    assert complaints("query-exported", alerts(*watched()), counters()) == []


def test_a_counter_that_dcgm_was_not_told_to_read_is_noticed() -> None:
    found = complaints("query-exported", alerts(*watched()))
    assert any("DCGM_FI_DEV_THERMAL_VIOLATION" in message for message in found)


def test_a_series_that_the_service_does_not_record_is_noticed() -> None:
    alone = [rule for rule in rules() if "alert" in rule]
    found = complaints("query-exported", alerts(*alone))
    assert any("model_service:slo_errors:ratio_rate1h" in message for message in found)


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbooks_queries_ask_for_what_is_exported(page: Path) -> None:
    asked = list(queries(page))
    assert asked or page.stem == "README"
    assert complaints("query-exported", alerts(*rules(), *asked), counters()) == []


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbooks_commands_and_pages_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert set(re.findall(r"(?:`|\$ )stanchion ([a-z]+)", text)) <= known_commands()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).is_file(), link


def test_every_alert_leads_to_a_runbook() -> None:
    assert complaints("alert-runbook", alerts(*rules(), *watched())) == []


def test_its_alerts_compare_errors_over_a_short_and_a_long_time() -> None:
    served = server(metadata={"name": "wine", "namespace": "demo"})
    assert complaints("serving-burn-rate", served, alerts(*rules())) == []
    assert complaints("serving-burn-rate", served) != []
