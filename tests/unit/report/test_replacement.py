"""Replacements are told from changes, and what takes data away is shown in red."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from typing import Any

import pulumi_aws
import pulumi_gcp
import pytest
from stanchion_cli.preview.model import Resource
from stanchion_cli.report.changes import Change, changes
from stanchion_cli.report.form import Format
from stanchion_cli.report.formats import written
from stanchion_cli.report.masking import masked
from stanchion_cli.report.model import report_on
from stanchion_cli.report.replacement import CARRYING, STATEFUL, loss
from unit.estimate.samples import previewed, resource

RDS = "aws:rds/instance:Instance"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def compared(before: Resource | None, after: Resource | None) -> Change:
    (found,) = changes([before] if before else [], [after] if after else [], masked)
    return found


def changed(kind: str, path: str, **options: Any) -> Change:
    """A resource of which one property changes."""

    def inputs(value: str) -> dict[str, Any]:
        built: Any = value
        for part in reversed(path.split(".")):
            built = {part: built}
        return dict(built)

    return compared(
        resource(kind, "x", inputs("a"), **options), resource(kind, "x", inputs("b"), **options)
    )


CLOUDS = {"aws": pulumi_aws, "gcp": pulumi_gcp}
KNOWN = {**STATEFUL, **CARRYING}
CLOUD_TYPES = [kind for kind in KNOWN if kind.partition(":")[0] in CLOUDS]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the SDKs' own old names
@pytest.mark.parametrize("kind", CLOUD_TYPES)
def test_every_stateful_type_and_what_replaces_it_is_in_the_providers_sdk(kind: str) -> None:
    cloud, path, name = kind.split(":")
    module = import_module(f"pulumi_{cloud}.{path.partition('/')[0]}")
    arguments = getattr(module, f"{name}Args")
    getters = [
        getter for _, getter in inspect.getmembers(arguments, lambda v: isinstance(v, property))
    ]
    known = {getattr(getter.fget, "_pulumi_name", None) for getter in getters}
    assert {each.partition(".")[0] for each in KNOWN[kind]} <= known


@pytest.mark.parametrize(
    "kind",
    [
        RDS,
        "aws:s3/bucket:Bucket",
        "aws:ecr/repository:Repository",
        "aws:kms/key:Key",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "gcp:storage/bucket:Bucket",
        "gcp:artifactregistry/repository:Repository",
        "gcp:kms/cryptoKey:CryptoKey",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "kubernetes:apps/v1:StatefulSet",
    ],
)
def test_databases_stores_registries_and_keys_hold_what_cannot_be_remade(kind: str) -> None:
    removed = compared(resource(kind, "x"), None)
    assert removed.destructive
    assert removed.warning == "what it holds is lost"


@pytest.mark.parametrize(
    "kind",
    [
        "aws:eks/cluster:Cluster",
        "gcp:container/cluster:Cluster",
        "aws:ec2/vpc:Vpc",
        "gcp:compute/network:Network",
        "kubernetes:core/v1:Namespace",
    ],
)
def test_clusters_networks_and_namespaces_take_with_them_what_stands_on_them(kind: str) -> None:
    removed = compared(resource(kind, "x"), None)
    assert removed.destructive
    assert removed.warning == "what stands on it goes with it"


def test_another_range_replaces_a_network() -> None:
    assert changed("aws:ec2/vpc:Vpc", "cidrBlock").action == "replace"


def test_a_change_that_forces_a_replacement_is_one_and_names_the_property() -> None:
    found = changed(RDS, "username")
    assert (found.action, found.replaced_by) == ("replace", ("username",))
    assert found.destructive


def test_a_change_in_place_is_none() -> None:
    found = changed(RDS, "instanceClass")
    assert (found.action, found.replaced_by, found.destructive) == ("change", (), False)


@pytest.mark.parametrize("path", ["metadata.name", "metadata.namespace", "spec.selector.app"])
def test_another_name_namespace_or_selector_replaces_a_kubernetes_object(path: str) -> None:
    found = changed(DEPLOYMENT, path)
    assert found.action == "replace"
    assert not found.destructive


def test_a_longer_property_of_the_same_beginning_does_not_replace() -> None:
    assert changed("aws:s3/bucket:Bucket", "bucketPolicy").action == "change"
    assert changed(DEPLOYMENT, "spec.selectorLike").action == "change"


def test_the_options_of_a_resource_decide_as_in_the_engine() -> None:
    assert changed("a:b:C", "size", replace_on_changes=("size",)).action == "replace"
    assert changed("a:b:C", "size", replace_on_changes=("*",)).action == "replace"
    assert changed(RDS, "username", ignore_changes=("username",)).action == "change"


def test_an_option_alone_replaces_nothing() -> None:
    before = resource(RDS, "x", replace_on_changes=("*",))
    after = resource(RDS, "x", replace_on_changes=("*",), protect=True)
    assert compared(before, after).action == "change"


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"protect": True}, "protected: the engine refuses"),
        ({"retain_on_delete": True}, "what is there stays in the cloud, unmanaged"),
        ({}, "what it holds is lost"),
    ],
)
def test_what_becomes_of_the_data_is_said(options: dict[str, Any], warning: str) -> None:
    assert compared(resource(RDS, "db", **options), None).warning == warning


def test_adding_takes_nothing_away() -> None:
    added = compared(None, resource(RDS, "db"))
    assert (added.action, added.warning) == ("add", "")


def report(form: Format, *, color: bool = False) -> str:
    before = previewed(None, resource(RDS, "mlflow", {"username": "a"}))
    after = previewed(None, resource(RDS, "mlflow", {"username": "b"}))
    found = report_on(after, base=before, base_ref="main")
    return written(form, [found], [], files={}, color=color)


def test_a_terminal_shows_it_on_red() -> None:
    (line,) = [each for each in report(Format.TEXT, color=True).splitlines() if "is lost" in each]
    assert "\x1b[1;37;41m" in line


def test_a_comment_begins_with_it_and_marks_it_as_removed() -> None:
    text = report(Format.MARKDOWN)
    assert text.index("[!CAUTION]") < text.index("Changes</summary>")
    assert f"\n- {RDS} mlflow (forced by username): what it holds is lost" in text


def test_the_page_marks_it_and_opens_it() -> None:
    assert '<details class="change replace destructive" open>' in report(Format.HTML)


def test_tools_are_told() -> None:
    (change,) = json.loads(report(Format.JSON))["environments"][0]["changes"]
    assert (change["action"], change["destructive"]) == ("replace", True)
    assert change["replaced_by"] == ["username"]


def test_what_can_be_remade_is_no_loss() -> None:
    assert loss("aws:ec2/launchTemplate:LaunchTemplate") == ""
    assert loss(DEPLOYMENT) == ""
