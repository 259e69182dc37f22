"""Cases of the workload and ownership policies."""

from __future__ import annotations

from policies.cases.case import fails, passes, undecided
from policies.manifests import DROP, SELECTOR, UNKNOWN, manifest, workload

CLAIM = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
ENV = [{"name": "MODE", "value": "a"}, {"name": "MODE", "value": "b"}]

CASES = [
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
    passes("workload-priority-class", "named", workload(pod={"priorityClassName": "serving"})),
    passes("workload-priority-class", "a job's", workload("Job", pod={"priorityClassName": "low"})),
    passes("workload-priority-class", "unknown", workload(pod={"priorityClassName": UNKNOWN})),
    passes("workload-priority-class", "allowed", workload(), allowed=["serving"]),
    fails("workload-priority-class", "not allowed", workload(), allowed=["low", "batch"]),
    fails("workload-priority-class", "none", workload(pod={"priorityClassName": DROP})),
    fails("workload-priority-class", "empty", workload(pod={"priorityClassName": ""})),
    fails(
        "workload-priority-class",
        "a cron job's",
        workload("CronJob", pod={"priorityClassName": None}),
    ),
    passes("workload-env-unique", "one each", workload()),
    passes("workload-env-unique", "in two containers", workload(init={"env": ENV[:1]})),
    passes("workload-env-unique", "no env", workload(server={"env": DROP})),
    fails("workload-env-unique", "twice", workload(server={"env": ENV})),
    fails("workload-env-unique", "in an init container", workload("Job", init={"env": ENV})),
    fails(
        "workload-env-unique",
        "once by reference",
        workload(server={"env": [*ENV[:1], {"name": "MODE", "valueFrom": {}}]}),
    ),
    passes("workload-restarts", "the default", workload()),
    passes("workload-restarts", "stated", workload("DaemonSet", pod={"restartPolicy": "Always"})),
    passes("workload-restarts", "a job", workload("Job")),
    fails("workload-restarts", "never", workload(pod={"restartPolicy": "Never"})),
    fails("workload-restarts", "set", workload("StatefulSet", pod={"restartPolicy": "OnFailure"})),
    fails("workload-restarts", "rollout", workload("Rollout", pod={"restartPolicy": "Never"})),
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
    passes(
        "namespace-stated",
        "Kubernetes' own account",
        manifest("ServiceAccount", "default", metadata={"namespace": DROP}),
    ),
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
    passes(
        "selector-matches-template",
        "OpenShift's",
        workload("DeploymentConfig", spec={"selector": {**SELECTOR, "matchLabels": DROP}}),
    ),
    passes("selector-matches-template", "chosen for a job", workload("CronJob")),
    fails(
        "selector-matches-template",
        "a job's own",
        workload("Job", spec={"selector": {"matchLabels": {"app": "x"}}}),
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
