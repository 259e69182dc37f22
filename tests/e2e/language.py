"""The example of a gateway before a server in the cluster, on the node: a script is the server."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
from e2e import objects
from e2e.platform import Platform, eventually
from e2e.registry import Registry
from e2e.traffic import Traffic
from mlflow import MlflowClient
from stanchion_cli import images
from stanchion_cli.deploy.target import target_of
from stanchion_cli.models import lockfile
from stanchion_cli.models.registry_access import open_registry
from stanchion_cli.preview import Preview

SERVICE, PROMPT = "assistant", "faq"
EXPERIMENTS = (SERVICE, f"{SERVICE}-evaluation")
_MODEL, _PORT = "ollama", 11434
"""As the example's file has them."""
_MISSING = re.compile('secret "[a-z-]+" not found')
_KEYS = {"web": "key-of-web-0123456789", "evaluation": "key-of-evaluation-0123456789"}
_USER, _PASSWORD = "assistant", "writes-traces-2026"


@contextmanager
def assistant_on(platform: Platform) -> Iterator[Assistant]:
    """The service on a platform, which is brought up where it is not and left as it was."""
    made = Assistant(platform)
    try:
        made.bring_up()
        yield made
    finally:
        made.clear_away()


class Assistant:
    """The service, and what a team sees of it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._file = platform.root / "stacks" / "services" / f"{SERVICE}.yaml"

    def bring_up(self) -> None:
        """First who may ask, then the file, then the model: its image comes with the gateway."""
        self.platform.stanchion("up", "local")
        objects.apply(self.platform, "demo", _secrets())
        Registry(self.platform).admit(_USER, _PASSWORD)
        self.declare()
        self.platform.stanchion("up", "local")
        objects.apply(self.platform, "demo", _model())
        self._kubectl("wait", f"pod/{_MODEL}", "--for=condition=Ready", "--timeout=180s")

    def declare(self) -> None:
        """Put its file where `up` finds it."""
        shutil.copy(self.platform.root / "examples" / "llm" / "in-cluster.yaml", self._file)

    def forgotten(self) -> str:
        """What `up` says while the Secrets are not there; it ends once they are."""
        objects.delete(self.platform, "demo", _secrets())
        self.declare()
        waiting = self.platform.start("up", "local")
        assert waiting.stdout is not None
        told = next(filter(_MISSING.search, waiting.stdout), "")
        objects.apply(self.platform, "demo", _secrets())
        rest = waiting.stdout.read()
        assert waiting.wait(timeout=60) == 0, rest
        return told

    def clear_away(self) -> None:
        """Leave nothing of it on the node, in the lock file and among MLflow's users."""
        self.take_down()
        lockfile.write_prompt(self.platform.root, "local", PROMPT, {SERVICE: None})
        objects.delete(self.platform, "demo", [*_secrets(), *_model()])
        with self.registry() as client:
            for name in EXPERIMENTS:
                if found := client.get_experiment_by_name(name):
                    # Deleted ones keep their names, and take no trace of whoever comes next.
                    client.rename_experiment(found.experiment_id, f"{name}-{found.experiment_id}")
                    client.delete_experiment(found.experiment_id)
            if client.get_prompt(PROMPT) is not None:
                client.delete_prompt(PROMPT)
        Registry(self.platform).ask("DELETE", "users/delete", username=_USER)

    def take_down(self) -> str:
        """Take its file away, as somebody does who needs it no more; what `up` said."""
        if not self._file.exists():
            return ""
        self._file.unlink()
        return self.platform.stanchion("up", "local").stderr

    def asked(self, **body: Any) -> tuple[int, Any]:
        """The status and the answer of one chat by the consumer `web`."""
        with closing(http.client.HTTPConnection(*self._address(), timeout=60)) as connection:
            connection.request("POST", _PATH, _body(**body), _headers())
            answer = connection.getresponse()
            return answer.status, json.load(answer)

    def await_answer(self, **body: Any) -> None:
        """Ask until the model answers: a Service knows of a pod a moment after it is ready."""
        eventually(lambda: self.asked(**body)[0] == 200, seconds=60, what="an answer")

    def traffic(self, **body: Any) -> Traffic:
        """Chats one after the other, counted by what the answers begin with."""
        return Traffic(
            self._address(),
            _body(**body),
            threads=4,
            # Within what the file lets the consumer ask in a minute.
            pause=0.5,
            path=_PATH,
            headers=_headers(),
            version_of=lambda answer: said(answer).partition(" ")[0],
        )

    def register(self, system: str) -> str:
        """Another version of the prompt, with these words before the question; its number."""
        words = [
            {"role": "system", "content": f"{system} Text: {{{{context}}}}"},
            {"role": "user", "content": "Question: {{question}}"},
        ]
        with self.registry():
            return str(mlflow.genai.register_prompt(PROMPT, words).version)

    @cached_property
    def _preview(self) -> Preview:
        return self.platform.preview()

    @contextmanager
    def registry(self) -> Iterator[MlflowClient]:
        """MLflow's own client, as its administrator."""
        before, target = mlflow.get_tracking_uri(), target_of(self._preview)
        with open_registry(target, target.api(), self._preview.outputs["tracking"]) as registry:
            mlflow.set_tracking_uri(registry.tracking_uri)
            try:
                yield registry.client()
            finally:
                mlflow.set_tracking_uri(before)

    def pinned(self) -> str | None:
        """The version of the prompt that the lock file pins."""
        found = lockfile.read_prompts(self.platform.root, "local").get(SERVICE, {}).get(PROMPT)
        return None if found is None else found.version

    def left(self) -> list[str]:
        """What of the gateway is on the node."""
        kinds = "deployments,pods,services,configmaps,networkpolicies,horizontalpodautoscalers"
        selector = f"app.kubernetes.io/instance={SERVICE}"
        return self._kubectl("get", kinds, "-l", selector, "-o", "name").split()

    def _address(self) -> tuple[str, int]:
        spec = self.platform.get("service", SERVICE, "-n", "demo")["spec"]
        return spec["clusterIP"], 80

    def _kubectl(self, *arguments: str) -> str:
        return self.platform.kubectl("-n", "demo", *arguments)


def said(answer: Any) -> str:
    """The text of a chat's answer."""
    return str(answer["choices"][0]["message"]["content"])


_PATH = "/v1/chat/completions"


def _body(**body: Any) -> bytes:
    return json.dumps({"model": SERVICE, **body}).encode()


def _headers() -> dict[str, str]:
    return {"content-type": "application/json", "authorization": f"Bearer {_KEYS['web']}"}


def _secrets() -> list[objects.Object]:
    """Who may ask, and who the gateway is in MLflow."""
    hashes = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in _KEYS.items()}
    return [
        objects.secret("assistant-consumers", **hashes),
        objects.secret("assistant-evaluation", **{"api-key": _KEYS["evaluation"]}),
        objects.secret("assistant-mlflow", username=_USER, password=_PASSWORD),
    ]


def _model() -> list[objects.Object]:
    """What answers, which the gateway alone may ask."""
    meta, labels = {"name": _MODEL}, {"app.kubernetes.io/name": _MODEL}
    gateway = {"app.kubernetes.io/name": "llm-gateway", "app.kubernetes.io/instance": SERVICE}
    asks = {"from": [{"podSelector": {"matchLabels": gateway}}], "ports": [{"port": _PORT}]}
    code = (Path(__file__).parent / "scripted" / "model.py").read_text()
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"model.py": code}},
        objects.pod(
            _MODEL,
            images.reference("llm-gateway"),
            ["/opt/venv/bin/python", "/opt/model/model.py", str(_PORT)],
            volume={"configMap": {"name": _MODEL}},
            at="/opt/model",
            readinessProbe={"tcpSocket": {"port": _PORT}, "periodSeconds": 2},
        ),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": labels, "ports": [{"port": _PORT}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": meta,
            "spec": {
                "podSelector": {"matchLabels": labels},
                "policyTypes": ["Ingress"],
                "ingress": [asks],
            },
        },
    ]
