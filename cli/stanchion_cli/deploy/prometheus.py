"""Questions to an environment's Prometheus, over its HTTP API."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion_cli.errors import InputError, StanchionError

_TIMEOUT_SECONDS = 30
_SERVICE = "prometheus-operated"


@dataclass(frozen=True, slots=True)
class Series:
    """A series that a query answers.

    Attributes:
        labels: Its labels.
        points: Times in seconds since 1970, with values; what is no number is left out.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that answers.

    Attributes:
        address: Its base address, as http://127.0.0.1:9090.
    """

    address: str

    def now(self, query: str) -> list[Series]:
        """What a query answers at this moment: series of one point each.

        Raises:
            StanchionError: It is out of reach, or refuses the query.
        """
        found = self._ask("query", {"query": query})
        if found["resultType"] == "scalar":
            return _series([{"metric": {}, "values": [found["result"]]}])
        return _series({**each, "values": [each["value"]]} for each in found["result"])

    def over(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """What a query answers over a time.

        Args:
            query: PromQL.
            start: First moment, in seconds since 1970.
            end: Last moment, likewise.
            step: Seconds between points.

        Raises:
            StanchionError: It is out of reach, or refuses the query.
        """
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return _series(self._ask("query_range", {"query": query, **times})["result"])

    def _ask(self, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is checked below
            f"{self.address.rstrip('/')}/api/v1/{path}",
            data=urllib.parse.urlencode(asked).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            raise StanchionError(
                f"answers {error.code}: {_reason(error)}", where=f"Prometheus at {self.address}"
            ) from None
        except (OSError, ValueError) as error:
            raise StanchionError(
                f"cannot be asked: {error}",
                where=f"Prometheus at {self.address}",
                fix="name one that answers with --prometheus",
            ) from None
        if not isinstance(told, dict) or not isinstance(told.get("data"), dict):
            raise StanchionError(
                "is no Prometheus", where=self.address, fix="name one with --prometheus"
            )
        data: dict[str, Any] = told["data"]
        return data


@contextmanager
def reached_prometheus(
    root: Path, environment: str, *, context: str = "", address: str = ""
) -> Iterator[Prometheus]:
    """An environment's Prometheus, for as long as the block runs.

    Args:
        root: The project's directory.
        environment: The environment.
        context: A context of the user's own kubeconfig; empty: what the environment says.
        address: Where Prometheus answers already; nothing of the cluster is asked then.

    Raises:
        InputError: when the address is none, or there is no such context.
        StanchionError: when the cluster or Prometheus cannot be reached.
    """
    if address:
        yield Prometheus(_checked(address))
        return
    from stanchion.monitoring import NAMESPACE, PROMETHEUS_PORT

    from stanchion_cli.deploy.forward import forward
    from stanchion_cli.deploy.reach import preview_with, reached

    name, preview = preview_with(root, environment, "foundation")
    with (
        reached(root, name, preview, context) as target,
        forward(target.kubectl(), NAMESPACE, _SERVICE, PROMETHEUS_PORT) as forwarded,
    ):
        yield Prometheus(forwarded)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return error.reason


def _series(found: Any) -> list[Series]:
    made = []
    for each in found:
        numbers = ((float(when), float(value)) for when, value in each["values"])
        points = tuple((when, value) for when, value in numbers if math.isfinite(value))
        if points:
            made.append(Series(each["metric"], points))
    return made


def _checked(address: str) -> str:
    # A login would be shown with the address, and is not sent.
    if "@" in address:
        raise InputError(
            "has a login in its address, which is not shown and would not be used",
            where="--prometheus",
            fix="forward a port to Prometheus, and write http://127.0.0.1:PORT",
        )
    try:
        url = urllib.parse.urlsplit(address)
        whole = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise InputError(
            "is no address", where=f"--prometheus {address}", fix="write http://HOST:PORT"
        )
    return address
