"""What every format shows: one environment's resources, changes, findings and verdict.

Secrets are masked on the way in, so no format can show one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stanchion_cli.errors import StanchionError
from stanchion_cli.policies.model import PROD, Finding
from stanchion_cli.preview.model import LogLine, Preview, Resource, TypeProblem
from stanchion_cli.preview.urn import name_of
from stanchion_cli.report.changes import Change, PropertyChange, changes, differences
from stanchion_cli.report.exemptions import ExemptionUse, uses_of_exemptions
from stanchion_cli.report.masking import MASKED_SECRET, MASKED_UNKNOWN, masked, unknowns_in
from stanchion_cli.report.place import Place

if TYPE_CHECKING:
    from stanchion_cli.estimate import Estimate

Rank = tuple[bool, bool, int]
"""What comes first in reports is the lowest: see `rank_of`."""


@dataclass(frozen=True, slots=True)
class Node:
    """A resource in the tree, its inputs masked."""

    urn: str
    type: str
    name: str
    custom: bool
    external: bool
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    dependencies: tuple[str, ...]
    provider: str | None
    children: tuple[Node, ...] = ()

    @property
    def title(self) -> str:
        """`Deployment demo/web`: the object's own name where there is one."""
        metadata = self.inputs.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        if not isinstance(metadata, Mapping) or name in (None, MASKED_UNKNOWN, MASKED_SECRET):
            return self.name
        return f"{metadata['namespace']}/{name}" if metadata.get("namespace") else str(name)

    @property
    def kind(self) -> str:
        """The last part of the type, `Deployment`."""
        if self.type.startswith("pulumi:providers:"):
            return "Provider"
        return self.type.rsplit(":", 1)[-1]

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Failure:
    """An environment or a file that could not be read, with the message a person gets."""

    environment: str
    message: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """What a policy changed in a resource, property by property, masked."""

    policy: str
    urn: str
    properties: tuple[PropertyChange, ...]


class Those(Collection[Finding]):
    """The findings of which something holds; gone through anew each time, never held."""

    def __init__(self, findings: Collection[Finding], holds: Callable[[Finding], bool]) -> None:
        self._findings, self._holds = findings, holds

    def __iter__(self) -> Iterator[Finding]:
        """One after the other."""
        return filter(self._holds, self._findings)

    def __len__(self) -> int:
        """How many there are."""
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(True for _ in self)

    def __contains__(self, finding: object) -> bool:
        """Whether it is one of them."""
        return any(each == finding for each in self)


@dataclass(frozen=True, slots=True)
class Report:
    """One environment, or the files that were checked.

    `size` says what was looked at, where that is not the tree. `changes` is None where no base was
    asked for; `base_note` says why a base could not be compared with. `estimate` is None where
    nothing with a price is declared, as in `local`.
    """

    environment: str
    project: str
    profile: str
    tree: tuple[Node, ...]
    kinds: Mapping[str, int]
    outputs: Mapping[str, Any]
    findings: Collection[Finding]
    problems: tuple[TypeProblem, ...]
    log: tuple[LogLine, ...]
    policies: int
    policies_run: bool
    unknowns: int
    exemptions: tuple[ExemptionUse, ...] = ()
    mended: tuple[Mended, ...] = ()
    skipped_hooks: tuple[str, ...] = ()
    base: str = ""
    base_note: str = ""
    changes: tuple[Change, ...] | None = None
    size: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    estimate: Estimate | None = None
    base_estimate: Estimate | None = None

    @property
    def nodes(self) -> list[Node]:
        """Every resource, parents before children."""
        return [node for root in self.tree for node in root.walk()]

    @property
    def mandatory(self) -> Collection[Finding]:
        """Violations that stop a deployment, worst first."""
        return Those(self.findings, lambda f: f.enforced and f.violates)

    @property
    def undecided(self) -> Collection[Finding]:
        """Checks that met a value nobody knows before deployment."""
        return Those(self.findings, lambda f: f.undecided)

    @property
    def advisory(self) -> Collection[Finding]:
        """Violations that are only reported."""
        return Those(self.findings, lambda f: not f.enforced and f.violates)

    @property
    def exempted(self) -> Collection[Finding]:
        """What exemptions cover."""
        return Those(self.findings, lambda f: f.exemption is not None)

    @property
    def refused_undecided(self) -> Collection[Finding]:
        """Undecided checks that stop a deployment: in prod, mandatory ones that may not wait."""
        found = self.undecided if self.profile == PROD else ()
        return Those(found, lambda f: f.enforced and not f.may_wait)

    @property
    def failed(self) -> bool:
        """Whether this environment must not be deployed as it is.

        A mandatory violation, an input that the provider would refuse, or, in prod, a mandatory
        check that could not be decided and may not wait for the deployment.
        """
        return bool(self.mandatory or self.problems or self.refused_undecided)

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        counts = {
            "mandatory violation": 0,
            "type problem": len(self.problems),
            "undecided check": 0,
            "advisory finding": 0,
            "exempted finding": 0,
        }
        for finding in self.findings:  # once, since they may not all be in memory
            counts["mandatory violation"] += finding.violates and finding.enforced
            counts["undecided check"] += finding.undecided
            counts["advisory finding"] += finding.violates and not finding.enforced
            counts["exempted finding"] += finding.exemption is not None
        said = [f"{count} {name}{'s' * (count > 1)}" for name, count in counts.items() if count]
        return ", ".join(said) or ("clean" if self.policies_run else "clean; no policies were run")

    def message(self, finding: Finding) -> str:
        """What a finding says, without the object's name where it begins with that."""
        return finding.message.removeprefix(f"{self.about(finding)}: ")

    def about(self, finding: Finding) -> str:
        """How messages name what a finding is about; empty where that is the whole stack."""
        return finding.title or (self.title(finding.urn) if finding.urn else "")

    def title(self, urn: str) -> str:
        """How messages name a resource: `Deployment demo/web`."""
        return self.titles.get(urn) or (name_of(urn) if urn.count("::") >= 3 else urn)


def report_on(
    preview: Preview, *, base: Preview | None = None, base_ref: str = "", base_note: str = ""
) -> Report:
    """The report on a preview, compared with another where one is given.

    Args:
        preview: What is planned.
        base: The same environment at another commit.
        base_ref: What the person called that commit; empty means that nothing is compared.
        base_note: Why there is no base to compare with, though one was asked for.

    Raises:
        StanchionError: The capacity that the environment declares is malformed.
    """
    resources = preview.resources
    compared = None
    if base_ref and (base is not None or not base_note):
        compared = changes(base.resources if base else (), resources, masked)
    tree = _tree(resources)
    nodes = [node for root in tree for node in root.walk()]
    return Report(
        environment=preview.environment,
        project=preview.project,
        profile=preview.profile,
        tree=tree,
        kinds=dict(Counter(n.kind for n in nodes if n.custom).most_common()),
        outputs=masked(preview.outputs),
        findings=ranked(preview.findings),
        problems=preview.problems,
        log=preview.log,
        policies=len(preview.policies),
        policies_run=preview.policies_run,
        exemptions=uses_of_exemptions(preview.policies, preview.findings),
        mended=tuple(
            Mended(each.policy, each.urn, differences(each.before, each.after, masked))
            for each in preview.remedied
        ),
        unknowns=sum(unknowns_in(resource.inputs) for resource in resources),
        skipped_hooks=preview.skipped_hooks,
        base=base_ref,
        base_note=base_note,
        changes=compared,
        titles={node.urn: f"{node.kind} {node.title}" for node in nodes},
        estimate=_estimate(preview),
        base_estimate=_base_estimate(base),
    )


def _estimate(preview: Preview) -> Estimate | None:
    if preview.outputs.get("capacity") is None:
        return None  # without reading the catalogue
    from stanchion_cli.estimate import estimate_of

    return estimate_of(preview)


def _base_estimate(base: Preview | None) -> Estimate | None:
    """The base's, unless it was declared in a form of its own time."""
    try:
        return None if base is None else _estimate(base)
    except StanchionError:
        return None


def _tree(resources: Sequence[Resource]) -> tuple[Node, ...]:
    below: dict[str | None, list[Resource]] = {}
    known = {resource.urn for resource in resources}
    for resource in resources:
        below.setdefault(resource.parent if resource.parent in known else None, []).append(resource)

    def node(resource: Resource) -> Node:
        return Node(
            urn=resource.urn,
            type=resource.type,
            name=resource.name,
            custom=resource.custom,
            external=resource.external,
            inputs=masked(resource.inputs),
            options=options_of(resource),
            dependencies=resource.dependencies,
            provider=resource.provider,
            children=tuple(node(child) for child in below.get(resource.urn, ())),
        )

    return tuple(node(resource) for resource in below.get(None, ()))


def options_of(resource: Resource) -> dict[str, Any]:
    """The options that differ from the engine's defaults, the SDK's version aside."""
    options = resource.options
    shown = {
        name: getattr(options, name)
        for name in options.__dataclass_fields__
        if name != "version" and getattr(options, name) not in (None, False, (), {})
    }
    return {key: list(v) if isinstance(v, tuple) else v for key, v in shown.items()}


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order of reports: what refuses first, then the worst, then as they came."""
    return tuple(sorted(findings, key=rank_of))


def rank_of(finding: Finding) -> Rank:
    """Where findings come in reports: the lowest first."""
    severities = ["critical", "high", "medium", "low"]
    severity = str(finding.severity)
    position = severities.index(severity) if severity in severities else len(severities)
    return finding.undecided, not finding.enforced, position
