"""`TrainingJob` in a cluster of Ray: a head that stays, workers that work, nothing open."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from stanchion import ArgumentsError
from stanchion.jobs._ray_job import entrypoint
from unit.components.test_model_service import ON_L4
from unit.components.test_training_job import CODE, VOLUME, training
from unit.components.world import World

RAY: dict[str, Any] = {"version": "2.60.0", "workers": 4}


def on_ray(**changes: Any) -> World:
    """A training with four workers."""
    return training(ray={**RAY, **changes.pop("ray", {})}, **changes)


def cluster(world: World) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", world.object("RayJob")["spec"]["rayClusterSpec"])


def templates(world: World) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The pods of the head and of a worker."""
    found = cluster(world)
    (group,) = found["workerGroupSpecs"]
    return found["headGroupSpec"]["template"], group["template"]


def container(template: Mapping[str, Any]) -> Mapping[str, Any]:
    (found,) = template["spec"]["containers"]
    return cast("Mapping[str, Any]", found)


def told(template: Mapping[str, Any]) -> dict[str, str]:
    """The environment as far as the component knows it."""
    return {each["name"]: each["value"] for each in container(template)["env"] if "value" in each}


@pytest.mark.parametrize("changes", [{}, {"placement": ON_L4, "gpus": 1}, VOLUME])
def test_its_pods_are_what_kubernetes_takes(changes: dict[str, Any]) -> None:
    for template in templates(on_ray(**changes)):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"}, **template}
        # KubeRay writes the command.
        kubernetes_validate.validate(pod, "1.36", strict=False)
    others = [each for each in on_ray(**changes).manifests if each["kind"] != "RayJob"]
    for manifest in others:
        kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_pods_are_told_what_the_one_pod_is_and_ray_says_how_many_threads() -> None:
    alone = training(seed=7).object("Job")["spec"]["template"]
    threads = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    expected = {name: value for name, value in told(alone).items() if name not in threads}
    for template in templates(on_ray(seed=7)):
        assert told(template) == {**expected, "RAY_USAGE_STATS_ENABLED": "0"}
        assert template["spec"]["volumes"] == alone["spec"]["volumes"]
        assert container(template)["volumeMounts"] == container(alone)["volumeMounts"]
        assert container(template)["workingDir"] == "/opt/training"
        assert "command" not in container(template), "KubeRay starts Ray"


def test_workers_have_the_gpus_and_the_pool_and_the_head_has_neither() -> None:
    resources = {"cpu": "4", "memory": "16Gi"}
    head, worker = templates(on_ray(placement=ON_L4, gpus=1, resources=resources))
    assert worker["spec"]["nodeSelector"] == ON_L4["node_selector"]
    assert worker["spec"]["tolerations"] == ON_L4["tolerations"]
    assert container(worker)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container(worker)["resources"]["requests"]["memory"] == "16Gi"
    assert "nodeSelector" not in head["spec"]
    assert "tolerations" not in head["spec"]
    assert container(head)["resources"]["limits"]["memory"] == "4Gi"
    assert "nvidia.com/gpu" not in container(head)["resources"]["limits"]


def test_a_head_is_as_large_as_it_is_told() -> None:
    sizes = {"cpu": "2", "memory": "32Gi"}
    head, _ = templates(on_ray(ray={"head_resources": sizes}))
    assert container(head)["resources"]["requests"]["memory"] == "32Gi"


def test_a_head_goes_to_a_pool_of_its_own_where_it_has_one() -> None:
    plain = {**ON_L4, "pool": "general", "device": "", "node_selector": {"pool": "general"}}
    head, worker = templates(on_ray(ray={"head_placement": plain}, placement=ON_L4, gpus=1))
    assert head["spec"]["nodeSelector"] == {"pool": "general"}
    assert worker["spec"]["nodeSelector"] == ON_L4["node_selector"]
    with pytest.raises(ArgumentsError, match="head_placement: is pool 'l4' of GPUs"):
        on_ray(ray={"head_placement": ON_L4})


def test_the_head_is_never_on_a_node_that_may_be_taken_back() -> None:
    head, worker = templates(on_ray(placement=ON_L4, gpus=1))
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    (term,) = head["spec"]["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"]
    assert {
        each["key"]: (each["operator"], each["values"]) for each in term["matchExpressions"]
    } == {
        "karpenter.sh/capacity-type": ("NotIn", ["spot"]),
        "eks.amazonaws.com/capacityType": ("NotIn", ["SPOT"]),
        "cloud.google.com/gke-spot": ("NotIn", ["true"]),
    }
    assert "affinity" not in worker["spec"], "workers are done over"


def test_ray_gives_the_head_no_work_and_asks_for_a_token() -> None:
    found = cluster(on_ray())
    assert found["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    assert found["authOptions"] == {"mode": "token"}
    assert found["rayVersion"] == "2.60.0"


def test_there_are_as_many_workers_as_asked_for_and_no_more() -> None:
    (group,) = cluster(on_ray(ray={"workers": 7}))["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (7, 7, 7)
    assert "enableInTreeAutoscaling" not in cluster(on_ray()), "Kueue has counted them"


def test_a_try_that_fails_is_made_again_and_all_of_it_goes_in_the_end() -> None:
    spec = on_ray(retries=2, deadline_seconds=7200).object("RayJob")["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (2, 7200)
    assert spec["shutdownAfterJobFinishes"] is True
    assert 0 < spec["ttlSecondsAfterFinished"] <= 60, "GPUs that nobody uses are paid for"
    assert spec["submissionMode"] == "HTTPMode", "the other modes make a pod more"


def test_kueue_starts_what_waits_in_a_queue() -> None:
    world = on_ray(queue="jobs", queue_priority="training")
    made = world.object("RayJob")
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "jobs"
    assert made["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "training"
    assert made["spec"]["suspend"] is True
    for template in templates(world):
        assert not any("kueue" in label for label in template["metadata"]["labels"])
    assert "suspend" not in on_ray().object("RayJob")["spec"]


def test_what_kueue_says_of_pods_is_not_put_back() -> None:
    (made,) = [each for each in on_ray(queue="jobs").resources if each.type.endswith(":RayJob")]
    assert {"spec.suspend", "spec.rayClusterSpec"} <= set(made.ignores)


@pytest.mark.parametrize(
    "changes",
    [
        {"command": ["python", "train.py"]},
        {"code": {**CODE, "train.py": "print('trains otherwise')"}},
        {"ray": {"workers": 5}},
        {"ray": {"version": "2.61.0"}},
        {"seed": 3},
    ],
)
def test_another_training_is_another_ray_job(changes: dict[str, Any]) -> None:
    assert on_ray(**changes).exports["job"] != on_ray().exports["job"]


def test_another_deadline_is_the_same_training() -> None:
    assert on_ray(deadline_seconds=100).exports["job"] == on_ray().exports["job"]


def test_its_name_is_one_that_kuberay_takes() -> None:
    name = on_ray(service_name="a" * 38).object("RayJob")["metadata"]["name"]
    assert len(name) <= 47
    assert name[0].isalpha()


def test_pods_reach_each_other_and_the_operator_the_head_alone() -> None:
    world = on_ray(**VOLUME)
    selected = world.object("NetworkPolicy", "wine")["spec"]["podSelector"]["matchLabels"]
    own = {"podSelector": {"matchLabels": selected}}
    all_pods = world.object("NetworkPolicy", "wine")["spec"]
    assert all_pods["ingress"] == [{"from": [own]}]
    assert all_pods["egress"][-1] == {"to": [own]}
    head = world.object("NetworkPolicy", "wine-head")["spec"]
    assert head["podSelector"]["matchLabels"] == {**selected, "ray.io/node-type": "head"}
    (rule,) = head["ingress"]
    assert rule["ports"] == [{"port": 8265, "protocol": "TCP"}]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "kuberay-operator"
    }
    assert "egress" not in head
    leading, worker = templates(world)
    assert selected.items() <= leading["metadata"]["labels"].items()
    assert selected.items() <= worker["metadata"]["labels"].items()
    assert leading["metadata"]["labels"]["ray.io/node-type"] == "head"
    assert worker["metadata"]["labels"]["ray.io/node-type"] == "worker"


def test_pods_are_restricted_and_hold_no_token() -> None:
    for template in templates(on_ray()):
        assert template["spec"]["automountServiceAccountToken"] is False
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        assert container(template)["securityContext"]["readOnlyRootFilesystem"] is True
        assert template["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["echo", "it's $HOME", '"two  words"', "*", ""], 'it\'s $HOME "two  words" *'),
        (["echo", "$(NAME)-$(OTHER) $(NAME)"], "a b-c d a b"),
        (["echo", "$$(NAME)"], "$(NAME)"),
        (["echo", "$(MISSING)x"], "x"),
    ],
)
def test_a_command_means_to_ray_what_it_means_to_kubernetes(command: list[str], said: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", entrypoint(command, None)],
        env={"NAME": "a b", "OTHER": "c d", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.rstrip() == said


def test_a_command_starts_where_its_code_is(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", entrypoint(["pwd"], str(tmp_path))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path)
    assert on_ray().object("RayJob")["spec"]["entrypoint"].startswith("cd /opt/training && ")
    in_image = on_ray(code=None).object("RayJob")["spec"]["entrypoint"]
    assert in_image.startswith("exec /bin/bash")


def test_ray_has_the_commands_own_exit_status_and_all_that_it_said() -> None:
    script = "echo told; echo wrong >&2; exit 4"
    done = subprocess.run(
        ["/bin/sh", "-c", entrypoint(["sh", "-c", script], None)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stdout.splitlines() == ["told", "wrong"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ray": {"workers": 0}}, "ray.workers: 0 is out of range; write 1 to 500"),
        ({"ray": {"version": "2.52.0"}}, "ray.version: '2.52.0' is no version of Ray from 2.53.0"),
        ({"ray": {"version": "nightly"}}, "ray.version: 'nightly' is no version of Ray"),
        (
            {"ray": {"head_resources": {"cpu": "x", "memory": "1Gi"}}},
            "ray.head_resources.cpu: 'x' is no amount",
        ),
        ({"nodes": 2}, "nodes: is 2, and there is ray, which has workers instead"),
        (
            {"placement": ON_L4, "gpus": 4, "ray": {"workers": 5}},
            "ray.workers: 5 with gpus: 4 begin together, and the 16 GPUs or slices of pool 'l4'",
        ),
        ({"schedule": "1 1 * * *"}, "ray: is there, and there is a schedule: a CronJob makes"),
        ({"on_demand": True}, "ray: is there, and on_demand is set"),
        ({"service_name": "a" * 39}, "makes names that KubeRay refuses; write at most 38"),
        ({"service_name": "1wine"}, "service_name: '1wine' makes names that KubeRay refuses"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        on_ray(**wrong)
    assert message in str(error.value)
