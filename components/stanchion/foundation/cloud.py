"""Where a component runs, and the choice of the backend that knows how."""

from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from stanchion.checks import Checks


class Cloud(StrEnum):
    """Where the foundation of a platform comes from."""

    AWS = "aws"
    """Amazon Web Services."""
    GCP = "gcp"
    """Google Cloud."""
    LOCAL = "local"
    """Inside the Kubernetes cluster itself, as on one machine."""


def choose(check: Checks, cloud: Cloud, component: str) -> Any:
    """The backend for `cloud`: what `BACKEND` is in the component's module `_<cloud>`.

    Only that module is imported, so that a platform on one cloud needs no other cloud's SDK, and
    a further cloud is a further module beside it.

    Args:
        check: Where an unknown cloud is noted.
        cloud: Which backend.
        component: The component's package, its `__name__`.

    Raises:
        ArgumentsError: when there is none, naming those that exist.
    """
    if find_spec(f"{component}._{cloud}") is None:
        known = ", ".join(sorted(each for each in Cloud if find_spec(f"{component}._{each}")))
        check.refuse("cloud", f"'{cloud}' has no backend here yet", f"write one of {known}")
        check.done()
    return import_module(f"{component}._{cloud}").BACKEND
