"""Where a person on this machine reaches what runs in the cluster."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import StanchionError

_LOCAL_PORT = 8080


def of_service(target: Target, api: Api, service: Mapping[str, Any]) -> str:
    """A base address of a model service.

    The bundled node's service addresses are routed from this machine; those of any other
    cluster are not, so there the address is the one that `way_to`'s command makes answer.
    """
    if target.bundled is None:
        return f"http://127.0.0.1:{_LOCAL_PORT}"
    ref = Ref("v1", "Service", service["namespace"], service["name"])
    live = api.get(ref)
    if live is None:
        raise StanchionError("does not exist", where=str(ref), fix="run `stanchion up` first")
    return f"http://{live['spec']['clusterIP']}:{service['port']}"


def way_to(target: Target, service: Mapping[str, Any]) -> list[str]:
    """The command that makes a model service's address answer here, where one is needed."""
    if target.bundled is not None:
        return []
    name, namespace = service["name"], service["namespace"]
    return [port_forward(target, namespace, name, _LOCAL_PORT, service["port"])]


def port_forward(target: Target, namespace: str, service: str, local: int, port: int) -> str:
    """The command that makes a service answer on a port of this machine."""
    return shlex.join(
        [*target.kubectl(), "port-forward", f"--namespace={namespace}", f"service/{service}",
         f"{local}:{port}"]
    )  # fmt: skip


def of_mlflow(target: Target, tracking: Mapping[str, Any]) -> list[str]:
    """The commands that show MLflow's pages, and the administrator's password, to a person."""
    namespace = tracking["namespace"]
    forward = port_forward(
        target, namespace, tracking["service"], tracking["port"], tracking["port"]
    )
    secret = shlex.join(
        [*target.kubectl(), "get", "secret", f"--namespace={namespace}", tracking["adminSecret"],
         "-o", "go-template={{range $k, $v := .data}}{{$k}}: {{base64decode $v}}{{\"\\n\"}}{{end}}"]
    )  # fmt: skip
    return [
        f"{forward} &",
        f"open http://localhost:{tracking['port']}, with the name and password that this prints:",
        secret,
    ]
