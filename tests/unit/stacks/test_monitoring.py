"""Who is told of an environment's alerts: what its file may say, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from environment import Environment, parse_environment
from foundation_args import checked_foundation
from monitoring import check_monitoring, monitoring_args
from stanchion.monitoring.stack_arguments import resolved
from validation import InvalidFileError

STACKS = Path(__file__).resolve().parents[3] / "stacks"
HOOK = {"name": "hook", "webhook": {"url": "http://hook.demo.svc:8080/alerts"}}


def environment(name: str = "local", /, **changes: Any) -> Environment:
    config = yaml.safe_load((STACKS / f"Pulumi.{name}.yaml").read_text())["config"]
    values = {key.removeprefix("stanchion:"): value for key, value in config.items()}
    if name == "local":
        values["operators"] = {"enabled": ["kube-prometheus-stack"]}
    return parse_environment({**values, **changes})


def problem(name: str = "local", /, **changes: Any) -> str:
    with pytest.raises(InvalidFileError) as caught:
        check_monitoring(environment(name, **changes), name)
    (found,) = caught.value.problems
    return found


def mail(**changes: Any) -> dict[str, Any]:
    people = {"to": ["a@example.com"], "sender": "b@example.com", "smarthost": "mx.example.com:587"}
    return {"name": "mail", "email": {**people, **changes}}


def chat(**secret: str) -> dict[str, Any]:
    return {"name": "chat", "slack": {"channel": "#ml", "webhookUrl": secret}}


@pytest.mark.parametrize(
    ("monitoring", "path", "says"),
    [
        ({"receivers": [{"name": "hook"}]}, "receivers[0]", "add one of slack"),
        ({"receivers": [HOOK, HOOK]}, "receivers", "'hook' is there twice"),
        ({"receivers": [HOOK], "routes": [{"page": "hok"}]}, "routes[0].page", "known is hook"),
        ({"receivers": [HOOK], "routes": [{"team": "a"}]}, "routes[0]", "add page or ticket"),
        (
            {
                "receivers": [HOOK],
                "routes": [{"team": "a", "page": "hook"}, {"team": "a", "ticket": "hook"}],
            },
            "routes",
            "2 are of the team 'a'",
        ),
        ({"heartbeat": "hook"}, "heartbeat", "no receiver"),
        (
            {"receivers": [chat(cloudSecret="alerts/slack")]},
            "receivers[0].slack.webhookUrl.cloudSecret",
            "write `kubernetesSecret`",
        ),
        (
            {"receivers": [{"name": "hook", "webhook": {"url": "https://example.com/token"}}]},
            "receivers[0].webhook.url",
            "name that as urlSecret",
        ),
        (
            {"receivers": [{"name": "hook", "webhook": {}}]},
            "receivers[0].webhook",
            "exactly one of url and urlSecret",
        ),
        (
            {"receivers": [mail(smarthost="mx.example.com:25")]},
            "receivers[0].email.smarthost",
            "465 or 587",
        ),
        (
            {"receivers": [mail(username="ml")]},
            "receivers[0].email",
            "one of username and password",
        ),
        ({"receivers": [mail(to=[])]}, "receivers[0].email.to", "name an address"),
    ],
)
def test_what_could_tell_nobody_is_refused(
    monitoring: dict[str, Any], path: str, says: str
) -> None:
    found = problem(monitoring=monitoring)
    assert found.startswith(f"stanchion:monitoring.{path}: ")
    assert says in found
    assert "; " in found


def test_an_address_that_may_be_a_secret_is_not_shown() -> None:
    url = "https://hooks.example.com/services/T0/B0/hidden"
    assert "hidden" not in problem(
        monitoring={"receivers": [{"name": "a", "webhook": {"url": url}}]}
    )
    for field in ("kubernetesSecret", "cloudSecret"):
        with pytest.raises(InvalidFileError) as caught:
            environment(monitoring={"receivers": [chat(**{field: url})]})
        assert "hidden" not in str(caught.value)
        assert "replace it" in str(caught.value)


def test_receivers_without_an_alertmanager_are_refused() -> None:
    found = problem(operators={"enabled": ["keda"]}, monitoring={"receivers": [HOOK]})
    assert "add Prometheus Operator (kube-prometheus-stack under operators.enabled)" in found


def test_a_cloud_secret_needs_what_reads_it() -> None:
    found = problem(
        "dev-aws",
        operators={"enabled": ["kube-prometheus-stack"]},
        monitoring={"receivers": [chat(cloudSecret="dev-aws/alerts/slack")]},
    )
    assert "add external-secrets under operators.enabled" in found


PAGES = "https://git.example.com/ml/platform/blob/main/docs/runbooks"
GRAFANA = "https://grafana.example.com"


def test_alerts_lead_where_the_file_says() -> None:
    made = monitoring_args(environment(), "local")
    assert made["runbooks"] == "docs/runbooks"
    assert "grafana_url" not in made
    linked = environment(monitoring={"runbooks": PAGES, "grafanaUrl": GRAFANA})
    made = monitoring_args(linked, "local")
    assert (made["runbooks"], made["grafana_url"]) == (PAGES, GRAFANA)


@pytest.mark.parametrize(
    ("field", "address", "example"),
    [
        ("runbooks", "http://git.example.com/runbooks", "https://git.example.com/ml/platform"),
        ("runbooks", "docs/runbooks", "https://git.example.com/ml/platform"),
        ("runbooks", "https://me:hidden@git.example.com/x", "https://git.example.com/ml/platform"),
        ("runbooks", "https://git.example.com/x?ref=main", "https://git.example.com/ml/platform"),
        ("grafanaUrl", "http://localhost:3000", "https://grafana.example.com"),
        ("grafanaUrl", "grafana.example.com", "https://grafana.example.com"),
        ("grafanaUrl", "https://grafana.example.com/?orgId=2", "https://grafana.example.com"),
    ],
)
def test_a_link_that_nobody_could_follow_is_refused_and_not_shown(
    field: str, address: str, example: str
) -> None:
    with pytest.raises(InvalidFileError) as caught:
        environment(monitoring={field: address})
    (found,) = caught.value.problems
    assert found.startswith(f"stanchion:monitoring.{field}: is no address by HTTPS")
    assert f"; write one as {example}" in found
    assert "hidden" not in found


@pytest.mark.parametrize("field", ["runbooks", "grafanaUrl"])
def test_links_of_alerts_that_nothing_sends_are_refused(field: str) -> None:
    found = problem(operators={"enabled": ["keda"]}, monitoring={field: PAGES})
    assert found.startswith(f"stanchion:monitoring.{field}: nothing sends alerts; add Prometheus")


@pytest.mark.parametrize("name", ["prod-aws", "prod-gcp"])
def test_in_prod_every_teams_pages_reach_somebody(name: str) -> None:
    assert monitoring_args(environment(name), name)["paged_teams"] == ["platform-team", "demo-team"]
    check_monitoring(environment(name), name)
    routed = {"receivers": [HOOK], "routes": [{"team": "platform-team", "page": "hook"}]}
    found = problem(name, monitoring=routed)
    assert "routes: pages of demo-team reach nobody; add `team: demo-team`" in found


@pytest.mark.parametrize(
    ("name", "kept", "read"),
    [
        ("dev-aws", "alerts-slack", "dev-aws/alerts-slack"),
        ("dev-aws", "dev-aws/alerts-slack", "dev-aws/alerts-slack"),
        ("dev-aws", "arn:aws:secretsmanager:a", "arn:aws:secretsmanager:a"),
        ("dev-gcp", "alerts-slack", "dev-gcp-alerts-slack"),
    ],
)
def test_a_secret_is_one_of_the_environments_own(name: str, kept: str, read: str) -> None:
    monitoring = {"receivers": [chat(cloudSecret=kept)]}
    (receiver,) = monitoring_args(environment(name, monitoring=monitoring), name)["receivers"]
    assert receiver["slack"]["webhook_url"] == {"external_name": read}


@pytest.mark.parametrize("name", ["local", "dev-aws", "staging-gcp"])
def test_elsewhere_nobody_has_to_be_told(name: str) -> None:
    check_monitoring(environment(name), name)


def test_a_team_is_told_by_its_own_route_and_by_the_common_one_in_what_that_leaves_out() -> None:
    args = monitoring_args(
        environment(
            monitoring={
                "receivers": [{**HOOK, "name": each} for each in ("all", "own")],
                "routes": [{"page": "all"}, {"team": "demo-team", "ticket": "own"}],
            }
        ),
        "local",
    )
    told = {
        (team, severity): resolved(args, team, severity)
        for team in ("demo-team", "another")
        for severity in ("page", "ticket")
    }
    assert told == {
        ("demo-team", "page"): "all",
        ("demo-team", "ticket"): "own",
        ("another", "page"): "all",
        ("another", "ticket"): None,
    }


def test_monitoring_can_be_another_clusters_own() -> None:
    own = {"cloud": "local", "context": "kind"}
    values = {"provider": own, "operators": {}, "monitoring": {"enabled": True}}
    assert environment(**values).monitored


def test_no_tenant_may_be_where_alertmanager_reads_routes_for_everybody() -> None:
    tenant = {"name": "monitoring", "owner": "a", "costCenter": "b"}
    with pytest.raises(InvalidFileError, match="reserved namespace"):
        environment(tenants=[tenant])


WRITTEN = {"url": "https://metrics.example.com/api/v1/write"}


@pytest.mark.parametrize(
    ("prometheus", "path", "says"),
    [
        ({"retentionDays": 7}, "retentionDays", "write 31 to 400"),
        ({"diskGb": 1}, "diskGb", "write 10 to 16000"),
        (
            {"remoteWrite": [{**WRITTEN, "login": "basic"}]},
            "remoteWrite[0]",
            "has login without the secret for it",
        ),
        (
            {"remoteWrite": [{**WRITTEN, "secret": {"cloudSecret": "a"}}]},
            "remoteWrite[0]",
            "a secret too many",
        ),
        (
            {"remoteWrite": [{"url": "https://user:hidden@example.com/write"}]},
            "remoteWrite[0].url",
            "belongs into login",
        ),
        ({"remoteWrite": [WRITTEN, WRITTEN]}, "remoteWrite", "is there twice"),
        ({"managed": {"retentionDays": 2000}}, "managed.retentionDays", "write 1 to 1095"),
    ],
)
def test_what_prometheus_could_not_keep_or_send_is_refused(
    prometheus: dict[str, Any], path: str, says: str
) -> None:
    asked = environment("dev-aws", monitoring={"prometheus": prometheus})
    with pytest.raises(InvalidFileError) as caught:
        checked_foundation(asked, "dev-aws")
    (found,) = caught.value.problems
    assert found.startswith(f"stanchion:monitoring.prometheus.{path}: ")
    assert says in found
    assert "hidden" not in found


def test_a_login_that_nothing_reads_is_refused() -> None:
    login = {**WRITTEN, "login": "bearer", "secret": {"cloudSecret": "dev-aws/writer"}}
    asked = environment(
        "dev-aws",
        operators={"enabled": ["kube-prometheus-stack"]},
        monitoring={"prometheus": {"remoteWrite": [login]}},
    )
    with pytest.raises(InvalidFileError, match=r"secret\.cloudSecret: is read by external-secrets"):
        checked_foundation(asked, "dev-aws")


def test_a_login_without_a_secret_is_told_in_the_files_own_words() -> None:
    refused = {**WRITTEN, "login": "bearer"}
    asked = environment("dev-aws", monitoring={"prometheus": {"remoteWrite": [refused]}})
    with pytest.raises(InvalidFileError) as caught:
        checked_foundation(asked, "dev-aws")
    (told,) = caught.value.problems
    assert "exactly one of secret.kubernetesSecret and secret.cloudSecret" in told


def test_one_machine_keeps_what_fits_it() -> None:
    with pytest.raises(InvalidFileError, match=r"monitoring\.prometheus: means nothing to"):
        environment(monitoring={"prometheus": {"retentionDays": 90}})
