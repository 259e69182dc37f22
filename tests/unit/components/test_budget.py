"""The budget of an environment, in each cloud."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, cast

import botocore.session
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion_cli.preview import typecheck
from unit.components.test_network import LOCATIONS, TAGS, of
from unit.components.world import Registered, World, deploy

ACCOUNT = "012345-6789AB-CDEF01"
EMAILS = ["ml@example.com", "finance@example.com"]


def budget(cloud: str, *, preview: bool = False, **changes: Any) -> World:
    """A budget of the environment dev; a change to None leaves an argument out."""
    args = {
        "location": LOCATIONS[cloud],
        "environment": "dev",
        "owner": "team-a",
        "cost_center": "cc-1",
        "monthly_usd": 12_000,
        "emails": EMAILS,
        **({"billing_account": ACCOUNT} if cloud == "gcp" else {}),
        **changes,
    }
    given = {key: value for key, value in args.items() if value is not None}
    channel = "gcp:monitoring/notificationChannel:NotificationChannel"

    def program() -> Any:
        return stanchion.Budget("cost", cast("stanchion.BudgetArgs", given)).name

    return deploy(
        program,
        preview=preview,
        computed={} if preview else {channel: {"name": "projects/stanchion-dev/channel"}},
    )


def the_budget(world: World) -> Registered:
    """The cloud's own budget."""
    (found,) = [r for r in of(world, "Budget") if not r.type.startswith("stanchion:")]
    return found


def steps(world: World) -> set[tuple[str, float]]:
    """What is told, as basis and percentage, in the words of AWS."""
    made = the_budget(world).inputs
    if "notifications" in made:
        return {(n["notificationType"], n["threshold"]) for n in made["notifications"]}
    basis = {"CURRENT_SPEND": "ACTUAL", "FORECASTED_SPEND": "FORECASTED"}
    return {(basis[r["spendBasis"]], r["thresholdPercent"] * 100) for r in made["thresholdRules"]}


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("preview", [True, False])
def test_every_input_is_one_the_providers_know(cloud: str, preview: bool) -> None:
    resources: list[dict[str, Any]] = [
        {"urn": each.urn, "type": each.type, "inputs": each.wire}
        for each in budget(cloud, preview=preview).resources
    ]
    assert resources
    assert typecheck.check(resources) == []


def test_the_amount_is_for_each_month_in_dollars() -> None:
    aws = the_budget(budget("aws")).inputs
    assert (aws["limitAmount"], aws["limitUnit"], aws["timeUnit"]) == ("12000", "USD", "MONTHLY")
    gcp = the_budget(budget("gcp")).inputs
    assert gcp["amount"]["specifiedAmount"] == {"currencyCode": "USD", "units": "12000"}
    assert gcp["budgetFilter"]["calendarPeriod"] == "MONTH"


def test_what_is_counted_is_what_carries_the_tag_that_every_component_sets() -> None:
    aws = the_budget(budget("aws", environment="prod-aws")).inputs
    assert aws["costFilters"] == [
        {"name": "TagKeyValue", "values": ["user:environment$prod-aws"]},
    ]
    assert aws["tags"]["environment"] == "prod-aws"
    assert aws["accountId"] == LOCATIONS["aws"]["account"]
    gcp = the_budget(budget("gcp", environment="prod-gcp")).inputs["budgetFilter"]
    assert gcp["labels"] == {"environment": "prod-gcp"}
    assert gcp["projects"] == ["projects/stanchion-dev"]


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_half_four_fifths_and_all_of_it_are_told_and_all_of_it_in_the_forecast(cloud: str) -> None:
    assert steps(budget(cloud)) == {
        ("ACTUAL", 50),
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    }
    chosen = budget(cloud, alert_percentages=[90], forecast_percentages=[100, 120])
    assert steps(chosen) == {("ACTUAL", 90), ("FORECASTED", 100), ("FORECASTED", 120)}
    assert steps(budget(cloud, alert_percentages=[90], forecast_percentages=[])) == {("ACTUAL", 90)}


def test_every_address_is_told_of_every_step() -> None:
    for notification in the_budget(budget("aws")).inputs["notifications"]:
        assert notification["subscriberEmailAddresses"] == EMAILS
        assert notification["comparisonOperator"] == "GREATER_THAN"
        assert notification["thresholdType"] == "PERCENTAGE"
    world = budget("gcp")
    channels = of(world, "NotificationChannel")
    assert {each.inputs["labels"]["email_address"] for each in channels} == set(EMAILS)
    rule = the_budget(world).inputs["allUpdatesRule"]
    assert rule["monitoringNotificationChannels"] == ["projects/stanchion-dev/channel"] * 2
    assert rule["disableDefaultIamRecipients"] is True
    assert all(world.waits_for(the_budget(world), each) for each in channels)


def test_another_order_of_addresses_makes_no_channel_anew() -> None:
    names = {each.name for each in of(budget("gcp"), "NotificationChannel")}
    turned = {each.name for each in of(budget("gcp", emails=EMAILS[::-1]), "NotificationChannel")}
    assert names == turned


def test_the_number_that_google_puts_for_the_project_is_no_change() -> None:
    one_project = the_budget(budget("gcp"))
    assert one_project.ignores == ("budgetFilter.projects",)
    elsewhere = {**LOCATIONS["gcp"], "account": "stanchion-moved"}
    assert the_budget(budget("gcp", location=elsewhere)).name != one_project.name
    assert the_budget(budget("aws")).ignores == ()


def test_cost_tags_are_on_everything_that_can_have_them() -> None:
    assert the_budget(budget("aws")).inputs["tags"] == TAGS
    for channel in of(budget("gcp"), "NotificationChannel"):
        assert channel.inputs["userLabels"] == TAGS


@pytest.mark.parametrize("keep", [True, False])
def test_a_kept_budget_is_protected(keep: bool) -> None:
    for cloud in ("aws", "gcp"):
        made = the_budget(budget(cloud, keep=keep))
        assert made.protect is keep
        assert made.retain is keep
    policy = the_budget(budget("gcp", keep=keep)).inputs["deletionPolicy"]
    assert policy == ("PREVENT" if keep else "DELETE")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_its_name_is_that_of_the_environment(cloud: str) -> None:
    assert budget(cloud).exports == "dev-monthly"


def test_aws_enumerations_and_bounds_are_botocores() -> None:
    model = botocore.session.get_session().get_service_model("budgets")
    made = the_budget(budget("aws")).inputs
    assert made["budgetType"] in model.shape_for("BudgetType").enum
    assert made["timeUnit"] in model.shape_for("TimeUnit").enum
    for notification in made["notifications"]:
        assert notification["notificationType"] in model.shape_for("NotificationType").enum
        assert notification["comparisonOperator"] in model.shape_for("ComparisonOperator").enum
        assert notification["thresholdType"] in model.shape_for("ThresholdType").enum
    most = model.shape_for("NotificationWithSubscribersList").metadata["max"]
    many = budget("aws", alert_percentages=list(range(1, most + 1)), forecast_percentages=[])
    assert len(steps(many)) == most
    assert model.shape_for("Subscribers").metadata["max"] >= 5


def test_google_enumerations_and_bounds_are_the_discovery_documents() -> None:
    documents = files("googleapiclient") / "discovery_cache" / "documents"
    text = (documents / "billingbudgets.v1.json").read_text(encoding="utf-8")
    schemas = json.loads(text)["schemas"]

    def field(schema: str, name: str) -> Mapping[str, Any]:
        found = schemas[f"GoogleCloudBillingBudgetsV1{schema}"]["properties"][name]
        return cast("Mapping[str, Any]", found)

    made = the_budget(budget("gcp")).inputs
    filtered = made["budgetFilter"]
    assert filtered["calendarPeriod"] in field("Filter", "calendarPeriod")["enum"]
    assert filtered["creditTypesTreatment"] in field("Filter", "creditTypesTreatment")["enum"]
    for rule in made["thresholdRules"]:
        assert rule["spendBasis"] in field("ThresholdRule", "spendBasis")["enum"]
    told = field("NotificationsRule", "monitoringNotificationChannels")["description"]
    assert "maximum of 5 email" in told
    longest = the_budget(budget("gcp", environment="e" * 40)).inputs["displayName"]
    assert len(longest) <= 60


@pytest.mark.parametrize(
    ("cloud", "wrong", "told"),
    [
        ("aws", {"monthly_usd": 0}, "monthly_usd: 0 is out of range; write 1 to 100000000"),
        ("aws", {"monthly_usd": "12k"}, "monthly_usd: is str; write a whole number"),
        ("aws", {"emails": []}, "emails: has 0 addresses; write 1 to 5"),
        ("gcp", {"emails": [f"{n}@example.com" for n in range(6)]}, "emails: has 6 addresses"),
        ("aws", {"emails": ["ml@example"]}, "emails[0]: 'ml@example' is no address"),
        ("aws", {"emails": [*EMAILS, EMAILS[0]]}, "emails: 'ml@example.com' is there twice"),
        ("aws", {"alert_percentages": [0]}, "alert_percentages[0]: 0 is out of range"),
        ("gcp", {"alert_percentages": [50, 50]}, "alert_percentages: '50' is there twice"),
        ("gcp", {"alert_percentages": []}, "alert_percentages: is empty"),
        ("aws", {"forecast_percentages": [2000]}, "forecast_percentages[0]: 2000 is out of"),
        (
            "aws",
            {"alert_percentages": list(range(10, 20))},
            "alert_percentages: has 10 steps, and forecast_percentages 1: together more than 10",
        ),
        ("gcp", {"billing_account": None}, "billing_account: is missing, and budgets of Google"),
        ("gcp", {"billing_account": "mine"}, "billing_account: 'mine' is no billing account"),
        ("aws", {"billing_account": ACCOUNT}, "billing_account: is Google Cloud's; leave it out"),
        ("aws", {"environment": "Dev"}, "environment: 'Dev' is no name"),
        (
            "aws",
            {"location": {**LOCATIONS["aws"], "cloud": "local"}},
            "cloud: 'local' has no backend here yet; write one of aws, gcp",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(
    cloud: str, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentsError) as error:
        budget(cloud, **wrong)
    assert told in str(error.value)
