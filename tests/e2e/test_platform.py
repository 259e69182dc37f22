"""The platform on a real node, as a story: each test goes on where the one before it ended."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import time

import pytest
from e2e.connections import Seen
from e2e.platform import Platform, eventually
from e2e.registry import MODEL, Registry
from e2e.traffic import Traffic
from stanchion_cli.models import lockfile
from stanchion_cli.models.lockfile import Pin

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("unbroken")]


def test_up_from_nothing_serves_the_prediction_that_the_printed_curl_asks_for(
    platform: Platform,
) -> None:
    # Pins that outlived their node: a person who took it down and brings it up again has these.
    digest = f"sha256:{'0' * 64}"
    lockfile.write(platform.root, "local", {"wine": Pin("wine-cultivar", "7", digest)})
    up = platform.stanchion("up", "local", "--sample")
    assert "127.0.0.1" not in up.stdout, "MLflow's pages are told by ports that are closed by then"
    curl = re.search(r"curl .*\\\n.*infer", up.stderr)
    assert curl, up.stderr
    answer = subprocess.run(
        shlex.split(curl[0].replace("\\\n", " ")),
        cwd=platform.root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    outputs = json.loads(answer.stdout)["outputs"]
    assert outputs[0]["data"][0] in {0, 1, 2}
    assert platform.pinned_version() == "1"


def test_a_second_up_changes_nothing(platform: Platform) -> None:
    before = platform.settled_versions()
    again = platform.stanchion("up", "local")
    assert "0 created, 0 changed" in again.stderr
    assert platform.resource_versions() == before


def test_what_is_rendered_is_what_is_applied(platform: Platform) -> None:
    parent = platform.get("configmap", "stanchion-local", "-n", "stanchion-system")
    applyset = parent["metadata"]["labels"]["applyset.kubernetes.io/id"]
    kinds = parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"]
    members = set()
    for kind in kinds.split(","):
        selector = f"applyset.kubernetes.io/part-of={applyset}"
        for item in platform.get(kind, "-A", "-l", selector)["items"]:
            metadata = item["metadata"]
            members.add(f"{kind} {metadata.get('namespace', '')}/{metadata['name']}")
    assert members == set(platform.resource_versions())


def test_every_namespace_of_ours_enforces_the_restricted_level(platform: Platform) -> None:
    for name in ("tracking", "demo", "stanchion-system"):
        labels = platform.get("namespace", name)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_served_version_is_champion_in_the_registry(platform: Platform) -> None:
    status = platform.stanchion("status").stdout
    assert re.search(r"wine\s+demo\s+wine-cultivar\s+1\s+2/2", status)


def test_a_killed_pod_costs_no_request(platform: Platform) -> None:
    pods = platform.get("pods", "-n", "demo", "-l", "app.kubernetes.io/instance=wine")["items"]
    victim = pods[0]["metadata"]["name"]
    with Traffic(platform.address(), platform.request()) as traffic:
        platform.kubectl("delete", "pod", victim, "-n", "demo", "--wait=true")
        _wait_until_ready(platform, 2)
        time.sleep(2)
    assert traffic.failures == []
    assert traffic.answered > 100


def test_a_second_version_rolls_out_under_load_with_no_failed_request(platform: Platform) -> None:
    with Traffic(platform.address(), platform.request(), pause=0.05) as traffic:
        version = platform.train("--regularisation", "0.1")
        platform.stanchion("promote", "wine-cultivar", version)
        time.sleep(3)
    assert traffic.failures == []
    assert set(traffic.versions) == {"1", version}
    assert platform.pinned_version() == version


def test_a_version_that_nobody_registered_is_refused_and_nothing_is_pinned(
    platform: Platform,
) -> None:
    before = platform.pinned_version()
    refused = platform.stanchion("promote", "wine-cultivar", "99", check=False)
    assert refused.returncode == 1
    assert "version 99: cannot be read from the registry" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert platform.pinned_version() == before


@pytest.mark.full
def test_a_model_that_is_not_what_was_registered_never_serves(platform: Platform) -> None:
    good = platform.lock.read_text()
    digest = re.search(r"sha256:[0-9a-f]{64}", good)
    assert digest
    platform.lock.write_text(good.replace(digest[0], f"sha256:{'0' * 64}"))
    with Traffic(platform.address(), platform.request(), threads=2) as traffic:
        failed = platform.stanchion("up", "local", check=False)
        assert failed.returncode == 1
        assert "Deployment demo/wine" in failed.stderr
        assert "digest" in failed.stderr, "the pod's own log says why"
        platform.lock.write_text(good)
        platform.stanchion("up", "local")
    assert traffic.failures == []
    assert set(traffic.versions) == {platform.pinned_version()}


def test_the_autoscaler_follows_load_out_and_back(platform: Platform) -> None:
    with Traffic(platform.address(), platform.request(), threads=24, pause=0):
        eventually(lambda: _replicas(platform) > 2, seconds=240, what="scaling out")
        platform.stanchion("up", "local")
        assert _writers_of_replicas(platform) == {"kube-controller-manager"}, "`up` writes none"
    eventually(lambda: _replicas(platform) == 2, seconds=300, what="scaling back")


def test_mlflow_recovers_by_itself_when_its_database_comes_back(platform: Platform) -> None:
    platform.kubectl("scale", "statefulset", "database", "-n", "tracking", "--replicas=0")
    eventually(lambda: not _mlflow_ready(platform), seconds=120, what="MLflow unready")
    platform.kubectl("scale", "statefulset", "database", "-n", "tracking", "--replicas=1")
    eventually(lambda: _mlflow_ready(platform), seconds=180, what="MLflow ready again")
    platform.stanchion("up", "local")  # takes back the replicas, which were set by hand


@pytest.mark.full
def test_what_was_deleted_by_accident_comes_back_from_a_backup(platform: Platform) -> None:
    """The drill of docs/tracking-backup.md."""
    registry, number = Registry(platform), platform.pinned_version()
    before = registry.version(number)
    assert before is not None
    platform.stanchion("tracking", "backup")
    registry.ask("DELETE", "model-versions/delete", name=MODEL, version=number)
    registry.ask("POST", "runs/delete", run_id=before["run_id"])

    refused = platform.stanchion("tracking", "restore", "--stop-server", check=False)
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
    assert registry.version(number) is None, "a refusal changes nothing"

    with Traffic(platform.address(), platform.request(), threads=2) as traffic:
        platform.stanchion("tracking", "restore", "--stop-server", "--overwrite")
    assert registry.version(number) == before
    assert registry.stage(before["run_id"]) == "active"
    assert traffic.failures == [], "models that serve need no registry"
    assert "0 created, 0 changed" in platform.stanchion("up", "local").stderr


def test_what_was_deleted_today_outlives_the_garbage_collection(platform: Platform) -> None:
    registry = Registry(platform)
    version = registry.version(platform.pinned_version())
    assert version is not None
    registry.ask("POST", "runs/delete", run_id=version["run_id"])
    platform.kubectl("create", "job", "gc-now", "--from=cronjob/mlflow-gc", "-n", "tracking")
    eventually(lambda: _finished(platform, "gc-now"), seconds=180, what="a collection")
    assert registry.stage(version["run_id"]) == "deleted"
    registry.ask("POST", "runs/restore", run_id=version["run_id"])
    platform.kubectl("delete", "job", "gc-now", "-n", "tracking")


@pytest.mark.full
def test_an_interrupted_up_is_finished_by_the_next(platform: Platform) -> None:
    environment = platform.root / "stacks" / "Pulumi.local.yaml"
    text = environment.read_text()
    environment.write_text(text.replace("costCenter: platform", "costCenter: platform-2"))
    running = platform.start("up", "local")
    assert running.stdout is not None
    for line in running.stdout:
        if "apply" in line and "objects" in line:
            time.sleep(0.5)
            running.send_signal(signal.SIGINT)
            break
    rest = running.stdout.read()
    assert running.wait(timeout=60) == 130, rest
    assert "run the same command again" in rest
    platform.stanchion("up", "local")
    labels = platform.get("namespace", "tracking")["metadata"]["labels"]
    assert labels["stanchion.dev/cost-center"] == "platform-2"
    assert "0 created, 0 changed" in platform.stanchion("up", "local").stderr


def test_an_object_that_the_program_drops_is_pruned(platform: Platform) -> None:
    environment = platform.root / "stacks" / "Pulumi.local.yaml"
    text = environment.read_text()
    extra = "    - {name: guest, owner: guests, costCenter: guests}\n"
    environment.write_text(text + extra)
    platform.stanchion("up", "local")
    assert platform.get("namespace", "guest")
    environment.write_text(text)
    platform.stanchion("up", "local")
    assert platform.kubectl("get", "namespace", "guest", "--ignore-not-found") == ""


def test_a_password_survives_every_up(platform: Platform) -> None:
    before = platform.get("secret", "database-admin", "-n", "tracking")["data"]
    platform.stanchion("up", "local")
    assert platform.get("secret", "database-admin", "-n", "tracking")["data"] == before


def test_an_object_of_somebody_else_is_left_alone(platform: Platform) -> None:
    platform.kubectl("create", "namespace", "guest")
    environment = platform.root / "stacks" / "Pulumi.local.yaml"
    text = environment.read_text()
    environment.write_text(text + "    - {name: guest, owner: guests, costCenter: guests}\n")
    refused = platform.stanchion("up", "local", check=False)
    environment.write_text(text)
    assert refused.returncode == 1
    assert "Namespace guest: exists already and is not Stanchion's" in refused.stderr
    platform.kubectl("delete", "namespace", "guest")


def test_every_connection_between_pods_is_one_that_the_rendered_policies_allow(
    platform: Platform,
) -> None:
    seen = Seen.of(platform)
    asked = {each.destination for each in seen.connections}
    assert "tracking/database-0" in asked, "the check sees traffic"
    assert seen.forbidden() == []


def _replicas(platform: Platform) -> int:
    return int(platform.get("deployment", "wine", "-n", "demo")["spec"]["replicas"])


def _writers_of_replicas(platform: Platform) -> set[str]:
    live = platform.get("deployment", "wine", "-n", "demo", "--show-managed-fields")
    return {
        each["manager"]
        for each in live["metadata"]["managedFields"]
        if "f:replicas" in each["fieldsV1"].get("f:spec", {})
    }


def _mlflow_ready(platform: Platform) -> bool:
    status = platform.get("deployment", "mlflow", "-n", "tracking")["status"]
    return bool(status.get("readyReplicas"))


def _finished(platform: Platform, job: str) -> bool:
    status = platform.get("job", job, "-n", "tracking")["status"]
    assert not status.get("failed"), platform.kubectl("logs", f"job/{job}", "-n", "tracking")
    return bool(status.get("succeeded"))


def _wait_until_ready(platform: Platform, replicas: int) -> None:
    def ready() -> bool:
        status = platform.get("deployment", "wine", "-n", "demo")["status"]
        return bool(status.get("readyReplicas") == status.get("replicas") == replicas)

    eventually(ready, seconds=120, what=f"{replicas} ready replicas")
