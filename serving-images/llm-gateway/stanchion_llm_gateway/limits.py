"""Holding consumers to what they may use."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from stanchion_llm_gateway.configuration import ANONYMOUS, TOTAL, Limits
from stanchion_llm_gateway.errors import LIMITED, GatewayError
from stanchion_llm_gateway.ledger import DOLLAR, Key, Ledger, Usage, day, minute, seconds_left

if TYPE_CHECKING:
    from stanchion_llm_gateway.configuration import Configuration
    from stanchion_llm_gateway.metrics import Metrics


class Reservation:
    """What a request may come to use, counted before it begins and made right after."""

    def __init__(self, ledger: Ledger, keys: list[Key], usage: Usage) -> None:
        self._ledger, self._keys, self._usage = ledger, keys, usage
        for key in keys:
            ledger.add(key, usage)

    def settle(self, tokens: int, microdollars: int) -> None:
        """Count what was really used instead. The request itself stays counted."""
        real = Usage(self._usage.requests, tokens, microdollars)
        for key in self._keys:
            self._ledger.add(key, real + -self._usage)
        self._usage = real


class Meter:
    """Admits requests by the limits of their consumer and by those of all together."""

    def __init__(self, configuration: Configuration, ledger: Ledger, metrics: Metrics) -> None:
        self._ledger, self._metrics = ledger, metrics
        self._limits = {consumer.name: consumer.limits for consumer in configuration.consumers}
        self._limits.setdefault(ANONYMOUS, Limits())
        self._limits[TOTAL] = configuration.total

    def admit(self, consumer: str, usage: Usage) -> Reservation:
        """Reserve `usage`, an estimate.

        Raises:
            GatewayError: 429 with the seconds to wait, where a limit would be overrun.
        """
        this_minute, today = minute(), day()
        for subject in (consumer, TOTAL):
            self._hold(consumer, subject, usage, this_minute, today)
        keys = [Key(s, p) for s in (consumer, TOTAL) for p in (this_minute, today)]
        return Reservation(self._ledger, keys, usage)

    def _hold(
        self, consumer: str, subject: str, usage: Usage, this_minute: str, today: str
    ) -> None:
        limits = self._limits[subject]
        of_minute = self._ledger.used(Key(subject, this_minute)) + usage
        of_day = self._ledger.used(Key(subject, today)) + usage
        for name, period, used, allowed in (
            ("requests_per_minute", this_minute, of_minute.requests, limits.requests_per_minute),
            ("tokens_per_minute", this_minute, of_minute.tokens, limits.tokens_per_minute),
            ("tokens_per_day", today, of_day.tokens, limits.tokens_per_day),
            ("dollars_per_day", today, of_day.microdollars / DOLLAR, limits.dollars_per_day),
        ):
            if allowed is not None and used > allowed:
                self._metrics.limited.labels(subject, name).inc()
                whose = f"consumer {consumer}" if subject == consumer else "all consumers together"
                raise GatewayError(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"{whose} may use {allowed:g} {name.replace('_', ' ')}",
                    LIMITED,
                    "rate_limit_exceeded" if period == this_minute else "insufficient_quota",
                    {"retry-after": str(seconds_left(period))},
                )

    def show_budgets(self) -> None:
        """Bring the metrics of what is left of the day's budgets up to date."""
        today = day()
        for subject, limits in self._limits.items():
            used = self._ledger.used(Key(subject, today))
            for budget, spent, allowed in (
                ("tokens", used.tokens, limits.tokens_per_day),
                ("dollars", used.microdollars / DOLLAR, limits.dollars_per_day),
            ):
                if allowed is not None:
                    left = max(0.0, 1 - spent / allowed)
                    self._metrics.budget_left.labels(subject, budget).set(left)
