"""Names that Kubernetes accepts, derived the same way everywhere."""

import hashlib
import re

DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
LONGEST_LABEL = 63


def short_hash(text: str) -> str:
    """Eight hexadecimal digits that change when `text` does."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def label_value(text: str) -> str:
    """`text` as a label value: itself where legal, else made legal and told apart by a hash."""
    if len(text) <= LONGEST_LABEL and LABEL_VALUE.fullmatch(text):
        return text
    digest = short_hash(text)
    legal = re.sub(r"[^-A-Za-z0-9_.]+", "-", text)[: LONGEST_LABEL - len(digest) - 1].strip("-_.")
    return f"{legal}-{digest}" if legal else digest


def service_host(name: str, namespace: str) -> str:
    """The full in-cluster host name of a Service."""
    return f"{name}.{namespace}.svc.cluster.local"


def service_hosts(name: str, namespace: str) -> list[str]:
    """Every in-cluster host name that resolves to a Service, shortest first."""
    return [name, f"{name}.{namespace}", f"{name}.{namespace}.svc", service_host(name, namespace)]
