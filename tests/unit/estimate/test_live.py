"""What clouds grant, over the real clients and recorded answers; no network.

botocore's Stubber holds requests and answers to AWS's own model of the API, `HttpMock` builds the
client of Compute Engine from its discovery document.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import google.auth
import google_auth_httplib2  # type: ignore[import-untyped]
import pytest
from botocore.stub import Stubber
from googleapiclient.http import HttpMock, HttpMockSequence
from stanchion_cli.errors import StanchionError
from stanchion_cli.estimate import live_aws, live_gcp
from stanchion_cli.estimate._catalogue import QuotaNeed
from stanchion_cli.estimate.live import Granted, compared
from unit.estimate.samples import AWS, GCP, estimated

G_ON_DEMAND = "L-DB2E81BA"


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))


@contextmanager
def aws_client(service: str) -> Iterator[tuple[Any, Stubber]]:
    client = botocore.session.get_session().create_client(
        service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stubber:
        yield client, stubber


def request(code: str = G_ON_DEMAND) -> dict[str, str]:
    return {"ServiceCode": "ec2", "QuotaCode": code}


def test_aws_answers_with_the_value_applied_to_the_account() -> None:
    with aws_client("service-quotas") as (client, stubber):
        answer = {"Quota": {"QuotaCode": G_ON_DEMAND, "Value": 64.0, "Unit": "None"}}
        stubber.add_response("get_service_quota", answer, request())
        assert live_aws.granted(client, G_ON_DEMAND) == Granted(64.0)


def test_aws_answers_with_its_default_where_none_was_ever_applied() -> None:
    with aws_client("service-quotas") as (client, stubber):
        stubber.add_client_error("get_service_quota", "NoSuchResourceException")
        answer = {"Quota": {"QuotaCode": G_ON_DEMAND, "Value": 0.0}}
        stubber.add_response("get_aws_default_service_quota", answer, request())
        assert live_aws.granted(client, G_ON_DEMAND) == Granted(0.0, note="AWS's default")


class Session:
    """A session whose clients are stubbed before."""

    def __init__(self, **clients: Any) -> None:
        self._clients = clients

    def create_client(self, service: str, region_name: str) -> Any:
        assert region_name == "us-east-1"
        return self._clients[service.replace("-", "_")]


@contextmanager
def account(monkeypatch: pytest.MonkeyPatch, number: str) -> Iterator[Stubber]:
    """An account that AWS knows, and the stubber of its service quotas."""
    with aws_client("sts") as (sts, identity), aws_client("service-quotas") as (quotas, stubber):
        identity.add_response("get_caller_identity", {"Account": number}, {})
        session = Session(sts=sts, service_quotas=quotas)
        monkeypatch.setattr(botocore.session, "get_session", lambda: session)
        yield stubber


def test_every_quota_of_an_environment_on_aws_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = estimated(AWS, account="111111111111")
    limits = {"L-1216C47A": 128.0, "L-DB2E81BA": 16.0, "L-3819A6DF": 32.0}
    with account(monkeypatch, "111111111111") as stubber:
        for need in found.quotas:
            answer = {"Quota": {"Value": limits[str(need.code)]}}
            stubber.add_response("get_service_quota", answer, request(str(need.code)))
        answers = compared(found, live_aws.ask)
    assert {each.need.code: each.short for each in answers} == {
        "L-1216C47A": False,
        "L-DB2E81BA": True,
        "L-3819A6DF": False,
    }


def test_credentials_for_another_account_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = estimated(AWS, account="111111111111")
    with (
        account(monkeypatch, "999999999999"),
        pytest.raises(StanchionError, match="of account 999"),
    ):
        compared(found, live_aws.ask)


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("AccessDeniedException", "allow servicequotas:GetServiceQuota"),
        ("ExpiredTokenException", "aws sso login"),
    ],
)
def test_what_aws_refuses_is_told_with_the_way_out(
    code: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(monkeypatch, "1") as stubber:
        stubber.add_client_error("get_service_quota", code)
        with pytest.raises(StanchionError) as error:
            compared(estimated(AWS), live_aws.ask)
    assert code in str(error.value)
    assert fix in str(error.value)


def test_no_credentials_for_aws_is_one_readable_message() -> None:
    with pytest.raises(StanchionError, match=r"Unable to locate credentials; set AWS_PROFILE"):
        live_aws.ask("", "us-east-1", estimated(AWS).quotas)


def test_no_credentials_for_google_cloud_is_one_readable_message() -> None:
    with pytest.raises(StanchionError, match=r"credentials.*; run `gcloud auth") as error:
        live_gcp.ask("ml-dev", "us-central1", estimated(GCP).quotas)
    assert "\n" not in str(error.value)


def test_an_environment_without_a_project_is_told_to_name_one() -> None:
    with pytest.raises(StanchionError, match="names no project"):
        live_gcp.ask("", "us-central1", estimated(GCP).quotas)


@pytest.mark.parametrize(
    ("package", "ask", "fix"),
    [
        ("botocore", live_aws.ask, "uv pip install botocore"),
        ("googleapiclient", live_gcp.ask, "uv pip install google-api-python-client"),
    ],
)
def test_a_missing_package_is_told_with_how_to_get_it(
    package: str, ask: Any, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StanchionError, match=fix):
        ask("x", "y", ())


def test_compute_engine_answers_with_limit_and_use_in_the_region() -> None:
    needs = [need for need in estimated(GCP).quotas if need.code == "NVIDIA_L4_GPUS"]
    region = {"quotas": [{"metric": "NVIDIA_L4_GPUS", "limit": 2.0, "usage": 1.0}]}
    http = recorded(region)
    assert live_gcp.limits(http, "ml-dev", "us-central1", needs) == {needs[0]: Granted(2.0, 1.0)}
    assert http.uri == (
        "https://compute.googleapis.com/compute/v1/projects/ml-dev/regions/us-central1?alt=json"
    )


def test_a_quota_that_the_region_does_not_list_is_not_known() -> None:
    needs = [need for need in estimated(GCP).quotas if need.code == "NVIDIA_L4_GPUS"]
    (granted,) = live_gcp.limits(recorded({}), "ml-dev", "us-central1", needs).values()
    assert granted.limit is None
    assert granted.note


def test_a_family_of_gpus_is_asked_from_cloud_quotas() -> None:
    needs = [need for need in estimated(GCP).quotas if need.gpu_family == "NVIDIA_H100"]
    http = recorded(QUOTA)
    (granted,) = live_gcp.limits(http, "ml-dev", "us-central1", needs).values()
    assert granted.limit == 16
    assert http.uri == (
        "https://cloudquotas.googleapis.com/v1/projects/ml-dev/locations/global/services/"
        "compute.googleapis.com/quotaInfos/GPUS-PER-GPU-FAMILY-per-project-region"
    )
    assert http.headers["x-goog-user-project"] == "ml-dev"


def value(amount: str, **dimensions: str) -> dict[str, Any]:
    return {"dimensions": dimensions, "details": {"value": amount}}


QUOTA = {
    "dimensionsInfos": [
        value("1"),
        value("4", gpu_family="NVIDIA_H100"),
        value("8", region="us-central1"),
        value("16", region="us-central1", gpu_family="NVIDIA_H100"),
        value("-1", region="us-east4", gpu_family="NVIDIA_H100"),
    ]
}


@pytest.mark.parametrize(
    ("region", "family", "limit"),
    [
        ("us-central1", "NVIDIA_H100", 16),
        ("us-central1", "NVIDIA_B200", 8),
        ("us-west1", "NVIDIA_H100", 4),
        ("us-west1", "NVIDIA_B200", 1),
        ("us-east4", "NVIDIA_H100", float("inf")),
    ],
)
def test_the_entry_that_names_most_counts_and_region_comes_before_family(
    region: str, family: str, limit: float
) -> None:
    assert live_gcp.of_family(QUOTA, region, family).limit == limit


def test_an_entry_for_other_places_does_not_count() -> None:
    elsewhere = {**value("9"), "applicableLocations": ["us-west1"]}
    found = live_gcp.of_family({"dimensionsInfos": [elsewhere]}, "us-central1", "NVIDIA_H100")
    assert found.limit is None


def test_what_google_cloud_refuses_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = json.dumps({"error": {"message": "Compute Engine API has not been used"}})
    http = HttpMockSequence([({"status": "403", "content-type": "application/json"}, refused)])
    monkeypatch.setattr(google.auth, "default", lambda **_: (None, None))
    monkeypatch.setattr(google_auth_httplib2, "AuthorizedHttp", lambda _: http)
    with pytest.raises(StanchionError, match=r"answered 403.*; enable compute.googleapis.com"):
        compared(estimated(GCP, account="ml-dev"), live_gcp.ask)


def test_a_quota_without_a_code_is_not_asked_and_not_known() -> None:
    asked: list[Sequence[QuotaNeed]] = []

    def ask(_: str, __: str, needs: Sequence[QuotaNeed]) -> Mapping[QuotaNeed, Granted]:
        asked.append(needs)
        return {need: Granted(10_000) for need in needs}

    spot = {**GCP["pools"][1], "machines": ["a4-highgpu-8g"], "capacity": ["spot", "on_demand"]}
    answers = compared(estimated(GCP, pools=[spot]), ask)
    assert [need.code for need in asked[0]] == ["GPUS-PER-GPU-FAMILY-per-project-region"]
    unknown = [each for each in answers if each.need.code is None]
    assert [each.granted and each.granted.limit for each in unknown] == [None]


def recorded(answer: dict[str, Any]) -> HttpMock:
    http = HttpMock(headers={"status": "200", "content-type": "application/json"})
    http.data = json.dumps(answer).encode()
    return http
