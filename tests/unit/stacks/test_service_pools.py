"""Services on pools of nodes: what the files of an environment must agree on."""

from __future__ import annotations

from pathlib import Path

import pytest
from service import ModelServiceFile, check_services
from service_files import load_services
from service_place import PoolOffer
from stanchion import Placement
from unit.stacks.bad_files import SERVICE
from validation import InvalidFileError

POOLS = {"cpu": 0, "l4": 1, "l4-wide": 4}
"""Pools, and how many GPUs a container may have there."""


def _placement(devices: int) -> Placement:
    """Of a pool where a container may have so many GPUs."""
    return {
        "pool": "any",
        "node_selector": {},
        "tolerations": [],
        "device": "nvidia.com/gpu" if devices else "",
        "devices_per_node": devices,
        "devices_per_container": devices,
        "max_devices": devices,
    }


def _file(folder: Path, lines: str) -> tuple[ModelServiceFile, ...]:
    (folder / "wine.yaml").write_text(f"{SERVICE}{lines}\n")
    return load_services(folder, "prod-aws")


def _check(services: tuple[ModelServiceFile, ...], **pools: int) -> None:
    check_services(
        services,
        environment="prod-aws",
        tenants=["demo"],
        min_replicas=1,
        pools={name: PoolOffer(_placement(devices)) for name, devices in (pools or POOLS).items()},
    )


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "pool: cpu",
        "pool: l4\nresources: {gpus: 1}",
        "pool: l4-wide\nresources: {gpus: 4}",
    ],
)
def test_a_service_may_run_on_any_declared_pool(tmp_path: Path, lines: str) -> None:
    _check(_file(tmp_path, lines))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "pool: l4s\nresources: {gpus: 1}",
            "services/wine: pool: 'l4s' is not under stanchion:pools of prod-aws; write l4",
        ),
        ("pool: h100\nresources: {gpus: 1}", "write cpu or l4 or l4-wide"),
        (
            "pool: l4-wide\nresources: {gpus: 8}",
            "services/wine: resources.gpus: 8 is more than the 4 that a container may have on "
            "pool 'l4-wide' of prod-aws; write at most 4",
        ),
        (
            "pool: cpu\nresources: {gpus: 1}",
            "more than the 0 that a container may have on pool 'cpu' of prod-aws; remove gpus",
        ),
        ("pool: l4", "resources.gpus: is 0, and pool 'l4' of prod-aws has GPU nodes"),
    ],
)
def test_a_service_that_its_pool_cannot_hold_is_refused_with_the_numbers(
    tmp_path: Path, lines: str, told: str
) -> None:
    services = _file(tmp_path, lines)
    with pytest.raises(InvalidFileError) as caught:
        _check(services)
    (problem,) = caught.value.problems
    assert told in problem


def test_an_environment_without_pools_says_that_there_are_none(tmp_path: Path) -> None:
    services = _file(tmp_path, "pool: l4\nresources: {gpus: 1}")
    with pytest.raises(InvalidFileError, match=r"add it there, or remove pool"):
        check_services(services, environment="local", tenants=["demo"], min_replicas=1)


def test_an_online_service_does_not_depend_on_what_the_cloud_may_take_back(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match=r"spot capacity alone.*; write a pool"):
        check_services(
            _file(tmp_path, "pool: cheap"),
            environment="prod-aws",
            tenants=["demo"],
            min_replicas=1,
            pools={"cheap": PoolOffer(_placement(0), interruptible=True)},
        )
