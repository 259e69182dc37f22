"""The platform under test, as a person at its command line has it."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from stanchion_cli import cluster
from stanchion_cli.models import sample
from stanchion_cli.preview import Preview
from stanchion_cli.preview import run as run_preview

AUTOSCALING = {"minReplicas": 2, "maxReplicas": 4, "scaleDownSeconds": 15}
"""What the sample service begins with."""


@dataclass(frozen=True)
class Platform:
    """A checkout and the bundled node that its `local` environment runs on."""

    root: Path
    cluster: str

    def stanchion(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command inside the checkout; its words are shown when a test fails."""
        done = subprocess.run(
            ["stanchion", *arguments], cwd=self.root, capture_output=True, text=True, check=False
        )
        print(f"$ stanchion {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        if check:
            assert done.returncode == 0, done.stderr[-3000:]
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command and go on; it can be interrupted wherever the tests run."""
        return subprocess.Popen(
            ["stanchion", *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """Run kubectl against the node."""
        node = cluster.find(self.cluster)
        assert node is not None
        return node.kubectl(*arguments, check=check).stdout

    def get(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, parsed."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def train(self, *arguments: str) -> str:
        """Train and register another version of the sample model; its number."""
        return sample.train(self.root, self.preview(), arguments=arguments)

    def train_flawed(self, *arguments: str) -> str:
        """Register a version with a flaw of `flawed/model.py`; its number."""
        folder = Path(__file__).parent / "flawed"
        return sample.train(self.root, self.preview(), arguments=arguments, folder=folder)

    def enable(self, operators: list[str]) -> None:
        """Let the environment name these operators, and no others, to the next `up`."""
        self.configure("operators", {"enabled": operators} if operators else None)

    def configure(self, setting: str, value: dict[str, Any] | None) -> None:
        """Write a setting of the environment for the next `up`; None removes it."""
        path = self.root / "stacks" / "Pulumi.local.yaml"
        content = yaml.safe_load(path.read_text())
        content["config"].pop(f"stanchion:{setting}", None)
        if value is not None:
            content["config"][f"stanchion:{setting}"] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def declare(self, **changes: Any) -> None:
        """Change top-level keys of the sample service's file; None removes one."""
        path = self.root / "stacks" / "services" / "wine.yaml"
        content = {**yaml.safe_load(path.read_text()), **changes}
        stated = {key: value for key, value in content.items() if value is not None}
        path.write_text(yaml.safe_dump(stated, sort_keys=False))

    def preview(self) -> Preview:
        """What the environment declares now."""
        return run_preview("local", root=self.root, policies=False)

    def address(self) -> tuple[str, int]:
        """Host and port of the wine service, as routed from this machine."""
        service = self.get("service", "wine", "-n", "demo")
        return service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]

    def request(self) -> bytes:
        """The sample request."""
        return (self.root / "examples" / "wine" / "request.json").read_bytes()

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """Alerts of that name that Alertmanager has, where the environment has one."""
        selected = ("-l", "app.kubernetes.io/name=alertmanager")
        pods = self.get("pods", "-n", "monitoring", *selected)["items"]
        address = pods[0]["status"]["podIP"]
        with urllib.request.urlopen(f"http://{address}:9093/api/v2/alerts", timeout=30) as answer:
            return [each for each in json.load(answer) if each["labels"]["alertname"] == name]

    @property
    def lock(self) -> Path:
        """The environment's lock file."""
        return self.root / "stacks" / "services" / "local.lock.yaml"

    def pinned_version(self) -> str:
        """The version that the lock file pins."""
        return str(yaml.safe_load(self.lock.read_text())["services"]["wine"]["version"])

    def resource_versions(self) -> dict[str, str]:
        """Resource version of every object that the environment declares, by its reference."""
        rendered = self.root / "rendered"
        self.stanchion("render", "local", "-o", str(rendered))
        files = [yaml.safe_load(path.read_text()) for path in sorted(rendered.rglob("*.yaml"))]
        declared = [each for each in files if isinstance(each, dict) and "kind" in each]
        several = {"apiVersion": "v1", "kind": "List", "items": declared}
        node = cluster.find(self.cluster)
        assert node is not None
        found = node.kubectl("get", "-f", "-", "-o", "json", stdin=json.dumps(several)).stdout
        return {_reference(live): _version(live) for live in json.loads(found)["items"]}

    def settled_versions(self) -> dict[str, str]:
        """The same, once no controller writes a status any more."""
        versions = self.resource_versions()
        for _ in range(30):
            time.sleep(5)
            before, versions = versions, self.resource_versions()
            if versions == before:
                return versions
        raise AssertionError("objects of an idle platform keep changing")


def _reference(live: dict[str, Any]) -> str:
    group = live["apiVersion"].rpartition("/")[0]
    kind = f"{live['kind']}.{group}" if group else live["kind"]
    return f"{kind} {live['metadata'].get('namespace', '')}/{live['metadata']['name']}"


def _version(live: dict[str, Any]) -> str:
    """The resource version; an autoscaler's moves with each measurement, so there its content."""
    if live["kind"] != "HorizontalPodAutoscaler":
        return str(live["metadata"]["resourceVersion"])
    ours = {key: live["metadata"].get(key) for key in ("labels", "annotations", "uid")}
    return json.dumps([ours, live["spec"]], sort_keys=True)


def eventually(check: Callable[[], bool], *, seconds: float, what: str, every: float = 1) -> None:
    """Wait until `check` holds, or fail naming what did not come about."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return
        time.sleep(every)
    raise AssertionError(f"{what} did not come about within {seconds:.0f} s")
