"""`stanchion check`: the policy pack over plain manifests, without an engine or a checkout."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.errors import Exit, InputError
from stanchion_cli.progress import console
from stanchion_cli.report.form import CheckFormat, Format
from stanchion_cli.report.output import put

if TYPE_CHECKING:
    from stanchion_cli.check.files import Manifests
    from stanchion_cli.policies.model import PolicyInfo
    from stanchion_cli.report.model import Report

_MANIFESTS = "manifests"


class Profile(StrEnum):
    """The profiles that the pack has levels and settings for."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


def check(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, - for standard input.")
    ],
    *,
    environment: Annotated[
        Profile, typer.Option(help="Whose levels and settings: those of the checkout, or ours.")
    ] = Profile.PROD,
    policy_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file with levels and settings, in their stead."),
    ] = None,
    form: Annotated[CheckFormat, typer.Option("--format", help="How to write it.")] = (
        CheckFormat.TEXT
    ),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here.")
    ] = None,
) -> None:
    """Hold Kubernetes manifests to the policy pack: YAML or JSON, of kustomize or Helm as well.

    Ends with 0 where all is well, 1 on a mandatory violation, 2 on bad input.
    """
    from stanchion_cli.check.files import Manifests
    from stanchion_cli.check.judging import policy_infos
    from stanchion_cli.policies.config import read_config
    from stanchion_cli.report.model import Failure

    policies = read_config(policy_config or _levels(environment), policy_infos())
    found = Manifests(paths)
    report = _report(found, policies, "" if policy_config else environment.value)
    for folder in found.templates:
        console.print(f"left out: {folder}, templates; check what helm template says", style="dim")
    failures = [Failure(str(each.place), each.reason, each.place) for each in found.malformed]
    put(Format(form), [report], failures, files={}, output=output)
    if failures:
        raise InputError(
            "1 file is malformed" if len(failures) == 1 else f"{len(failures)} files are malformed",
            fix="mend them; what is above is about the others",
            problems=tuple(str(each) for each in found.malformed),
        )
    if report.failed:
        raise typer.Exit(Exit.VIOLATION)


def _levels(environment: Profile) -> Path:
    """The profile's file in the checkout around, or the pack's own."""
    from stanchion_policies.levels import environments

    from stanchion_cli.project import find_root

    try:
        own = find_root() / "policies" / "environments" / f"{environment}.json"
    except InputError:
        own = None
    return own if own and own.is_file() else environments() / f"{environment}.json"


def _report(found: Manifests, policies: tuple[PolicyInfo, ...], profile: str) -> Report:
    from stanchion_cli.check.judging import judge
    from stanchion_cli.report.exemptions import uses_of_exemptions
    from stanchion_cli.report.model import Report

    findings = judge(found, policies)
    objects, files = found.kinds.total(), found.files
    return Report(
        environment=_MANIFESTS,
        project="",
        profile=profile,
        tree=(),
        kinds=dict(found.kinds.most_common()),
        outputs={},
        findings=findings,
        problems=(),
        log=(),
        policies=len(policies),
        policies_run=True,
        unknowns=0,
        exemptions=uses_of_exemptions(policies, findings),
        size=f"{objects} object{'s' * (objects != 1)} in {files} file{'s' * (files != 1)}",
    )
