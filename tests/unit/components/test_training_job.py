"""`TrainingJob`: told what it trains on, tried again where that helps, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from stanchion import ArgumentsError
from stanchion_model_server.settings import read
from stanchion_training import TrainingSettings, errors
from unit.components.programs import OWNED
from unit.components.test_model_service import ON_L4
from unit.components.world import DIGEST, IMAGE, World, deploy

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUCKET = {"location": "s3://demo-wines/2026-11", "digest": DIGEST, "version": "2026-11"}
VOLUME: dict[str, Any] = {
    "data": {"location": "file:///data/wines"},
    "checkpoints": "file:///data/checkpoints",
    "volume_claim_name": "wine",
}
JOB_NAME = "metadata.labels['batch.kubernetes.io/job-name']"
JOB_UID = "metadata.labels['batch.kubernetes.io/controller-uid']"
JOB_SET_UID = "metadata.labels['jobset.sigs.k8s.io/jobset-uid']"
CODE = {"train.py": "print('trains')", "data.yaml": "columns: {}"}


def training(**changes: Any) -> World:
    """A training named wine."""
    args = {
        "namespace": "demo",
        "tenant": "demo",
        **OWNED,
        "image": f"{IMAGE}/model-server:1.0",
        "command": ["python", "train.py", "--steps", "200"],
        "model_name": "wine cultivar",
        "code_version": COMMIT,
        "code": CODE,
        "data": BUCKET,
        "checkpoints": "s3://demo-checkpoints/wine",
        "tracking": {
            "url": "http://mlflow.tracking.svc.cluster.local:5000",
            "namespace": "tracking",
            "secret_name": "mlflow-login",
        },
        **changes,
    }

    def program() -> Any:
        made = stanchion.TrainingJob("wine", cast("stanchion.TrainingJobArgs", args))
        return {"job": made.job_name, "cron": made.cron_job_name}

    return deploy(program)


def spec(world: World) -> Mapping[str, Any]:
    """What the Job does, or the CronJob's or JobSet's Jobs."""
    kinds = {kind for kind, _ in world.objects}
    if "JobSet" in kinds:
        (one,) = world.object("JobSet")["spec"]["replicatedJobs"]
        return cast("Mapping[str, Any]", one["template"]["spec"])
    if "CronJob" in kinds:
        return cast("Mapping[str, Any]", world.object("CronJob")["spec"]["jobTemplate"]["spec"])
    return cast("Mapping[str, Any]", world.object("Job")["spec"])


def pod(world: World) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", spec(world)["template"]["spec"])


def container(world: World) -> Mapping[str, Any]:
    (found,) = pod(world)["containers"]
    return cast("Mapping[str, Any]", found)


def told(world: World) -> dict[str, str]:
    """The environment as far as the component knows it."""
    return {each["name"]: each["value"] for each in container(world)["env"] if "value" in each}


@pytest.mark.parametrize(
    "changes", [{}, {"schedule": "17 3 * * 0", "queue": "demo"}, {**VOLUME, "queue": "demo"}]
)
def test_its_objects_are_what_kubernetes_takes(changes: dict[str, Any]) -> None:
    for manifest in training(**changes).manifests:
        kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_the_jobs_of_a_job_set_are_what_kubernetes_takes() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "node"}}
    kubernetes_validate.validate({**job, "spec": spec(training(nodes=4))}, "1.36", strict=True)


def test_a_script_is_told_data_code_seed_and_checkpoints() -> None:
    found = read(told(training(seed=7)), TrainingSettings)
    assert (found.registered_model_name, found.seed, found.code_version) == (
        "wine cultivar",
        7,
        COMMIT,
    )
    assert (found.data_uri, found.data_digest) == (BUCKET["location"], DIGEST)
    assert (found.data_version, found.checkpoint_uri) == ("2026-11", "s3://demo-checkpoints/wine")
    assert told(training(seed=7))["PYTHONHASHSEED"] == "7"


def test_a_training_without_digest_and_checkpoints_is_told_of_none() -> None:
    found = read(told(training(data={"location": "s3://demo-wines"})), TrainingSettings)
    assert found.data_digest is None
    args = {**VOLUME, "checkpoints": None}
    assert read(told(training(**args)), TrainingSettings).checkpoint_uri is None


@pytest.mark.parametrize("changes", [{}, {"schedule": "17 3 * * 0"}, {"nodes": 2}])
def test_a_queued_training_says_what_it_is_next_to_others_and_waits(
    changes: dict[str, Any],
) -> None:
    world = training(queue="jobs", queue_priority="training", **changes)
    kind = next(k for k in ("JobSet", "CronJob", "Job") if any(k == o for o, _ in world.objects))
    made = world.object(kind)
    begun = made["spec"]["jobTemplate"] if kind == "CronJob" else made
    labels = begun["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "jobs"
    assert labels["kueue.x-k8s.io/priority-class"] == "training"
    assert begun["spec"]["suspend"] is True
    assert not any("kueue" in each for each in spec(world)["template"]["metadata"]["labels"])


def test_a_priority_without_a_queue_is_refused() -> None:
    with pytest.raises(ArgumentsError, match="queue_priority: is there, and queue is not"):
        training(queue_priority="training")


def test_threads_are_as_many_as_cores_whatever_the_node_has() -> None:
    resources = {"cpu": "1", "cpu_limit": "2500m", "memory": "2Gi"}
    assert told(training(resources=resources))["OMP_NUM_THREADS"] == "3"
    assert told(training())["OPENBLAS_NUM_THREADS"] == "2"


def test_the_code_version_is_a_label_of_job_and_pod() -> None:
    job = training().object("Job")
    for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        assert labels["app.kubernetes.io/version"] == COMMIT


def test_a_lost_node_is_no_failure_and_what_no_try_cures_ends_it() -> None:
    found = spec(training(retries=5))
    disrupted, refused = found["podFailurePolicy"]["rules"]
    assert disrupted["action"] == "Ignore"
    assert disrupted["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert refused["action"] == "FailJob"
    assert refused["onExitCodes"]["values"] == [errors.MISCONFIGURED, errors.DATA_REFUSED]
    assert refused["onExitCodes"]["containerName"] == container(training())["name"]
    assert errors.FAILED not in refused["onExitCodes"]["values"]
    assert (found["backoffLimit"], found["completions"]) == (5, 1)
    assert pod(training())["restartPolicy"] == "Never", "a failure policy needs it"


def test_code_is_mounted_where_the_command_starts_and_a_change_is_another_job() -> None:
    world = training()
    files = world.object("ConfigMap")
    assert (files["data"], files["immutable"]) == (CODE, True)
    assert container(world)["workingDir"] == "/opt/training"
    mount = {"name": "code", "mountPath": "/opt/training", "readOnly": True}
    assert mount in container(world)["volumeMounts"]
    other = training(code={**CODE, "train.py": "print('trains otherwise')"})
    assert other.object("ConfigMap")["metadata"]["name"] != files["metadata"]["name"]
    assert other.exports["job"] != world.exports["job"] == training().exports["job"]


def test_code_in_the_image_starts_where_the_image_says() -> None:
    world = training(code=None)
    assert "ConfigMap" not in {kind for kind, _ in world.objects}
    assert "workingDir" not in container(world)


def test_the_login_is_files_of_a_secret_that_the_component_never_sees() -> None:
    world = training()
    assert "Secret" not in {kind for kind, _ in world.objects}
    (secrets,) = [each for each in pod(world)["volumes"] if each["name"] == "secrets"]
    (source,) = secrets["projected"]["sources"]
    assert source["secret"]["name"] == "mlflow-login"
    assert told(world)["REGISTRY_CREDENTIALS_DIR"] == "/run/secrets/stanchion/registry"


def test_mlflow_writes_no_line_of_its_own_into_logs_of_json() -> None:
    assert told(training())[MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.name] == "true"


def test_kueue_starts_what_waits_in_a_queue() -> None:
    job = training(queue="demo").object("Job")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "demo"
    assert job["spec"]["suspend"] is True
    assert "kueue.x-k8s.io/queue-name" not in job["spec"]["template"]["metadata"]["labels"]
    several = training(queue="demo", nodes=2).object("JobSet")
    assert several["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "demo"
    assert several["spec"]["suspend"] is True


def test_a_schedule_trains_one_at_a_time() -> None:
    world = training(schedule="17 3 * * 0")
    found = world.object("CronJob")["spec"]
    assert (found["concurrencyPolicy"], found["timeZone"]) == ("Forbid", "Etc/UTC")
    assert world.exports["cron"] == "wine"
    assert world.exports["job"] is None


def test_pods_land_on_their_pool_with_its_gpus() -> None:
    world = training(placement=ON_L4, gpus=1)
    assert pod(world)["nodeSelector"] == ON_L4["node_selector"]
    assert pod(world)["tolerations"] == ON_L4["tolerations"]
    assert container(world)["resources"]["limits"]["nvidia.com/gpu"] == "1"


def of_the_pod(world: World) -> dict[str, str]:
    """Variables that a pod has from its own metadata."""
    return {
        each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in container(world)["env"]
        if "valueFrom" in each
    }


def test_what_trains_once_knows_its_name_and_uid_by_which_it_finds_that_it_has() -> None:
    assert of_the_pod(training()) == {"TRAINING_JOB": JOB_NAME, "TRAINING_JOB_UID": JOB_UID}
    assert of_the_pod(training(schedule="17 3 * * 0")) == {}
    assert "TRAINING_JOB" not in of_the_pod(training(on_demand=True))


def test_nodes_that_train_together_find_the_first_and_know_which_they_are() -> None:
    world = training(nodes=4)
    job_set = world.object("JobSet")
    assert job_set["apiVersion"] == "jobset.x-k8s.io/v1alpha2"
    found = spec(world)
    assert (found["completionMode"], found["completions"], found["parallelism"]) == (
        "Indexed",
        4,
        4,
    )
    assert told(world)["NODES"] == "4"
    assert of_the_pod(world) == {
        "TRAINING_JOB": JOB_NAME,
        # Of its Jobs, those that a restart makes anew have another one.
        "TRAINING_JOB_UID": JOB_SET_UID,
        "NODE_RANK": "metadata.annotations['batch.kubernetes.io/job-completion-index']",
        "MASTER_ADDR": "metadata.annotations['jobset.sigs.k8s.io/coordinator']",
    }
    (replicated,) = job_set["spec"]["replicatedJobs"]
    assert job_set["spec"]["coordinator"]["replicatedJob"] == replicated["name"]
    # <job set>-<replicated job>-0-0.<subdomain> is also a label of each pod.
    name = job_set["metadata"]["name"]
    assert len(f"{name}-{replicated['name']}-0-0.{job_set['spec']['network']['subdomain']}") <= 63


def test_nodes_begin_again_together_and_an_eviction_counts_for_nothing() -> None:
    world = training(nodes=2, retries=1)
    assert spec(world)["backoffLimit"] == 0
    assert {rule["action"] for rule in spec(world)["podFailurePolicy"]["rules"]} == {"FailJob"}
    policy = world.object("JobSet")["spec"]["failurePolicy"]
    assert policy["maxRestarts"] == 1
    disrupted, refused = policy["rules"]
    assert disrupted["action"] == "RestartJobSetAndIgnoreMaxRestarts"
    assert disrupted["onJobFailureMessagePatterns"] == [".*DisruptionTarget.*"]
    assert refused["action"] == "FailJobSet"
    assert refused["onJobFailureReasons"] == ["PodFailurePolicy"]


def test_pods_reach_mlflow_a_bucket_where_there_is_one_and_each_other_where_they_are_many() -> None:
    cloud = training().object("NetworkPolicy")["spec"]
    assert "ingress" not in cloud
    assert 443 in [port["port"] for rule in cloud["egress"] for port in rule["ports"]]
    local = training(**VOLUME).object("NetworkPolicy")["spec"]
    assert [port["port"] for rule in local["egress"] for port in rule["ports"]] == [53, 53, 5000]
    several = training(**VOLUME, nodes=2).object("NetworkPolicy")["spec"]
    own = {"podSelector": {"matchLabels": several["podSelector"]["matchLabels"]}}
    assert several["ingress"] == [{"from": [own]}]
    assert several["egress"][-1] == {"to": [own]}


def test_pods_are_restricted_and_hold_no_token() -> None:
    world = training()
    assert pod(world)["automountServiceAccountToken"] is False
    assert pod(world)["securityContext"]["runAsNonRoot"] is True
    assert container(world)["securityContext"]["readOnlyRootFilesystem"] is True


def test_nobody_waits_for_a_training_and_it_is_cleaned_up() -> None:
    for world, kind in ((training(), "Job"), (training(nodes=2), "JobSet")):
        item = world.object(kind)
        assert item["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"
        assert item["spec"]["ttlSecondsAfterFinished"] > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"code_version": "main"}, "code_version: 'main' is no git commit; write 7 to 64"),
        ({"command": []}, "command: is empty; write what to run"),
        ({"code": {"a/b.py": ""}}, "code: 'a/b.py' is no name of a file"),
        ({"code": {"a.py": "#" * 1_000_000}}, "code: is 1000000 bytes, and there is room for"),
        ({"data": {"location": "/data"}}, "data.location: '/data' is no folder that pods reach"),
        ({"data": {**BUCKET, "digest": "sha256:1"}}, "data.digest: 'sha256:1' is no digest"),
        ({"checkpoints": "file:///data/x"}, "checkpoints: is on a volume, but there is no volume_"),
        ({"checkpoints": f"{BUCKET['location']}/x"}, "checkpoints: is within data.location, whose"),
        ({"seed": -1}, "seed: -1 is out of range"),
        ({"nodes": 0}, "nodes: 0 is out of range; write 1 to 512"),
        ({"nodes": 2, "schedule": "1 1 * * *"}, "nodes: is 2, and there is a schedule: a CronJob"),
        ({"nodes": 2, "service_name": "a" * 23}, "service_name: 'aaaaaaaaaaaaaaaaaaaaaaa' makes"),
        ({"schedule": "nightly"}, "schedule: 'nightly' is no schedule"),
        ({"gpus": 1}, "gpus: is 1, but without placement no node is known to have any"),
        ({"placement": ON_L4}, "gpus: is 0, but pool 'l4' is of GPU nodes"),
        (
            {"placement": ON_L4, "gpus": 3, "nodes": 5},
            "nodes: 5 with gpus: 3 begin together, and the 16 GPUs or slices of pool 'l4' at its "
            "largest hold 4; write at most 4, or raise max_nodes of the pool",
        ),
        ({"image": "model-server:latest"}, "image: 'model-server:latest' names no version"),
        ({"model_name": " "}, "model_name: is empty"),
        ({"resources": {"cpu": "x", "memory": "1Gi"}}, "resources.cpu: 'x' is no amount"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        training(**wrong)
    assert message in str(error.value)
