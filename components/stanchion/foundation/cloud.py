"""Where a component runs, and the choice of the backend that knows how."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from stanchion.checks import Checks

BackendT = TypeVar("BackendT")


class Cloud(StrEnum):
    """Where the foundation of a platform comes from."""

    AWS = "aws"
    """Amazon Web Services."""
    GCP = "gcp"
    """Google Cloud."""
    LOCAL = "local"
    """Inside the Kubernetes cluster itself, as on one machine."""


def choose(check: Checks, cloud: Cloud, backends: Mapping[Cloud, BackendT]) -> BackendT:
    """The backend for `cloud`.

    Raises:
        ArgumentsError: when there is none, naming those that exist.
    """
    if cloud not in backends:
        known = ", ".join(sorted(backends))
        check.refuse("cloud", f"'{cloud}' has no backend here yet", f"write one of {known}")
        check.done()
    return backends[cloud]
