"""What `MonitoringStack` takes: who is told of which alerts, and where the secrets for it are."""

import re
from collections.abc import Iterator, Mapping
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.credentials import NO_NAME_OF_SECRET, names_secret
from stanchion.monitoring.gpu_counters import GpuMetrics
from stanchion.monitoring.links import check_links

SECRET_KEYS = {"slack": "url", "pagerduty": "routing-key", "webhook": "url", "email": "password"}
"""Keys under which the secrets of each way to tell somebody are, where nothing else is said."""
_INSIDE = re.compile(r"http://[a-z0-9.-]+\.svc(\.cluster\.local)?(:\d{1,5})?(/[A-Za-z0-9._/-]*)?")
_SMARTHOST = re.compile(r"[A-Za-z0-9.-]+:(465|587)")
_ADDRESS = re.compile(r"[^@\s,]+@[A-Za-z0-9.-]+")
_CHANNEL = re.compile(r"[#@]?[A-Za-z0-9._-]{1,80}")


class AlertSecret(TypedDict):
    """Where a value is kept that nobody else may know: it never passes through the program."""

    secret_name: NotRequired[str]
    """A Secret of the namespace monitoring. Default: that of `external_name`; exactly one of the
    two."""
    external_name: NotRequired[str]
    """Name or ARN of a secret in the cloud's secret manager, one JSON object, that External
    Secrets reads. Default: none."""
    key: NotRequired[str]
    """Key of the Secret, or field of the object. Default: url for Slack and webhooks, routing-key
    for PagerDuty, password for email."""


class SlackTarget(TypedDict):
    """A channel of Slack."""

    channel: str
    """Its name, as #ml-alerts."""
    webhook_url: AlertSecret
    """Address of the incoming webhook."""


class PagerDutyTarget(TypedDict):
    """A service of PagerDuty."""

    routing_key: AlertSecret
    """Integration key of its Events API version 2."""


class WebhookTarget(TypedDict):
    """A program that takes alerts as Alertmanager posts them."""

    url: NotRequired[str]
    """Address inside the cluster, as http://hook.demo.svc:8080/alerts. Default: that of
    `url_secret`; exactly one of the two."""
    url_secret: NotRequired[AlertSecret]
    """Address outside the cluster: who knows it may post there. Default: none."""


class EmailTarget(TypedDict):
    """People by email, over TLS."""

    to: list[str]
    """Their addresses."""
    sender: str
    """Address that it comes from."""
    smarthost: str
    """Host of the mail server with its port for submission, 465 or 587, as smtp.example.com:587."""
    username: NotRequired[str]
    """Login at the mail server. Default: none."""
    password: NotRequired[AlertSecret]
    """Its password; goes with username. Default: none."""


class AlertReceiver(TypedDict):
    """A name for one or several ways to tell somebody."""

    name: str
    """Its name in routes."""
    slack: NotRequired[SlackTarget]
    """A channel of Slack. Default: none."""
    pagerduty: NotRequired[PagerDutyTarget]
    """A service of PagerDuty. Default: none."""
    webhook: NotRequired[WebhookTarget]
    """A program that is called. Default: none."""
    email: NotRequired[EmailTarget]
    """People by email. Default: none."""


class AlertRoute(TypedDict):
    """Who is told of a team's alerts."""

    team: NotRequired[str]
    """The team, as the alerts' label owner has it. Default: every team without a route of its
    own, and for a team's route what that leaves out."""
    page: NotRequired[str]
    """Receiver of what somebody has to act on now. Default: that of the route without a team."""
    ticket: NotRequired[str]
    """Receiver of what can wait for working hours. Default: that of the route without a team."""


class MonitoringStackArgs(TypedDict):
    """Arguments of `MonitoringStack`."""

    owner: str
    """Team that answers for monitoring, and for alerts that name no owner; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    receivers: NotRequired[list[AlertReceiver]]
    """Ways to tell somebody, by name. Default: none; alerts are seen at Alertmanager alone."""
    routes: NotRequired[list[AlertRoute]]
    """Who is told of whose alerts, one for each team. Default: nobody."""
    heartbeat: NotRequired[str]
    """Receiver of the alert Watchdog, which always fires: a service elsewhere that calls for help
    when it no longer comes. Default: none."""
    paged_teams: NotRequired[list[str]]
    """Teams whose pages must reach somebody; the arguments are refused where one's do not.
    Default: none."""
    secret_store: NotRequired[pulumi.Input[str]]
    """ClusterSecretStore that reads `external_name`s. Default: the platform's own."""
    replicas: NotRequired[int]
    """Replicas that Alertmanager has, 1 to 5: one that is missing is an alert. Default: 1."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""
    gpu_metrics: NotRequired[GpuMetrics]
    """Who exports counters of GPUs: gpu-operator, or gke, whose exporter has no counters of errors
    and throttling, and so no alerts about them. Default: nobody; then there are no alerts about
    GPUs."""


def secrets(receiver: AlertReceiver) -> Iterator[tuple[str, AlertSecret]]:
    """The secrets of a receiver by the way they are for."""
    if slack := receiver.get("slack"):
        yield "slack", slack["webhook_url"]
    if pagerduty := receiver.get("pagerduty"):
        yield "pagerduty", pagerduty["routing_key"]
    if (webhook := receiver.get("webhook")) and "url_secret" in webhook:
        yield "webhook", webhook["url_secret"]
    if (email := receiver.get("email")) and "password" in email:
        yield "email", email["password"]


def resolved(args: MonitoringStackArgs, team: str, severity: str) -> str | None:
    """Name of the receiver of a team's pages or tickets; None where nobody is told.

    Args:
        args: The arguments.
        team: The team.
        severity: page or ticket.
    """
    by_team: Mapping[str | None, AlertRoute] = {
        route.get("team"): route for route in args.get("routes", [])
    }
    for key in (team, None):
        named = by_team.get(key, {}).get(severity)
        if named is not None:
            return str(named)
    return None


def checked(name: str, args: MonitoringStackArgs) -> MonitoringStackArgs:
    """The arguments, held to their types and to each other.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("MonitoringStack", name)
    args = check.arguments(MonitoringStackArgs, args)
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.between("replicas", args.get("replicas", 1), 1, 5)
    receivers = args.get("receivers", [])
    check.unique("receivers", [receiver["name"] for receiver in receivers])
    for at, receiver in enumerate(receivers):
        _check_receiver(check, f"receivers[{at}]", receiver)
    check_links(check, args.get("runbooks"), args.get("grafana_url"))
    _check_routes(check, args, [receiver["name"] for receiver in receivers])
    check.done()
    return args


def _check_receiver(check: Checks, path: str, receiver: AlertReceiver) -> None:
    check.name(f"{path}.name", receiver["name"])
    if not receiver.keys() & SECRET_KEYS.keys():
        check.refuse(path, "tells nobody", f"add one of {', '.join(SECRET_KEYS)}")
    if slack := receiver.get("slack"):
        _matches(check, f"{path}.slack.channel", slack["channel"], _CHANNEL, "a channel, as #ml")
        _check_secret(check, f"{path}.slack.webhook_url", slack["webhook_url"])
    if pagerduty := receiver.get("pagerduty"):
        _check_secret(check, f"{path}.pagerduty.routing_key", pagerduty["routing_key"])
    if (webhook := receiver.get("webhook")) is not None:
        _check_webhook(check, f"{path}.webhook", webhook)
    if email := receiver.get("email"):
        _check_email(check, f"{path}.email", email)


def _check_webhook(check: Checks, path: str, webhook: WebhookTarget) -> None:
    if ("url" in webhook) == ("url_secret" in webhook):
        check.refuse(path, "needs exactly one of url and url_secret", "write one of them")
    if "url" in webhook and not _INSIDE.fullmatch(webhook["url"]):
        # Not shown: an address outside the cluster may be a secret.
        check.refuse(
            f"{path}.url",
            "is no address of a Service in this cluster",
            "write one as http://hook.demo.svc:8080/alerts, or keep it in a secret and name that "
            "as url_secret",
        )
    if "url_secret" in webhook:
        _check_secret(check, f"{path}.url_secret", webhook["url_secret"])


def _check_email(check: Checks, path: str, email: EmailTarget) -> None:
    if not email["to"]:
        check.refuse(f"{path}.to", "is empty", "name an address")
    for at, address in enumerate(email["to"]):
        _matches(check, f"{path}.to[{at}]", address, _ADDRESS, "an address, as ml@example.com")
    _matches(check, f"{path}.sender", email["sender"], _ADDRESS, "an address, as ml@example.com")
    smarthost = email["smarthost"]
    _matches(
        check,
        f"{path}.smarthost",
        smarthost,
        _SMARTHOST,
        "one with port 465 or 587, as smtp.example.com:587",
    )
    if ("username" in email) != ("password" in email):
        check.refuse(path, "has one of username and password", "write both, or neither")
    if "password" in email:
        _check_secret(check, f"{path}.password", email["password"])


def _matches(check: Checks, path: str, value: str, form: re.Pattern[str], fix: str) -> None:
    if not form.fullmatch(value):
        check.refuse(path, f"'{value}' has the wrong form", f"write {fix}")


def _check_secret(check: Checks, path: str, secret: AlertSecret) -> None:
    """A reference, and no value: what may be one is not shown."""
    if ("secret_name" in secret) == ("external_name" in secret):
        check.refuse(
            path, "needs exactly one of secret_name and external_name", "write one of them"
        )
    for field, value in (
        ("secret_name", secret.get("secret_name")),
        ("external_name", secret.get("external_name")),
    ):
        if value is not None and not names_secret(value, external=field == "external_name"):
            check.refuse(f"{path}.{field}", *NO_NAME_OF_SECRET)


def _check_routes(check: Checks, args: MonitoringStackArgs, receivers: list[str]) -> None:
    routes = args.get("routes", [])
    known = ", ".join(receivers) or "no receiver"

    def named(path: str, receiver: str | None) -> None:
        if receiver is not None and receiver not in receivers:
            check.refuse(path, f"'{receiver}' is no receiver", f"known is {known}; or add it")

    for at, route in enumerate(routes):
        if "team" in route:
            check.label(f"routes[{at}].team", route["team"])
        if "page" not in route and "ticket" not in route:
            check.refuse(f"routes[{at}]", "tells nobody", "add page or ticket")
        named(f"routes[{at}].page", route.get("page"))
        named(f"routes[{at}].ticket", route.get("ticket"))
    named("heartbeat", args.get("heartbeat"))
    teams = [route.get("team") for route in routes]
    for team in dict.fromkeys(teams):
        if teams.count(team) > 1:
            whose = f"the team '{team}'" if team else "no team"
            check.refuse("routes", f"{teams.count(team)} are of {whose}", "make one of them")
    for team in dict.fromkeys(args.get("paged_teams", [])):
        if resolved(args, team, "page") is None:
            check.refuse(
                "routes",
                f"pages of {team} reach nobody",
                f"add `team: {team}` with a receiver as page, or a route without team for all",
            )
