"""Exemptions in reports: every one that is configured, and what it covers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stanchion_cli.policies.model import Exemption, Finding, PolicyInfo


@dataclass(frozen=True, slots=True)
class ExemptionUse:
    """An exemption of the environment and how many findings it covers."""

    exemption: Exemption
    findings: int

    @property
    def effect(self) -> str:
        """What it does, in a few words."""
        if not self.findings:
            return "covers nothing: remove it"
        return f"covers {self.findings} finding{'s' * (self.findings > 1)}"


def uses_of_exemptions(
    policies: Iterable[PolicyInfo], findings: Iterable[Finding]
) -> tuple[ExemptionUse, ...]:
    """Every exemption that the policies are configured with, in their order."""
    exemptions = [exemption for policy in policies for exemption in policy.exemptions]
    used = Counter(finding.exemption for finding in findings) if exemptions else Counter()
    return tuple(ExemptionUse(exemption, used[exemption]) for exemption in exemptions)
