"""Tags that book the cost of everything a cloud bills."""


def cloud_tags(*, owner: str, cost_center: str, environment: str) -> dict[str, str]:
    """AWS tags, or Google Cloud labels: who answers for a resource and where its cost is booked.

    Keys and values are in lower case, for that is all that labels of Google Cloud may hold, and
    one report then covers both clouds. Deliberately without a name: what a resource is called
    differs on each and would split every total.

    Args:
        owner: Team that answers for it.
        cost_center: Where its cost is booked.
        environment: Environment it belongs to, as prod-aws.
    """
    return {
        "owner": owner.lower(),
        "cost-center": cost_center.lower(),
        "environment": environment.lower(),
        "managed-by": "stanchion",
    }
