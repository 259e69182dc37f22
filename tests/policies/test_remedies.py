"""Remedies: what they write, and all that they leave as its author wrote it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from policies.manifests import DROP, UNKNOWN, Manifest, resource, workload
from policies.test_malformed import WRONG, malformed, paths
from pulumi_policy import ResourceValidationArgs
from pulumi_policy.deserialize import deserialize_properties, serialize_properties
from pulumi_policy.secret import Secret
from stanchion_policies import RULES
from stanchion_policies.rules import Settings
from stanchion_policies.running import Run

BARE: Manifest = {"name": "server", "image": "registry.example/churn:1"}
SECCOMP, DROPS = "pod-seccomp", "pod-drops-capabilities"
ESCALATION = "pod-no-privilege-escalation"
BY_NAME = {rule.name: rule for rule in RULES if rule.remedy}


def mended(policy: str, body: Manifest) -> Manifest:
    """The object after the policy's remedy, through the runtime's own translation."""
    props: Any = deserialize_properties(copy.deepcopy(body), True)
    wire, options = resource(workload()), None
    kind = f"kubernetes:{body.get('apiVersion')}:{body.get('kind')}"
    args = ResourceValidationArgs(kind, props, wire.urn, wire.name, options, None)  # type: ignore[arg-type]
    rule = BY_NAME[policy]
    changed = Run(rule, Settings(rule.settings or {}, {}), lambda *_: None).mend(args)
    after = dict(serialize_properties(props))
    assert changed is (after != body)
    return after


def bare(kind: str = "Deployment", **pod: Any) -> Manifest:
    """A workload whose one container says nothing about security."""
    return workload(kind, pod={"containers": [BARE], "securityContext": DROP, **pod})


def pod_of(body: Manifest) -> Any:
    return body["spec"]["template"]["spec"]


def context(body: Manifest) -> Any:
    return pod_of(body)["containers"][0]["securityContext"]


def test_they_are_these_three() -> None:
    assert set(BY_NAME) == {SECCOMP, DROPS, ESCALATION}


def test_a_pod_that_says_nothing_gets_the_runtime_s_profile() -> None:
    assert pod_of(mended(SECCOMP, bare()))["securityContext"] == {
        "seccompProfile": {"type": "RuntimeDefault"}
    }


def test_each_container_of_any_kind_is_mended() -> None:
    found = pod_of(mended(DROPS, bare(initContainers=[BARE], ephemeralContainers=[BARE])))
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        assert found[kind][0]["securityContext"] == {"capabilities": {"drop": ["ALL"]}}
    assert context(mended(ESCALATION, bare())) == {"allowPrivilegeEscalation": False}


def test_a_cron_job_s_pod_is_reached() -> None:
    body = workload("CronJob", pod={"containers": [BARE], "securityContext": DROP})
    spec = mended(SECCOMP, body)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize(
    ("policy", "stated"),
    [
        (DROPS, {"capabilities": {"drop": ["NET_RAW"]}}),
        (DROPS, {"capabilities": UNKNOWN}),
        (DROPS, UNKNOWN),
        (ESCALATION, {"allowPrivilegeEscalation": True}),
        (ESCALATION, {"allowPrivilegeEscalation": UNKNOWN}),
        (ESCALATION, {"privileged": True}),
        (ESCALATION, {"privileged": UNKNOWN}),
        (ESCALATION, {"capabilities": {"add": ["SYS_ADMIN"]}}),
    ],
)
def test_what_a_container_states_stays(policy: str, stated: Any) -> None:
    body = bare(containers=[{**BARE, "securityContext": stated}])
    assert mended(policy, body) == body


def test_a_profile_that_is_stated_stays() -> None:
    body = bare(securityContext={"seccompProfile": {"type": "Unconfined"}})
    assert mended(SECCOMP, body) == body


def test_what_a_container_adds_stays_beside_what_it_drops() -> None:
    adding = {**BARE, "securityContext": {"capabilities": {"add": ["CHOWN"]}}}
    assert context(mended(DROPS, bare(containers=[adding]))) == {
        "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}
    }


@pytest.mark.parametrize("policy", BY_NAME)
def test_windows_is_left_alone(policy: str) -> None:
    body = bare(os={"name": "windows"})
    assert mended(policy, body) == body


@pytest.mark.parametrize("policy", BY_NAME)
def test_what_complies_is_left_alone(policy: str) -> None:
    assert mended(policy, workload()) == workload()


def test_a_secret_stays_one() -> None:
    hidden = {**BARE, "env": [{"name": "A", "value": "hunter2"}]}
    body = bare(containers=[hidden])
    props: Any = deserialize_properties(copy.deepcopy(body), True)
    pod_of(props["__target"])["containers"][0]["env"][0]["value"] = Secret("hunter2")
    before = dict(serialize_properties(props))
    after = mended(DROPS, before)
    assert pod_of(after)["containers"][0]["env"] == pod_of(before)["containers"][0]["env"]
    assert "1b47061264138c4ac30d75fd1eb44270" in repr(after)


@pytest.mark.parametrize("policy", BY_NAME)
def test_no_remedy_crashes_on_a_malformed_object(policy: str) -> None:
    whole = workload(init={})
    for path in paths(whole):
        if path not in {("apiVersion",), ("kind",)}:
            for value in WRONG:
                mended(policy, malformed(whole, path, value))
