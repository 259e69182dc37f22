"""Cases of the workload and ownership policies."""

from __future__ import annotations

from policies.cases.case import fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, manifest, workload

PROBE = {"httpGet": {"path": "/ready", "port": "http"}}
CLAIM = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
PORT = {"port": 8080}

CASES = [
    passes("workload-probes", "both probes", workload()),
    passes("workload-probes", "init containers need none", workload(init={})),
    passes("workload-probes", "a job needs none", workload("Job", server={"livenessProbe": DROP})),
    passes(
        "workload-probes",
        "a pod that ends needs none",
        workload("Pod", pod={"restartPolicy": "Never"}, server={"livenessProbe": DROP}),
    ),
    passes("workload-probes", "unknown is there", workload(server={"livenessProbe": UNKNOWN})),
    fails("workload-probes", "no readiness", workload(server={"readinessProbe": DROP})),
    fails("workload-probes", "null is none", workload(server={"livenessProbe": None})),
    fails("workload-probes", "rollout", workload("Rollout", server={"livenessProbe": DROP})),
    fails("workload-probes", "daemon set", workload("DaemonSet", server={"readinessProbe": DROP})),
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
    passes("workload-resources", "requests and limits", workload(init={})),
    passes(
        "workload-resources",
        "pod-level requests",
        workload(
            server={"resources": {"requests": {"cpu": DROP, "memory": DROP}}},
            pod={"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
        ),
    ),
    passes(
        "workload-resources",
        "quantities compare as quantities",
        workload(
            server={
                "resources": {
                    "requests": {"cpu": 1, "memory": "1024Mi"},
                    "limits": {"cpu": "1000m", "memory": "1Gi"},
                }
            }
        ),
    ),
    passes(
        "workload-resources",
        "no disk limit where the setting asks for none",
        workload(server={"resources": {"limits": {"ephemeral-storage": DROP}}}),
        ephemeralStorage=False,
    ),
    undecided(
        "workload-resources",
        "unknown size",
        workload(server={"resources": {"requests": {"memory": UNKNOWN}}}),
    ),
    fails(
        "workload-resources", "no memory limit", workload(server={"resources": {"limits": DROP}})
    ),
    fails("workload-resources", "init container", workload(init={"resources": DROP})),
    fails("workload-resources", "cron job", workload("CronJob", server={"resources": DROP})),
    fails(
        "workload-resources",
        "request above limit",
        workload(server={"resources": {"requests": {"memory": "1.5Gi"}}}),
    ),
    fails(
        "workload-resources",
        "no quantity",
        workload(server={"resources": {"requests": {"cpu": "half"}}}),
    ),
    fails("workload-resources", "CPU limit required", workload(), cpuLimit="required"),
    fails(
        "workload-resources",
        "CPU limit forbidden",
        workload(server={"resources": {"limits": {"cpu": 2}}}),
        cpuLimit="forbidden",
    ),
    passes("workload-rolling-update", "the API's default", workload()),
    passes(
        "workload-rolling-update",
        "one replica that owns a volume",
        workload(spec={"strategy": {"type": "Recreate"}, "replicas": 1}, pod={"volumes": CLAIM}),
    ),
    passes(
        "workload-rolling-update",
        "less than all",
        workload(spec={"replicas": 4, "strategy": {"rollingUpdate": {"maxUnavailable": "50%"}}}),
    ),
    passes("workload-rolling-update", "rollout by canary", workload("Rollout")),
    fails(
        "workload-rolling-update",
        "recreate without a volume",
        workload(spec={"strategy": {"type": "Recreate"}, "replicas": 1}),
    ),
    fails(
        "workload-rolling-update",
        "all of a daemon set",
        workload(
            "DaemonSet", spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": "100%"}}}
        ),
    ),
    fails(
        "workload-rolling-update",
        "every replica by number",
        workload(spec={"replicas": 2, "strategy": {"rollingUpdate": {"maxUnavailable": 2}}}),
    ),
    fails(
        "workload-rolling-update",
        "on delete",
        workload("StatefulSet", spec={"updateStrategy": {"type": "OnDelete"}}),
    ),
    fails("workload-rolling-update", "no strategy", workload("Rollout", spec={"strategy": DROP})),
    passes("workload-graceful-end", "stated", workload()),
    passes(
        "workload-graceful-end",
        "serves nothing",
        workload(server={"ports": DROP}, pod={"terminationGracePeriodSeconds": DROP}),
    ),
    passes(
        "workload-graceful-end",
        "hook within the period",
        workload(server={"lifecycle": {"preStop": {"sleep": {"seconds": 10}}}}),
    ),
    passes(
        "workload-graceful-end",
        "a rollout that refers to a deployment",
        workload("Rollout", spec={"template": DROP, "workloadRef": {"name": "churn"}}),
    ),
    fails(
        "workload-graceful-end",
        "not stated",
        workload(pod={"terminationGracePeriodSeconds": DROP}),
    ),
    fails("workload-graceful-end", "zero", workload(pod={"terminationGracePeriodSeconds": 0})),
    fails(
        "workload-graceful-end",
        "a shell's sleep as long as the period",
        workload(
            server={"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep 45"]}}}}
        ),
    ),
    passes("job-limits", "job", workload("Job")),
    passes("job-limits", "cron job", workload("CronJob")),
    passes(
        "job-limits",
        "time to live",
        workload("Job", spec={"ttlSecondsAfterFinished": 3600}),
        timeToLive=True,
    ),
    fails("job-limits", "no deadline", workload("Job", spec={"activeDeadlineSeconds": DROP})),
    fails("job-limits", "overlap", workload("CronJob", spec={"concurrencyPolicy": "Allow"})),
    fails("job-limits", "no time to live", workload("Job"), timeToLive=True),
    passes("workload-has-controller", "deployment", workload()),
    passes("workload-has-controller", "job", workload("Job")),
    passes(
        "workload-has-controller",
        "owned",
        workload("ReplicaSet", metadata={"ownerReferences": [{"kind": "Deployment"}]}),
    ),
    fails("workload-has-controller", "pod", workload("Pod")),
    fails("workload-has-controller", "replica set", workload("ReplicaSet")),
    fails("workload-has-controller", "controller", workload("ReplicationController")),
    fails(
        "workload-has-controller",
        "a pod in a list",
        {"apiVersion": "v1", "kind": "PodList", "items": [workload("Pod")]},
    ),
    passes("namespace-stated", "stated", workload()),
    passes("namespace-stated", "cluster-wide", manifest("ClusterRole", rules=[])),
    passes("namespace-stated", "another kind", manifest("Widget", metadata={"namespace": DROP})),
    undecided("namespace-stated", "unknown", workload(metadata={"namespace": UNKNOWN})),
    fails("namespace-stated", "missing", workload(metadata={"namespace": DROP})),
    fails("namespace-stated", "default", manifest("Secret", metadata={"namespace": "default"})),
    fails("namespace-stated", "null", manifest("Service", metadata={"namespace": None})),
    passes("owner-labels", "all there", workload()),
    passes(
        "owner-labels",
        "unknown is there",
        workload(metadata={"labels": {"stanchion.dev/owner": UNKNOWN}}),
    ),
    passes("owner-labels", "other labels asked for", workload(), labels=["stanchion.dev/owner"]),
    fails("owner-labels", "object", workload(metadata={"labels": {"stanchion.dev/owner": DROP}})),
    fails(
        "owner-labels",
        "pods of a cron job",
        workload("CronJob", template={"metadata": {"labels": {"stanchion.dev/owner": DROP}}}),
    ),
    fails("owner-labels", "empty", workload(metadata={"labels": {"stanchion.dev/owner": ""}})),
    fails("owner-labels", "another label asked for", workload(), labels=["cost-center"]),
    passes("selector-matches-template", "matches", workload()),
    passes(
        "selector-matches-template",
        "expressions",
        workload(
            spec={
                "selector": {
                    "matchLabels": DROP,
                    "matchExpressions": [
                        {"key": "app.kubernetes.io/name", "operator": "In", "values": ["churn"]},
                        {"key": "canary", "operator": "DoesNotExist"},
                    ],
                }
            }
        ),
    ),
    passes("selector-matches-template", "plain selector", workload("ReplicationController")),
    fails(
        "selector-matches-template",
        "another value",
        workload(spec={"selector": {"matchLabels": {"app.kubernetes.io/name": "chrun"}}}),
    ),
    fails("selector-matches-template", "none", workload("StatefulSet", spec={"selector": DROP})),
    fails(
        "selector-matches-template",
        "a label the template lacks",
        workload("Rollout", spec={"selector": {"matchLabels": {"track": "stable"}}}),
    ),
    fails(
        "selector-matches-template",
        "an expression that excludes the pods",
        workload(
            "DaemonSet",
            spec={
                "selector": {
                    "matchLabels": DROP,
                    "matchExpressions": [
                        {"key": "stanchion.dev/owner", "operator": "DoesNotExist"}
                    ],
                }
            },
        ),
    ),
]
