"""Queues of tenants: where there are any, and what their files may promise."""

from __future__ import annotations

from typing import Any

import pytest
from foundation_args import checked_foundation
from queues import check_queues
from unit.stacks.examples import environment
from validation import InvalidFileError

TENANT: dict[str, Any] = {
    "name": "demo",
    "owner": "demo-team",
    "costCenter": "demo",
    "quota": {"cpu": "40", "memory": "160Gi", "gpus": 8},
}


def problems(stack: str = "prod-aws", **changes: Any) -> str:
    """What is said of two tenants, of whom one is changed; empty where all is well."""
    tenants = [{**TENANT, **changes}, {**TENANT, "name": "fraud"}]
    found = environment(stack, tenants=tenants)
    try:
        check_queues(found, stack, checked_foundation(found, stack))
    except InvalidFileError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("stack", ["prod-aws", "dev-gcp"])
def test_a_share_of_a_pool_is_kept_within_it_and_the_quota(stack: str) -> None:
    assert not problems(stack, queue={"guaranteed": {"l4": {"gpus": 1, "cpu": 1}}, "weight": 2})


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (
            {"l4": {"gpus": 9}},
            "stanchion:tenants[0].queue.guaranteed.l4.gpus: 9 is more than 8, the quota of tenant"
            " 'demo'; lower it, or raise the quota",
        ),
        (
            {"train": {"gpus": 3}},
            "3 GPUs or slices of pool 'train' are guaranteed in all, and it has 2 at its largest",
        ),
        (
            {"a100": {"gpus": 1}},
            "stanchion:tenants[0].queue.guaranteed.a100: 'a100' is none of pools; write one of "
            "general, l4, train",
        ),
        ({"general": {"gpus": 1}}, "guaranteed.general.gpus: is 1, and pool 'general' has none"),
    ],
)
def test_a_share_that_nothing_can_keep_is_refused_by_its_path(
    share: dict[str, Any], says: str
) -> None:
    assert says in problems(queue={"guaranteed": share})


def test_a_queue_needs_pools_and_the_controller_that_shares_them_out() -> None:
    without = environment(
        tenants=[{**TENANT, "queue": {"weight": 2}}],
        operators={"enabled": ["aws-load-balancer-controller"]},
    )
    assert not without.has_queues
    with pytest.raises(InvalidFileError, match=r"tenants\[0\].queue: needs kueue under operators"):
        check_queues(without, "prod-aws", ())
    local = environment("local", tenants=[{**TENANT, "queue": {"lends": False}}])
    assert not local.has_queues
    with pytest.raises(InvalidFileError, match=r"tenants\[0\].queue: needs"):
        check_queues(local, "local", ())


def test_where_nothing_is_said_of_queues_every_environment_goes_on() -> None:
    local = environment("local")
    check_queues(local, "local", ())
    assert environment("prod-aws").has_queues
