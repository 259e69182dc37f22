"""When an object counts as ready, and what to tell when it never becomes so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stanchion_cli.deploy.api import Api, Ref

Live = Mapping[str, Any]
_NOT_WAITED_FOR = "pulumi.com/skipAwait"
"""Annotation of what takes its own time, for the engine and for us."""
_CREATING = "ContainerCreating"
# A container that failed this often will not be saved by waiting longer.
_HOPELESS_RESTARTS = 4
_HOPELESS_REASONS = frozenset(
    {"ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "ImagePullBackOff"}
)


def pending(live: Live) -> str:
    """Why the object is not ready yet; empty when it is."""
    if (live["metadata"].get("annotations") or {}).get(_NOT_WAITED_FOR) == "true":
        return ""
    check = _CHECKS.get(live["kind"])
    return check(live) if check else ""


def failed(api: Api, live: Live) -> str:
    """Why the object can never become ready without a change; empty while there is hope."""
    for condition in conditions(live):
        if condition["type"] == "Failed" and condition["status"] == "True":
            return f"the job failed: {condition.get('message', condition.get('reason', ''))}"
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message", "its progress deadline is exceeded"))
    if _is_taken_back(live):
        return f"its new version was taken back: {live['status'].get('message', '')}"
    for pod in _pods(api, live):
        for status in container_statuses(pod):
            waiting = status.get("state", {}).get("waiting") or {}
            reason = waiting.get("reason", "")
            crashed = (
                reason == "CrashLoopBackOff" and status.get("restartCount", 0) >= _HOPELESS_RESTARTS
            )
            if reason in _HOPELESS_REASONS or crashed:
                return f"{status['name']} of pod {pod['metadata']['name']} is in {reason}"
    return ""


def remedy(live: Live | None) -> str:
    """What to do about an object that did not become ready, or is gone."""
    if live is not None and _is_taken_back(live):
        return (
            "the lock file pins that version still: "
            f"`stanchion rollback {live['metadata']['name']}` pins the one before, and its "
            "`stanchion promote` run again also keeps the reason on it"
        )
    return "mend the cause and run the same command again"


def _is_taken_back(live: Live) -> bool:
    return live["kind"] == "Rollout" and (live.get("status") or {}).get("phase") == "Degraded"


def obstacle(api: Api, live: Live) -> str:
    """In a few words, what holds the object's first unready pod up; empty when nothing is seen."""
    for pod in _pods(api, live):
        if _ready(pod) or pod["status"].get("phase") == "Succeeded":
            continue
        waiting = [
            _state(status) for status in container_statuses(pod) if "waiting" in status["state"]
        ]
        if any(_CREATING in state for state in waiting):
            # A volume that is not there, as a Secret nobody has made, is told as an event alone.
            waiting = _warnings(api, pod)[-1:] or waiting
        return ", ".join(waiting) or _phase(pod)
    return ""


def diagnosis(api: Api, live: Live) -> str:
    """Which pod holds the object up, why, and the last lines it logged."""
    lines: list[str] = []
    for pod in _pods(api, live):
        if _ready(pod):
            continue
        metadata = pod["metadata"]
        lines.append(f"pod {metadata['namespace']}/{metadata['name']}: {_phase(pod)}")
        lines += [f"  {event}" for event in _warnings(api, pod)]
        for status in container_statuses(pod):
            if status.get("ready"):
                continue
            previous = status.get("restartCount", 0) > 0 and "running" not in status["state"]
            log = api.logs(
                metadata["namespace"],
                metadata["name"],
                status["name"],
                lines=10,
                previous=previous,
            )
            lines.append(f"  {status['name']}: {_state(status)}")
            lines += [f"    | {line}" for line in log.splitlines()]
    return "\n".join(lines)


def _deployment(live: Live) -> str:
    return _rolled_out(live, wanted=live["spec"].get("replicas", 1))


def _rolled_out(live: Live, *, wanted: int) -> str:
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return "not seen by its controller yet"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted or available < wanted or status.get("replicas", 0) > updated:
        return f"{available} of {wanted} replicas available, {updated} up to date"
    return ""


def is_observed(rollout: Live) -> bool:
    """Whether a Rollout's controller has seen what is declared now."""
    seen = (rollout.get("status") or {}).get("observedGeneration")
    return str(seen) == str(rollout["metadata"]["generation"])


def is_releasing(rollout: Live) -> bool:
    """Whether another version than the declared one serves, wholly or in part."""
    status = rollout.get("status") or {}
    stable = status.get("stableRS", "")
    if "blueGreen" in (rollout["spec"].get("strategy") or {}):
        stable = (status.get("blueGreen") or {}).get("activeSelector", stable)
    return bool(stable) and stable != status.get("currentPodHash")


def _rollout(live: Live) -> str:
    status = live.get("status") or {}
    if not is_observed(live):
        return "not seen by its controller yet"
    phase = status.get("phase")
    # A release is watched for as long as its steps take: whoever waits for it says so.
    if phase == "Healthy" or (phase != "Degraded" and is_releasing(live)):
        return ""
    return str(status.get("message") or f"phase {phase}")


def _job(live: Live) -> str:
    done = any(c["type"] == "Complete" and c["status"] == "True" for c in conditions(live))
    return "" if done else "not complete"


def _namespace(live: Live) -> str:
    phase = (live.get("status") or {}).get("phase")
    return "" if phase == "Active" else f"phase {phase}"


_CHECKS: dict[str, Callable[[Live], str]] = {
    "Deployment": _deployment,
    "StatefulSet": _deployment,
    "Job": _job,
    "Namespace": _namespace,
    "Rollout": _rollout,
}


def conditions(live: Live) -> list[dict[str, Any]]:
    """The conditions that an object tells of."""
    return (live.get("status") or {}).get("conditions") or []


def _pods(api: Api, live: Live) -> Iterator[dict[str, Any]]:
    labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if live["kind"] not in _CHECKS or not labels:
        return
    ref = Ref.of(live)
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    yield from api.list("v1", "Pod", namespace=ref.namespace, selector=selector)


def _warnings(api: Api, pod: Live) -> list[str]:
    metadata = pod["metadata"]
    events = api.list(
        "v1",
        "Event",
        namespace=metadata["namespace"],
        field=f"involvedObject.uid={metadata['uid']},type=Warning",
    )
    latest = {event["reason"]: event["message"] for event in events}
    return [f"{reason}: {message}" for reason, message in latest.items()]


def container_statuses(pod: Live) -> list[dict[str, Any]]:
    """What a pod tells of its containers, those that run first included."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _ready(pod: Live) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions(pod))


def _phase(pod: Live) -> str:
    status = pod.get("status") or {}
    unscheduled = [
        c.get("message", "")
        for c in conditions(pod)
        if c["type"] == "PodScheduled" and c["status"] != "True"
    ]
    return ", ".join([status.get("phase", "Unknown"), *unscheduled])


def _state(status: Live) -> str:
    """`waiting CrashLoopBackOff, last exit 1 Error` and the like."""
    state: dict[str, dict[str, Any]] = status.get("state") or {"unknown": {}}
    name, detail = next(iter(state.items()))
    parts = [f"{name} {detail.get('reason', '')}".strip()]
    if message := detail.get("message"):
        parts.append(str(message))
    ended = (status.get("lastState") or {}).get("terminated")
    if ended:
        parts.append(f"last exit {ended.get('exitCode')} {ended.get('reason', '')}".strip())
    return ", ".join(parts)
