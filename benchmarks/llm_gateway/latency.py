"""What the gateway adds to a request: through it and past it in turns, in one run."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stanchion_cli.errors import StanchionError

from benchmarks.llm_gateway import samples
from benchmarks.llm_gateway.process import Running

_WARM_UP = 100
_FILLER = "The committee met on Tuesday and agreed on most of the points that were open. "


@dataclass(frozen=True)
class Times:
    """Milliseconds of requests of one kind, sorted."""

    direct: tuple[float, ...]
    through: tuple[float, ...]
    gateway_cpu: float
    """Milliseconds of processor time that the gateway took for each: what load does not change."""

    def added(self, quantile: float) -> float:
        """How much longer that quantile is through the gateway."""
        return at(self.through, quantile) - at(self.direct, quantile)


def at(times: Sequence[float], quantile: float) -> float:
    """The quantile of sorted times."""
    return times[min(len(times) - 1, int(len(times) * quantile))]


def prompts(characters: int) -> list[str]:
    """The harmless and the personal samples, each brought to a length."""
    chosen = [*samples.ORDINARY, *samples.PERSONAL]
    return [
        (text + " " + _FILLER * (characters // len(_FILLER) + 1))[:characters] for text in chosen
    ]


def measured(direct_port: int, gateway: Running, texts: Sequence[str], rounds: int) -> Times:
    """Ask both, one request after the other, on connections that stay open."""
    past = http.client.HTTPConnection("127.0.0.1", direct_port, timeout=30)
    through = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    times: tuple[list[float], list[float]] = ([], [])
    began = 0.0
    for turn in range(_WARM_UP + rounds):
        if turn == _WARM_UP:
            began = _cpu_seconds(gateway.process.pid)
        text = texts[turn % len(texts)]
        for connection, kept in zip((past, through), times, strict=True):
            took = _asked(connection, text)
            if turn >= _WARM_UP:
                kept.append(took)
    cpu = (_cpu_seconds(gateway.process.pid) - began) * 1000 / rounds
    return Times(tuple(sorted(times[0])), tuple(sorted(times[1])), cpu)


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _asked(connection: http.client.HTTPConnection, text: str) -> float:
    body = {"model": "assistant", "messages": [{"role": "user", "content": text}]}
    data = json.dumps(body).encode()
    began = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", data, {"content-type": "application/json"})
    reply = connection.getresponse()
    reply.read()
    took = (time.perf_counter() - began) * 1000
    if reply.status != 200:
        raise StanchionError(f"status {reply.status} for {text!r}")
    return took
