"""The bundled node by itself, as a story: interrupted, killed, doubled, gone without a trace."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Network, ip_address
from pathlib import Path

import pytest
from e2e.platform import eventually
from e2e.traces import Traces
from stanchion_cli import cluster
from stanchion_cli.cluster import process
from stanchion_cli.cluster.addons import node_image
from stanchion_cli.cluster.layout import Layout

NAME, SECOND = "node", "node2"
STEPS = (
    "check the machine",
    "start node",
    "load the node's images",
    "wait for the API server",
    "cluster DNS",
)
CLAIM = f"""
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: kept, namespace: default}}
spec:
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: 1Mi}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: keeper, namespace: default}}
spec:
  containers:
    - name: keeper
      image: {node_image().reference}
      volumeMounts: [{{name: kept, mountPath: /kept}}]
  volumes:
    - {{name: kept, persistentVolumeClaim: {{claimName: kept}}}}
"""

pytestmark = [pytest.mark.root, pytest.mark.node]


@pytest.fixture(autouse=True)
def _stop_after_a_failure(request: pytest.FixtureRequest) -> None:
    if os.geteuid() != 0:
        pytest.skip("the bundled node needs root")
    if request.session.testsfailed:
        pytest.skip("an earlier chapter failed")


@pytest.fixture(scope="module")
def before() -> Iterator[Traces]:
    """What this machine ran, mounted and routed; at the end the nodes are removed in any case."""
    yield Traces.of_machine()
    cluster.down(NAME)
    cluster.down(SECOND)


@pytest.fixture
def node(before: Traces) -> cluster.Cluster:
    """The first node, which an earlier chapter brought up."""
    found = cluster.find(NAME)
    assert found is not None
    return found


def stanchion_cluster(*arguments: str) -> subprocess.Popen[str]:
    """The command as a person starts it, at a terminal of its own."""
    return subprocess.Popen(
        ["stanchion", "cluster", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_up_ends_at_once_and_leaves_nothing_in_the_way(
    before: Traces, step: str
) -> None:
    command = stanchion_cluster("up", "--name", NAME)
    assert command.stdout is not None
    said = ""
    for line in command.stdout:
        said += line
        if line.strip().startswith(f"… {step}"):
            break
    time.sleep(0.15)
    command.send_signal(signal.SIGINT)
    said += command.stdout.read()
    assert command.wait(60) == 130, said
    assert "Traceback" not in said


def test_up_goes_on_from_there_and_everything_works(before: Traces) -> None:
    node = cluster.up(NAME)
    status = cluster.status(NAME)
    assert status.state is cluster.ClusterState.RUNNING, status
    usage = node.kubectl("top", "nodes", "--no-headers").stdout.split()
    assert usage[0] == f"stanchion-{NAME}"
    assert usage[1].endswith("m")
    classes = json.loads(node.kubectl("get", "storageclass", "-o", "json").stdout)["items"]
    assert [item["metadata"]["name"] for item in classes] == ["standard"]


def test_a_second_up_starts_nothing_anew_and_changes_no_object(node: cluster.Cluster) -> None:
    def state() -> tuple[object, object]:
        objects = node.kubectl("get", "deploy,svc,cm,sa,secret", "-n", "kube-system", "-o", "json")
        versions = {
            (item["kind"], item["metadata"]["name"]): item["metadata"]["resourceVersion"]
            for item in json.loads(objects.stdout)["items"]
        }
        return versions, _component_pids()

    first = state()
    cluster.up(NAME)
    assert state() == first


def test_a_component_that_dies_is_started_again(node: cluster.Cluster) -> None:
    before = _component_pids()
    _kill_component("kube-scheduler")
    eventually(
        lambda: _component_pids()["kube-scheduler"] not in {0, before["kube-scheduler"]},
        seconds=20,
        what="a new scheduler",
    )
    after = _component_pids()
    assert {name: pid for name, pid in after.items() if name != "kube-scheduler"} == {
        name: pid for name, pid in before.items() if name != "kube-scheduler"
    }


def test_a_killed_node_is_seen_and_comes_back_with_its_volumes(node: cluster.Cluster) -> None:
    node.kubectl("apply", "--filename=-", stdin=CLAIM)
    node.kubectl("wait", "pod/keeper", "--for=condition=Ready", "--timeout=60s")
    (folder,) = (Layout.of(NAME).root / "volumes").iterdir()
    (folder / "fact").write_text("still here")
    first = process.first_process(Layout.of(NAME))
    assert first is not None
    os.kill(first, signal.SIGKILL)
    eventually(
        lambda: cluster.status(NAME).state is cluster.ClusterState.STOPPED,
        seconds=10,
        what="the status stopped",
    )
    cluster.up(NAME)
    node.kubectl("wait", "pod/keeper", "--for=condition=Ready", "--timeout=90s")
    assert (folder / "fact").read_text() == "still here"
    node.kubectl("delete", "pod/keeper", "pvc/kept", "--timeout=60s")
    eventually(lambda: not folder.exists(), seconds=30, what="the volume's removal")


def test_nothing_leaves_the_node(node: cluster.Cluster) -> None:
    """Neither towards an address outside nor towards this machine; and it is said at once.

    To one that keeps asking too: the kernel's own ICMP errors are limited per sender.
    """
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        pod = _a_pods_process(node)
        own = ip_address(node.node_address) - 1
        for address, target in ((str(own), port), *[("1.1.1.1", 443)] * 8):
            started = time.monotonic()
            tried = _connect(f"/proc/{pod}/ns/net", address, target)
            assert tried != "connected", address
            assert time.monotonic() - started < 2, f"{address}: {tried}"
        assert _connect("/proc/self/ns/net", str(own), port) == "connected"
        assert _connect(f"/proc/{pod}/ns/net", node.node_address, 6443) == "connected"


def test_a_pod_that_is_gone_refuses_at_once(node: cluster.Cluster) -> None:
    """However often it is asked: a client that waits would lose its request for nothing."""
    nobody = str(IPv4Network(node.pod_range)[-2])
    for asking in ("/proc/self/ns/net", f"/proc/{_a_pods_process(node)}/ns/net"):
        for _ in range(8):
            started = time.monotonic()
            tried = _connect(asking, nobody, 80)
            assert "refused" in tried
            assert time.monotonic() - started < 2, tried


def test_two_nodes_run_side_by_side_and_one_goes_without_the_other(node: cluster.Cluster) -> None:
    second = cluster.up(SECOND)
    assert not IPv4Network(second.pod_range).overlaps(IPv4Network(node.pod_range))
    assert second.context != node.context
    for one in (node, second):
        assert one.kubectl("get", "nodes", "-o", "name").stdout.strip() == f"node/{one.context}"
    cluster.down(SECOND)
    assert cluster.status(SECOND).state is cluster.ClusterState.ABSENT
    assert cluster.status(NAME).state is cluster.ClusterState.RUNNING


def test_down_leaves_nothing_and_a_second_down_is_content(before: Traces) -> None:
    command = stanchion_cluster("down", "--name", NAME)
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 0, said
    assert all(str(folder) in said for folder in cluster.caches())
    left = Traces.of_machine().left_over(before)
    # Someone may run another command of ours meanwhile: a process counts if it is the node's.
    ours = ("stanchion-node", str(Layout.of(NAME).root))
    processes = [line for line in left.pop("processes", []) if any(word in line for word in ours)]
    assert (left, processes) == ({}, [])
    assert cluster.find(NAME) is None
    cluster.down(NAME)


def _component_pids() -> dict[str, int]:
    layout = Layout.of(NAME)
    first = process.first_process(layout)
    assert first is not None
    return {name: part.pid for name, part in process.running(first, layout).items()}


def _kill_component(name: str) -> None:
    """By the number that it has on this machine, found by its arguments."""
    layout = Layout.of(NAME)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        arguments = (entry / "cmdline").read_bytes().split(b"\0")
        if arguments[0].endswith(f"/{name}".encode()) and any(
            f"{layout.root}/".encode() in argument for argument in arguments
        ):
            os.kill(int(entry.name), signal.SIGKILL)
            return
    raise AssertionError(f"{name} does not run")


def _a_pods_process(node: cluster.Cluster) -> int:
    """A process in the network of one of the node's pods, by the pod's address."""
    pods = json.loads(node.kubectl("get", "pods", "-A", "-o", "json").stdout)["items"]
    addresses = {pod["status"]["podIP"] for pod in pods}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and b"pause" in (entry / "cmdline").read_bytes():
            shown = subprocess.run(
                ["nsenter", f"--net={entry}/ns/net", "ip", "-json", "address"],
                capture_output=True, text=True, check=False,
            ).stdout  # fmt: skip
            found = {a["local"] for link in json.loads(shown or "[]") for a in link["addr_info"]}
            if found & addresses:
                return int(entry.name)
    raise AssertionError("no pod of the node has a process")


def _connect(namespace: str, address: str, port: int) -> str:
    code = (
        "import socket\n"
        f"try: socket.create_connection(({address!r}, {port}), 5); print('connected')\n"
        "except OSError as error: print(error)"
    )
    return subprocess.run(
        ["nsenter", f"--net={namespace}", "python3", "-c", code],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
