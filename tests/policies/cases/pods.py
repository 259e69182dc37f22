"""Cases of the policies about who a container runs as, and what its processes may do."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, Manifest, manifest, namespace, workload
from stanchion_policies.pod_security import GIVEN


def secure(**context: Any) -> Manifest:
    """A workload whose container has a changed security context."""
    return workload(server={"securityContext": context})


def as_user(user: Any) -> Manifest:
    """A workload whose pod names a user, or has none."""
    return workload(pod={"securityContext": {"runAsUser": user}})


def grouped(**context: Any) -> Manifest:
    """A workload whose pod has a changed security context."""
    return workload(pod={"securityContext": context})


def high(policy: str, field: str) -> list[Case]:
    """Cases of a policy that wants a high id in a field of the security context."""
    return [
        passes(policy, "of the pod", workload(init={})),
        passes(policy, "of the container", secure(**{field: 65532})),
        passes(policy, "by setting", grouped(**{field: 1000}), minimum=1000),
        passes(
            policy, "users of its own", workload(pod={"hostUsers": False, "securityContext": DROP})
        ),
        fails(policy, "low", secure(**{field: 1000})),
        fails(policy, "none", grouped(**{field: DROP})),
        fails(policy, "low in a job", workload("Job", init={"securityContext": {field: 1}})),
    ]


CASES: list[Case] = [
    passes("pod-not-privileged", "plain", workload(init={})),
    passes("pod-not-privileged", "false", secure(privileged=False)),
    passes("pod-not-privileged", "config map", manifest("ConfigMap", data={})),
    undecided("pod-not-privileged", "unknown", secure(privileged=UNKNOWN)),
    fails("pod-not-privileged", "container", secure(privileged=True)),
    fails(
        "pod-not-privileged",
        "init container of a cron job",
        workload("CronJob", init={"securityContext": {"privileged": True}}),
    ),
    fails(
        "pod-not-privileged",
        "ephemeral container",
        workload(
            "Pod",
            pod={"ephemeralContainers": [{"name": "x", "securityContext": {"privileged": True}}]},
        ),
    ),
    passes("pod-no-host-process", "plain", workload(init={})),
    passes("pod-no-host-process", "false", secure(windowsOptions={"hostProcess": False})),
    passes("pod-no-host-process", "a user name", secure(windowsOptions={"runAsUserName": "a"})),
    fails(
        "pod-no-host-process",
        "pod",
        workload(pod={"securityContext": {"windowsOptions": {"hostProcess": True}}}),
    ),
    fails("pod-no-host-process", "container", secure(windowsOptions={"hostProcess": True})),
    fails(
        "pod-no-host-process",
        "init container of a job",
        workload("Job", init={"securityContext": {"windowsOptions": {"hostProcess": True}}}),
    ),
    passes("pod-no-privilege-escalation", "plain", workload(init={})),
    passes("pod-no-privilege-escalation", "rollout", workload("Rollout")),
    passes("pod-no-privilege-escalation", "job", workload("Job")),
    undecided("pod-no-privilege-escalation", "unknown", secure(allowPrivilegeEscalation=UNKNOWN)),
    fails("pod-no-privilege-escalation", "true", secure(allowPrivilegeEscalation=True)),
    fails("pod-no-privilege-escalation", "missing", secure(allowPrivilegeEscalation=DROP)),
    fails(
        "pod-no-privilege-escalation",
        "the pod cannot say it",
        workload(
            pod={"securityContext": {"allowPrivilegeEscalation": False}},
            server={"securityContext": {"allowPrivilegeEscalation": DROP}},
        ),
    ),
    passes("pod-non-root", "a user of the pod", workload(init={})),
    passes("pod-non-root", "another user", secure(runAsUser=999, runAsNonRoot=False)),
    passes(
        "pod-non-root",
        "the container says it",
        workload(pod={"securityContext": DROP}, server={"securityContext": {"runAsNonRoot": True}}),
    ),
    passes("pod-non-root", "the pod's word", as_user(DROP)),
    undecided("pod-non-root", "unknown", as_user(UNKNOWN)),
    fails("pod-non-root", "nobody says anything", workload(pod={"securityContext": DROP})),
    fails("pod-non-root", "user 0", secure(runAsUser=0)),
    fails("pod-non-root", "init as root", workload(init={"securityContext": {"runAsUser": 0}})),
    fails(
        "pod-non-root",
        "a group alone",
        workload("CronJob", pod={"securityContext": {"runAsUser": DROP, "runAsNonRoot": DROP}}),
    ),
    passes("pod-no-root-user", "another user", workload(init={})),
    passes("pod-no-root-user", "nothing said", workload(pod={"securityContext": DROP})),
    passes("pod-no-root-user", "another kind", manifest("ConfigMap", data={})),
    undecided("pod-no-root-user", "unknown", as_user(UNKNOWN)),
    fails("pod-no-root-user", "container", secure(runAsUser=0)),
    fails("pod-no-root-user", "pod", as_user(0)),
    fails("pod-no-root-user", "init", workload("Job", init={"securityContext": {"runAsUser": 0}})),
    passes("pod-no-root-group", "another group", workload(init={})),
    passes("pod-no-root-group", "nothing said", workload(pod={"securityContext": DROP})),
    passes("pod-no-root-group", "no groups", grouped(supplementalGroups=[])),
    fails("pod-no-root-group", "container", secure(runAsGroup=0)),
    fails("pod-no-root-group", "of volumes", grouped(fsGroup=0)),
    fails("pod-no-root-group", "one of several", grouped(supplementalGroups=[1000, 0])),
    passes("pod-non-root-enforced", "by the pod", workload(init={})),
    passes(
        "pod-non-root-enforced",
        "by the container",
        workload(
            pod={"securityContext": {"runAsNonRoot": DROP}},
            server={"securityContext": {"runAsNonRoot": True}},
        ),
    ),
    passes("pod-non-root-enforced", "another kind", manifest("ConfigMap", data={})),
    undecided(
        "pod-non-root-enforced",
        "unknown",
        workload(pod={"securityContext": {"runAsNonRoot": UNKNOWN}}),
    ),
    fails("pod-non-root-enforced", "the container wins", secure(runAsNonRoot=False)),
    fails(
        "pod-non-root-enforced",
        "a user alone is not checked",
        workload(pod={"securityContext": {"runAsNonRoot": DROP}}),
    ),
    fails(
        "pod-non-root-enforced",
        "one of two containers",
        workload("Job", init={"securityContext": {"runAsNonRoot": False}}),
    ),
    *high("pod-high-user-id", "runAsUser"),
    *high("pod-high-group-id", "runAsGroup"),
    passes("pod-read-only-root", "plain", workload(init={})),
    passes("pod-read-only-root", "job", workload("Job")),
    passes("pod-read-only-root", "service", manifest("Service")),
    fails("pod-read-only-root", "missing", secure(readOnlyRootFilesystem=DROP)),
    fails("pod-read-only-root", "false", secure(readOnlyRootFilesystem=False)),
    fails("pod-read-only-root", "no context", workload(server={"securityContext": DROP})),
    passes("pod-drops-capabilities", "all", workload(init={})),
    passes("pod-drops-capabilities", "spelled otherwise", secure(capabilities={"drop": ["all"]})),
    passes("pod-drops-capabilities", "with a prefix", secure(capabilities={"drop": ["CAP_ALL"]})),
    fails("pod-drops-capabilities", "some", secure(capabilities={"drop": ["NET_RAW"]})),
    fails("pod-drops-capabilities", "none", workload(init={"securityContext": DROP})),
    fails("pod-drops-capabilities", "null", secure(capabilities={"drop": None})),
    passes(
        "pod-drops-capabilities",
        "each by name, by setting",
        secure(capabilities={"drop": sorted(GIVEN)}),
        byName=True,
    ),
    fails("pod-drops-capabilities", "each by name", secure(capabilities={"drop": sorted(GIVEN)})),
    passes("pod-drops-net-raw", "with all", workload(init={})),
    passes("pod-drops-net-raw", "alone", secure(capabilities={"drop": ["NET_RAW"]})),
    passes("pod-drops-net-raw", "with a prefix", secure(capabilities={"drop": ["cap_net_raw"]})),
    fails("pod-drops-net-raw", "another", secure(capabilities={"drop": ["KILL"]})),
    fails("pod-drops-net-raw", "nothing", secure(capabilities=DROP)),
    fails("pod-drops-net-raw", "init container", workload("Job", init={"securityContext": DROP})),
    passes("pod-adds-no-capability", "none", workload(init={})),
    passes(
        "pod-adds-no-capability",
        "an allowed one",
        secure(capabilities={"add": ["NET_BIND_SERVICE"]}),
    ),
    passes(
        "pod-adds-no-capability",
        "allowed by setting",
        secure(capabilities={"add": ["CHOWN"]}),
        allowed=["CHOWN"],
    ),
    fails("pod-adds-no-capability", "added", secure(capabilities={"add": ["CAP_SYS_ADMIN"]})),
    fails("pod-adds-no-capability", "all", secure(capabilities={"add": ["all"]})),
    fails(
        "pod-adds-no-capability",
        "in an init container",
        workload("Job", init={"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}),
    ),
    passes("namespace-pod-security", "restricted", namespace()),
    passes(
        "namespace-pod-security",
        "by setting",
        namespace(metadata={"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}),
        levels=["restricted", "baseline"],
    ),
    passes("namespace-pod-security", "another kind", workload()),
    fails(
        "namespace-pod-security",
        "privileged",
        namespace(metadata={"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}),
    ),
    fails("namespace-pod-security", "no labels", namespace(metadata={"labels": DROP})),
    fails(
        "namespace-pod-security",
        "warns only",
        namespace(
            metadata={
                "labels": {
                    "pod-security.kubernetes.io/enforce": DROP,
                    "pod-security.kubernetes.io/warn": "restricted",
                }
            }
        ),
    ),
]
