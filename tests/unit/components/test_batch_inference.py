"""`BatchInference`: indexed Jobs that score files exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion_model_server.batch import errors
from stanchion_model_server.batch.settings import BatchSettings
from stanchion_model_server.settings import read
from unit.components.programs import REGISTRY, WINE
from unit.components.test_model_service import ON_L4
from unit.components.world import DIGEST, IMAGE, World, deploy

DATED: dict[str, Any] = {
    "input": "s3://demo-data/wine/{date}/",
    "output": "s3://demo-data/scores/{date}/",
}
WEEK = {"first": "2026-10-30", "last": "2026-11-02"}
NIGHTLY: dict[str, Any] = {**DATED, "schedule": "17 3 * * *"}


def batch(*, preview: bool = False, **changes: Any) -> World:
    """A batch scoring named scores."""
    args = {
        **WINE,
        "registry": {**REGISTRY, "username": "reader", "password": "of-the-reader"},
        "input": "s3://demo-data/wine/",
        "output": "s3://demo-data/scores/",
        **changes,
    }

    def program() -> Any:
        made = stanchion.BatchInference("scores", cast("stanchion.BatchInferenceArgs", args))
        return {"job": made.job_name, "cron": made.cron_job_name, "namespace": made.namespace}

    return deploy(program, preview=preview)


def spec(world: World) -> Mapping[str, Any]:
    """What the Job does, or the CronJob's Jobs."""
    if world.exports["cron"] is None:
        return cast("Mapping[str, Any]", world.object("Job")["spec"])
    return cast("Mapping[str, Any]", world.object("CronJob")["spec"]["jobTemplate"]["spec"])


def container(world: World) -> Mapping[str, Any]:
    (found,) = spec(world)["template"]["spec"]["containers"]
    return cast("Mapping[str, Any]", found)


def settings(world: World, **pod: str) -> BatchSettings:
    """What `stanchion-batch` makes of a pod's environment, with what Kubernetes adds."""
    given = {each["name"]: each.get("value", "") for each in container(world)["env"]}
    return read({**given, **pod}, BatchSettings)


@pytest.mark.parametrize(
    "changes", [{}, {**DATED, "dates": WEEK}, NIGHTLY, {**NIGHTLY, "queue": "demo", "dates": WEEK}]
)
def test_its_objects_are_what_kubernetes_takes(changes: dict[str, Any]) -> None:
    for manifest in batch(**changes).manifests:
        kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_every_part_has_an_index_of_its_own() -> None:
    found = spec(batch(shards=8, parallelism=3))
    assert (found["completionMode"], found["completions"], found["parallelism"]) == (
        "Indexed",
        8,
        3,
    )
    assert spec(batch(shards=2, parallelism=9))["parallelism"] == 2


def test_a_backfill_has_an_index_for_each_day_and_shard_and_the_scorer_agrees_which() -> None:
    world = batch(**DATED, dates=WEEK, shards=3)
    count = spec(world)["completions"]
    assert count == 4 * 3
    seen = [
        task
        for index in range(count)
        for task in settings(world, JOB_COMPLETION_INDEX=str(index)).tasks()
    ]
    days = [date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2)]
    assert seen == [(day, shard) for day in days for shard in range(3)]


def test_a_scheduled_run_scores_the_day_before_its_schedule_however_late_it_is_tried() -> None:
    world = batch(**NIGHTLY, shards=2)
    (name,) = [each for each in container(world)["env"] if each["name"] == "JOB_NAME"]
    label = "metadata.labels['batch.kubernetes.io/job-name']"
    assert name["valueFrom"] == {"fieldRef": {"fieldPath": label}}
    scheduled = datetime.now(UTC) - timedelta(days=9)
    minutes = int(scheduled.timestamp()) // 60  # as the controller names its Jobs
    found = settings(world, JOB_NAME=f"scores-{minutes}", JOB_COMPLETION_INDEX="1")
    assert found.tasks() == [(scheduled.date() - timedelta(days=1), 1)]


@pytest.mark.parametrize("changes", [{}, {**DATED, "dates": WEEK}, NIGHTLY])
def test_pods_know_which_of_them_are_of_one_job(changes: dict[str, Any]) -> None:
    world = batch(**changes)
    (uid,) = [each for each in container(world)["env"] if each["name"] == "JOB_UID"]
    label = "metadata.labels['batch.kubernetes.io/controller-uid']"
    assert uid["valueFrom"] == {"fieldRef": {"fieldPath": label}}
    index = {"JOB_NAME": "scores", "JOB_COMPLETION_INDEX": "0"}
    assert settings(world, **index, JOB_UID="a5b1-0").job_uid == "a5b1-0"


def test_one_run_at_a_time() -> None:
    found = batch(**NIGHTLY).object("CronJob")["spec"]
    assert found["concurrencyPolicy"] == "Forbid"
    assert found["timeZone"] == "Etc/UTC"


def test_a_schedule_may_have_days_to_fill_in_beside_it() -> None:
    world = batch(**NIGHTLY, dates=WEEK)
    assert world.exports["cron"] == "scores"
    assert world.object("Job")["spec"]["completions"] == 4
    assert batch(**NIGHTLY).exports["job"] is None


def test_failures_are_told_apart_by_the_statuses_that_the_scorer_ends_with() -> None:
    found = spec(batch())
    ignored, all_parts, one_part = found["podFailurePolicy"]["rules"]
    assert ignored["action"] == "Ignore"
    assert ignored["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert all_parts["action"] == "FailJob"
    assert all_parts["onExitCodes"]["values"] == [errors.MISCONFIGURED, errors.MODEL_REFUSED]
    assert one_part["action"] == "FailIndex"
    assert one_part["onExitCodes"]["values"] == [errors.INPUT_REFUSED]
    names = {rule["onExitCodes"]["containerName"] for rule in (all_parts, one_part)}
    assert names == {container(batch())["name"]}
    assert found["template"]["spec"]["restartPolicy"] == "Never", "a failure policy needs it"
    assert found["backoffLimitPerIndex"] > 0


@pytest.mark.parametrize("shards", [1, 20])
def test_parts_that_fail_for_good_never_end_the_job_before_the_others_ran(shards: int) -> None:
    found = spec(batch(shards=shards))
    failures = (1 + found["backoffLimitPerIndex"]) * found["completions"]
    assert found["backoffLimit"] >= failures


def test_kueue_starts_what_waits_in_a_queue() -> None:
    world = batch(queue="demo")
    job = world.object("Job")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "demo"
    assert job["spec"]["suspend"] is True
    pod = job["spec"]["template"]["metadata"]["labels"]
    assert "kueue.x-k8s.io/queue-name" not in pod
    assert "suspend" not in batch().object("Job")["spec"]


def test_a_queues_name_is_on_each_scheduled_job() -> None:
    template = batch(**NIGHTLY, queue="demo").object("CronJob")["spec"]["jobTemplate"]
    assert template["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "demo"
    assert template["spec"]["suspend"] is True


def test_jobs_clean_up_after_themselves_in_one_way() -> None:
    assert spec(batch())["ttlSecondsAfterFinished"] > 0
    assert "ttlSecondsAfterFinished" not in spec(batch(**NIGHTLY))


def test_other_pods_are_another_job_and_the_same_are_the_same() -> None:
    model = {"name": "wine cultivar", "version": "4", "digest": DIGEST}
    names = {batch().exports["job"], batch().exports["job"], batch(model=model).exports["job"]}
    assert len(names) == 2


def test_nobody_waits_for_a_job_that_runs_for_hours() -> None:
    annotations = batch().object("Job")["metadata"]["annotations"]
    assert annotations["pulumi.com/skipAwait"] == "true"


def test_the_scorer_understands_every_setting_it_is_given() -> None:
    world = batch(keep_columns=["id", "day"], refused_share=0.25, batch_rows=100, shards=2)
    unknown = {each["name"].lower() for each in container(world)["env"]} - set(
        BatchSettings.model_fields
    )
    assert unknown == set()
    found = settings(world)
    assert (found.keep_columns, found.refused_share) == (("id", "day"), 0.25)
    assert (found.batch_rows, found.shards) == (100, 2)
    assert found.code_version == f"{IMAGE}/model-server:1.0"


def test_pods_land_on_their_pool_with_its_gpus() -> None:
    world = batch(placement=ON_L4, gpus=1)
    pod = spec(world)["template"]["spec"]
    assert pod["nodeSelector"] == ON_L4["node_selector"]
    assert pod["tolerations"] == ON_L4["tolerations"]
    assert container(world)["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_pods_are_restricted_and_hold_no_token() -> None:
    pod = spec(batch())["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    security = container(batch())["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}


def test_pods_reach_the_registry_and_a_bucket_only_where_there_is_one() -> None:
    cloud = batch().object("NetworkPolicy")["spec"]
    assert "ingress" not in cloud
    ports = [port["port"] for rule in cloud["egress"] for port in rule["ports"]]
    assert 443 in ports
    files: dict[str, Any] = {"input": "file:///data/in/", "output": "file:///data/out/"}
    local = batch(**files, volume_claim_name="wine").object("NetworkPolicy")["spec"]
    assert [port["port"] for rule in local["egress"] for port in rule["ports"]] == [53, 53, 5000]


def test_a_volume_is_mounted_where_the_addresses_lead() -> None:
    world = batch(input="file:///data/in/", output="file:///data/out/", volume_claim_name="wine")
    assert {"name": "data", "mountPath": "/data"} in container(world)["volumeMounts"]
    volumes = spec(world)["template"]["spec"]["volumes"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "wine"}} in volumes


def test_passwords_are_files() -> None:
    world = batch()
    assert "of-the-reader" not in str(container(world)["env"])
    assert world.object("Secret")["metadata"]["name"] == "scores-registry"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"shards": 0}, "shards: 0 is out of range; write 1 to 10000"),
        ({"input": "/data/in"}, "input: '/data/in' is no folder that pods reach; write s3://"),
        ({"output": "file:///data/x"}, "output: is on a volume, but there is no volume_claim_name"),
        ({"output": "s3://demo-data/wine"}, "output: is the input's folder"),
        ({"input": DATED["input"]}, "output: has no {date}, and input has"),
        (DATED, "dates: is missing, and input has {date}; write first and last, or a schedule"),
        ({"dates": WEEK}, "dates: is given, and input has no {date}"),
        ({**DATED, "dates": {"first": "2026-02-30", "last": "2026-03-01"}}, "dates: holds no day"),
        (
            {**DATED, "dates": {"first": "2026-03-02", "last": "2026-03-01"}},
            "dates.last: is before dates.first",
        ),
        (
            {**DATED, "dates": {"first": "2020-01-01", "last": "2026-01-01"}, "shards": 50},
            "dates: are 2193 days of 50 shards, and a Job has 10000 at most",
        ),
        ({**DATED, "schedule": "nightly"}, "schedule: 'nightly' is no schedule"),
        ({"refused_share": 1.5}, "refused_share: is 1.5; write 0 to 1"),
        ({"keep_columns": ["a,b"]}, "keep_columns[0]: 'a,b' cannot be kept"),
        ({"gpus": 1}, "gpus: is 1, but without placement no node is known to have any"),
        ({"placement": ON_L4}, "gpus: is 0, but pool 'l4' is of GPU nodes"),
        (
            {"model": {"name": "wine", "version": "champion", "digest": DIGEST}},
            "model.version: 'champion' is no version number",
        ),
        ({"image": "model-server:latest"}, "image: 'model-server:latest' names no version"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        batch(**wrong)
    assert told in str(error.value)
