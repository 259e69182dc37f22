"""Alerts and data on one side, the training on the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pyarrow import fs
from stanchion_model_server.batch.storage import Folder

from stanchion_retraining.kubernetes import KubernetesError
from stanchion_retraining.logs import log
from stanchion_retraining.runs import Cause, Limits, Outcome, moment
from stanchion_retraining.settings import BUDGET_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stanchion_retraining.kubernetes import Training
    from stanchion_retraining.metrics import Metrics
    from stanchion_retraining.runs import Run
    from stanchion_retraining.settings import TriggerSettings

_NEW_DATA = "new-data"
_TRIES = 5


class Trigger:
    """Judges what asks for a training and starts it.

    It keeps nothing: what was started stands in the Jobs, and several of its kind may judge side
    by side.
    """

    def __init__(self, settings: TriggerSettings, training: Training, metrics: Metrics) -> None:
        self._settings, self._training, self._metrics = settings, training, metrics
        self._limits = Limits(settings.cooldown, settings.max_runs, timedelta(days=BUDGET_DAYS))

    def alerted(self, notice: Mapping[str, Any]) -> list[Outcome]:
        """What comes of the firing alerts of one of Alertmanager's notices.

        Args:
            notice: The body of its webhook, version 4. Alerts that are resolved, about another
                service or of a name that starts nothing are passed over.

        Raises:
            ValueError: It is no such notice.
            KubernetesError: Nothing could be started; Alertmanager tries again.
        """
        try:
            alerts = [self._cause(alert) for alert in notice["alerts"]]
        except (KeyError, TypeError, AttributeError):
            raise ValueError("is no notice of Alertmanager's webhook, version 4") from None
        return [self._considered(cause, version) for cause, version in filter(None, alerts)]

    def look(self) -> None:
        """See how the training stands, and whether data are new.

        Raises:
            KubernetesError: The API does not answer.
            OSError: The data cannot be listed.
        """
        cause = None if self._settings.data_uri is None else self._new_data()
        if cause is not None:
            self._considered(cause)
        else:
            self._show(self._training.runs(self._training.template()))
        self._metrics.looked()

    def _cause(self, alert: Mapping[str, Any]) -> tuple[Cause, str] | None:
        labels = alert["labels"]
        reason = self._settings.reasons.get(labels["alertname"])
        about_it = labels.get("service") == self._settings.service
        if alert["status"] != "firing" or reason is None or not about_it:
            return None
        since = moment(alert["startsAt"])
        key = f"{labels['alertname']} {alert['fingerprint']} since {since.isoformat()}"
        return Cause(reason, key, trained_since=since), str(labels.get("version", ""))

    def _new_data(self) -> Cause | None:
        """The data as a cause, once they have been at rest for a while."""
        newest = newest_file(str(self._settings.data_uri))
        rested = timedelta(seconds=self._settings.settle_seconds)
        if newest is None or newest > datetime.now(UTC) - rested:
            return None
        return Cause(_NEW_DATA, f"data of {newest.isoformat()}", trained_since=newest)

    def _considered(self, cause: Cause, version: str = "") -> Outcome:
        served = self._settings.served_version
        name = None
        if version and served and version != served:
            outcome = Outcome.OTHER_VERSION
        else:
            outcome, name = self._judged(cause)
        self._metrics.decisions.labels(reason=cause.reason, outcome=outcome).inc()
        fields = {"reason": cause.reason, "cause": cause.key, "outcome": outcome, "job": name}
        # Data that are not new are no news.
        if cause.reason != _NEW_DATA or outcome is not Outcome.KNOWN:
            log.info("judged", extra={"fields": fields})
        return outcome

    def _judged(self, cause: Cause) -> tuple[Outcome, str | None]:
        """What comes of a cause, and the Job that was started."""
        for _ in range(_TRIES):
            template = self._training.template()
            runs = self._training.runs(template)
            outcome, name = self._limits.judge(cause, runs, datetime.now(UTC)), None
            if outcome is Outcome.STARTED:
                name = self._training.start(template, runs, cause, self._settings.served_version)
                if name is None:
                    # Another trigger began one meanwhile, which is now among the runs.
                    continue
                runs = self._training.runs(template)
            self._show(runs)
            return outcome, name
        raise KubernetesError("the training's next Job has a name that another one has")

    def _show(self, runs: list[Run]) -> None:
        self._metrics.show(runs, self._limits.left(runs, datetime.now(UTC)))


def newest_file(uri: str) -> datetime | None:
    """When the newest file below a folder was written; None where there is none.

    Raises:
        OSError: The folder cannot be listed.
    """
    folder = Folder(uri)
    place = uri.rstrip("/").partition("://")[2]
    selector = fs.FileSelector(place, recursive=True, allow_not_found=True)
    times = [
        each.mtime
        for each in folder.filesystem.get_file_info(selector)
        if each.is_file and each.mtime is not None
    ]
    return max(times).astimezone(UTC) if times else None
