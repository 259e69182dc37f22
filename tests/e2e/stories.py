"""Stories that series tell to rules, with the alerts that come of each and those that stay away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from e2e.simulation import Simulation


@dataclass(frozen=True)
class Story:
    """Series, and the alerts that they give.

    Attributes:
        told: What happens.
        series: Samples, one a minute.
        alerts: What comes of it, with the minutes at which it is there at the latest.
    """

    told: str
    series: Mapping[str, str]
    alerts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """Alerts that tests have seen come, and that tests have seen stay away."""

    come: frozenset[str] = frozenset()
    stay: frozenset[str] = frozenset()

    def __or__(self, other: Held) -> Held:
        return Held(self.come | other.come, self.stay | other.stay)


@dataclass(frozen=True)
class Stage:
    """Rules that stories are told to.

    Attributes:
        stories: The stories.
        groups: The rules.
        alerts: Those that are looked for, with their severities.
        minutes: How long a story is.
        quiet: Minutes within which nothing happens.
        every: Time between evaluations.
    """

    stories: Sequence[Story]
    groups: Sequence[Mapping[str, Any]]
    alerts: Mapping[str, str]
    minutes: int
    quiet: float = 0
    every: str = "1m"

    @property
    def held(self) -> Held:
        """What its stories hold alerts to."""
        come = frozenset(name for story in self.stories for name in story.alerts)
        stay = frozenset(
            name for name in self.alerts if any(name not in story.alerts for story in self.stories)
        )
        return Held(come, stay)

    def hold(self, simulation: Simulation, story: Story) -> None:
        """A story gives its alerts, in time, and no others."""
        times = fired(
            simulation,
            story.series,
            self.minutes,
            *self.alerts.items(),
            groups=self.groups,
            every=self.every,
        )
        came = {name: at for name, at in zip(self.alerts, times, strict=True) if at is not None}
        print(story.told, came)
        assert set(came) == set(story.alerts)
        assert all(self.quiet < at <= story.alerts[name] for name, at in came.items()), came


def severities(groups: Collection[Mapping[str, Any]]) -> dict[str, str]:
    """The alerts of rules that have one severity each, by name."""
    return {
        rule["alert"]: rule["labels"]["severity"]
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    }


def fired(
    simulation: Simulation,
    series: Mapping[str, str],
    minutes: int,
    *alerts: tuple[str, str],
    groups: Sequence[Mapping[str, Any]],
    since: int = 0,
    step: str = "1m",
    every: str = "1m",
) -> list[float | None]:
    """Minutes after `since` at which each alert, of a severity, fired first; None: it did not."""
    queries = [
        f'min(min_over_time(timestamp(ALERTS{{alertname="{name}",severity="{severity}",'
        f'alertstate="firing"}})[{minutes - since}m:1m])) / 60 - {since}'
        for name, severity in alerts
    ]
    return simulation.answers(
        queries, series, f"{minutes}m", groups=groups, step=step, evaluated_every=every
    )
