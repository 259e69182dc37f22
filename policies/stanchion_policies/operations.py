"""What a model service, a training job and a feature store owe those who run them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.inference import is_training, model_servers, serves_llm
from stanchion_policies.kubernetes import REPLICATED, WORKLOADS, KubernetesObject
from stanchion_policies.reading import entries, filled, items, number, present, text
from stanchion_policies.rules import Settings, Severity, integer, object_policy, strings

PREDICTION_LOG = re.compile(r"PREDICTION_LOG\w*?_(?:URI|URL|PATH|BUCKET|DESTINATION|TOPIC)$")
RETENTION = re.compile(r"PREDICTION_LOG\w*_(?:RETENTION|TTL|DAYS)\w*$")
PERSONAL = (
    "address",
    "birthdate",
    "birthday",
    "email",
    "firstname",
    "iban",
    "ip",
    "lastname",
    "mail",
    "msisdn",
    "passport",
    "phone",
    "ssn",
    "street",
    "surname",
    "telephone",
    "username",
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
REDACTION = re.compile(r"PREDICTION_LOG\w*_(?:REDACT|PII|MASK|FIELDS|EXCLUDE)\w*$")


@object_policy(
    "cost-labels",
    kinds=WORKLOADS,
    severity=Severity.LOW,
    fix="Label the pod template with who pays, so that its cost is found again.",
    settings={
        "labels": strings("Labels of pods by which cost is told.", "stanchion.dev/cost-center")
    },
)
def cost_labels(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """The cost of a pod can be told whose it is."""
    if item.pod is None:
        return
    missing = [label for label in settings.strings("labels") if not filled(item.pod.labels, label)]
    if missing:
        yield f"the pod's labels lack {', '.join(missing)}"


@object_policy(
    "training-job-bounded",
    kinds=("Job", "CronJob"),
    severity=Severity.MEDIUM,
    fix="Set ttlSecondsAfterFinished and a low backoffLimit, and MLFLOW_TRACKING_URI in the "
    "container's environment.",
    settings={"retries": integer("Tries after the first at most.", 6)},
)
def training_job_bounded(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A training job is tidied up, gives up in the end, and is recorded."""
    if not is_training(item) or item.pod is None:
        return
    path = ("spec", "jobTemplate", "spec") if item.kind == "CronJob" else ("spec",)
    spec = entries(item.body, *path)
    own = item.kind == "Job" and not items(item.body, "metadata", "ownerReferences")
    if own and not present(spec, "ttlSecondsAfterFinished"):
        yield "has no ttlSecondsAfterFinished, so it and its pods stay for ever"
    # Of an indexed job each part has tries of its own, and the sum says nothing.
    each = "backoffLimitPerIndex"
    limit = each if present(spec, each) else "backoffLimit"
    if number(spec, limit, default=6) > settings.integer("retries") or not present(spec, limit):
        yield f"has no {limit} of at most {settings.integer('retries')}"
    named = {name for container in item.pod.main for name, _ in container.env}
    from_elsewhere = any(present(container.body, "envFrom") for container in item.pod.main)
    if "MLFLOW_TRACKING_URI" not in named and not from_elsewhere:
        yield "has no env MLFLOW_TRACKING_URI, so its run is not recorded"


@object_policy(
    "prediction-log-kept",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Say beside the log's destination how long it is kept and which fields are left out, and "
    "hash or leave out what names a person.",
    settings={
        "personal": strings(
            "Words in the names of columns that are not to be logged as they are.",
            *PERSONAL,
        )
    },
)
def prediction_log_kept(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A log of predictions has an end, and holds no personal data as it came."""
    for container in item.pod.main if item.pod else ():
        env = dict(container.env)
        if not any(PREDICTION_LOG.search(name) and _given(env[name]) for name in env):
            continue
        for pattern, what in ((RETENTION, "retention"), (REDACTION, "redaction of personal data")):
            if not any(pattern.search(name) and _given(env[name]) for name in env):
                yield f"{container.title} logs predictions and states no {what}"
        raw = [name for name in _kept(env) if {*_words(name)} & {*settings.strings("personal")}]
        if raw:
            yield f"{container.title} logs {', '.join(raw)} as it comes, which names a person"


def _kept(env: Mapping[str, Any]) -> Iterator[str]:
    """Columns that a model server's log keeps as they are, where its settings can be read."""
    for name, entry in env.items():
        if not REDACTION.search(name):
            continue
        try:
            told = json.loads(text(entry, "value"))
        except ValueError:
            continue
        listed = told.get("keep", []) if isinstance(told, dict) else []
        yield from (each for each in listed if isinstance(each, str))


def _words(column: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(column)]


def _given(entry: Any) -> bool:
    return filled(entry, "value") or present(entry, "valueFrom")


@object_policy(
    "llm-guarded",
    kinds=REPLICATED,
    severity=Severity.MEDIUM,
    fix="Annotate the service with its guardrail and the run that evaluated its model.",
    settings={
        "annotations": strings(
            "Annotations that a language model's service must have.",
            "stanchion.dev/guardrail",
            "stanchion.dev/evaluation",
        )
    },
)
def llm_guarded(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A language model is served behind a guardrail, and was evaluated."""
    if not any(serves_llm(container) for container in model_servers(item)) or item.pod is None:
        return
    missing = [
        name
        for name in settings.strings("annotations")
        if not any(
            filled(place, "metadata", "annotations", name)
            for place in (item.pod.template, item.body)
        )
    ]
    if missing:
        yield f"serves a language model without the annotations {', '.join(missing)}"


@object_policy(
    "feature-store-durable",
    kinds=("FeatureStore", "ConfigMap"),
    severity=Severity.MEDIUM,
    fix="Keep features in a database or on a persistent volume, and give online features a time "
    "to live (key_ttl_seconds).",
)
def feature_store_durable(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A feature store survives its pod, and forgets what is old."""
    if item.kind == "ConfigMap":
        config = text(entries(item.body, "data"), "feature_store.yaml")
        online = config.partition("online_store:")[2]
        if re.search(r"type:\s*redis", online) and "key_ttl_seconds" not in online:
            yield "feature_store.yaml sets no key_ttl_seconds, so online features never expire"
        return
    for service in ("onlineStore", "offlineStore"):
        kept = entries(item.body, "spec", "services", service, "persistence")
        if present(kept, "file") and not present(kept, "file", "pvc"):
            yield f"spec.services.{service}.persistence.file has no pvc and ends with its pod"
