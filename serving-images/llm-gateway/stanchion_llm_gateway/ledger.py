"""What each consumer has used, counted here and shared by all replicas."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from stanchion_llm_gateway.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOLLAR: Final = 1_000_000
"""Micro-dollars, in which money is counted."""


class Key(NamedTuple):
    """Who, and in which minute or day of UTC, as 2026-11-21T23:05 or 2026-11-21."""

    subject: str
    period: str


@dataclass(frozen=True)
class Usage:
    """What was used."""

    requests: int = 0
    tokens: int = 0
    microdollars: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.microdollars + other.microdollars,
        )

    def __neg__(self) -> Usage:
        return Usage(-self.requests, -self.tokens, -self.microdollars)


class Store(Protocol):
    """Where usage outlives a process."""

    def exchange(self, added: Mapping[Key, Usage], periods: Sequence[str]) -> dict[Key, Usage]:
        """Add what this process has counted, and read everyone's totals of the periods.

        All of it or, raising, none.
        """

    def close(self) -> None:
        """Let go of it."""


def minute(now: datetime | None = None) -> str:
    """The current minute of UTC."""
    return f"{now or datetime.now(UTC):%Y-%m-%dT%H:%M}"


def day(now: datetime | None = None) -> str:
    """The current day of UTC."""
    return f"{now or datetime.now(UTC):%Y-%m-%d}"


def seconds_left(period: str) -> int:
    """Until the minute or day is over, at least 1."""
    length = timedelta(minutes=1) if "T" in period else timedelta(days=1)
    end = datetime.fromisoformat(period).replace(tzinfo=UTC) + length
    return max(1, int((end - datetime.now(UTC)).total_seconds()) + 1)


class Ledger:
    """Counts in memory, so that no request waits for a database, and exchanges in the background.

    Between two exchanges a replica knows nothing of what others use, so a limit may be overrun by
    as much. While the store is away each replica counts for itself, and adds it when it is back.

    Args:
        store: Shared by all replicas, or None: then usage is forgotten with the process.
        failed: Called for each exchange that failed.
    """

    def __init__(self, store: Store | None, failed: Callable[[], None]) -> None:
        self._store, self._failed = store, failed
        self._total: dict[Key, Usage] = {}
        self._own: dict[Key, Usage] = {}
        """Counted here and in no total yet."""

    def used(self, key: Key) -> Usage:
        """All that is known to be used."""
        return self._total.get(key, Usage()) + self._own.get(key, Usage())

    def add(self, key: Key, usage: Usage) -> None:
        """Count, or with negative numbers give back."""
        self._own[key] = self._own.get(key, Usage()) + usage

    async def run(self, seconds: float) -> None:
        """Exchange for ever, once each `seconds`."""
        while True:
            await asyncio.sleep(seconds)
            await self.exchange()

    async def exchange(self) -> None:
        """Tell the store what was counted here, and learn what others counted."""
        periods = (minute(), day())
        if self._store is None:
            self._own = {key: value for key, value in self._own.items() if key.period in periods}
            return
        sent, self._own = self._own, {}
        # What is on its way still counts here.
        for key, usage in sent.items():
            self._total[key] = self._total.get(key, Usage()) + usage
        try:
            told = await asyncio.to_thread(self._store.exchange, sent, periods)
        except Exception as error:  # noqa: BLE001 - whatever a database driver raises
            self._failed()
            log.warning(
                "usage cannot be shared; replicas count for themselves",
                extra={"fields": {"error": type(error).__name__}},
            )
            for key, usage in sent.items():
                self._total[key] = self._total[key] + -usage
                self.add(key, usage)
            return
        self._total = told

    async def close(self) -> None:
        """Exchange for the last time."""
        await self.exchange()
        if self._store is not None:
            self._store.close()
