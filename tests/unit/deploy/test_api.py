"""What is said of an API server that cannot be used."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.errors import StanchionError

SECRET = Ref("v1", "Secret", "demo", "wine")


class _TurningAway(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _kinds(version: str, *kinds: str) -> dict[str, Any]:
    return {
        "kind": "APIResourceList",
        "groupVersion": version,
        "resources": [
            {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "verbs": ["list"]}
            for kind in kinds
        ],
    }


QUEUES = [{"groupVersion": f"kueue.x-k8s.io/{v}", "version": v} for v in ("v1beta1", "v1beta2")]
DISCOVERED = {
    "/version": {"major": "1", "minor": "36"},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [
            {"name": "kueue.x-k8s.io", "versions": QUEUES, "preferredVersion": QUEUES[1]},
        ],
    },
    "/api/v1": _kinds("v1", "ConfigMap"),
    "/apis/kueue.x-k8s.io/v1beta1": _kinds("kueue.x-k8s.io/v1beta1", "LocalQueue", "Cohort"),
    "/apis/kueue.x-k8s.io/v1beta2": _kinds("kueue.x-k8s.io/v1beta2", "LocalQueue"),
}


class _Discovered(_TurningAway):
    def do_GET(self) -> None:
        found = DISCOVERED.get(self.path)
        self.send_response(404 if found is None else 200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(found or {}).encode())


@contextmanager
def _answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def address() -> Iterator[str]:
    with _answering(_TurningAway) as address:
        yield address


def _api(folder: Path, address: str) -> Api:
    file = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "dev", "cluster": {"server": address}}],
        "users": [{"name": "dev", "user": {}}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
    }
    file.write_text(yaml.safe_dump(content))
    return Api(file, "dev")


def test_credentials_that_are_turned_away_are_told_apart_from_silence(
    tmp_path: Path, address: str
) -> None:
    with pytest.raises(StanchionError, match=r"context dev.*turns these credentials away \(401"):
        _api(tmp_path, address).get(SECRET)


def test_a_server_that_does_not_answer_is_told_with_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(StanchionError, match=r"does not answer.*in a network that reaches it"):
        _api(tmp_path, "http://127.0.0.1:1").get(SECRET)


@pytest.mark.parametrize(
    ("group", "kind", "served"),
    [
        ("kueue.x-k8s.io", "LocalQueue", "kueue.x-k8s.io/v1beta2"),
        ("kueue.x-k8s.io", "Cohort", "kueue.x-k8s.io/v1beta1"),
        ("", "ConfigMap", "v1"),
        ("kueue.x-k8s.io", "Workload", ""),
        ("keda.sh", "ScaledObject", ""),
        ("", "LocalQueue", ""),
    ],
)
def test_a_kind_is_asked_for_under_the_version_that_the_cluster_prefers(
    tmp_path: Path, group: str, kind: str, served: str
) -> None:
    with _answering(_Discovered) as address:
        assert _api(tmp_path, address).serves(group, kind) == served


def _refusing(error: type[Exception]) -> Any:
    def refuse(**_: object) -> None:
        raise error(SimpleNamespace(status=409, reason="no", body="{}", headers={}))

    return SimpleNamespace(create=refuse, replace=refuse)


LEASE = {"apiVersion": "v1", "kind": "Lease", "metadata": {"name": "wine", "namespace": "demo"}}


def test_who_comes_second_to_create_or_replace_is_told_and_nothing_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = _api(tmp_path, "http://127.0.0.1:1")
    monkeypatch.setattr(api, "_resource", lambda *_: _refusing(ConflictError))
    assert not api.create(LEASE)
    assert not api.replace(LEASE)
    monkeypatch.setattr(api, "_resource", lambda *_: _refusing(NotFoundError))
    assert not api.replace(LEASE)
    with pytest.raises(StanchionError, match=r"Lease demo/wine.*refused to create it"):
        api.create(LEASE)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        (None, "Foreground"),
        ({"pulumi.com/deletionPropagationPolicy": "background"}, "Background"),
    ],
)
def test_what_an_object_owns_is_deleted_first_unless_it_says_otherwise(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    annotations: dict[str, str] | None,
    expected: str,
) -> None:
    told: list[Any] = []
    live = {"metadata": {"name": "wine", "annotations": annotations}}
    resource = SimpleNamespace(
        get=lambda **_: SimpleNamespace(to_dict=lambda: live),
        delete=lambda **how: told.append(how["body"]["propagationPolicy"]),
    )
    api = _api(tmp_path, "http://127.0.0.1:1")
    monkeypatch.setattr(api, "_resource", lambda *_: resource)
    api.delete(SECRET)
    assert told == [expected]
