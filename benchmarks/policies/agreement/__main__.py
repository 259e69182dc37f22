"""`python -m benchmarks.policies.agreement TOOL=DIR …`: the pack against others' own test cases.

A tool's cases are what its own tests expect of it: DIR is a checkout of its repository. For each
check that a policy of the pack covers, every case is put before that policy. Recall is the share
of violations that it finds, the false-positive rate the share of clean cases in which it finds
one. Every disagreement is printed; `docs/decisions/0007-where-peers-disagree.md` gives the reasons.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.policies.agreement import (
    admission,
    checkov,
    kube_linter,
    kube_score,
    kubescape,
    kyverno,
    polaris,
    trivy,
)
from benchmarks.policies.agreement.labels import Label, found

PEERS = {
    "admission": admission,
    "checkov": checkov,
    "kube-linter": kube_linter,
    "kube-score": kube_score,
    "kubescape": kubescape,
    "kyverno": kyverno,
    "polaris": polaris,
    "trivy": trivy,
}
RECALL, FALSE_POSITIVES = 0.97, 0.02
"""The targets: at least, at most."""


class Judgement(NamedTuple):
    """A label, and what the pack says to it."""

    peer: str
    label: Label
    messages: list[str]

    @property
    def agrees(self) -> bool:
        """Whether the pack says what the label says."""
        return bool(self.messages) == self.label.violated


def main() -> int:
    """Measure, print; exit status 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs="+", metavar="TOOL=DIR", help=", ".join(PEERS))
    parser.add_argument("--quiet", action="store_true", help="the totals alone")
    options = parser.parse_args()
    judgements: list[Judgement] = []
    for checkout in options.checkouts:
        peer, _, folder = checkout.partition("=")
        judgements += judged(peer, Path(folder))
    console = Console()
    for each in judgements if not options.quiet else ():
        if not each.agrees:
            said = each.messages[0] if each.messages else "nothing"
            console.print(
                f"{each.peer} {each.label.check} {each.label.title}: {said}", markup=False
            )
    console.print(table(judgements))
    recall, wrong = rates(judgements)
    return 0 if recall >= RECALL and wrong <= FALSE_POSITIVES else 1


def judged(peer: str, folder: Path) -> Iterator[Judgement]:
    """Every case of the checks that the pack covers."""
    module = PEERS[peer]
    for label in module.labels(folder):
        if label.check in module.POLICIES:
            yield Judgement(peer, label, found(label, module.POLICIES[label.check]))


def rates(judgements: list[Judgement]) -> tuple[float, float]:
    """Recall, and the share of clean cases in which something was found."""
    count = Counter((each.label.violated, bool(each.messages)) for each in judgements)
    violated = count[True, True] + count[True, False]
    clean = count[False, True] + count[False, False]
    return count[True, True] / max(violated, 1), count[False, True] / max(clean, 1)


def table(judgements: list[Judgement]) -> Table:
    """Figures for each tool, and in all."""
    made = Table("tool", "checks", "violations", "recall", "clean", "false positives")
    for peer in [*PEERS, "all"]:
        mine = [each for each in judgements if peer in {each.peer, "all"}]
        if mine:
            recall, wrong = rates(mine)
            checks = {(each.peer, each.label.check) for each in mine}
            violations = sum(each.label.violated for each in mine)
            clean = len(mine) - violations
            figures = [len(checks), violations, f"{recall:.1%}", clean, f"{wrong:.1%}"]
            made.add_row(peer, *map(str, figures))
    return made


if __name__ == "__main__":
    sys.exit(main())
