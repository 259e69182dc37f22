"""Files scored with a pinned model, every row exactly once."""

import pulumi

from stanchion import labels, pods
from stanchion.children import child_options, once_made
from stanchion.credentials import secret
from stanchion.jobs import _alerts, _parts, _pods
from stanchion.jobs.arguments import (
    BatchInferenceArgs,
    checked,
    days,
    deadline_seconds,
    needs_cloud,
)
from stanchion.labels import metadata
from stanchion.monitoring import Once
from stanchion.names import label_value
from stanchion.tracking.access import way_to_mlflow


class BatchInference(pulumi.ComponentResource):
    """Scores the Parquet files of a folder, or of a folder for each day, with a registered model.

    Each pod of an indexed Job scores one part of the rows with the image, code and checks that
    serve the model online. A part counts once its manifest says so: parts that are done are not
    scored again, however often the Job is run, interrupted or repeated, and what is run again
    writes the same bytes. A new model version, image or input is scored anew.

    With `schedule` a CronJob scores the day before, and `dates` beside it fills in days once.
    With `queue` Kueue says when pods start, with `monitoring` its owner hears of runs that fail or
    are late. It deliberately makes no queue, no bucket and no claim, reads nothing but Parquet, and
    deletes no output of other days.
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
        registry = args["registry"]
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
            {key: registry[key] for key in ("username", "password")},
            child,
        )
        walls = _parts.walls(
            f"{name}-network",
            metadata(service, namespace, labelled),
            selected,
            way_to_mlflow(registry["namespace"], registry.get("pod_labels"), registry.get("port")),
            child,
            cloud=needs_cloud(args),
        )
        ready = child_options(self, opts, depends_on=[account, credentials, walls])
        queued = _parts.queued(labelled, args.get("queue"), args.get("queue_priority"))
        self.job_name = self.cron_job_name = None
        if "schedule" in args:
            scheduled = _parts.cron_job(
                f"{name}-schedule",
                described=metadata(service, namespace, labelled),
                schedule=args["schedule"],
                labelled=queued,
                spec=_pods.job_spec(
                    args,
                    _pods.pod_template(service, args, labelled, scheduled=True),
                    parts=args.get("shards", 1),
                    deadline_seconds=deadline_seconds(args),
                    keep_seconds=None,
                ),
                opts=ready,
            )
            self.cron_job_name = once_made(service, scheduled)
        if "dates" in args or "schedule" not in args:
            template = _pods.pod_template(service, args, labelled, scheduled=False)
            called = pods.named_by_pods(service, template)
            spec = _pods.job_spec(
                args,
                template,
                parts=days(args) * args.get("shards", 1),
                deadline_seconds=deadline_seconds(args),
                keep_seconds=_parts.KEEP_SECONDS,
            )
            job = _parts.job(
                f"{name}-job",
                called=called,
                namespace=namespace,
                labelled=queued,
                spec=spec,
                opts=ready,
            )
            self.job_name = once_made(called, job)
        _alerts.watch(
            name,
            args,
            metadata(service, namespace, labelled),
            child,
            deadline_seconds=deadline_seconds(args),
            once=Once.JOB if self.job_name is not None else None,
            repeats="schedule" in args,
        )
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
