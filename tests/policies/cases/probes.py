"""Cases of the probe policies."""

from __future__ import annotations

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, manifest, workload

PROBE = {"httpGet": {"path": "/ready", "port": "http"}}
PORT = {"port": 8080}


def required(policy: str, probe: str) -> list[Case]:
    """Cases of a policy that wants a probe."""
    without = {probe: DROP}
    return [
        passes(policy, "there", workload()),
        passes(policy, "init containers need none", workload(init={})),
        passes(policy, "a job needs none", workload("Job", server=without)),
        passes(
            policy,
            "a pod that ends needs none",
            workload("Pod", pod={"restartPolicy": "Never"}, server=without),
        ),
        passes(policy, "unknown is there", workload(server={probe: UNKNOWN})),
        fails(policy, "missing", workload(server=without)),
        fails(policy, "null is none", workload(server={probe: None})),
        fails(policy, "rollout", workload("Rollout", server=without)),
        fails(policy, "daemon set", workload("DaemonSet", server=without)),
    ]


CASES: list[Case] = [
    *required("workload-liveness-probe", "livenessProbe"),
    *required("workload-readiness-probe", "readinessProbe"),
    passes("workload-probes-differ", "different paths", workload()),
    passes(
        "workload-probes-differ",
        "same path, more patience",
        workload(
            server={
                "readinessProbe": PROBE,
                "livenessProbe": {**PROBE, "failureThreshold": 9},
            }
        ),
    ),
    passes("workload-probes-differ", "none at all", workload(server={"livenessProbe": DROP})),
    undecided(
        "workload-probes-differ", "unknown probe", workload(server={"livenessProbe": UNKNOWN})
    ),
    fails(
        "workload-probes-differ",
        "one probe twice",
        workload(
            server={
                "readinessProbe": {**PROBE, "periodSeconds": DROP},
                "livenessProbe": {**PROBE, "failureThreshold": DROP},
            }
        ),
    ),
    fails(
        "workload-probes-differ",
        "stateful set",
        workload(
            "StatefulSet",
            server={
                "readinessProbe": {"httpGet": DROP, "periodSeconds": DROP, "tcpSocket": PORT},
                "livenessProbe": {"httpGet": DROP, "failureThreshold": DROP, "tcpSocket": PORT},
            },
        ),
    ),
    fails(
        "workload-probes-differ",
        "bare pod",
        manifest("Pod", spec={"containers": [{"readinessProbe": PROBE, "livenessProbe": PROBE}]}),
    ),
    passes("workload-probe-ports", "by name", workload()),
    passes(
        "workload-probe-ports",
        "by number",
        workload(server={"readinessProbe": {"httpGet": PORT}, "livenessProbe": {"grpc": PORT}}),
    ),
    passes(
        "workload-probe-ports",
        "a command",
        workload(
            server={
                "ports": DROP,
                "livenessProbe": {"httpGet": DROP, "exec": {"command": ["true"]}},
                "readinessProbe": DROP,
            }
        ),
    ),
    fails("workload-probe-ports", "no ports", workload(server={"ports": DROP})),
    fails(
        "workload-probe-ports",
        "another number",
        workload(server={"startupProbe": {"tcpSocket": {"port": 9090}}}),
    ),
    fails(
        "workload-probe-ports",
        "another name",
        workload("StatefulSet", server={"livenessProbe": {"httpGet": {"port": "admin"}}}),
    ),
]
