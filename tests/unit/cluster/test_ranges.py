"""A cluster's addresses meet nothing else on the machine, nor one another."""

from __future__ import annotations

import json
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.cluster.ranges import Ranges, choose, routed_networks

EVERY = [Ranges(index) for index in range(16)]


@pytest.mark.parametrize("plan", EVERY, ids=lambda plan: str(plan.whole))
def test_parts_of_a_plan_lie_in_it_and_do_not_overlap(plan: Ranges) -> None:
    parts = [plan.pods, plan.services, plan.link]
    assert all(part.subnet_of(plan.whole) for part in parts)
    assert not any(a.overlaps(b) for a in parts for b in parts if a is not b)
    assert plan.host_address in plan.link
    assert plan.node_address in plan.link
    assert plan.host_address != plan.node_address
    assert {plan.api_service, plan.dns_service} <= set(plan.services.hosts())


def test_sixteen_plans_are_disjoint_and_in_the_range_set_aside_for_tests() -> None:
    wholes = [plan.whole for plan in EVERY]
    assert len({*wholes}) == 16
    assert not any(a.overlaps(b) for a in wholes for b in wholes if a is not b)
    assert all(whole.subnet_of(IPv4Network("198.18.0.0/15")) for whole in wholes)


@given(
    st.lists(
        st.builds(
            lambda offset, length: IPv4Network(((0xC6120000 + offset), length), strict=False),
            st.integers(0, 2**17 - 1),
            st.integers(16, 32),
        ),
        max_size=6,
    ),
    st.sets(st.integers(0, 15), max_size=6),
)
def test_the_chosen_plan_is_the_first_that_is_neither_routed_nor_taken(
    occupied: list[IPv4Network], taken: set[int]
) -> None:
    free = [
        plan.index
        for plan in EVERY
        if plan.index not in taken and not any(plan.whole.overlaps(net) for net in occupied)
    ]
    if free:
        assert choose(occupied, taken).index == free[0]
    else:
        with pytest.raises(ClusterError, match="no address range"):
            choose(occupied, taken)


def test_routes_count_but_for_the_default_the_own_link_and_ipv6() -> None:
    routes = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "192.0.2.0/24", "dev": "eth0"},
        {"dst": "198.18.24.1", "dev": "eth0", "type": "local"},
        {"dst": "198.18.0.0/20", "via": "198.18.24.2", "dev": "st-local"},
        {"dst": "fd00::/64", "dev": "eth0"},
        {"dst": "0.0.0.0/0", "dev": "eth0"},
    ]
    found = routed_networks(json.dumps(routes), "st-local")
    assert found == [IPv4Network("192.0.2.0/24"), IPv4Network("198.18.24.1/32")]


def test_no_routes_at_all_is_an_empty_list() -> None:
    assert routed_networks("") == []
