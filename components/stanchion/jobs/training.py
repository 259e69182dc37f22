"""A team's training, run with the packages that serve the model."""

import json
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, pods
from stanchion.children import child_options, once_made
from stanchion.jobs import _alerts, _parts, _ray_job, _training_pods
from stanchion.jobs.training_arguments import (
    DEFAULT_KEPT_RUNS,
    TrainingJobArgs,
    checked,
    deadline_seconds,
    needs_cloud,
    repeats,
)
from stanchion.labels import metadata
from stanchion.monitoring import Once
from stanchion.names import label_value, short_hash
from stanchion.tracking.access import way_to_mlflow


class TrainingJob(pulumi.ComponentResource):
    """Runs a team's training command in the serving image, so that a model can be made again.

    The pod is told the data set with its expected digest, the code's version, the seed and where
    checkpoints go; a script that uses `stanchion_training` checks the data before it trains, logs
    all of it with the run, goes on from its last checkpoint and registers the version. Evictions
    and lost nodes count as no failure, what another try may cure is tried a few times, and wrong
    settings or data end it at once.

    With `schedule` a CronJob trains, with `on_demand` it waits to be asked, with `queue` Kueue says
    when pods start, with `nodes` several pods train together as a JobSet, with `ray` in a cluster
    of Ray that a RayJob makes and ends. With `monitoring` its owner hears of runs that fail or are
    late, those with Ray excepted. It deliberately makes no queue, bucket, claim, MLflow user or
    Secret, and promotes nothing: what it registers goes through the gates like any version.
    """

    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    job_name: pulumi.Output[str] | None
    """Name of the Job, the JobSet of several nodes or the RayJob; absent with a CronJob."""
    cron_job_name: pulumi.Output[str] | None
    """Name of the CronJob; absent without schedule and demand."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for network policies and queries."""

    def __init__(
        self, name: str, args: TrainingJobArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:TrainingJob", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", name)
        tracking, several = args["tracking"], args.get("nodes", 1) > 1 or "ray" in args
        selected = labels.selector("training", service, "train")
        labelled = labels.standard(
            selected,
            owner=args["owner"],
            cost_center=args["cost_center"],
            version=args["code_version"],
            extra={
                labels.TENANT: args["tenant"],
                labels.MODEL: label_value(args["model_name"]),
            },
        )
        child = child_options(self, opts)
        first: list[pulumi.Resource] = [
            pods.service_account(
                f"{name}-account",
                metadata(service, namespace, labelled, args.get("service_account_annotations")),
                child,
            ),
            _parts.walls(
                f"{name}-network",
                metadata(service, namespace, labelled),
                selected,
                way_to_mlflow(
                    tracking["namespace"], tracking.get("pod_labels"), tracking.get("port")
                ),
                child,
                cloud=needs_cloud(args),
                among_themselves=several,
            ),
        ]
        if "ray" in args:
            described = metadata(f"{service}-head", namespace, labelled)
            first.append(
                _ray_job.operator_walls(f"{name}-head-network", described, selected, child)
            )
        code = None
        if "code" in args:
            # Named by what is in it: a Job that runs keeps the files it began with.
            code = f"{service}-code-{short_hash(json.dumps(args['code'], sort_keys=True))}"
            files = k8s.core.v1.ConfigMap(
                f"{name}-code",
                metadata=metadata(code, namespace, labelled),
                data=args["code"],
                immutable=True,
                opts=child,
            )
            first.append(files)
        ready = child_options(self, opts, depends_on=first)
        self.job_name = self.cron_job_name = None
        if repeats(args):
            template = _training_pods.pod_template(service, args, labelled, code)
            scheduled = _parts.cron_job(
                f"{name}-schedule",
                described=metadata(service, namespace, labelled),
                schedule=args.get("schedule"),
                kept_runs=args.get("kept_runs", DEFAULT_KEPT_RUNS),
                labelled=_parts.queued(labelled, args.get("queue"), args.get("queue_priority")),
                spec=_training_pods.job_spec(args, template, keep_seconds=None),
                opts=ready,
            )
            self.cron_job_name = once_made(service, scheduled)
        else:
            called, made = _trained_once(name, args, labelled, code, ready)
            self.job_name = once_made(called, made)
        # Ray's command is no Job's: nothing that Prometheus reads says what became of it.
        if "ray" not in args:
            once = Once.JOB_SET if several else Once.JOB
            _alerts.watch(
                name,
                args,
                metadata(service, namespace, labelled),
                child,
                deadline_seconds=deadline_seconds(args),
                once=None if repeats(args) else once,
                repeats=repeats(args),
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


def _trained_once(
    name: str,
    args: TrainingJobArgs,
    labelled: Mapping[str, str],
    code: str | None,
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], pulumi.CustomResource]:
    """What trains now and never again, and its name."""
    service = args.get("service_name", name)
    queued = _parts.queued(labelled, args.get("queue"), args.get("queue_priority"))
    if "ray" in args:
        head, worker = _training_pods.ray_templates(service, args, labelled, code)
        spec = _training_pods.ray_job_spec(args, head, worker)
        called = pods.named_by_pods(service, [spec["entrypoint"], spec["rayClusterSpec"]])
        return called, _parts.custom_job(
            f"{name}-ray-job",
            api_version="ray.io/v1",
            kind="RayJob",
            called=called,
            namespace=args["namespace"],
            labelled=queued,
            spec=spec,
            opts=opts,
            # Kueue says which nodes the pods go to, in a list that has one owner as a whole.
            kueues=["spec.rayClusterSpec"],
        )
    template = _training_pods.pod_template(service, args, labelled, code)
    called = pods.named_by_pods(service, template)
    if args.get("nodes", 1) > 1:
        return called, _parts.custom_job(
            f"{name}-job-set",
            api_version="jobset.x-k8s.io/v1alpha2",
            kind="JobSet",
            called=called,
            namespace=args["namespace"],
            labelled=queued,
            spec=_training_pods.job_set_spec(args, template, service),
            opts=opts,
        )
    return called, _parts.job(
        f"{name}-job",
        called=called,
        namespace=args["namespace"],
        labelled=queued,
        spec=_training_pods.job_spec(args, template, keep_seconds=_parts.KEEP_SECONDS),
        opts=opts,
    )
