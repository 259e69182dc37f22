"""A new version on its way through a Rollout: how far it is, and why it was taken back."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from stanchion_cli.deploy import readiness
from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.deploy.patience import patiently
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import detail

ROLLOUT_API = "argoproj.io/v1alpha1"
HASH_LABEL = "rollouts-pod-template-hash"
_POLL_SECONDS = 1.0
_SEEN_SECONDS = 60
"""How long the controller may take to see a change before something is wrong with it."""
_LIMIT = re.compile(r"result\[0\] (<=|>=) (\S+)")
_WORDS = {"<=": "at most", ">=": "at least"}
_UNMEASURED = dict.fromkeys(
    ("deadline", "traffic"),
    "it was not found good within its deadline: too few requests or answers, or none",
)
_UNKNOWN_SUFFIX = ".unknown"
"""Of the metric that fails when one of a user's own never yields a number."""

Live = Mapping[str, Any]


def rollout_of(api: Api, name: str, service: Mapping[str, Any]) -> Live | None:
    """The Rollout of a service, as the program exports it; None where a Deployment runs it."""
    # A cluster where nothing is released by metrics need not have the kind.
    if service["strategy"] == "rolling":
        return None
    return api.get(Ref(ROLLOUT_API, "Rollout", service["namespace"], name))


def progress(live: Live) -> str:
    """Where a Rollout stands, in a few words: `healthy`, `canary step 3 of 6, weight 50`."""
    status = live.get("status") or {}
    phase = str(status.get("phase", "not seen by its controller yet"))
    if phase == "Healthy" or not readiness.is_releasing(live):
        return phase.lower()
    if status.get("abort") or phase == "Degraded":
        return "taken back"
    steps = _steps(live)
    if not steps:
        return f"{phase.lower()}, new version not judged yet"
    done = min(int(status.get("currentStepIndex", 0)), len(steps) - 1)
    weights = [step["setWeight"] for step in steps[: done + 1] if "setWeight" in step]
    return f"canary step {done + 1} of {len(steps)}, weight {weights[-1] if weights else 0}"


def settle(api: Api, services: Mapping[str, Mapping[str, Any]]) -> None:
    """Wait until each service that a Rollout runs serves its declared version alone.

    Args:
        api: The cluster's.
        services: What the program exports of each, by name: where it is, its `strategy`, and
            `releaseSeconds`, the longest that a release of it can take.

    Raises:
        StanchionError: with the reason when one was taken back, or is on its way for too long.
    """
    for name, service in services.items():
        if rollout_of(api, name, service) is not None:
            limit = time.monotonic() + service["releaseSeconds"]
            _settle(api, Ref(ROLLOUT_API, "Rollout", service["namespace"], name), limit)


def reason_taken_back(api: Api, live: Live) -> str:
    """Why the controller went back to the version before."""
    status = live.get("status") or {}
    metadata = live["metadata"]
    runs = api.list(
        ROLLOUT_API,
        "AnalysisRun",
        namespace=metadata["namespace"],
        selector=f"{HASH_LABEL}={status.get('currentPodHash', '')}",
    )
    found = {
        name: text
        for run in runs
        if any(o["uid"] == metadata["uid"] for o in run["metadata"].get("ownerReferences", []))
        for name, text in _failures(run).items()
    }
    # What a step found may have been found in the background too: a measure is named once.
    told = dict.fromkeys(found.values())
    return "; ".join(told) or str(status.get("message", "no reason is told"))


def _settle(api: Api, ref: Ref, limit: float) -> None:
    shown, seen_at = "", time.monotonic()
    while True:
        live = patiently(lambda: api.get(ref))
        if live is None:
            raise StanchionError("does not exist any more", where=str(ref))
        seen = readiness.is_observed(live)
        if seen:  # every change of replicas by its autoscaler has to be seen anew
            seen_at = time.monotonic()
        phase = (live.get("status") or {}).get("phase")
        if seen and phase == "Healthy" and not readiness.is_releasing(live):
            return
        if seen and phase == "Degraded":
            raise StanchionError(reason_taken_back(api, live), where=str(ref))
        line = f"{ref}: {progress(live)}"
        if line != shown:
            detail(line)
            shown = line
        if time.monotonic() > seen_at + _SEEN_SECONDS:
            raise StanchionError(
                f"its controller has not seen it for {_SEEN_SECONDS} s",
                where=str(ref),
                fix="see that Argo Rollouts runs in the cluster",
            )
        if time.monotonic() > limit:
            raise StanchionError(f"is still on its way: {progress(live)}", where=str(ref))
        time.sleep(_POLL_SECONDS)


def _failures(run: Live) -> dict[str, str]:
    metrics = {metric["name"]: metric for metric in run["spec"].get("metrics") or ()}
    found = {}
    for result in (run.get("status") or {}).get("metricResults") or ():
        if result.get("phase") not in {"Failed", "Error"}:
            continue
        name = result["name"]
        last = (result.get("measurements") or [{}])[-1]
        if name in _UNMEASURED:
            found[name] = _UNMEASURED[name]
        elif name.endswith(_UNKNOWN_SUFFIX):
            own = name.removesuffix(_UNKNOWN_SUFFIX)
            found[name] = f"{own} yielded no number within the deadline"
        elif result["phase"] == "Error":
            found[name] = f"{name} could not be measured: {last.get('message', 'no reason')}"
        else:
            found[name] = f"{name} was {_value(last)}{_bounds(metrics.get(name, {}))}"
    return found


def _value(measurement: Mapping[str, Any]) -> str:
    try:
        return f"{float(str(measurement.get('value', '')).strip('[]')):.4g}"
    except ValueError:
        return "not known"


def _bounds(metric: Mapping[str, Any]) -> str:
    limits = _LIMIT.findall(str(metric.get("successCondition", "")))
    return "".join(f", {_WORDS[sign]} {limit} is good" for sign, limit in limits)


def _steps(live: Live) -> list[Mapping[str, Any]]:
    return ((live["spec"].get("strategy") or {}).get("canary") or {}).get("steps") or []
