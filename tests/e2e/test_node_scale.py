"""A tenth of the simulated scale: real scheduler and quota, nodes and pods of our components.

Named to come after the bundled node by itself and before the platform, whose node stays.
"""

from __future__ import annotations

import os

import pytest

from benchmarks.scale import report
from benchmarks.scale.environment import TENTH
from benchmarks.scale.run import Run, run
from benchmarks.targets import Target

pytestmark = [pytest.mark.root, pytest.mark.node]


@pytest.fixture(scope="module")
def tenth(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """200 simulated nodes and 1,000 pods, on a bundled node of their own that is gone again."""
    if os.geteuid() != 0:
        pytest.skip("the bundled node needs root")
    return run(TENTH, tmp_path_factory.mktemp("scale"))


def test_every_pod_lands_on_its_pool_or_is_refused_with_the_reason_and_quotas_hold(
    tenth: Run,
) -> None:
    missed = [target for target in report.targets(tenth) if not target.met]
    assert missed == list[Target]()


def test_the_reasons_name_what_there_is_too_little_of(tenth: Run) -> None:
    words = tenth.findings.words
    assert "Insufficient nvidia.com/gpu" in words["l4"]
    assert "exceeded quota: quota, requested: requests.nvidia.com/gpu" in words["research"]
