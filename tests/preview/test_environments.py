"""Every environment of this repository previews, keeps every mandatory rule, and renders."""

from __future__ import annotations

from pathlib import Path

import pytest
from stanchion_cli import preview
from stanchion_cli.preview.config import load_project
from stanchion_cli.render import objects
from stanchion_cli.report.model import report_on

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=load_project(ROOT).environments())
def evaluated(request: pytest.FixtureRequest) -> preview.Preview:
    return preview.run(request.param, root=ROOT)


def test_it_keeps_every_mandatory_rule_and_every_type(evaluated: preview.Preview) -> None:
    report = report_on(evaluated)
    assert [report.message(finding) for finding in report.mandatory] == []
    assert [str(problem) for problem in report.problems] == []
    assert not report.failed
    assert evaluated.policies_run


def test_every_object_has_an_explicit_name(evaluated: preview.Preview) -> None:
    """Little is unknown before the first deployment, and nothing is named at random."""
    for item in objects(evaluated):
        assert isinstance(item.manifest["metadata"].get("name"), str), item


NAMED_BY_THE_CLOUD = {
    "EC2NodeClass": ("spec.role", "spec.securityGroupSelectorTerms", "spec.subnetSelectorTerms"),
    "EndpointSlice": ("endpoints[0].addresses",),
    "ExternalSecret": ("spec.data",),
    "Ingress": ('metadata.annotations["alb.ingress.kubernetes.io/certificate-arn"]',),
    "Service": ("spec.externalName",),
    "ServiceAccount": ("metadata.annotations",),
}
"""What only the cloud gives: identifiers, a database's address, a secret's name."""


def test_only_what_the_cloud_names_and_generated_secrets_are_unknown(
    evaluated: preview.Preview,
) -> None:
    """Else policies decide less than they could, and local could not be run without the engine."""
    allowed = {} if evaluated.environment == "local" else NAMED_BY_THE_CLOUD
    for item in objects(evaluated):
        expected = allowed.get(item.kind, ())
        unknown = [path for path in item.unknowns if not path.startswith(expected)]
        assert item.kind == "Secret" or unknown == [], (str(item), unknown)


def test_no_credential_is_anywhere_but_in_a_secret(evaluated: preview.Preview) -> None:
    for item in objects(evaluated):
        assert item.kind == "Secret" or item.secrets == (), (str(item), item.secrets)
