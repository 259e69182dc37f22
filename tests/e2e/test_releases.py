"""Releases on real controllers: the platform's story goes on with canaries instead of rolling."""

from __future__ import annotations

import re
import time

import pytest
from e2e.platform import AUTOSCALING, Platform, eventually
from e2e.registry import Registry
from e2e.releases import (
    BLUE_GREEN,
    CANARY,
    INTERVAL_SECONDS,
    OPERATORS,
    champion_of,
    meanwhile,
    phase,
    restart_controller,
    served,
)
from e2e.traffic import Traffic

pytestmark = [
    pytest.mark.node,
    pytest.mark.usefixtures("unbroken"),
]

DEADLINE_SECONDS = 60
# Both colours run at once: two cores have no room for twice the four of AUTOSCALING.
TWICE_FITS = {"minReplicas": 2, "maxReplicas": 2}
BACK_ON_STABLE_SECONDS = 60
# More answers than the gates ask for (225), and fewer than a canary gives in its first step.
FLAWED_AFTER = 300
# More than one gives in a step with few requests, and fewer than in a minute with many.
FLAWED_IN_A_PAUSE_AFTER = 800
# From the end of an interval to its being told: a scrape, and who looks once a second.
READ_SECONDS = 10
# What is killed tells of it once it is back: the kubelet's first pause, and a start.
RESTART_SECONDS = 30
REFUSAL = "too much for this model"


def test_a_service_becomes_a_canary_without_dropping_a_request(platform: Platform) -> None:
    platform.enable(OPERATORS)
    with Traffic(platform.address(), platform.request(), pause=0.05) as traffic:
        platform.declare(rollout=CANARY)
        platform.stanchion("up", "local")
        time.sleep(3)
    assert traffic.failures == []
    status = platform.get("rollout", "wine", "-n", "demo")["status"]
    assert status["availableReplicas"] >= AUTOSCALING["minReplicas"], "it begins with its fewest"
    assert phase(platform) == "Healthy"
    assert platform.get("deployments", "-n", "demo")["items"] == []


def test_a_good_version_passes_every_step_with_no_failed_request(platform: Platform) -> None:
    before = platform.pinned_version()
    with Traffic(platform.address(), platform.request(), pause=0.05) as traffic:
        version = platform.train("--regularisation", "0.5")
        with meanwhile(platform, "promote", "wine-cultivar", version) as promoted:
            eventually(lambda: version in traffic.versions, seconds=420, what="the first canary")
            assert champion_of(platform) == before, "the alias waits for full weight"
            unchanged = platform.stanchion("up", "local")
            assert "0 created, 0 changed" in unchanged.stderr, "controllers keep what is theirs"
        assert promoted().returncode == 0
        eventually(lambda: traffic.answered >= 5000, seconds=300, what="5,000 requests")
    assert traffic.failures == []
    assert set(traffic.versions) == {before, version}
    assert (champion_of(platform), platform.pinned_version()) == (version, version)
    assert re.search(rf"{version}\s+2/2\s+healthy", platform.stanchion("status").stdout)


def test_a_version_that_fails_a_gate_never_gets_a_request(platform: Platform) -> None:
    before = platform.pinned_version()
    with Traffic(platform.address(), platform.request(), threads=1) as traffic:
        version = platform.train_flawed("shifted")
        refused = platform.stanchion("promote", "wine-cultivar", version, check=False)
    assert refused.returncode == 1
    assert "scan" in refused.stderr
    assert "accuracy" in refused.stderr or "not run" in refused.stderr
    assert set(traffic.versions) == {before}
    assert (platform.pinned_version(), champion_of(platform)) == (before, before)


@pytest.mark.full
@pytest.mark.parametrize(("flaw", "gate"), [("unloadable", "smoke"), ("signature", "signature")])
def test_a_version_that_cannot_serve_is_stopped_without_any_gate_declared(
    platform: Platform, flaw: str, gate: str
) -> None:
    before, champion = platform.pinned_version(), champion_of(platform)
    platform.declare(gates=None)
    with Traffic(platform.address(), platform.request(), threads=1) as traffic:
        version = platform.train_flawed(flaw)
        refused = platform.stanchion("promote", "wine-cultivar", version, check=False)
    assert refused.returncode == 1
    assert gate in refused.stderr
    assert (set(traffic.versions), traffic.failures) == ({before}, [])
    assert (platform.pinned_version(), champion_of(platform)) == (before, champion)


def test_a_version_that_fails_one_input_in_twenty_is_taken_back(platform: Platform) -> None:
    _taken_back(platform, "errors", reason="error-ratio", answers=REFUSAL)


@pytest.mark.full
@pytest.mark.parametrize(
    ("flaw", "reason"),
    [("slow", "latency-ratio"), ("shifted", "class-shift")],
)
def test_a_version_that_degrades_is_taken_back(platform: Platform, flaw: str, reason: str) -> None:
    _taken_back(platform, flaw, reason=reason)


@pytest.mark.full
def test_a_version_that_eats_memory_is_taken_back(platform: Platform) -> None:
    # It is slow before it is killed, and what is killed drops the connections that it has.
    _taken_back(
        platform,
        "memory",
        reason="restarts|latency-ratio",
        answers="[Cc]onnection",
        within=2 * INTERVAL_SECONDS + READ_SECONDS + RESTART_SECONDS,
    )


@pytest.mark.full
def test_a_version_that_degrades_in_a_pause_is_taken_back(platform: Platform) -> None:
    platform.declare(rollout={**CANARY, "steps": [{"weight": 50, "pauseSeconds": 900}]})
    _taken_back(platform, "errors", reason="error-ratio", answers=REFUSAL, in_pause=True)


def test_without_requests_a_release_holds_and_ends_at_its_deadline_whoever_restarts(
    platform: Platform,
) -> None:
    before, champion = platform.pinned_version(), champion_of(platform)
    soon = {**CANARY["analysis"], "deadlineSeconds": DEADLINE_SECONDS}
    platform.declare(rollout={**CANARY, "steps": [{"weight": 33}], "analysis": soon})
    version = platform.train("--regularisation", "0.7")
    with meanwhile(platform, "promote", "wine-cultivar", version) as promoted:
        eventually(lambda: version in served(platform), seconds=300, what="the canary")
        started = time.monotonic()
        restart_controller(platform)
    refused = promoted()
    assert refused.returncode == 1
    assert "not found good within its deadline" in refused.stderr
    assert time.monotonic() - started > DEADLINE_SECONDS
    assert (platform.pinned_version(), champion_of(platform)) == (before, champion)


@pytest.mark.full
def test_a_switch_to_blue_green_and_a_good_version_drop_no_request(platform: Platform) -> None:
    with Traffic(platform.address(), platform.request(), pause=0.05) as traffic:
        platform.declare(rollout=BLUE_GREEN, autoscaling=TWICE_FITS)
        platform.stanchion("up", "local")
        version = platform.train("--regularisation", "0.9")
        platform.stanchion("promote", "wine-cultivar", version)
    assert traffic.failures == []
    assert champion_of(platform) == version


@pytest.mark.full
def test_a_bad_version_after_a_switch_is_taken_back(platform: Platform) -> None:
    _taken_back(platform, "errors", reason="error-ratio", answers=REFUSAL)


def test_a_service_goes_back_to_rolling_without_dropping_a_request(platform: Platform) -> None:
    with Traffic(platform.address(), platform.request(), pause=0.05) as traffic:
        platform.declare(rollout=None, autoscaling=AUTOSCALING)
        platform.enable([])
        platform.stanchion("up", "local")
        time.sleep(3)
    assert traffic.failures == []
    status = platform.get("deployment", "wine", "-n", "demo")["status"]
    assert status["readyReplicas"] >= AUTOSCALING["minReplicas"], "it begins with its fewest"
    assert "argoproj.io" not in platform.kubectl("api-versions"), "the operator's kinds are gone"


def _taken_back(
    platform: Platform,
    flaw: str,
    *,
    reason: str,
    answers: str = "",
    in_pause: bool = False,
    within: float = 2 * INTERVAL_SECONDS + READ_SECONDS,
) -> None:
    """Promote a flawed version, which may fail requests by such answers alone.

    Within a pause requests are few until it has begun, so that the flaw shows in it.
    """
    before, champion = platform.pinned_version(), champion_of(platform)
    platform.declare(gates=None)
    after = FLAWED_IN_A_PAUSE_AFTER if in_pause else FLAWED_AFTER
    version = platform.train_flawed(flaw, "--after", str(after))

    def shows() -> bool:
        if answers:
            return any(re.search(answers, failure) for failure in traffic.failures)
        return traffic.versions[version] > after

    # Connections that are kept stay with the version before: only the others meet the canary.
    with Traffic(platform.address(), platform.request(), threads=8) as traffic:
        traffic.pause = 1.0 if in_pause else traffic.pause
        with meanwhile(platform, "promote", "wine-cultivar", version) as promoted:
            if in_pause:
                eventually(lambda: phase(platform) == "Paused", seconds=420, what="the pause")
                traffic.pause = 0.02
            eventually(
                lambda: shows() or phase(platform) == "Degraded", seconds=420, what="the flaw"
            )
            shown = time.monotonic()
            eventually(
                lambda: phase(platform) == "Degraded", seconds=180, what="that it is taken back"
            )
            taken_back = time.monotonic()
            eventually(
                lambda: served(platform) == {before},
                seconds=BACK_ON_STABLE_SECONDS,
                what="that the version before serves alone",
            )
            print(
                f"taken back {taken_back - shown:.0f} s after the flaw showed, back on stable "
                f"{time.monotonic() - taken_back:.0f} s after that"
            )
        assert promoted().returncode == 1
    assert taken_back - shown < within
    assert (platform.pinned_version(), champion_of(platform)) == (before, champion)
    found = Registry(platform).version(version)
    assert found is not None
    told = " ".join(str(tag["value"]) for tag in found["tags"])
    assert re.search(reason, told), "the reason stands on the version"
    others = [
        failure for failure in traffic.failures if not (answers and re.search(answers, failure))
    ]
    assert others == []
