"""A service as its rules know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stanchion.monitoring.burn_rates import matchers
from stanchion.monitoring.drift_limits import DriftLimits
from stanchion.monitoring.links import RUNBOOKS
from stanchion.monitoring.objectives import ServiceLevelObjectives
from stanchion.monitoring.rules import AlertRule, AlertSeverity


@dataclass(frozen=True)
class Watched:
    """A service as its alerts know it, whatever it serves.

    Attributes:
        service: Its name.
        namespace: Its namespace.
        tenant: Whose it is; empty: the platform's.
        owner: Team that answers for it.
        runbooks: Folder or address of the runbooks.
        dashboard: Where it is seen, below Grafana's own address; empty: nowhere.
        grafana: Grafana's own address; empty: it is not known.
    """

    service: str
    namespace: str
    tenant: str
    owner: str
    runbooks: str = field(default=RUNBOOKS, kw_only=True)
    dashboard: str = field(default="", kw_only=True)
    grafana: str = field(default="", kw_only=True)

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of its metrics, and of what is recorded about it."""
        return {"namespace": self.namespace, "service": self.service}

    @property
    def subject(self) -> str:
        """What its alerts are about, as their summaries begin."""
        return f"{self.service} in {self.namespace}"

    def selector(self, more: str = "") -> str:
        """Matchers of its metrics, in braces."""
        return "{" + ",".join(filter(None, (matchers(self.labels), more))) + "}"

    def alert(
        self,
        name: str,
        expr: str,
        severity: AlertSeverity,
        *,
        summary: str,
        description: str,
        hold_seconds: int = 0,
        labels: Mapping[str, str] | None = None,
    ) -> AlertRule:
        """An alert about it."""
        whose = {"tenant": self.tenant} if self.tenant else {}
        return AlertRule(
            name,
            expr,
            severity,
            summary=f"{self.subject} {summary}",
            description=description,
            runbooks=self.runbooks,
            labels={**self.labels, **whose, "owner": self.owner, **(labels or {})},
            hold_seconds=hold_seconds,
            dashboard=self.dashboard,
            grafana=self.grafana,
        )


@dataclass(frozen=True)
class WatchedService(Watched):
    """A model service as its alerts know it.

    Attributes:
        slo: What it promises.
        settling_seconds: Longest that a healthy replica may be unready, coming or going.
        autoscaler: Name of its HorizontalPodAutoscaler; empty where its replicas are fixed.
        drift: How far its traffic may be from its model's training.
        hold_seconds: How long its activator holds requests; None where it has none.
    """

    slo: ServiceLevelObjectives
    settling_seconds: int
    autoscaler: str = ""
    drift: DriftLimits = field(default_factory=DriftLimits)
    hold_seconds: int | None = None

    @property
    def requests(self) -> str:
        """The counter of what its callers were answered, at the first that they reach."""
        rests = self.hold_seconds is not None
        return "activator_requests_total" if rests else "model_server_requests_total"
