"""A client for a policy pack over the engine's own Analyzer protocol.

The pack runs as its own process, started, configured and asked exactly as the engine does, so a
policy decides here what it decides in `pulumi up --policy-pack`. What the engine leaves out is
added: configuration files are validated, and a policy that met an unknown value is reported as
*undecided* at the level it has, where the engine only prints an advisory note.

Not done here: deciding what a finding means for an exit status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stanchion_cli.policies.config import read_config
from stanchion_cli.policies.model import (
    AnalyzedResource,
    Exemption,
    Finding,
    Level,
    PolicyError,
    PolicyInfo,
    Remediation,
    Severity,
)

if TYPE_CHECKING:
    from stanchion_cli.policies.pack import PolicyPack

__all__ = [
    "AnalyzedResource",
    "Exemption",
    "Finding",
    "Level",
    "PolicyError",
    "PolicyInfo",
    "PolicyPack",
    "Remediation",
    "Severity",
    "read_config",
]


def __getattr__(name: str) -> Any:
    """The client itself, which loads gRPC, when it is asked for."""
    if name == "PolicyPack":
        from stanchion_cli.policies.pack import PolicyPack

        return PolicyPack
    raise AttributeError(name)
