"""When old files of the prediction log are deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from stanchion_model_server.logs import log

if TYPE_CHECKING:
    from stanchion_model_server.prediction_log.spool import Spool

_EXPIRE_SECONDS: Final = 24 * 60 * 60


class Retention:
    """Deletes what is older than it may be, once a day.

    Args:
        spool: The service's log.
        days: How long files are kept; None: for good.
    """

    def __init__(self, spool: Spool, days: int | None) -> None:
        self._spool, self._days = spool, days
        self._expired: float | None = None
        self._failing = False

    def look(self) -> None:
        """Delete where a day has passed, or the last try failed; raises nothing."""
        now = time.monotonic()
        due = self._expired is None or now - self._expired > _EXPIRE_SECONDS
        if self._days is None or not due:
            return
        try:
            gone = self._spool.expire(self._days)
        except Exception as error:  # noqa: BLE001 - the log goes on, whatever the store answers
            self._tell(error)
            return
        self._expired = now
        if self._failing or gone:
            self._failing = False
            log.info("old predictions deleted", extra={"fields": {"files": gone}})

    def _tell(self, error: Exception) -> None:
        """Say once that the store does not let files go, until it does again."""
        if not self._failing:
            fields = {"reason": str(error)}
            log.warning("old predictions cannot be deleted", extra={"fields": fields})
        self._failing = True
