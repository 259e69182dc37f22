"""Load: wrk as fast as the server answers, hey at a given rate."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stanchion_cli.errors import StanchionError

from benchmarks.model_server.servers import Running

_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Measured:
    """One measurement. Latencies are in milliseconds."""

    per_second: float
    p50: float
    p99: float


def require_tools() -> None:
    """Fail early where a load generator is missing.

    Raises:
        StanchionError: With the command that installs it.
    """
    missing = [tool for tool in ("wrk", "hey") if shutil.which(tool) is None]
    if missing:
        raise StanchionError(
            f"{' and '.join(missing)} not found", fix=f"apt-get install {' '.join(missing)}"
        )


def body_file(server: Running, rows: Any, folder: Path) -> Path:
    """Write a request's body, and beside it the script that makes wrk send it."""
    body = folder / f"{server.spec.name}-{len(rows)}.json"
    text = json.dumps(server.spec.body(rows))
    body.write_text(text, encoding="utf-8")
    body.with_suffix(".lua").write_text(
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f"wrk.body = [==[{text}]==]\n",
        encoding="utf-8",
    )
    return body


def at_full_speed(server: Running, body: Path, *, connections: int, seconds: float) -> Measured:
    """Each connection sends its next request when the last is answered.

    Raises:
        StanchionError: wrk failed, or an answer was no success.
    """
    out = _run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout=30s", "--latency",
         "-s", str(body.with_suffix(".lua")), server.url]
    )  # fmt: skip
    if "Non-2xx" in out or "Socket errors" in out:
        raise StanchionError(f"{server.spec.name} failed under load: {_errors(out)}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if rate is None:
        raise StanchionError(f"{server.spec.name}: wrk printed no rate: {out[-300:]}")
    return Measured(float(rate[1]), _wrk_latency(out, "50"), _wrk_latency(out, "99"))


def at_rate(server: Running, body: Path, *, rate: float, seconds: float) -> Measured:
    """Requests at a steady rate over eight connections: what a client waits at equal load.

    Raises:
        StanchionError: hey failed, or an answer was no success.
    """
    clients = 8
    out = _run(
        ["hey", "-z", f"{seconds:g}s", "-c", str(clients), "-q", f"{rate / clients:g}",
         "-m", "POST", "-T", "application/json", "-D", str(body), "-o", "csv", server.url]
    )  # fmt: skip
    answers = list(csv.DictReader(out.splitlines()))
    if not answers or any(answer["status-code"] != "200" for answer in answers):
        raise StanchionError(f"{server.spec.name} failed at {rate:g}/s: {out[-400:]}")
    waited = sorted(float(answer["response-time"]) * 1e3 for answer in answers)
    p99 = waited[math.ceil(0.99 * len(waited)) - 1]
    return Measured(len(waited) / seconds, statistics.median(waited), p99)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StanchionError(f"{command[0]} failed: {(done.stdout + done.stderr)[-300:]}")
    return done.stdout


def _wrk_latency(out: str, quantile: str) -> float:
    found = re.search(rf"^\s+{quantile}%\s+([\d.]+)(us|ms|s|m)\s*$", out, re.MULTILINE)
    if found is None:
        raise StanchionError(f"wrk printed no {quantile}th percentile: {out[-300:]}")
    return float(found[1]) * _UNITS[found[2]]


def _errors(out: str) -> str:
    lines = [ln.strip() for ln in out.splitlines() if "Non-2xx" in ln or "Socket errors" in ln]
    return "; ".join(lines)
