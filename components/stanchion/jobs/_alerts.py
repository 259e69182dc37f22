"""The alerts of a scoring or a training, where Prometheus Operator is there."""

from typing import NotRequired

import pulumi
import pulumi_kubernetes as k8s

from stanchion import monitoring
from stanchion.monitoring.dashboards.batch_training import BATCH_TRAINING
from stanchion.owned import OwnedArgs


class WatchedArgs(OwnedArgs):
    """What each of them is told."""

    namespace: pulumi.Input[str]
    schedule: NotRequired[str]
    monitoring: NotRequired[bool]
    runbooks: NotRequired[str]
    grafana_url: NotRequired[str]


def watch(
    name: str,
    args: WatchedArgs,
    called: k8s.meta.v1.ObjectMetaArgs,
    opts: pulumi.ResourceOptions,
    *,
    deadline_seconds: int,
    once: monitoring.Once | None,
    repeats: bool,
) -> None:
    """Tell its owner of runs that fail or are late.

    Args:
        name: Name of the component's resource.
        args: What the component is told.
        called: Metadata of the rules.
        opts: Their options.
        deadline_seconds: Longest time of a run.
        once: What it runs once; None: nothing.
        repeats: Whether it has a CronJob.
    """
    if not args.get("monitoring", False):
        return
    monitoring.prometheus_rule(
        f"{name}-rules",
        called,
        lambda inside: monitoring.job_rules(
            monitoring.WatchedJobs(
                args.get("service_name", name),
                inside,
                tenant=args["tenant"],
                owner=args["owner"],
                deadline_seconds=deadline_seconds,
                once=once,
                repeats=repeats,
                schedule=args.get("schedule"),
                runbooks=args.get("runbooks", monitoring.RUNBOOKS),
                grafana=args.get("grafana_url", ""),
                dashboard=BATCH_TRAINING.path(tenant=inside),
            )
        ),
        args["namespace"],
        opts,
    )
