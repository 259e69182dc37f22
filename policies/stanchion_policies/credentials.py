"""Credentials where everybody who may look at an object can read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject
from stanchion_policies.reading import entries, filled, get, items, known, present
from stanchion_policies.rules import Settings, Severity, cis, object_policy

_STRONG = r"PASSWORD|PASSWD|PASSPHRASE|API[_-]?KEY|ACCESS[_-]?KEY|SECRET[_-]?KEY|PRIVATE[_-]?KEY"
_WORD = r"[_.-]|(?<=[a-z])(?=(?-i:[A-Z]))"
NAMES = re.compile(
    rf"(?<!BOS)(?<!EOS)(?<!PAD)(?<!UNK)(?<!SEP)(?<!CLS)(?<!MASK)(?<!STOP)(?:^|{_WORD})"
    rf"(?:{_STRONG}|PWD|SECRET|TOKEN|CREDENTIALS?|KEY[_-]?CONTENT|CONNECTION[_-]?STRING"
    r"|(?:SIGNING|ENCRYPTION|ACCOUNT|BATCH|STORAGE)[_-]?KEY)$",
    re.IGNORECASE,
)
"""Names that end in what they hold; `TOKEN_TTL`, `PASSWORD_FILE` and `PAD_TOKEN` do not."""

_ABOUT = (
    "NAME|NAMESPACE|FILE|PATH|DIR|MOUNT|REF|ARN|STORE|BACKEND|ENGINE|PROVIDER|MANAGER|SERVICE|HOST|"
    "PORT|URL|URI|REGION|PREFIX|VERSION|TYPE|POLICY|TTL|LENGTH|ROTATION|ENABLED"
)
BEGINNINGS = re.compile(
    rf"(?:^|.*_)(?:SECRET|PASSWORD)_(?!(?:.*_)?(?:{_ABOUT})$)[A-Z0-9_]+", re.IGNORECASE
)
"""Names that begin with what they hold: `SECRET_KEY_BASE`; `SECRET_NAME` is about one."""

ASSIGNMENT = re.compile(
    rf"""(?:^|[\s"'])-{{0,2}}((?:[\w.-]*(?:{_WORD}))?(?:{_STRONG}))\s*(?:=|:\s)\s*"""
    r"""(?P<quote>["']?)([^\s"';&()\[\]{}$<>]+)(?P=quote)(?=[\s;&"']|$)""",
    re.IGNORECASE | re.MULTILINE,
)
"""`--db-password=…`, `PASSWORD=…` in a script, `password: …` in a file: unmistakable names only."""

VALUES = {
    "a private key": re.compile(r"-BEGIN [A-Z ]*PRIVATE KEY-", re.IGNORECASE),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{22,})"),
    "a Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a Hugging Face token": re.compile(r"\bhf_[0-9A-Za-z]{30,}"),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
    "a bearer token": re.compile(r"^\s*(?:Bearer|Basic)\s+[\w.~+/-]{8,}=*\s*$", re.IGNORECASE),
    "a JSON web token": re.compile(r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\."),
    "a password in a URL": re.compile(
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]*:[^\s/@$<{]+@", re.IGNORECASE
    ),
}
HARMLESS = re.compile(r"|true|false|none|null|\d{1,4}|/[\w./-]+|\$\(\w+\)|\$\{\w+\}", re.IGNORECASE)
"""Values that are no secret whatever their name: switches, small numbers, paths, references."""


def _reason(name: str, value: Any) -> str | None:
    """Why a named value looks like a credential; never the value itself."""
    text = value if isinstance(value, str) else str(value)
    for what, pattern in VALUES.items():
        if pattern.search(text):
            return f"holds what looks like {what}"
    assigned = [match for match in ASSIGNMENT.finditer(text) if not HARMLESS.fullmatch(match[3])]
    if assigned:
        return f"sets {assigned[0][1]} in the clear"
    if _is_named(name) and not HARMLESS.fullmatch(text):
        return "has a credential's name and a value in the clear"
    return None


def _is_named(name: str) -> bool:
    """Whether a name is a credential's."""
    return bool(NAMES.search(name) or BEGINNINGS.fullmatch(name))


@object_policy(
    "no-credentials-in-clear",
    kinds={*WORKLOADS, "ConfigMap"},
    severity=Severity.CRITICAL,
    fix="Put the value into a Secret from a Pulumi secret or the cloud's secret manager, and mount "
    "it as a file. If it was ever real, change it: it is in the history.",
)
def credentials_in_clear(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """No credential stands in an environment variable, an argument or a ConfigMap."""
    if item.is_a("ConfigMap"):
        yield from _in_entries("data", entries(item.body, "data"))
    for container in item.pod.containers() if item.pod else ():
        for name, entry in container.env:
            # What another resource computes was typed by nobody; under such a name it may be one.
            read = get if _is_named(name) else known
            reason = _reason(name, read(entry, "value", default=""))
            if reason:
                yield f"{container.title} env {name} {reason}"
        previous = ""
        for word in container.words():
            reason = _reason(previous, word)
            if reason:
                yield f"{container.title} argument {reason}"
            previous = word.lstrip("-") if word.startswith("--") and "=" not in word else ""


def _in_entries(field: str, data: Mapping[str, Any]) -> Iterator[str]:
    for key in data:
        reason = _reason(key, data[key])
        if reason:
            yield f"{field}.{key} {reason}"


@object_policy(
    "secrets-as-files",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Mount the Secret as a volume and read the file: an environment is inherited by every "
    "child process and printed by many a crash report.",
    framework=cis("5.4.1"),
)
def secrets_as_files(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Secrets reach a container as files, not as environment variables."""
    for container in item.pod.containers() if item.pod else ():
        for name, entry in container.env:
            if present(entry, "valueFrom") and filled(entry, "valueFrom", "secretKeyRef"):
                yield f"{container.title} env {name} comes from a Secret; mount it as a file"
        for source in items(container.body, "envFrom"):
            if present(source, "secretRef"):
                yield f"{container.title} takes a whole Secret into its environment by envFrom"
