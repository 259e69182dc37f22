"""Load: wrk as fast as the server answers, hey at a given rate."""

from __future__ import annotations

import json
import re
import shutil
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
         "-m", "POST", "-T", "application/json", "-D", str(body), server.url]
    )  # fmt: skip
    statuses = set(re.findall(r"\[(\d{3})\]\s+\d+ responses", out))
    if statuses != {"200"}:
        raise StanchionError(f"{server.spec.name} failed at {rate:g}/s: {out[-400:]}")
    reached = re.search(r"Requests/sec:\s+([\d.]+)", out)
    p50, p99 = (re.search(rf"{q}% in ([\d.]+) secs", out) for q in (50, 99))
    if reached is None or p50 is None or p99 is None:
        raise StanchionError(f"{server.spec.name}: hey printed no latencies: {out[-400:]}")
    return Measured(float(reached[1]), float(p50[1]) * 1e3, float(p99[1]) * 1e3)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StanchionError(f"{command[0]} failed: {(done.stdout + done.stderr)[-300:]}")
    return done.stdout


def _wrk_latency(out: str, quantile: str) -> float:
    found = re.search(rf"^\s+{quantile}%\s+([\d.]+)(us|ms|s|m)$", out, re.MULTILINE)
    if found is None:
        raise StanchionError(f"wrk printed no {quantile}th percentile: {out[-300:]}")
    return float(found[1]) * _UNITS[found[2]]


def _errors(out: str) -> str:
    lines = [ln.strip() for ln in out.splitlines() if "Non-2xx" in ln or "Socket errors" in ln]
    return "; ".join(lines)
