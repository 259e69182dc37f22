"""What every workload of a tenant is told of whose it is and what it runs."""

from typing import NotRequired, TypedDict

from stanchion.checks import Checks


class OwnedArgs(TypedDict):
    """Its fields, which each component documents as its own."""

    tenant: str
    owner: str
    cost_center: str
    image: str
    service_name: NotRequired[str]


def check_owned(check: Checks, name: str, args: OwnedArgs) -> None:
    """Note a name, labels or an image that Kubernetes would refuse.

    Args:
        check: Where it is noted.
        name: Name of the component's resource, and of its objects unless they have another.
        args: The arguments.
    """
    check.name("service_name", args.get("service_name", name))
    for field, value in (
        ("tenant", args["tenant"]),
        ("owner", args["owner"]),
        ("cost_center", args["cost_center"]),
    ):
        check.label(field, value)
    check.image("image", args["image"])
