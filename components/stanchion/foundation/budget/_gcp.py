"""A budget of the billing account, and the addresses that it mails."""

import re

import pulumi
import pulumi_gcp as gcp

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.budget.contract import (
    BudgetArgs,
    BudgetBackend,
    BudgetParts,
    BudgetPlan,
)

_BILLING_ACCOUNT = re.compile(r"[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}")


class GcpBudget:
    """One budget over one project; an address is a notification channel of that project."""

    def check(self, check: Checks, args: BudgetArgs) -> None:
        """The billing account, which budgets belong to."""
        account = args.get("billing_account")
        if account is None:
            check.refuse(
                "billing_account",
                "is missing, and budgets of Google Cloud belong to one",
                "add that of the project, as 012345-6789AB-CDEF01",
            )
        elif not _BILLING_ACCOUNT.fullmatch(account):
            check.refuse(
                "billing_account",
                f"'{account}' is no billing account",
                "write it as 012345-6789AB-CDEF01",
            )

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: BudgetArgs,
        plan: BudgetPlan,
        opts: pulumi.ResourceOptions | None,
    ) -> BudgetParts:
        """The channels, and the budget that mails them alone."""
        keep, project = args.get("keep", False), args["location"]["account"]
        channels = [
            gcp.monitoring.NotificationChannel(
                f"{name}-{email.replace('@', '-at-')}",
                project=project,
                display_name=f"{plan.name}: {email}",
                type="email",
                labels={"email_address": email},
                user_labels=plan.tags,
                opts=child_options(parent, opts),
            )
            for email in args["emails"]
        ]
        budget = gcp.billing.Budget(
            # Of the project by name, since a change of the filter is not looked at: see below.
            f"{name}-budget-{project}",
            billing_account=args.get("billing_account", ""),
            display_name=plan.name,
            amount=gcp.billing.BudgetAmountArgs(
                specified_amount=gcp.billing.BudgetAmountSpecifiedAmountArgs(
                    currency_code="USD", units=str(args["monthly_usd"])
                )
            ),
            budget_filter=gcp.billing.BudgetBudgetFilterArgs(
                calendar_period="MONTH",
                projects=[f"projects/{project}"],
                labels={"environment": plan.tags["environment"]},
                credit_types_treatment="INCLUDE_ALL_CREDITS",
            ),
            threshold_rules=[
                gcp.billing.BudgetThresholdRuleArgs(
                    threshold_percent=percentage / 100, spend_basis=basis
                )
                for basis, percentages in (
                    ("CURRENT_SPEND", plan.spent),
                    ("FORECASTED_SPEND", plan.forecast),
                )
                for percentage in percentages
            ],
            all_updates_rule=gcp.billing.BudgetAllUpdatesRuleArgs(
                monitoring_notification_channels=[channel.name for channel in channels],
                disable_default_iam_recipients=True,
            ),
            deletion_policy="PREVENT" if keep else "DELETE",
            opts=pulumi.ResourceOptions.merge(
                child_options(parent, opts, keep=keep),
                # Google answers with the project's number, which every later plan would undo.
                pulumi.ResourceOptions(ignore_changes=["budgetFilter.projects"]),
            ),
        )
        return BudgetParts(budget.display_name.apply(lambda _: plan.name))


BACKEND: BudgetBackend = GcpBudget()
"""What `Budget` takes for Google Cloud."""
