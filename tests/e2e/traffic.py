"""Constant traffic against one service, every answer of which is kept."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


def _version(answer: Any) -> str:
    return str(answer["model_version"])


@dataclass
class Traffic:
    """Threads that ask without pause, or `pause` seconds apart, until the block ends.

    Of several bodies each thread takes one after the other.

    Half of them keep their connection, as gateways do; the others open one per request, as
    scripts do. A thread that keeps its connection opens another when the server says so.
    """

    address: tuple[str, int]
    body: bytes | Sequence[bytes]
    threads: int = 4
    pause: float = 0.02
    path: str = "/v2/models/wine/infer"
    headers: Mapping[str, str] = field(default_factory=dict)
    version_of: Callable[[Any], str] = _version
    """Which version gave an answer, by its JSON."""
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running = [
            threading.Thread(target=self._ask_on, args=(index % 2 == 0,), daemon=True)
            for index in range(self.threads)
        ]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join(timeout=30)

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return sum(self.versions.values())

    def _ask_on(self, keep: bool) -> None:
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        bodies = itertools.cycle([self.body] if isinstance(self.body, bytes) else self.body)
        headers = {"content-type": "application/json", **self.headers}
        if not keep:
            headers["connection"] = "close"
        while not self._stop.is_set():
            began, doing = time.monotonic(), "connecting"
            try:
                if connection.sock is None:
                    connection.connect()
                doing = "asking"
                connection.request("POST", self.path, next(bodies), headers)
                response = connection.getresponse()
                text = response.read()
                with self._lock:
                    if response.status == 200:
                        self.versions[self.version_of(json.loads(text))] += 1
                    else:
                        self.failures.append(f"{response.status} {text[:200]!r}")
                if response.will_close:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                told = f"{type(error).__name__}: {error}"
                at = f"{doing} for {time.monotonic() - began:.1f} s until {time.strftime('%X')}"
                with self._lock:
                    self.failures.append(f"{told}; {at}; {'kept' if keep else 'a new one'}")
                connection.close()
            time.sleep(self.pause)
        connection.close()
