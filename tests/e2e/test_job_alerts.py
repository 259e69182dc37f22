"""The alerts of jobs and of the tracking server: each comes, goes, and stays away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from e2e.simulation import Simulation, gauge
from e2e.stories import Held
from stanchion.monitoring import Once, Watched, WatchedJobs, backup_rules, job_rules, mlflow_rules
from stanchion.monitoring.rules import RuleGroup
from stanchion.schedules import longest_gap

HOUR = 60
"""Minutes, one sample each."""
DEADLINE = 600
LONG = 8 * HOUR
SCHEDULE = "0 * * * *"
LATE = 130
"""Minutes without a success: an hour to the next run, ten minutes for it, an hour of waiting."""
OF = 'job="kube-state-metrics",namespace="%s"'
FIRST = 29_698_700
"""Minutes by which the controller names the first Job: they could be a hash."""

Groups = Sequence[Mapping[str, Any]]
Series = Mapping[str, str]


def manifests(groups: Sequence[RuleGroup]) -> Groups:
    return [group.manifest() for group in groups]


def scoring(once: Once | None = Once.JOB, schedule: str | None = SCHEDULE) -> Groups:
    """The rules of a scoring with a CronJob and what runs once."""
    return manifests(
        job_rules(
            WatchedJobs(
                "scores",
                "demo",
                "growth",
                "team-a",
                deadline_seconds=DEADLINE,
                once=once,
                repeats=True,
                schedule=schedule,
            )
        )
    )


BACKUP = manifests(
    backup_rules(Watched("mlflow-backup", "tracking", "", "platform"), SCHEDULE, DEADLINE)
)
MLFLOW = manifests(mlflow_rules(Watched("mlflow", "tracking", "", "platform"), 2))
SCORING = scoring()
ON_DEMAND = scoring(once=None, schedule=None)
JOB_SET = scoring(once=Once.JOB_SET)


def job(
    made: int,
    *,
    failed: int | None = None,
    gone: int = LONG + 1,
    name: str = "",
    owner: str = 'owner_kind="CronJob",owner_name="scores",owner_is_controller="true"',
    of: str = OF % "demo",
) -> Series:
    """A Job as kube-state-metrics tells of it; its pods have failed, whatever became of it.

    Args:
        made: Minute in which it was made.
        failed: Minute in which it gave up; None: it did not.
        gone: Minute in which it was deleted.
        name: Its name; empty: as the CronJob's controller names it.
        owner: What owns it, in labels.
        of: Labels of the exporter.
    """
    labels = f'{of},job_name="{name or f"scores-{FIRST + made}"}"'

    def there(since: int, value: float) -> str:
        # As Prometheus notes that a series is no longer among those of a scrape.
        return f"{gauge((since, None), (gone - since, value))} stale"

    series = {
        f"kube_job_created{{{labels}}}": there(made, made * 60),
        f"kube_job_owner{{{labels},{owner}}}": there(made, 1),
        f"kube_job_status_failed{{{labels}}}": there(made, 2),
    }
    if failed is not None:
        for condition in ("true", "false", "unknown"):
            value = float(condition == "true")
            told = f'kube_job_failed{{{labels},condition="{condition}"}}'
            series[told] = there(failed, value)
    return series


def cron_job(
    *succeeded: int,
    made: int = 1,
    suspended: tuple[int, int] = (0, 0),
    name: str = "scores",
    of: str = OF % "demo",
) -> Series:
    """A CronJob.

    Args:
        succeeded: Minutes in which runs have.
        made: Minute in which it was made.
        suspended: Minutes between which it is suspended.
        name: Its name.
        of: Labels of the exporter.
    """
    labels = f'{{{of},cronjob="{name}"}}'
    minutes = range(made, LONG + 2)
    last = [max((at for at in succeeded if at <= minute), default=None) for minute in minutes]
    held = [int(suspended[0] <= minute < suspended[1]) for minute in minutes]
    return {
        f"kube_cronjob_created{labels}": gauge((made, None), (len(minutes), made * 60)),
        f"kube_cronjob_spec_suspend{labels}": f"_x{made} {' '.join(map(str, held))}",
        f"kube_cronjob_status_last_successful_time{labels}": f"_x{made} "
        + " ".join("_" if at is None else str(at * 60) for at in last),
    }


def every_hour(*, until: int = LONG) -> list[int]:
    return [*range(5, until + 1, HOUR)]


@dataclass(frozen=True)
class Story:
    """Series, and the alerts that they give within eight hours, with their first and last minute.

    The last is one before the alert is over; that of one which goes on is the last of all.
    """

    told: str
    series: Series
    alerts: Mapping[str, tuple[int, int]]
    groups: Groups = tuple(SCORING)


ONCE: dict[str, Any] = {"name": "scores-0123abcd", "owner": 'owner_kind="",owner_name=""'}
SET: dict[str, Any] = {
    "name": "scores-0123abcd-node-0",
    "owner": 'owner_kind="JobSet",owner_name="scores-0123abcd"',
}
BACKUPS: dict[str, Any] = {"name": "mlflow-backup", "of": OF % "tracking"}
OF_BACKUP: dict[str, Any] = {
    "owner": 'owner_kind="CronJob",owner_name="mlflow-backup"',
    "of": OF % "tracking",
}
UP = 'up{namespace="tracking",service="mlflow",pod="mlflow-%s"}'
READY = (
    'kube_deployment_status_replicas_available{job="kube-state-metrics",namespace="tracking",'
    'deployment="mlflow"}'
)
STORIES = [
    Story(
        "runs succeed, though pods of one failed before",
        {**cron_job(*every_hour()), **job(120)},
        {},
    ),
    Story(
        "one gives up, and the next one succeeds while the failed Job is kept",
        {**cron_job(*every_hour(until=100), *range(185, LONG, HOUR)), **job(120, failed=125)},
        {"JobFailed": (125, 184)},
    ),
    Story(
        "one that a person began succeeds",
        {**cron_job(*every_hour(until=100), 150, *range(185, LONG, HOUR)), **job(120, failed=125)},
        {"JobFailed": (125, 149)},
    ),
    Story(
        "the failed Job is deleted",
        {**cron_job(*every_hour()), **job(126, failed=128, gone=140)},
        {"JobFailed": (128, 139)},
    ),
    Story(
        "all give up",
        {
            **cron_job(*every_hour(until=100)),
            **job(120, failed=125),
            **job(180, failed=185),
            **job(240, failed=245),
        },
        {"JobFailed": (125, LONG), "ScheduleLate": (65 + LATE + 1, LONG)},
    ),
    Story(
        "none begins any more for some hours",
        cron_job(*every_hour(until=100), 305, 365, 425),
        {"ScheduleLate": (65 + LATE + 1, 304)},
    ),
    Story("one is left out", cron_job(*(at for at in every_hour() if at != 125)), {}),
    Story(
        "a new one never succeeds",
        cron_job(made=10),
        {"ScheduleLate": (10 + LATE + 1, LONG)},
    ),
    Story("it is suspended", cron_job(5, 65, suspended=(100, LONG + 2)), {}),
    Story(
        "it is suspended for three hours, and runs again",
        cron_job(5, 65, *range(305, LONG, HOUR), suspended=(100, 280)),
        {"ScheduleLate": (280, 304)},
    ),
    Story(
        "one that waits to be asked is suspended, and its run gives up",
        {**cron_job(suspended=(0, LONG + 2)), **job(120, failed=125)},
        {"JobFailed": (125, LONG)},
        ON_DEMAND,
    ),
    Story(
        "what runs once gives up, and the schedule beside it does not",
        {**cron_job(*every_hour()), **job(20, failed=30, gone=200, **ONCE)},
        {"JobFailed": (30, 199)},
    ),
    Story(
        "another's Job gives up",
        {
            **cron_job(*every_hour()),
            **job(20, failed=30, owner='owner_kind="CronJob",owner_name="other"'),
        },
        {},
    ),
    Story(
        "another exporter has series of the same names",
        {
            **cron_job(*every_hour()),
            **job(20, failed=30, of='job="other",namespace="demo"'),
            **cron_job(name="scores", of='job="other",namespace="demo"'),
        },
        {},
    ),
    Story(
        "several nodes begin again together",
        {**cron_job(*every_hour()), **job(20, failed=30, gone=33, **SET)},
        {},
        JOB_SET,
    ),
    Story(
        "several nodes give up together",
        {**cron_job(*every_hour()), **job(20, failed=30, **SET)},
        {"JobFailed": (35, LONG)},
        JOB_SET,
    ),
    Story(
        "a backup gives up, and the next one succeeds",
        {
            **cron_job(*every_hour(until=100), *range(185, LONG, HOUR), **BACKUPS),
            **job(120, failed=125, **OF_BACKUP),
        },
        {"TrackingBackupFailed": (125, 184)},
        BACKUP,
    ),
    Story(
        "no backup begins any more",
        cron_job(*every_hour(until=100), **BACKUPS),
        {"TrackingBackupLate": (65 + LATE + 1, LONG)},
        BACKUP,
    ),
    Story(
        "MLflow answers",
        {UP % "a": gauge((LONG + 1, 1)), READY: gauge((LONG + 1, 1))},
        {},
        MLFLOW,
    ),
    Story(
        "MLflow is replaced",
        {
            UP % "a": gauge((60, 1), (3, None), (LONG - 62, 1)),
            READY: gauge((60, 1), (4, 0), (LONG - 63, 1)),
        },
        {},
        MLFLOW,
    ),
    Story(
        "no replica of MLflow runs for an hour",
        {
            UP % "a": gauge((60, 1), (60, None), (LONG - 119, 1)),
            READY: gauge((60, 1), (60, 0), (LONG - 119, 1)),
        },
        {"MlflowUnavailable": (65, 119)},
        MLFLOW,
    ),
    Story(
        "MLflow's database does not answer",
        {UP % "a": gauge((LONG + 1, 1)), READY: gauge((60, 2), (60, 0), (LONG - 119, 2))},
        {"MlflowUnavailable": (65, 119)},
        MLFLOW,
    ),
    Story(
        "no replica of MLflow can be scraped, where nothing tells of Deployments",
        {UP % "a": gauge((60, 1), (60, 0), (LONG - 119, 1))},
        {"MlflowUnavailable": (65, 119)},
        MLFLOW,
    ),
    Story(
        "one of two replicas of MLflow is gone",
        {
            UP % "a": gauge((LONG + 1, 1)),
            UP % "b": gauge((60, 1), (LONG - 59, 0)),
            READY: gauge((60, 2), (LONG - 59, 1)),
        },
        {},
        MLFLOW,
    ),
]


def names(groups: Groups) -> list[str]:
    return list(dict.fromkeys(rule["alert"] for group in groups for rule in group["rules"]))


def fired(simulation: Simulation, story: Story) -> dict[str, tuple[float, float]]:
    """The first and last minute of each alert that came."""
    alerts = names(story.groups)
    queries = [
        f'{far}({far}_over_time(timestamp(ALERTS{{alertname="{name}",alertstate="firing"}})'
        f"[{LONG}m:1m])) / 60"
        for name in alerts
        for far in ("min", "max")
    ]
    found = simulation.answers(
        queries, story.series, f"{LONG}m", groups=story.groups, step="1m", evaluated_every="1m"
    )
    spans = zip(alerts, found[::2], found[1::2], strict=True)
    return {
        name: (first, last) for name, first, last in spans if first is not None and last is not None
    }


NAMED = {name for groups in (SCORING, BACKUP, MLFLOW) for name in names(groups)}
HELD = Held(
    frozenset(name for story in STORIES for name in story.alerts),
    frozenset(name for name in NAMED if any(name not in story.alerts for story in STORIES)),
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_for_as_long_as_it_lasts(
    simulation: Simulation, story: Story
) -> None:
    assert fired(simulation, story) == story.alerts


def test_an_alert_says_which_job_it_is_since_when_and_whose(simulation: Simulation) -> None:
    series = {**cron_job(*every_hour(until=100)), **job(120, failed=125), **job(180, failed=185)}
    whose = {
        "owner": "team-a",
        "tenant": "growth",
        "namespace": "demo",
        "service": "scores",
        "cronjob": "scores",
        "severity": "ticket",
    }
    rules = {rule["alert"]: rule["annotations"] for rule in SCORING[0]["rules"]}
    said = {
        "JobFailed": (
            {"job_name": f"scores-{FIRST + 180}"},
            f"scores in demo failed: scores-{FIRST + 180}, begun 20m 0s ago, gave up",
        ),
        "ScheduleLate": (
            {},
            "scores in demo is late: no run has succeeded for 2h 15m 0s, and its schedule allows "
            "2h 10m 0s",
        ),
    }
    expected = [
        {
            "eval_time": "200m",
            "alertname": name,
            "exp_alerts": [
                {
                    "exp_labels": {**whose, **labels},
                    "exp_annotations": {**rules[name], "summary": summary},
                }
            ],
        }
        for name, (labels, summary) in said.items()
    ]
    told = simulation.told(
        {"alert_rule_test": expected}, series, SCORING, step="1m", evaluated_every="1m"
    )
    assert "SUCCESS" in told, told


@pytest.mark.parametrize(("schedule", "hours"), [("17 3 * * *", 31), ("0 6 * * MON-FRI", 79)])
def test_a_schedule_allows_its_longest_gap_a_whole_run_and_an_hour(
    schedule: str, hours: int
) -> None:
    (group,) = job_rules(
        WatchedJobs("scores", "demo", "growth", "team-a", 6 * 3600, repeats=True, schedule=schedule)
    )
    assert f"> {hours * 3600} unless" in group.manifest()["rules"][-1]["expr"]
    assert longest_gap(schedule) is not None


def test_a_schedule_that_never_comes_is_never_late() -> None:
    assert "ScheduleLate" not in names(scoring(schedule="0 0 31 2 *"))
