"""What an environment may cost, and who hears of it."""

import re

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.budget.contract import (
    ALERT_PERCENTAGES,
    FORECAST_PERCENTAGES,
    BudgetArgs,
    BudgetBackend,
    BudgetPlan,
)
from stanchion.foundation.cloud import choose
from stanchion.foundation.location import check_location
from stanchion.foundation.tags import cloud_tags

__all__ = ["Budget", "BudgetArgs"]

_MOST_USD = 100_000_000
_MOST_PERCENT = 1000
_MOST_EMAILS = 5
_MOST_ALERTS = 10
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


class Budget(pulumi.ComponentResource):
    """A monthly budget of one environment that mails when it is spent or forecast to be.

    It counts what carries the environment's tag `environment` (`cloud_tags`), after discounts
    and credits; what a cloud bills without tags is not in it. It deliberately stops nothing: a
    service that is cut off costs more than what it runs on. Nor does it activate the tag for
    cost allocation, which only the account that pays may do on AWS: until then AWS counts
    nothing.
    """

    name: pulumi.Output[str]
    """What it is called in the cloud, ENVIRONMENT-monthly; known once it is there."""

    def __init__(
        self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args, backend, plan = checked(name, args)
        super().__init__("stanchion:index:Budget", name, {}, opts)

        self.name = backend.build(self, name, args, plan, opts).name
        self.register_outputs({"name": self.name})


def checked(name: str, args: BudgetArgs) -> tuple[BudgetArgs, BudgetBackend, BudgetPlan]:
    """The arguments, held to their types and bounds, with what they choose and settle.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("Budget", name)
    args = check.arguments(BudgetArgs, args)
    backend: BudgetBackend = choose(check, args["location"]["cloud"], __name__)
    check_location(check, args["location"])
    check.name("environment", args["environment"])
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.between("monthly_usd", args["monthly_usd"], 1, _MOST_USD)
    _check_emails(check, args["emails"])
    spent = args.get("alert_percentages", list(ALERT_PERCENTAGES))
    forecast = args.get("forecast_percentages", list(FORECAST_PERCENTAGES))
    _check_alerts(check, spent, forecast)
    backend.check(check, args)
    check.done()
    plan = BudgetPlan(
        name=f"{args['environment']}-monthly",
        spent=tuple(spent),
        forecast=tuple(forecast),
        tags=cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=args["environment"]
        ),
    )
    return args, backend, plan


def _check_emails(check: Checks, emails: list[str]) -> None:
    check.unique("emails", emails)
    if not 1 <= len(emails) <= _MOST_EMAILS:
        check.refuse(
            "emails",
            f"has {len(emails)} addresses",
            f"write 1 to {_MOST_EMAILS}; for more people, the address of a group",
        )
    for at, email in enumerate(emails):
        if not _EMAIL.fullmatch(email):
            check.refuse(
                f"emails[{at}]", f"'{email}' is no address", "write one as team@example.com"
            )


def _check_alerts(check: Checks, spent: list[int], forecast: list[int]) -> None:
    for field, percentages in (("alert_percentages", spent), ("forecast_percentages", forecast)):
        check.unique(field, percentages)
        for at, percentage in enumerate(percentages):
            check.between(f"{field}[{at}]", percentage, 1, _MOST_PERCENT)
    if not spent:
        check.refuse(
            "alert_percentages", "is empty, so nobody would hear of what is spent", "write 100"
        )
    if len(spent) + len(forecast) > _MOST_ALERTS:
        check.refuse(
            "alert_percentages",
            f"has {len(spent)} steps, and forecast_percentages {len(forecast)}: together more "
            f"than {_MOST_ALERTS}",
            "write fewer",
        )
