"""A JobSet is judged by the Jobs that its controller makes, a RayJob by what it amounts to."""

from __future__ import annotations

from typing import Any

from policies.cases.ray import ray_job
from policies.in_process import seen
from policies.manifests import DROP, UNKNOWN, resource, workload
from stanchion_policies.kubernetes import objects_of


def job_set(**pod: Any) -> dict[str, Any]:
    """One with two replicated jobs, whose pods are changed."""
    job = {"spec": workload("Job", pod=pod)["spec"]}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "tune", "namespace": "ml", "labels": {"team": "a"}},
        "spec": {"replicatedJobs": [{"name": name, "template": job} for name in ("a", "b")]},
    }


def test_it_comes_with_a_job_for_each_replicated_job() -> None:
    found = objects_of(seen(resource(job_set(priorityClassName="late"))))
    assert [each.title for each in found] == ["JobSet ml/tune", "Job ml/tune-a", "Job ml/tune-b"]
    for job in found[1:]:
        assert job.is_a("Job")
        assert job.labels["team"] == "a"
        assert job.pod is not None
        assert job.pod.spec["priorityClassName"] == "late"


def test_its_jobs_are_cleaned_up_with_it() -> None:
    (_, job, _) = objects_of(seen(resource(job_set())))
    assert job.body["metadata"]["ownerReferences"][0]["name"] == "tune"


def test_a_name_that_is_not_known_yet_hides_no_job() -> None:
    unknown = {**job_set(), "metadata": {"name": UNKNOWN, "namespace": "ml"}}
    (_, job, _) = objects_of(seen(resource(unknown, name="tune-job-set")))
    assert job.title == "Job ml/tune-job-set-a"


def test_a_kind_of_that_name_in_another_group_is_none() -> None:
    other = {**job_set(), "apiVersion": "example.com/v1"}
    assert len(objects_of(seen(resource(other)))) == 1


def test_a_ray_job_comes_with_a_job_for_head_workers_and_submitter() -> None:
    late = {"priorityClassName": "late"}
    made = ray_job(head=late, worker=late, submitterPodTemplate={"spec": {**late}})
    found = objects_of(seen(resource(made)))
    names = [each.name for each in found]
    assert names == ["tune", "tune-head", "tune-worker", "tune-submitter"]
    for job in found[1:]:
        assert job.is_a("Job")
        assert job.pod is not None
        assert job.pod.spec["priorityClassName"] == "late"
        assert job.body["metadata"]["ownerReferences"][0]["kind"] == "RayJob"
    assert [job.body["spec"]["parallelism"] for job in found[1:]] == [1, 2, 1]


def test_each_try_of_a_ray_job_may_take_all_of_its_deadline() -> None:
    (_, head, _) = objects_of(seen(resource(ray_job(backoffLimit=2, activeDeadlineSeconds=60))))
    assert head.body["spec"]["activeDeadlineSeconds"] == 180


def test_a_ray_job_in_a_cluster_of_somebody_else_has_no_pods() -> None:
    selected = ray_job(clusterSelector={"ray.io/cluster": "shared"}, rayClusterSpec=DROP)
    assert [each.kind for each in objects_of(seen(resource(selected)))] == ["RayJob"]
