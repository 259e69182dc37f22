"""`predictionLog` of a service file: a sample of what its model is asked and answers."""

from __future__ import annotations

from typing import Annotated

from explain import problems_in_files
from pydantic import Field, model_validator
from service_folders import Folder, folder_problems
from stanchion import Cloud, GrantKind
from stanchion import PredictionLog as PredictionLogArgs
from stanchion.checks import Checks
from stanchion.serving.prediction_log import check_prediction_log
from validation import Name, Strict

_Columns = tuple[Annotated[str, Field(min_length=1)], ...]


class PredictionLog(Strict):
    """A sample of requests and answers, as Parquet files, without what is personal.

    Numbers, booleans and times are logged unless they are dropped or hashed. Text, and what is
    neither, is left out unless it is named.
    """

    location: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^\S+$")]
    """Folder: s3://BUCKET/PATH, gs://BUCKET/PATH, or file:///data/PATH on the `claim`."""
    key: Annotated[str, Field(min_length=1)] | None = None
    """ARN of the KMS key that the bucket is encrypted with; default: one that AWS manages."""
    claim: Name | None = None
    """PersistentVolumeClaim of the tenant, mounted at /data, that all replicas can write to."""
    retention_days: Annotated[int, Field(ge=1, le=3650)]
    """After how many days what was logged is deleted."""
    sample_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Share of requests that are logged."""
    drop: _Columns = ()
    """Columns, of requests or answers, that are left out."""
    hash: _Columns = ()
    """Columns that are logged as a hash, made with a key of the service's own."""
    keep: _Columns = ()
    """Columns of text that are logged as they are."""

    @model_validator(mode="before")
    @classmethod
    def _whole_shares(cls, written: object) -> object:
        """A share may be written as the whole number that it is."""
        if isinstance(written, dict) and type(written.get("sampleRate")) is int:
            return {**written, "sampleRate": float(written["sampleRate"])}
        return written

    def arguments(self) -> PredictionLogArgs:
        """The same for the component."""
        args: PredictionLogArgs = {
            "location": self.location,
            "retention_days": self.retention_days,
            "sample_rate": self.sample_rate,
            "drop": [*self.drop],
            "hash": [*self.hash],
            "keep": [*self.keep],
        }
        if self.claim is not None:
            args["volume_claim_name"] = self.claim
        return args

    @property
    def folder(self) -> Folder:
        """Where it goes, for those who give the right to it."""
        return Folder("predictionLog", GrantKind.BUCKET_WRITE, self.location, self.key)


def prediction_log_problems(log: PredictionLog | None, cloud: Cloud, environment: str) -> list[str]:
    """What is wrong with it in an environment.

    Args:
        log: What the file says.
        cloud: The environment's cloud.
        environment: Its name.
    """
    if log is None:
        return []
    check = Checks("ModelService", "")
    check_prediction_log(check, log.arguments())
    told = [each.replace("volumeClaimName", "claim") for each in problems_in_files(check.done)]
    return [*told, *folder_problems([log.folder], cloud, environment)]
