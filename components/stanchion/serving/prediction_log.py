"""The log of what a model was asked and answered: where, how much, how long, and without what."""

import json
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from stanchion import pods
from stanchion.checks import Checks
from stanchion.folders import check_folder, in_bucket

DEFAULT_SAMPLE_RATE = 0.01
KEY_FOLDER = "prediction-log"
"""Of the pod's secrets, where there is a key to hash with."""
KEY = "key"
_LONGEST_DAYS = 3650


class PredictionLog(TypedDict):
    """A sample of requests and answers, as Parquet files.

    Numbers, booleans and times are logged unless they are dropped or hashed. Text, and what is
    neither, is left out unless it is named.
    """

    location: str
    """Folder: s3://BUCKET/PATH, gs://BUCKET/PATH or file:///data/PATH. Services may share it."""
    retention_days: int
    """After how many days what was logged is deleted, 1 to 3650."""
    sample_rate: NotRequired[float]
    """Share of requests that are logged, above 0 to 1. Default: 0.01."""
    drop: NotRequired[list[str]]
    """Columns, of requests or answers, that are left out. Default: none."""
    hash: NotRequired[list[str]]
    """Columns that are logged as a hash, made with a key of the service's own: equal values stay
    equal. Default: none."""
    keep: NotRequired[list[str]]
    """Columns of text that are logged as they are. Default: none."""
    volume_claim_name: NotRequired[pulumi.Input[str]]
    """PersistentVolumeClaim of the namespace, mounted at /data, that all replicas can write to.
    Default: none."""


def check_prediction_log(check: Checks, log: PredictionLog) -> None:
    """Note a log that nobody can write, that has no end, or that says two things of a column.

    Args:
        check: Where it is noted.
        log: The log.
    """
    field, claimed = "prediction_log", "volume_claim_name" in log
    check_folder(check, f"{field}.location", log["location"], claimed=claimed)
    if claimed and in_bucket(log["location"]):
        check.refuse(
            f"{field}.volume_claim_name",
            "is given, and location is in a bucket, so nothing would be written there",
            "remove it, or write file:///data/PATH as location",
        )
    check.between(f"{field}.retention_days", log["retention_days"], 1, _LONGEST_DAYS)
    rate = log.get("sample_rate", DEFAULT_SAMPLE_RATE)
    if not 0 < rate <= 1:
        check.refuse(f"{field}.sample_rate", f"is {rate}", "write more than 0, and at most 1")
    said: dict[str, str] = {}
    for what, columns in _redacted(log).items():
        check.unique(f"{field}.{what}", columns)
        for column in dict.fromkeys(columns):
            if column in said:
                check.refuse(
                    f"{field}.{what}",
                    f"names '{column}', and so does {said[column]}",
                    "say one thing of it",
                )
            said[column] = what


def _redacted(log: PredictionLog) -> dict[str, Sequence[str]]:
    return {
        "drop": log.get("drop", []),
        "hash": log.get("hash", []),
        "keep": log.get("keep", []),
    }


def has_key(log: PredictionLog | None) -> bool:
    """Whether there is something to hash."""
    return log is not None and bool(log.get("hash", []))


def is_in_cloud(log: PredictionLog | None) -> bool:
    """Whether a bucket is written to."""
    return log is not None and in_bucket(log["location"])


def environment(log: PredictionLog) -> dict[str, str]:
    """What the server is told of it."""
    told = {
        "PREDICTION_LOG_URI": log["location"],
        "PREDICTION_LOG_SAMPLE_RATE": str(log.get("sample_rate", DEFAULT_SAMPLE_RATE)),
        "PREDICTION_LOG_RETENTION_DAYS": str(log["retention_days"]),
        "PREDICTION_LOG_REDACT": json.dumps(_redacted(log)),
    }
    if has_key(log):
        told["PREDICTION_LOG_KEY_FILE"] = f"{pods.SECRETS_ROOT}/{KEY_FOLDER}/{KEY}"
    return told
