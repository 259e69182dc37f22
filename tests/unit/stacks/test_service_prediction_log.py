"""`predictionLog` of a service file: what is refused and where, and what becomes of the rest."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from schemas import service_schema
from service import check_services
from service_files import load_services
from service_folders import folder_grants
from stanchion import Cloud, GrantKind
from unit.stacks.bad_files import SERVICE
from validation import InvalidFileError

LOG = """predictionLog:
  location: s3://demo-predictions/log
  retentionDays: 30
  sampleRate: 1
  drop: [bottle]
  hash: [customer]
  keep: [cultivar]
"""


def problems(folder: Path, text: str, cloud: Cloud = Cloud.AWS) -> tuple[str, ...]:
    (folder / "wine.yaml").write_text(f"{SERVICE}{text}")
    try:
        services = load_services(folder, "prod-aws")
        check_services(
            services, environment="prod-aws", tenants=["demo"], min_replicas=1, cloud=cloud
        )
    except InvalidFileError as error:
        return error.problems
    return ()


def test_the_schema_and_the_program_take_it(tmp_path: Path) -> None:
    jsonschema.validate(yaml.safe_load(f"{SERVICE}{LOG}"), service_schema())
    assert problems(tmp_path, LOG) == ()
    (file,) = load_services(tmp_path, "prod-aws")
    assert file.prediction_log is not None
    assert file.prediction_log.arguments() == {
        "location": "s3://demo-predictions/log",
        "retention_days": 30,
        "sample_rate": 1.0,
        "drop": ["bottle"],
        "hash": ["customer"],
        "keep": ["cultivar"],
    }


def test_the_right_to_a_bucket_is_one_that_an_identity_can_have(tmp_path: Path) -> None:
    key = "  key: arn:aws:kms:us-east-1:333333333333:key/0\n"
    assert problems(tmp_path, LOG + key) == ()
    (file,) = load_services(tmp_path, "prod-aws")
    assert file.prediction_log is not None
    assert [*folder_grants([file.prediction_log.folder])] == [
        {
            "name": "prediction-log",
            "kind": GrantKind.BUCKET_WRITE,
            "resource": "demo-predictions",
            "key": "arn:aws:kms:us-east-1:333333333333:key/0",
        }
    ]


def test_nothing_is_logged_unless_the_file_says_so(tmp_path: Path) -> None:
    assert problems(tmp_path, "") == ()
    (file,) = load_services(tmp_path, "prod-aws")
    assert file.prediction_log is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  retentionDays: 30\n", "", r"predictionLog\.retentionDays: .*required"),
        ("retentionDays: 30", "retentionDays: 0", r"predictionLog\.retentionDays"),
        ("sampleRate: 1", "sampleRate: 1.5", r"predictionLog\.sampleRate"),
        ("drop: [bottle]", "dorp: [bottle]", r"predictionLog\.dorp: unknown key"),
        (
            "hash: [customer]",
            "hash: [bottle]",
            r"predictionLog\.hash: names 'bottle', and so does drop; say one thing of it",
        ),
        ("keep: [cultivar]", "keep: [a, a]", r"predictionLog\.keep: 'a' is there twice"),
        ("s3://demo-predictions/log", "/log", r"predictionLog\.location: '/log' is no folder"),
        (
            "s3://demo-predictions/log",
            "file:///data/log",
            r"predictionLog\.location: is on a volume, but there is no claim, so nothing is",
        ),
        (
            "  retentionDays",
            "  claim: predictions\n  retentionDays",
            r"predictionLog\.claim: is given, and location is in a bucket",
        ),
        (
            "s3://demo",
            "gs://demo",
            r"predictionLog: 'gs://demo-predictions/log' is in another cloud than prod-aws, .*; "
            r"write s3://BUCKET/PATH",
        ),
    ],
)
def test_a_log_that_nobody_could_write_or_that_never_ends_is_refused(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in LOG
    (found,) = problems(tmp_path, LOG.replace(old, new))
    assert re.search(told, found), found


def test_a_cluster_without_a_cloud_takes_a_volume_alone(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, LOG, Cloud.LOCAL)
    assert "write file:///data/PATH with `claim`" in found
    volume = LOG.replace("s3://demo-predictions", "file:///data") + "  claim: predictions\n"
    assert problems(tmp_path, volume, Cloud.LOCAL) == ()
