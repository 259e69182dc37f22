"""The part of an environment file about monitoring: who is told of which alerts."""

from __future__ import annotations

from typing import Annotated, Self

from provider import LocalProvider, Provider
from pydantic import AfterValidator, Field, model_validator
from secret_source import SecretSource
from stanchion import ManagedPrometheus, MetricsStorage, RemoteWrite, RemoteWriteLogin
from stanchion.monitoring import RUNBOOKS, AlertLinks, unfit_address
from stanchion.monitoring.links import GRAFANA_EXAMPLE, RUNBOOKS_EXAMPLE
from validation import Label, ShortName, Strict, by_value

_Text = Annotated[str, Field(min_length=1, max_length=500)]


def _address(example: str) -> AfterValidator:
    """Refuses what no page's name can follow."""

    def fit(value: str) -> str:
        if unfit := unfit_address(value, example):
            raise ValueError("; ".join(unfit))
        return value

    return AfterValidator(fit)


def external_name(source: SecretSource, provider: Provider, environment: str) -> str | None:
    """Name in the cloud's secret manager, where the secret is kept there.

    A name without what the environment's secrets begin with gets that: no other can be read, and
    so the files of two clouds do not differ.
    """
    if source.cloud_secret is None or isinstance(provider, LocalProvider):
        return source.cloud_secret
    return provider.secret_name(environment, source.cloud_secret)


class SlackConfig(Strict):
    """A channel of Slack."""

    channel: _Text
    """Its name, as "#ml-alerts"."""
    webhook_url: SecretSource
    """Address of the incoming webhook; `key` defaults to url."""


class PagerDutyConfig(Strict):
    """A service of PagerDuty."""

    routing_key: SecretSource
    """Integration key of its Events API version 2; `key` defaults to routing-key."""


class WebhookConfig(Strict):
    """A program that takes alerts as Alertmanager posts them."""

    url: str | None = None
    """Address inside the cluster, as http://hook.demo.svc:8080/alerts."""
    url_secret: SecretSource | None = None
    """Address outside the cluster, in place of `url`; `key` defaults to url."""


class EmailConfig(Strict):
    """People by email, over TLS."""

    to: tuple[_Text, ...]
    """Their addresses."""
    sender: _Text
    """Address that it comes from."""
    smarthost: _Text
    """Mail server with its port for submission, as smtp.example.com:587."""
    username: _Text | None = None
    """Login at the mail server."""
    password: SecretSource | None = None
    """Its password; `key` defaults to password."""


class ReceiverConfig(Strict):
    """A name for one or several ways to tell somebody."""

    name: ShortName
    """Its name in routes."""
    slack: SlackConfig | None = None
    pagerduty: PagerDutyConfig | None = None
    webhook: WebhookConfig | None = None
    email: EmailConfig | None = None


class RouteConfig(Strict):
    """Who is told of a team's alerts."""

    team: Label | None = None
    """The team, as `owner` of its tenants says; default: all that have no route of their own, and
    for those that have one what it leaves out."""
    page: ShortName | None = None
    """Receiver of what somebody has to act on now."""
    ticket: ShortName | None = None
    """Receiver of what can wait for working hours."""


class RemoteWriteConfig(Strict):
    """Another store that gets every sample, as a managed Prometheus."""

    url: _Text
    """Its address for remote write, as https://metrics.example.com/api/v1/write."""
    login: Annotated[RemoteWriteLogin, by_value(RemoteWriteLogin)] | None = None
    """basic, with the secret's keys username and password, or bearer, with token; default: none."""
    secret: SecretSource | None = None
    """Where these are; goes with `login`, and has no `key`."""

    @model_validator(mode="after")
    def _keys_are_the_logins(self) -> Self:
        if self.secret is not None and self.secret.key is not None:
            raise ValueError("`secret.key` means nothing to a login, which has its own; remove it")
        return self

    def arguments(self, provider: Provider, environment: str) -> RemoteWrite:
        """It as `Operators` of the environment takes it."""
        args: RemoteWrite = {"url": self.url}
        if self.login is not None:
            args["login"] = self.login
        if self.secret is not None:
            if kept := external_name(self.secret, provider, environment):
                args["external_name"] = kept
            if self.secret.kubernetes_secret is not None:
                args["secret_name"] = self.secret.kubernetes_secret
        return args


class ManagedPrometheusConfig(Strict):
    """The cloud's managed Prometheus, which gets every sample; `{}` for its defaults.

    Our own goes on to evaluate rules, to alert, and to answer autoscalers and releases.
    """

    retention_days: int | None = None
    """Days for which it keeps them, 1 to 1095; on AWS alone, since Google Cloud keeps 24 months;
    default: 150."""

    def arguments(self) -> ManagedPrometheus:
        """It as `Operators` takes it."""
        return {} if self.retention_days is None else {"retention_days": self.retention_days}


class PrometheusConfig(Strict):
    """What Prometheus keeps."""

    retention_days: int | None = None
    """Days for which samples are kept, 31 to 400; default: 31."""
    disk_gb: int | None = None
    """GiB of each replica's volume, 10 to 16000; default: 50."""
    remote_write: tuple[RemoteWriteConfig, ...] = ()
    """Who else gets every sample."""
    managed: ManagedPrometheusConfig | None = None
    """The cloud's managed Prometheus as one more store; default: none."""

    def arguments(self, provider: Provider, environment: str) -> MetricsStorage:
        """It as `Operators` of the environment takes it."""
        stores = [each.arguments(provider, environment) for each in self.remote_write]
        args: MetricsStorage = {"remote_write": stores}
        if self.managed is not None:
            args["managed"] = self.managed.arguments()
        if self.retention_days is not None:
            args["retention_days"] = self.retention_days
        if self.disk_gb is not None:
            args["disk_gb"] = self.disk_gb
        return args


class MonitoringConfig(Strict):
    """Prometheus and Alertmanager of an environment."""

    enabled: bool | None = None
    """Whether Prometheus Operator's objects can be created, with Prometheus and Alertmanager in
    the namespace monitoring; default: whether `operators` brings them."""
    prometheus: PrometheusConfig | None = None
    """What Prometheus keeps; clouds alone."""
    receivers: tuple[ReceiverConfig, ...] = ()
    """Ways to tell somebody, by name."""
    routes: tuple[RouteConfig, ...] = ()
    """Who is told of whose alerts; in prod every team's pages have to reach somebody."""
    heartbeat: ShortName | None = None
    """Receiver of the alert that always fires, which calls for help when that stops coming."""
    runbooks: Annotated[_Text, _address(RUNBOOKS_EXAMPLE)] | None = None
    """Address at which docs/runbooks is published, as
    https://git.example.com/ml/platform/blob/main/docs/runbooks: every alert links to its page
    there; default: none, and alerts name the page's file in this repository."""
    grafana_url: Annotated[_Text, _address(GRAFANA_EXAMPLE)] | None = None
    """Address of Grafana, as https://grafana.example.com: alerts link to their dashboards there;
    default: none, and alerts have what follows it."""

    @property
    def links(self) -> AlertLinks:
        """Where alerts lead, for components whose alerts have a dashboard."""
        links: AlertLinks = {"runbooks": self.runbooks or RUNBOOKS}
        if self.grafana_url is not None:
            links["grafana_url"] = self.grafana_url
        return links

    def link(self, args: AlertLinks) -> None:
        """Write them into a component's arguments."""
        args.update(self.links)
