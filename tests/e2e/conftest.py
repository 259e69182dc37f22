"""A checkout of its own on a bundled node of its own: nothing of the user's is touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from e2e.platform import AUTOSCALING, Platform
from e2e.simulation import Simulation
from e2e.traces import Traces
from stanchion_cli import cluster
from stanchion_cli.cluster import packages, toolchain
from stanchion_cli.cluster.operator_list import PROMETHEUS

REPOSITORY = Path(__file__).resolve().parents[2]
CLUSTER = "e2e"
COMMIT = pytest.StashKey[str]()
BROKEN: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is end-to-end, and may take as long as a rollout takes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(1500))


def pytest_configure(config: pytest.Config) -> None:
    """Let commands be interrupted: a background job's children would inherit an ignored Ctrl-C.

    What is tested is named before chapters write pages of their own.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--results", None) is not None:
        config.stash[COMMIT] = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=REPOSITORY, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where `make e2e-full` leaves its result."""
    parser.addoption("--results", type=Path, help="write date, commit and each outcome here")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Write the result as a page, where that is asked for."""
    path: Path | None = config.getoption("--results", None)
    if path is None:
        return
    commit = config.stash[COMMIT]
    lines = [
        "# The longer end-to-end matrix\n",
        f"Written by `make e2e-full` on {datetime.now(UTC):%Y-%m-%d}, commit `{commit}`.\n",
        "| outcome | rule | seconds |",
        "| --- | --- | --- |",
    ]
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            rule = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
            lines.append(f"| {outcome} | {rule} | {report.duration:.0f} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def traces_before() -> Traces:
    """What this machine ran, mounted and routed before the platform came up."""
    return Traces.of_machine()


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' tool, built from its pinned module."""
    packages.ensure_packages()
    toolchain.build_missing([PROMETHEUS])
    return PROMETHEUS.path("promtool")


@pytest.fixture
def simulation(promtool: Path, tmp_path: Path) -> Simulation:
    """Prometheus without a cluster, and without waiting."""
    return Simulation(promtool, tmp_path)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember which stories are broken."""
    if report.failed:
        BROKEN.add(report.nodeid.partition("::")[0])


@pytest.fixture
def unbroken(request: pytest.FixtureRequest) -> None:
    """For the chapters of a story, which is a file: none makes sense when one before it failed."""
    if request.node.nodeid.partition("::")[0] in BROKEN:
        pytest.skip("an earlier chapter of this story failed")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, traces_before: Traces) -> Iterator[Platform]:
    """A checkout whose `local` environment means the cluster `e2e`; taken down at the end."""
    if os.geteuid() != 0:
        pytest.skip("the bundled node needs root")
    if cluster.find(CLUSTER) is not None:
        pytest.exit(
            f"there is a cluster {CLUSTER} already, of another run or a kept one: wait for it, or "
            f"run `stanchion cluster down --name {CLUSTER}`",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy(REPOSITORY / "Pulumi.yaml", root)
    for folder in ("stacks", "policies", "examples", "docs"):
        shutil.copytree(
            REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.lock.yaml")
        )
    environment = root / "stacks" / "Pulumi.local.yaml"
    environment.write_text(environment.read_text().replace("bundled: local", f"bundled: {CLUSTER}"))
    service = root / "stacks" / "services" / "wine.yaml"
    service.write_text(service.read_text() + "loadSeconds: 30\n")
    running = Platform(root, CLUSTER)
    running.declare(autoscaling=AUTOSCALING)
    yield running
    if not os.environ.get("STANCHION_E2E_KEEP"):
        subprocess.run(["stanchion", "cluster", "down", "--name", CLUSTER], check=False)
