"""How long Prometheus keeps its samples, on what, and who else gets them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from stanchion.checks import Checks
from stanchion.credentials import NO_NAME_OF_SECRET, names_secret
from stanchion.foundation.cloud import Cloud
from stanchion.operators.managed_metrics import (
    LONGEST_RETENTION_DAYS,
    ManagedMetrics,
    ManagedPrometheus,
)

DEFAULT_RETENTION_DAYS = 31
"""Longer than the longest window of a service's objectives."""
DEFAULT_DISK_GB = 50
_FULL = 0.9
"""Share of the disk at which the oldest samples go, before there is no space for new ones."""
_URL = re.compile(r"https://[A-Za-z0-9.-]+/[A-Za-z0-9._/-]+")


class RemoteWriteLogin(StrEnum):
    """How a receiver of samples knows who writes."""

    BASIC = "basic"
    """A user name and a password: the secret's keys username and password."""
    BEARER = "bearer"
    """A token: the secret's key token."""


_KEYS = {
    RemoteWriteLogin.BASIC: ("username", "password"),
    RemoteWriteLogin.BEARER: ("token",),
}


class RemoteWrite(TypedDict):
    """Another store that gets every sample, as a managed Prometheus."""

    url: str
    """Its address for remote write, as https://metrics.example.com/api/v1/write."""
    login: NotRequired[RemoteWriteLogin]
    """basic or bearer. Default: none; then it has no secret either."""
    secret_name: NotRequired[str]
    """A Secret of the namespace monitoring. Default: that of `external_name`; with login exactly
    one of the two."""
    external_name: NotRequired[str]
    """Name or ARN of a secret in the cloud's secret manager, one JSON object, that External
    Secrets reads. Default: none."""


class MetricsStorage(TypedDict):
    """What Prometheus keeps."""

    retention_days: NotRequired[int]
    """Days for which samples are kept, 31 to 400: objectives look back over 30. Default: 31."""
    disk_gb: NotRequired[int]
    """GiB of each replica's volume, 10 to 16000; nine tenths of it are filled. Default: 50."""
    remote_write: NotRequired[list[RemoteWrite]]
    """Who else gets every sample. Default: nobody."""
    managed: NotRequired[ManagedPrometheus]
    """The cloud's managed Prometheus, as one more store; empty for its defaults. Our own goes on to
    evaluate rules, alert and answer queries. Default: none."""


def check_metrics(
    check: Checks, metrics: MetricsStorage, *, cloud: Cloud, external_secrets: bool
) -> None:
    """Refuse what would lose samples, or show a secret.

    Args:
        check: Where it is noted.
        metrics: What Prometheus is to keep.
        cloud: Where it is.
        external_secrets: Whether External Secrets is installed.
    """
    if managed := metrics.get("managed"):
        _check_managed(check, managed, cloud)
    days = metrics.get("retention_days", DEFAULT_RETENTION_DAYS)
    check.between("metrics.retention_days", days, DEFAULT_RETENTION_DAYS, 400)
    check.between("metrics.disk_gb", metrics.get("disk_gb", DEFAULT_DISK_GB), 10, 16_000)
    stores = metrics.get("remote_write", [])
    check.unique("metrics.remote_write", [store["url"] for store in stores])
    for at, store in enumerate(stores):
        path = f"metrics.remote_write[{at}]"
        if not _URL.fullmatch(store["url"]):
            # Not shown: it may have a password in it.
            check.refuse(
                f"{path}.url",
                "is no address by HTTPS on its own port, or has more than host and path in it",
                "write one as https://metrics.example.com/api/v1/write; what is secret of it "
                "belongs into login",
            )
        named = [field for field in ("secret_name", "external_name") if field in store]
        if len(named) != (1 if "login" in store else 0):
            check.refuse(
                path,
                "has login without the secret for it, or a secret too many",
                "write login with exactly one of secret_name and external_name, or none of them",
            )
        if "secret_name" in store and not names_secret(store["secret_name"]):
            check.refuse(f"{path}.secret_name", *NO_NAME_OF_SECRET)
        if "external_name" in store:
            if not names_secret(store["external_name"], external=True):
                check.refuse(f"{path}.external_name", *NO_NAME_OF_SECRET)
            if not external_secrets:
                check.refuse(
                    f"{path}.external_name",
                    "is read by external-secrets, which is not in enabled",
                    "add external-secrets, or write secret_name",
                )


def _check_managed(check: Checks, managed: ManagedPrometheus, cloud: Cloud) -> None:
    if "retention_days" not in managed:
        return
    field = "metrics.managed.retention_days"
    if cloud is Cloud.GCP:
        check.refuse(
            field,
            "cannot be chosen on Google Cloud, whose service keeps samples for 24 months",
            "remove it",
        )
    else:
        check.between(field, managed["retention_days"], 1, LONGEST_RETENTION_DAYS)


def external_logins(metrics: MetricsStorage) -> Iterator[tuple[str, str, Sequence[str]]]:
    """The Secrets to be made: name, where the cloud keeps it, and its keys."""
    for at, store in enumerate(metrics.get("remote_write", [])):
        if "external_name" in store and "login" in store:
            yield _secret(at, store), store["external_name"], _KEYS[store["login"]]


def prometheus_values(metrics: MetricsStorage, managed: ManagedMetrics) -> dict[str, Any]:
    """Values of the chart's `prometheusSpec`, without its volume."""
    values: dict[str, Any] = {
        "retention": f"{metrics.get('retention_days', DEFAULT_RETENTION_DAYS)}d",
        "retentionSize": f"{int(_FULL * metrics.get('disk_gb', DEFAULT_DISK_GB))}GB",
    }
    stores = enumerate(metrics.get("remote_write", []))
    written = [*(_written(at, store) for at, store in stores), *managed.remote_write]
    if written:
        values["remoteWrite"] = written
    return {**values, **managed.server}


def _secret(at: int, store: RemoteWrite) -> str:
    return store.get("secret_name", f"remote-write-{at}")


def _written(at: int, store: RemoteWrite) -> Mapping[str, Any]:
    written: dict[str, Any] = {"url": store["url"]}
    if "login" not in store:
        return written
    kept = {key: {"name": _secret(at, store), "key": key} for key in _KEYS[store["login"]]}
    if store["login"] is RemoteWriteLogin.BASIC:
        return {**written, "basicAuth": kept}
    return {**written, "authorization": {"type": "Bearer", "credentials": kept["token"]}}
