"""The client: a pack that starts, answers, crashes, hangs or ends, as a person meets it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from policies.conftest import PACK, Packs
from policies.manifests import DROP, UNKNOWN, budget, manifest, resource, workload
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc
from stanchion_cli.errors import InputError
from stanchion_cli.policies import AnalyzedResource, Finding, Level, PolicyError, PolicyPack
from stanchion_cli.policies.engine import EngineService

MANDATORY = {"all": "mandatory"}


def pack_of(directory: Path, program: str) -> PolicyPack:
    (directory / "PulumiPolicy.yaml").write_text("name: other\nruntime: python\n")
    (directory / "__main__.py").write_text(program)
    return PolicyPack(directory, project="stanchion", stack="test")


def by_policy(found: list[Finding], policy: str) -> list[Finding]:
    return [finding for finding in found if finding.policy == policy]


CRASHING = """
from pulumi_policy import PolicyPack
from stanchion_policies.pack import policies
from stanchion_policies.rules import Severity, object_policy

@object_policy("brittle", kinds=["Deployment"], severity=Severity.LOW, fix="None.")
def brittle(item, settings):
    "Never."
    yield {}[item.body["spec"]["secret"]]

PolicyPack(name="other", policies=policies([brittle]))
"""

FOREIGN = """
import os, pulumi
from pulumi_policy import *

def unknown(args, report):
    args.props["spec"]["replicas"]

def urns(args, report):
    report(f"{len(args.resources)} {args.resources[1].parent.urn}"
           f" {[d.urn for d in args.resources[1].dependencies]}"
           f" {sorted(args.resources[1].property_dependencies)}"
           f" {args.resources[1].opts.protect} {args.resources[1].opts.ignore_changes}"
           f" {args.resources[1].opts.custom_timeouts.create_seconds:g}"
           f" {args.resources[1].provider.props['context']}"
           f" {pulumi.get_project()} {pulumi.get_stack()} {pulumi.runtime.is_dry_run()}"
           f" {os.path.basename(os.getcwd())} {'MARK' in os.environ}")

PolicyPack(name="other", enforcement_level=EnforcementLevel.MANDATORY, policies=[
    ResourceValidationPolicy("unknown", "Foreign.", unknown),
    StackValidationPolicy("urns", "Sees everything.", urns),
])
"""


def test_a_finding_says_what_where_and_what_to_do(packs: Packs) -> None:
    broken = resource(workload(server={"livenessProbe": DROP}))
    (finding,) = packs(MANDATORY).analyze(broken)
    assert finding == Finding(
        policy="workload-liveness-probe",
        level=Level.MANDATORY,
        severity=finding.severity,
        message="Deployment growth/churn: container 'server' has no livenessProbe; "
        "add one, an httpGet for instance",
        urn=broken.urn,
        undecided=False,
        tags=(),
        remediation=finding.remediation,
        url="docs/policies/probes.md#workload-liveness-probe",
        description="Long-running containers have a liveness probe.",
    )
    assert finding.remediation


def test_the_level_is_the_environment_s(packs: Packs) -> None:
    broken = resource(workload(server={"livenessProbe": DROP}))
    advisory = packs({"all": "disabled", "workload-liveness-probe": "advisory"})
    assert [finding.level for finding in advisory.analyze(broken)] == [Level.ADVISORY]
    assert not packs({"all": "disabled"}).analyze(broken)


def test_an_unknown_leaves_one_object_undecided_at_the_policy_s_own_level(packs: Packs) -> None:
    unknown = resource(budget(metadata={"name": "later"}, spec={"maxUnavailable": UNKNOWN}))
    wrong = resource(budget(metadata={"name": "never"}, spec={"maxUnavailable": 0}))
    found = packs(MANDATORY).analyze_stack([unknown, wrong])
    found = by_policy(found, "disruption-budget-permits-eviction")
    assert [(f.urn, f.undecided, f.level) for f in found] == [
        (wrong.urn, False, Level.MANDATORY),
        (unknown.urn, True, Level.MANDATORY),
    ]
    assert "spec.maxUnavailable can't be known" in found[1].message
    assert "growth/later" in found[1].message


def test_a_credential_s_value_is_never_repeated(packs: Packs) -> None:
    leaks = [
        workload(server={"env": [{"name": "DB_PASSWORD", "value": "hunter2-secret"}]}),
        workload(server={"args": ["--api-key=hunter2-secret", "--token", "hunter2-secret"]}),
        manifest(
            "ConfigMap", data={"password": "hunter2-secret", "url": "http://a:hunter2-secret@b"}
        ),
    ]
    found = packs(MANDATORY).analyze_all([resource(leak) for leak in leaks])
    assert len(by_policy(found, "no-credentials-in-clear")) == 5
    assert "hunter2" not in repr(found)


def test_secrets_and_foreign_types_pass_through(packs: Packs) -> None:
    secret = manifest("Secret", stringData={"password": "hunter2"})
    component = AnalyzedResource(
        urn="urn:pulumi:test::stanchion::stanchion:index:Tenant::growth",
        type="stanchion:index:Tenant",
        name="growth",
        properties=resource(secret).properties,
    )
    patch = resource({**manifest("Deployment"), "kind": "DeploymentPatch"})
    found = packs(MANDATORY).analyze_all([resource(secret), component, patch])
    assert not found


def test_the_provider_s_namespace_counts(packs: Packs) -> None:
    without = workload(metadata={"namespace": DROP})
    pack = packs(MANDATORY)
    assert by_policy(pack.analyze(resource(without)), "namespace-stated")
    assert not pack.analyze(resource(without, provider={"namespace": "growth"}))


def test_a_list_is_as_many_objects(packs: Packs) -> None:
    members = {"apiVersion": "v1", "kind": "List", "items": [workload(), workload("Pod")]}
    found = packs(MANDATORY).analyze(resource(members))
    assert {finding.policy for finding in found} == {"workload-has-controller"}


def test_a_crashing_check_names_policy_and_resource_and_no_value(tmp_path: Path) -> None:
    with pack_of(tmp_path, CRASHING) as pack, pytest.raises(PolicyError) as caught:
        pack.analyze(resource(workload(spec={"secret": "hunter2"})))
    text = str(caught.value)
    assert "policy 'brittle'" in text
    assert "Deployment::Deployment-growth-churn" in text
    assert "KeyError at __main__.py:9" in text
    assert "hunter2" not in text


def test_a_foreign_pack_s_unknown_is_undecided_for_the_resource_asked_about(
    tmp_path: Path,
) -> None:
    asked = resource(workload(spec={"replicas": UNKNOWN}))
    with pack_of(tmp_path, FOREIGN) as pack:
        (finding,) = pack.analyze(asked)
    assert (finding.urn, finding.undecided, finding.level) == (asked.urn, True, Level.MANDATORY)


def test_a_stack_policy_sees_what_the_engine_shows_it(tmp_path: Path) -> None:
    first, second = resource(workload()), resource(budget(), provider={"context": "kind"})
    second = AnalyzedResource(
        urn=second.urn,
        type=second.type,
        name=second.name,
        properties=second.properties,
        parent=first.urn,
        provider=second.provider,
        dependencies=(first.urn,),
        property_dependencies={"spec": (first.urn,), "metadata": ()},
        protect=True,
        ignore_changes=("spec",),
        custom_timeouts={"create": 60.0},
    )
    environment = {"PATH": os.environ["PATH"], "MARK": "1"}
    pack_of(tmp_path, FOREIGN)
    with PolicyPack(tmp_path, project="demo", stack="local", env=environment) as pack:
        (finding,) = pack.analyze_stack([first, second])
    assert finding.message == (
        f"2 {first.urn} {[first.urn]} ['spec'] True ['spec'] 60 kind demo local True "
        f"{tmp_path.name} True"
    )
    assert finding.urn == ""


@pytest.mark.parametrize(
    ("program", "tail"),
    [
        ("raise RuntimeError('broken pack')", "RuntimeError: broken pack"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("print('hello')", "hello"),
        ("", "did not start"),
    ],
)
def test_a_pack_that_does_not_start_shows_what_it_said(
    program: str, tail: str, tmp_path: Path
) -> None:
    with pack_of(tmp_path, program) as pack, pytest.raises(PolicyError, match="did not start") as e:
        pack.policies()
    assert tail in str(e.value)


def test_a_folder_without_a_pack_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"PulumiPolicy\.yaml is missing"):
        PolicyPack(tmp_path, project="stanchion", stack="test")


def test_a_pack_that_ends_in_between_is_told(tmp_path: Path) -> None:
    dying = FOREIGN.replace('args.props["spec"]["replicas"]', "os._exit(3)")
    with pack_of(tmp_path, dying) as pack, pytest.raises(PolicyError, match="does not answer"):
        pack.analyze(resource(workload()))


def test_a_mistake_in_the_configuration_is_bad_input(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"workload-probe": "advisory"}')
    pack = PolicyPack(PACK, config=config, project="stanchion", stack="test")
    with pack, pytest.raises(InputError, match="did you mean 'workload-probe-ports'"):
        pack.policies()


def test_starting_does_not_wait_and_closing_leaves_no_process(tmp_path: Path) -> None:
    began = time.monotonic()
    pack = pack_of(tmp_path, "import time; time.sleep(60)")
    pack.start()
    assert time.monotonic() - began < 10
    question = pack.submit(resource(workload()))
    pack.close()
    assert question.cancelled() or isinstance(question.exception(), PolicyError)
    marker = str(tmp_path).encode()
    left = [
        entry
        for entry in Path("/proc").glob("[0-9]*/cwd")
        if os.path.exists(entry) and os.readlink(entry).encode() == marker  # noqa: PTH110, PTH115
    ]
    assert not left


def test_the_engine_service_takes_logs() -> None:
    logged: list[str] = []
    engine = EngineService(logged.append)
    with grpc.insecure_channel(engine.address) as channel:
        engine_pb2_grpc.EngineStub(channel).Log(engine_pb2.LogRequest(message="hello"))
    engine.stop()
    assert logged == ["hello"]


def test_the_client_does_not_load_the_sdk() -> None:
    code = "import sys; from stanchion_cli.policies import wire; sys.exit('pulumi' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
