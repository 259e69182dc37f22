"""Files scored with a pinned model, every row exactly once."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, network, pods
from stanchion.children import child_options, once_made
from stanchion.credentials import secret
from stanchion.jobs import _pods
from stanchion.jobs.arguments import (
    BatchInferenceArgs,
    checked,
    days,
    deadline_seconds,
    needs_cloud,
)
from stanchion.labels import metadata
from stanchion.names import label_value
from stanchion.tracking.mlflow_server import mlflow_pod_labels

_QUEUE = "kueue.x-k8s.io/queue-name"
_KEEP_SECONDS = 7 * 24 * 60 * 60
"""How long a Job that is over can be looked at."""
_MISSED_SECONDS = 6 * 60 * 60
"""One that was missed is made up for while it is still of its day."""
_NOT_WAITED_FOR = {"pulumi.com/skipAwait": "true"}
"""A Job runs for hours, or waits in its queue: whoever deploys it is done before."""


class BatchInference(pulumi.ComponentResource):
    """Scores the Parquet files of a folder, or of a folder for each day, with a registered model.

    Each pod of an indexed Job scores one part of the rows with the image, code and checks that
    serve the model online. A part counts once its manifest says so: parts that are done are not
    scored again, however often the Job is run, interrupted or repeated, and what is run again
    writes the same bytes. A new model version, image or input is scored anew.

    With `schedule` a CronJob scores the day before, and `dates` beside it fills in days once.
    With `queue` Kueue says when pods start. It deliberately makes no queue, no bucket and no
    claim, reads nothing but Parquet, and deletes no output of other days.
    """

    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    job_name: pulumi.Output[str] | None
    """Name of the Job; absent where a schedule without `dates` is all there is."""
    cron_job_name: pulumi.Output[str] | None
    """Name of the CronJob; absent without a schedule."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for network policies and queries."""

    def __init__(
        self, name: str, args: BatchInferenceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:BatchInference", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", name)
        selected = labels.selector("batch-inference", service, "score")
        labelled = labels.standard(
            selected,
            owner=args["owner"],
            cost_center=args["cost_center"],
            version=args["model"]["version"],
            extra={
                labels.TENANT: args["tenant"],
                labels.MODEL: label_value(args["model"]["name"]),
            },
        )
        child = child_options(self, opts)
        account = pods.service_account(
            f"{name}-account",
            metadata(service, namespace, labelled, args.get("service_account_annotations")),
            child,
        )
        credentials = secret(
            f"{name}-registry",
            metadata(f"{service}-registry", namespace, labelled),
            {key: args["registry"][key] for key in ("username", "password")},
            child,
        )
        walls = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=metadata(service, namespace, labelled),
            spec=network.policy_spec(selected, admit=[], allow=_way_out(args)),
            opts=child,
        )
        ready = child_options(self, opts, depends_on=[account, credentials, walls])
        # On the Job alone: Kueue counts what carries it, and a pod is its Job's.
        queued = {**labelled, _QUEUE: args["queue"]} if "queue" in args else labelled
        self.job_name = self.cron_job_name = None
        if "schedule" in args:
            scheduled = _cron_job(
                f"{name}-schedule", service, args, labelled=labelled, queued=queued, opts=ready
            )
            self.cron_job_name = once_made(service, scheduled)
        if "dates" in args or "schedule" not in args:
            template = _pods.pod_template(service, args, labelled, scheduled=False)
            called = pods.named_by_pods(service, template)
            job = k8s.batch.v1.Job(
                f"{name}-job",
                metadata=metadata(called, namespace, queued, _NOT_WAITED_FOR),
                spec=_pods.job_spec(
                    args,
                    template,
                    parts=days(args) * args.get("shards", 1),
                    deadline_seconds=deadline_seconds(args),
                    keep_seconds=_KEEP_SECONDS,
                ),
                opts=pulumi.ResourceOptions.merge(
                    ready, pulumi.ResourceOptions(ignore_changes=["spec.suspend"])
                ),
            )
            self.job_name = once_made(called, job)
        self.namespace = pulumi.Output.from_input(namespace)
        self.pod_labels = pulumi.Output.from_input(selected)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "jobName": self.job_name,
                "cronJobName": self.cron_job_name,
                "podLabels": self.pod_labels,
            }
        )


def _cron_job(
    name: str,
    service: str,
    args: BatchInferenceArgs,
    *,
    labelled: dict[str, str],
    queued: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> k8s.batch.v1.CronJob:
    """A Job a run, one run at a time: two would score the same parts side by side for nothing."""
    template = _pods.pod_template(service, args, labelled, scheduled=True)
    return k8s.batch.v1.CronJob(
        name,
        metadata=metadata(service, args["namespace"], labelled),
        spec=k8s.batch.v1.CronJobSpecArgs(
            schedule=args["schedule"],
            time_zone="Etc/UTC",
            concurrency_policy="Forbid",
            starting_deadline_seconds=_MISSED_SECONDS,
            successful_jobs_history_limit=3,
            failed_jobs_history_limit=3,
            job_template=k8s.batch.v1.JobTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=queued),
                spec=_pods.job_spec(
                    args,
                    template,
                    parts=args.get("shards", 1),
                    deadline_seconds=deadline_seconds(args),
                    keep_seconds=None,
                ),
            ),
        ),
        opts=opts,
    )


def _way_out(args: BatchInferenceArgs) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """Names and the registry; with a bucket the cloud's credentials and public services."""
    registry = args["registry"]
    there = network.peer(registry["namespace"], registry.get("pod_labels", mlflow_pod_labels()))
    always = [network.dns_egress(), network.egress([there], registry.get("port", 5000))]
    if not needs_cloud(args):
        return always
    return [*always, *network.credentials_egress(), network.public_egress()]
