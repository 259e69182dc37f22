"""Ray's cluster of a `TrainingJob`, for data that outgrow one pod."""

import re
from typing import NotRequired, TypedDict

from stanchion.checks import Checks
from stanchion.placement import Placement
from stanchion.pods import ContainerResources, check_resources

DEFAULT_HEAD: ContainerResources = {"cpu": "1", "cpu_limit": "2", "memory": "4Gi"}
MOST_WORKERS = 500
"""What KubeRay's operator is given memory for, of one job."""
LONGEST_NAME = 38
"""KubeRay takes 47 characters, and nine of them are ours."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.\d+")
_OLDEST = (2, 53)
"""The first that is asked by HTTP how it is; before, KubeRay looks for wget in the image."""


class RayCluster(TypedDict):
    """A head and its workers, which are there for as long as the training runs."""

    version: str
    """Ray's version in the image, as 2.60.0; 2.53 or newer. All pods run the one image, so it is
    that of all."""
    workers: int
    """Pods that do the work, 1 to 500. `resources`, `gpus` and `placement` of the training are each
    worker's."""
    head_resources: NotRequired[ContainerResources]
    """CPU and memory of the pod in which the command runs, and with it what Ray knows of its
    cluster; it is given no work of Ray's. Default: 1 to 2 cores, 4Gi."""
    head_placement: NotRequired[Placement]
    """Pool of CPUs that the head runs on, on nodes that are no spot. Default: nodes of no pool."""


def check_ray(check: Checks, service: str, ray: RayCluster) -> None:
    """Note a cluster that KubeRay or Ray would refuse.

    Args:
        check: Where it is noted.
        service: Name of the training's objects.
        ray: The cluster.
    """
    check.between("ray.workers", ray["workers"], 1, MOST_WORKERS)
    check_resources(check, "ray.head_resources", ray.get("head_resources", DEFAULT_HEAD))
    at = ray.get("head_placement")
    if at is not None and at["device"]:
        check.refuse(
            "ray.head_placement",
            f"is pool '{at['pool']}' of GPUs, which a head would keep from workers",
            "write a pool of CPUs, or leave it out",
        )
    version = _VERSION.fullmatch(ray["version"])
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        check.refuse(
            "ray.version",
            f"'{ray['version']}' is no version of Ray from 2.53.0 on",
            "write what `ray --version` prints in the image, as 2.60.0",
        )
    if len(service) > LONGEST_NAME or not service[:1].isalpha():
        check.refuse(
            "service_name",
            f"'{service}' makes names that KubeRay refuses",
            f"write at most {LONGEST_NAME} characters, the first a letter",
        )
