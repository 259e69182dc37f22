"""A cost budget of AWS Budgets."""

import pulumi
import pulumi_aws as aws

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.budget.contract import (
    BudgetArgs,
    BudgetBackend,
    BudgetParts,
    BudgetPlan,
)


class AwsBudget:
    """One budget, and a notification for each step; AWS mails the addresses itself."""

    def check(self, check: Checks, args: BudgetArgs) -> None:
        """No billing account: it is the account itself or what pays for it."""
        if "billing_account" in args:
            check.refuse("billing_account", "is Google Cloud's", "leave it out")

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: BudgetArgs,
        plan: BudgetPlan,
        opts: pulumi.ResourceOptions | None,
    ) -> BudgetParts:
        """The budget with its filter by tag."""
        budget = aws.budgets.Budget(
            f"{name}-budget",
            name=plan.name,
            account_id=args["location"]["account"],
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args["monthly_usd"]),
            limit_unit="USD",
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:environment${plan.tags['environment']}"]
                )
            ],
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percentage,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=args["emails"],
                )
                for kind, percentages in (("ACTUAL", plan.spent), ("FORECASTED", plan.forecast))
                for percentage in percentages
            ],
            tags=plan.tags,
            opts=child_options(parent, opts, keep=args.get("keep", False)),
        )
        return BudgetParts(budget.name)


BACKEND: BudgetBackend = AwsBudget()
"""What `Budget` takes for AWS."""
