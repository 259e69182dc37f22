"""What policies of the clouds read: ranges, policy documents, versions and what belongs to what."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from policies.cloud_resources import allow, cloud, document
from policies.in_process import linked, seen
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource
from stanchion_policies.addresses import is_everywhere
from stanchion_policies.aws_cluster import in_support
from stanchion_policies.aws_documents import statements
from stanchion_policies.cluster import Cluster
from stanchion_policies.linking import belonging, named_by
from stanchion_policies.stack import CloudResource, Stack
from stanchion_policies.unknown import UnknownValueError
from stanchion_policies.versions import numbers_of

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


@pytest.mark.parametrize(
    ("cidr", "everywhere"),
    [
        ("0.0.0.0/0", True),
        ("::/0", True),
        ("0.0.0.0/1", True),
        ("64.0.0.0/2", True),
        ("2000::/3", True),
        ("10.0.0.0/8", False),
        ("2001:db8::/32", False),
        ("203.0.113.7", False),
        ("203.0.113.7/24", False),
        (" 0.0.0.0/0 ", True),
        ("everybody", False),
        ("", False),
        (None, False),
        (0, False),
    ],
)
def test_a_range_that_is_no_limit_is_everywhere(cidr: Any, everywhere: bool) -> None:
    assert is_everywhere(cidr) is everywhere


@pytest.mark.parametrize(
    ("version", "on", "supported"),
    [
        ("1.34", date(2026, 12, 2), True),
        ("1.34", date(2026, 12, 3), False),
        ("1.35", date(2026, 12, 3), True),
        ("1.29", date(2020, 1, 1), False),
        ("1.99", date(2040, 1, 1), True),
        ("2.0", date(2040, 1, 1), True),
        ("1", date(2026, 1, 1), False),
        ("latest", date(2026, 1, 1), False),
    ],
)
def test_a_version_is_in_support_until_its_last_day(
    version: str, on: date, supported: bool
) -> None:
    assert in_support(version, on) is supported


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("17", (17,)),
        ("16.3", (16, 3)),
        ("8.0.mysql_aurora.3.05.2", (8, 0)),
        ("", ()),
        ("v1.35", ()),
        ("9" * 5000, (999999,)),
    ],
)
def test_versions_are_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert numbers_of(version) == numbers


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '"*"', "null", '{"Statement": "a"}', "[" * 99_999]
)
def test_what_is_no_policy_document_states_nothing(text: str) -> None:
    assert statements(text) == []


def test_a_document_may_be_a_mapping_and_its_statement_one() -> None:
    (stated,) = statements({"Statement": allow("S3:GetObject", "a")})
    assert (stated.actions, stated.resources) == (["s3:getobject"], ["a"])
    assert stated.allows


def test_what_is_spared_is_no_limit() -> None:
    text = document({"Effect": "Allow", "NotAction": "a", "NotResource": "b", "NotPrincipal": "c"})
    (stated,) = statements(text)
    assert (stated.actions, stated.resources) == (["*"], ["*"])
    assert stated.is_anonymous


def test_conditions_are_read_in_any_case_and_number() -> None:
    condition = {"Bool": {"aws:SecureTransport": False}, "StringLike": {"A:b": ["c", "d"]}}
    (stated,) = statements(document(allow("a", Condition=condition)))
    assert list(stated.conditions) == [
        ("bool", "aws:securetransport", ["false"]),
        ("stringlike", "a:b", ["c", "d"]),
    ]


def test_a_document_that_is_not_known_stops_the_check() -> None:
    with pytest.raises(UnknownValueError):
        statements(seen(cloud(BUCKET, policy=UNKNOWN)).props["policy"])


def stack(*resources: AnalyzedResource) -> Stack:
    return Stack(linked(map(seen, resources), resources), Cluster([]))


def names(found: list[CloudResource]) -> list[str]:
    return [item.resource.name for item in found]


def test_what_is_derived_from_a_resource_belongs_to_it_and_what_is_not_does_not() -> None:
    mine, other = cloud(BUCKET, "mine"), cloud(BUCKET, "other")
    of_mine = cloud(VERSIONING, "a", derived={"bucket": mine})
    of_other = cloud(VERSIONING, "b", derived={"bucket": other})
    whole = stack(mine, other, of_mine, of_other)
    first, second = whole.of(BUCKET)
    assert names(belonging(whole, first, "bucket", VERSIONING)) == ["a"]
    assert names(belonging(whole, second, "bucket", VERSIONING)) == ["b"]
    assert names(named_by(whole, whole.of(VERSIONING)[0], "bucket", BUCKET)) == ["mine"]


def test_what_is_derived_by_way_of_another_belongs_too() -> None:
    mine = cloud(BUCKET, "mine")
    way = cloud(VERSIONING, "a", derived={"bucket": mine})
    whole = stack(mine, way, cloud(LIFECYCLE, "b", derived={"bucket": way}))
    assert names(belonging(whole, whole.of(BUCKET)[0], "bucket", LIFECYCLE)) == ["b"]


def test_a_name_that_is_known_is_enough_and_one_that_is_not_is_none() -> None:
    mine, other = cloud(BUCKET, "mine", bucket="models"), cloud(BUCKET, "other", bucket=UNKNOWN)
    whole = stack(
        mine, other, cloud(VERSIONING, "a", bucket="models"), cloud(VERSIONING, "b", bucket=UNKNOWN)
    )
    first, second = whole.of(BUCKET)
    assert names(belonging(whole, first, "bucket", VERSIONING, named="bucket")) == ["a"]
    assert belonging(whole, second, "bucket", VERSIONING, named="bucket") == []
