"""The charts that environments install, each pinned with where its facts come from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

FILE = "charts.lock.yaml"
EXACT = re.compile(r"v?\d+\.\d+\.\d+")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MINOR = re.compile(r"(\d+)\.(\d+)")


class Crds(StrEnum):
    """How a chart's custom resource definitions come to the cluster."""

    CHART = "chart"
    """In a chart of their own, installed before."""
    TEMPLATES = "templates"
    """With the release, which keeps and upgrades them."""
    BUNDLED = "bundled"
    """With the first install; Helm does not upgrade them."""
    NONE = "none"
    """It has none."""


@dataclass(frozen=True)
class Range:
    """Minor versions of Kubernetes, both ends included."""

    first: str
    last: str | None = None
    """None where there is no end."""

    def __str__(self) -> str:
        if self.last is None:
            return f"{self.first} or newer"
        return self.first if self.first == self.last else f"{self.first} to {self.last}"

    def __contains__(self, version: str) -> bool:
        if _minor(version) < _minor(self.first):
            return False
        return self.last is None or _minor(version) <= _minor(self.last)


@dataclass(frozen=True)
class Chart:
    """One pinned chart."""

    name: str
    repository: str
    """Where it is, with https:// or oci://, its own name left out."""
    version: str
    app_version: str
    digest: str | None
    """sha256: and 64 hexadecimal digits; None where `digest_reason` says why."""
    crds: Crds
    kubernetes: Range
    """Minor versions of Kubernetes that chart or makers state."""
    source: str
    date: str
    digest_of: str | None = None
    """What the digest is of: archive or manifest."""
    digest_source: str | None = None
    digest_reason: str | None = None
    tested: Range | None = None
    """Those that its makers test, where that is less."""
    crd_chart: str | None = None
    """The chart of its definitions, where they have one."""
    deprecated: bool = False


class LockError(ValueError):
    """The lock file cannot be read as one."""


@dataclass(frozen=True)
class Finding:
    """Something about a chart that is not as it should be."""

    chart: str
    reason: str
    fix: str
    wrong: bool = True
    """False where it is only worth knowing."""

    def __str__(self) -> str:
        return f"{self.chart}: {self.reason}; {self.fix}"


def parse(text: str) -> tuple[Chart, ...]:
    """The charts of a lock file.

    Raises:
        LockError: where it is no YAML, or an entry lacks a field or has an unknown one.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where else ""
        raise LockError(f"{line}is no YAML") from None
    entries = document.get("charts") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise LockError("has no list named charts")
    return tuple(_chart(at, entry) for at, entry in enumerate(entries))


def _chart(at: int, entry: Any) -> Chart:
    if not isinstance(entry, Mapping):
        raise LockError(f"charts[{at}]: is no mapping")
    unknown = sorted(set(map(str, entry)) - set(Chart.__dataclass_fields__))
    if unknown:
        raise LockError(f"charts[{at}].{unknown[0]}: is no field")
    for field in ("name", "repository", "version", "app_version", "digest", "crds", *_SOURCED):
        if field not in entry:
            raise LockError(f"charts[{at}].{field}: is missing")
    if entry["crds"] not in list(Crds):
        raise LockError(f"charts[{at}].crds: '{entry['crds']}' is none of {', '.join(Crds)}")
    texts = {key: str(entry[key]) for key in ("version", "app_version", "date")}
    tested = entry.get("tested")
    return Chart(
        **{
            **entry,
            **texts,
            "crds": Crds(entry["crds"]),
            "kubernetes": _range(f"charts[{at}].kubernetes", entry["kubernetes"]),
            "tested": None if tested is None else _range(f"charts[{at}].tested", tested),
        }
    )


_SOURCED = ("kubernetes", "source", "date")


def _range(where: str, given: Any) -> Range:
    if not isinstance(given, Mapping) or not {"from"} <= set(given) <= {"from", "to"}:
        raise LockError(f"{where}: is not a mapping of from and to")
    for end, version in given.items():
        if not isinstance(version, str) or not MINOR.fullmatch(version):
            raise LockError(
                f"{where}.{end}: '{version}' is no minor version in quotes, as \"1.35\""
            )
    return Range(given["from"], given.get("to"))


@cache
def charts() -> Mapping[str, Chart]:
    """The package's own lock file, by the names of the charts."""
    text = (files("stanchion.operators") / FILE).read_text(encoding="utf-8")
    return {chart.name: chart for chart in parse(text)}


def findings(locked: Sequence[Chart], kubernetes: str | None = None) -> list[Finding]:
    """What is wrong with a lock file, by itself and for a version of Kubernetes.

    Args:
        locked: The charts.
        kubernetes: Minor version of an environment's Kubernetes, as 1.35; None for no such check.
    """
    names = [chart.name for chart in locked]
    found = [
        Finding(name, "is there twice", "keep one")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    for chart in locked:
        found += _pinned(chart, names)
        found += _digest(chart)
        if kubernetes is not None:
            found += _compatible(chart, kubernetes)
    return found


def _pinned(chart: Chart, names: Sequence[str]) -> list[Finding]:
    problems = [
        (
            not EXACT.fullmatch(chart.version),
            f"version '{chart.version}' is not exact",
            "write one release, as 1.2.3",
        ),
        (
            not chart.repository.startswith(("https://", "oci://")),
            f"repository '{chart.repository}' is neither https nor oci",
            "write its address",
        ),
        (
            chart.deprecated,
            "is deprecated by its makers",
            "choose what they name instead",
        ),
        (
            (chart.crds is Crds.CHART) != (chart.crd_chart is not None),
            "crds and crd_chart disagree",
            "name crd_chart where crds is chart, and only there",
        ),
        (
            chart.crd_chart is not None and chart.crd_chart not in names,
            f"crd_chart '{chart.crd_chart}' is not in the file",
            "add it",
        ),
    ]
    return [Finding(chart.name, reason, fix) for there, reason, fix in problems if there]


def _digest(chart: Chart) -> list[Finding]:
    if chart.digest is None and not chart.digest_reason:
        return [Finding(chart.name, "digest is null without digest_reason", "say why it is")]
    if chart.digest is None:
        return [
            Finding(
                chart.name,
                f"has no digest: {chart.digest_reason}",
                "take it from a pull of your own, as helm pull prints it",
                wrong=False,
            )
        ]
    if not DIGEST.fullmatch(chart.digest):
        return [
            Finding(
                chart.name,
                f"digest '{chart.digest}' is no SHA-256",
                "write sha256: and 64 hexadecimal digits",
            )
        ]
    if chart.digest_of not in {"archive", "manifest"}:
        return [
            Finding(chart.name, f"digest_of is '{chart.digest_of}'", "write archive or manifest")
        ]
    return []


def _compatible(chart: Chart, kubernetes: str) -> list[Finding]:
    if kubernetes not in chart.kubernetes:
        return [
            Finding(
                chart.name,
                f"{chart.version} is for Kubernetes {chart.kubernetes}, not {kubernetes}",
                "pin the release of the chart that goes with the cluster",
            )
        ]
    if chart.tested is not None and kubernetes not in chart.tested:
        return [
            Finding(
                chart.name,
                f"{chart.version} is tested by its makers on Kubernetes {chart.tested}, "
                f"not on {kubernetes}",
                "try it in dev first",
                wrong=False,
            )
        ]
    return []


def _minor(version: str) -> tuple[int, int]:
    found = MINOR.match(version)
    if found is None:
        raise ValueError(version)
    return int(found.group(1)), int(found.group(2))
