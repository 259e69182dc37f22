"""What `Budget` takes, and what each backend gives back."""

from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.location import Location

ALERT_PERCENTAGES = (50, 80, 100)
FORECAST_PERCENTAGES = (100,)


class BudgetArgs(TypedDict):
    """Arguments of `Budget`."""

    location: Location
    """Account or project, region and zones."""
    environment: str
    """Name of the environment, as prod-aws: what carries it as tag or label is counted."""
    owner: str
    """Team that answers for it; becomes a tag."""
    cost_center: str
    """Where its cost is booked; becomes a tag."""
    monthly_usd: int
    """What the environment may cost in a calendar month, in US dollars: 1 to 100000000."""
    emails: list[str]
    """Addresses that are told, 1 to 5."""
    alert_percentages: NotRequired[list[int]]
    """Percentages of the budget, 1 to 1000, that are told once they are spent. Default: 50, 80
    and 100."""
    forecast_percentages: NotRequired[list[int]]
    """Percentages of the budget, 1 to 1000, that are told once the month is forecast to end
    above them; with those of `alert_percentages` at most 10. Default: 100."""
    billing_account: NotRequired[str]
    """Billing account that pays for the project, as 012345-6789AB-CDEF01; its currency must be
    US dollars. Needed on Google Cloud, and there alone. Default: none."""
    keep: NotRequired[bool]
    """Whether it is protected from deletion. Default: false."""


@dataclass(frozen=True)
class BudgetPlan:
    """A budget as its arguments settle it, the same for every backend."""

    name: str
    spent: tuple[int, ...]
    forecast: tuple[int, ...]
    tags: dict[str, str]


@dataclass(frozen=True)
class BudgetParts:
    """What a backend has made."""

    name: pulumi.Output[str]


class BudgetBackend(Protocol):
    """One cloud's way to watch what is spent."""

    def check(self, check: Checks, args: BudgetArgs) -> None:
        """Note what this cloud lacks in `args`."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: BudgetArgs,
        plan: BudgetPlan,
        opts: pulumi.ResourceOptions | None,
    ) -> BudgetParts:
        """Make it, as children of `parent`."""
        ...
