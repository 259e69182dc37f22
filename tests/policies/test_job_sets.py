"""A JobSet is judged by the Jobs that its controller makes of it."""

from __future__ import annotations

from typing import Any

from policies.in_process import seen
from policies.manifests import UNKNOWN, resource, workload
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
