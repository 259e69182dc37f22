"""As much of the Kubernetes API on loopback as starting a CronJob's Jobs takes.

It is as strict as the real one where the trigger leans on it: names are unique, a change with an
old resourceVersion is refused, and only a bearer of the token is answered.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "an-account's-token"
PATH = "/apis/batch/v1/namespaces/demo"
UID = "0f6f1a52-cron-job"


def cron_job() -> dict[str, Any]:
    """A training's CronJob, suspended, as the API tells it."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": "wine-training",
            "namespace": "demo",
            "uid": UID,
            "resourceVersion": "7",
        },
        "spec": {
            "schedule": "0 0 1 1 *",
            "suspend": True,
            "jobTemplate": {
                "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "demo"}},
                "spec": {
                    "backoffLimit": 3,
                    "template": {
                        "metadata": {"labels": {"app.kubernetes.io/name": "training"}},
                        "spec": {"containers": [{"name": "train", "image": "training:1"}]},
                    },
                },
            },
        },
        "status": {},
    }


@dataclass
class Cluster:
    """The CronJob and all Jobs of a namespace."""

    cron: dict[str, Any] = field(default_factory=cron_job)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    address: str = ""
    refusing: bool = False
    """Whether every call is answered with 500."""
    conflicts: int = 0
    """How many changes of the CronJob's status are to meet one of somebody else."""

    def add(
        self, name: str, *, hours_ago: float, state: str = "Complete", own: bool = True
    ) -> None:
        """A Job that began a while ago; `state` is its condition, or empty while it runs."""
        job: dict[str, Any] = {"metadata": {"name": name}, "spec": {}}
        if own:
            job["metadata"]["ownerReferences"] = [{"uid": UID}]
        self.create(job)
        began = datetime.now(UTC) - timedelta(hours=hours_ago)
        job["metadata"]["creationTimestamp"] = began.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.end(name, state)

    def end(self, name: str, state: str) -> None:
        """Let a Job end."""
        conditions = [{"type": state, "status": "True"}] if state else []
        self.jobs[name]["status"] = {"conditions": conditions}

    def create(self, job: dict[str, Any]) -> bool:
        """Keep a Job, unless there is one of its name."""
        described = job["metadata"]
        if described["name"] in self.jobs:
            return False
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        described |= {"namespace": "demo", "uid": str(uuid.uuid4()), "creationTimestamp": now}
        self.jobs[described["name"]] = job
        return True

    def change(self, patch: dict[str, Any]) -> bool:
        """Merge a change into the CronJob's status, unless it is of an older state."""
        described = self.cron["metadata"]
        if self.conflicts:
            self.conflicts -= 1
            described["resourceVersion"] = str(int(described["resourceVersion"]) + 1)
        if patch["metadata"]["resourceVersion"] != described["resourceVersion"]:
            return False
        described["resourceVersion"] = str(int(described["resourceVersion"]) + 1)
        self.cron["status"] |= patch["status"]
        return True


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster
    lock: threading.Lock
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests tell what went wrong."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.lock:
            status, told = self._told(json.loads(body) if body else {})
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _told(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        cluster, asked = self.cluster, (self.command, self.path.removeprefix(PATH))
        if self.headers.get("authorization") != f"Bearer {TOKEN}" or cluster.refusing:
            return (500 if cluster.refusing else 401), {"message": "not now, or not you"}
        if asked == ("GET", "/cronjobs/wine-training"):
            return 200, cluster.cron
        if asked == ("GET", "/jobs"):
            return 200, {"items": list(cluster.jobs.values())}
        if asked == ("POST", "/jobs"):
            return (201, body) if cluster.create(body) else (409, {"message": "already exists"})
        if asked == ("PATCH", "/cronjobs/wine-training/status"):
            assert self.headers["content-type"] == "application/merge-patch+json"
            return (200, cluster.cron) if cluster.change(body) else (409, {"message": "conflict"})
        return 403, {"message": f"{asked} is not among the rights of the account"}

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()


@contextmanager
def jobs_api() -> Iterator[Cluster]:
    """Serve on loopback as long as the block lasts."""
    cluster = Cluster()
    attributes = {"cluster": cluster, "lock": threading.Lock()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), attributes))
    cluster.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
