"""From receivers and routes to the object that Alertmanager's configuration is made of.

Alerts say whose they are (`owner`) and how urgent (`severity`). Those of the platform's own charts
say `critical` for page and `warning` for ticket, and name no owner.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stanchion.monitoring.platform_alerts import TARGETS_DOWN, WATCHDOG
from stanchion.monitoring.stack_arguments import (
    SECRET_KEYS,
    AlertReceiver,
    AlertSecret,
    MonitoringStackArgs,
    resolved,
)

NOBODY = "nobody"
"""Receiver that tells nobody: such alerts are seen at Alertmanager alone."""
_PAGE = "page|critical"
_SILENT = "info|none"
_GROUP = ("alertname", "namespace", "service")
_NODE_OUTAGES = "KubeNodeNotReady|KubeNodeUnreachable"
"""Alerts of kube-prometheus-stack about a node, in its label `node`."""
_RUNS_FAILED = "JobFailed|TrackingBackupFailed"
_RUNS_LATE = "ScheduleLate|TrackingBackupLate"
_ABOUT_THE_REST = "ModelServiceReplicaNotReady|ModelServiceAtMaximumReplicas"

Spec = Mapping[str, Any]


def spec(args: MonitoringStackArgs) -> Spec:
    """The specification of the AlertmanagerConfig (monitoring.coreos.com/v1alpha1)."""
    return {
        "route": _route(args),
        "receivers": [{"name": NOBODY}, *map(_receiver, args.get("receivers", []))],
        "inhibitRules": inhibitions(),
    }


def secret_name(receiver: str, way: str, secret: AlertSecret) -> str:
    """Name of the Secret with a receiver's secret: one that is there, or one to be made."""
    return secret.get("secret_name", f"alerts-{receiver}-{way}")


def secret_key(way: str, secret: AlertSecret) -> str:
    """Key of that Secret under which it is."""
    return secret.get("key", SECRET_KEYS[way])


def inhibitions() -> list[Spec]:
    """Which alerts tell of what another has told already.

    A page about users is never among the targets, but where the platform is paged for one cause of
    many: a node that is gone is no reason to be silent about a service that fails. Nor is it one
    for tickets about replicas: those of that node report nothing, so they are about others.
    """
    return [
        {
            "sourceMatch": [_matcher("severity", "page")],
            "targetMatch": [_matcher("severity", "ticket")],
            "equal": ["alertname", "namespace", "service", "slo"],
        },
        {
            "sourceMatch": [_matcher("alertname", "ModelServiceNoReadyReplica")],
            "targetMatch": [_matcher("alertname", _ABOUT_THE_REST, "=~")],
            "equal": ["namespace", "service"],
        },
        {
            "sourceMatch": [_matcher("alertname", _NODE_OUTAGES, "=~")],
            "targetMatch": [_matcher("alertname", "GpuNotReporting")],
            "equal": ["node"],
        },
        {
            "sourceMatch": [_matcher("alertname", TARGETS_DOWN)],
            "targetMatch": [_matcher("alertname", "ModelServiceNotScraped")],
        },
        {
            "sourceMatch": [_matcher("alertname", "RetrainingFailed")],
            "targetMatch": [_matcher("alertname", "JobFailed")],
            "equal": ["namespace", "cronjob"],
        },
        {
            "sourceMatch": [_matcher("alertname", _RUNS_FAILED, "=~")],
            "targetMatch": [_matcher("alertname", _RUNS_LATE, "=~")],
            "equal": ["namespace", "cronjob"],
        },
    ]


def _route(args: MonitoringStackArgs) -> Spec:
    teams = sorted({route["team"] for route in args.get("routes", []) if "team" in route})
    return {
        "receiver": NOBODY,
        "groupBy": list(_GROUP),
        "groupWait": "30s",
        "groupInterval": "5m",
        "repeatInterval": "24h",
        "routes": [
            {
                "matchers": [_matcher("alertname", WATCHDOG)],
                "receiver": args.get("heartbeat", NOBODY),
                "groupWait": "0s",
                "groupInterval": "1m",
                "repeatInterval": "1m",
            },
            {"matchers": [_matcher("severity", _SILENT, "=~")], "receiver": NOBODY},
            *(_told(args, team, [_matcher("owner", team)]) for team in teams),
            _told(args, args["owner"], [_matcher("owner", "")]),
            _told(args, "", []),
        ],
    }


def _told(args: MonitoringStackArgs, team: str, matchers: Sequence[Spec]) -> Spec:
    """A team's alerts: pages at once and every hour, the others once a day."""
    return {
        "matchers": list(matchers),
        "receiver": resolved(args, team, "ticket") or NOBODY,
        "routes": [
            {
                "matchers": [_matcher("severity", _PAGE, "=~")],
                "receiver": resolved(args, team, "page") or NOBODY,
                "groupWait": "10s",
                "groupInterval": "1m",
                "repeatInterval": "1h",
            }
        ],
    }


def _matcher(name: str, value: str, kind: str = "=") -> Spec:
    return {"name": name, "value": value, "matchType": kind}


def _receiver(receiver: AlertReceiver) -> Spec:
    def kept(way: str, secret: AlertSecret) -> Spec:
        name = secret_name(receiver["name"], way, secret)
        return {"name": name, "key": secret_key(way, secret)}

    made: dict[str, Any] = {"name": receiver["name"]}
    if slack := receiver.get("slack"):
        made["slackConfigs"] = [
            {
                "apiURL": kept("slack", slack["webhook_url"]),
                "channel": slack["channel"],
                "sendResolved": True,
                "title": _TITLE,
                "text": _TEXT,
            }
        ]
    if pagerduty := receiver.get("pagerduty"):
        made["pagerdutyConfigs"] = [
            {
                "routingKey": kept("pagerduty", pagerduty["routing_key"]),
                "sendResolved": True,
                "description": _TITLE,
                "details": [{"key": "alerts", "value": _TEXT}],
            }
        ]
    if webhook := receiver.get("webhook"):
        where = (
            {"url": webhook["url"]}
            if "url" in webhook
            else {"urlSecret": kept("webhook", webhook["url_secret"])}
        )
        made["webhookConfigs"] = [{**where, "sendResolved": True}]
    if email := receiver.get("email"):
        login = (
            {
                "authUsername": email["username"],
                "authPassword": kept("email", email["password"]),
            }
            if "password" in email
            else {}
        )
        made["emailConfigs"] = [
            {
                "to": ", ".join(email["to"]),
                "from": email["sender"],
                "smarthost": email["smarthost"],
                "requireTLS": True,
                "sendResolved": True,
                "headers": [{"key": "Subject", "value": _TITLE}],
                "text": _TEXT,
                **login,
            }
        ]
    return made


_TITLE = (
    "{{ if eq .Status `resolved` }}resolved: {{ end }}{{ .CommonLabels.alertname }}"
    "{{ with .CommonLabels.service }} {{ . }}{{ end }}"
    "{{ with .CommonLabels.namespace }} in {{ . }}{{ end }}"
)
_TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    "{{ with .Annotations.runbook_url }}runbook: {{ . }}\n{{ end }}"
    "{{ with .Annotations.dashboard }}dashboard: {{ . }}\n{{ end }}\n{{ end }}"
)
