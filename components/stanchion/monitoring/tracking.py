"""What is watched about the tracking server: that it answers, and that it is backed up."""

from stanchion.monitoring.kube_state import kube_state
from stanchion.monitoring.rules import AlertSeverity, RuleGroup
from stanchion.monitoring.runs import INTERVAL_SECONDS, gave_up, late
from stanchion.monitoring.watched import Watched

_DOWN_SECONDS = 300
"""A lone replica that is replaced is back before."""


def mlflow_rules(watched: Watched, replicas: int) -> list[RuleGroup]:
    """The alert of an MLflow server that nobody gets an answer from.

    Args:
        watched: The server.
        replicas: How many it is to have.
    """
    scraped = f"up{watched.selector()} == 1"
    # Scraped is one without its database as well: whether it is ready, its probe says.
    ready = kube_state(
        "kube_deployment_status_replicas_available",
        f'namespace="{watched.namespace}",deployment="{watched.service}"',
    )
    down = watched.alert(
        "MlflowUnavailable",
        f"absent({scraped}) or max({ready}) == 0",
        AlertSeverity.PAGE,
        summary=f"is down: 0 of {replicas} replicas answer",
        description="None runs, none can be scraped, or the database does not answer any of them. "
        "Nothing can be trained, promoted or scored in batch, and a replica of a model that starts "
        "cannot load it; those that serve go on.",
        hold_seconds=_DOWN_SECONDS,
    )
    return [RuleGroup(f"{watched.namespace}-{watched.service}", [down], INTERVAL_SECONDS)]


def backup_rules(watched: Watched, schedule: str, deadline_seconds: int) -> list[RuleGroup]:
    """The alerts of the tracking server's backups: the newest failed, or is too old.

    Args:
        watched: Their CronJob.
        schedule: When it runs.
        deadline_seconds: Longest time of a run.
    """
    alerts = [
        gave_up(
            watched,
            "TrackingBackupFailed",
            "Its tries are used up or its time is over, and no backup has succeeded since. What "
            "has come into MLflow after the last one is in none.",
        ),
        *late(
            watched,
            "TrackingBackupLate",
            schedule,
            deadline_seconds,
            "Backups do not begin, take too long or fail. What has come into MLflow after the "
            "last one would be lost with its database.",
        ),
    ]
    return [RuleGroup(f"{watched.namespace}-{watched.service}", alerts, INTERVAL_SECONDS)]
