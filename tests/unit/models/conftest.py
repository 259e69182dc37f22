"""A real MLflow registry in a folder, a cluster in memory, and gates that run in this process."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from service_gates import Gates
from sklearn.linear_model import LogisticRegression
from stanchion_cli.deploy import task
from stanchion_cli.deploy.api import Manifest, Ref
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import lockfile, promotion
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import PROPOSED
from stanchion_model_server.measure import measure
from stanchion_model_server.settings import from_environment
from stanchion_model_server.wanted import Wanted
from stanchion_models import Registry, register
from validation import as_tuples

os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

NORTH = 0.2
"""Rows whose `a` lies below are of the region `north`."""
FAILS = StanchionError("7 of 10 requests failed")
MODEL, SERVICE, ENVIRONMENT = "wine-cultivar", "wine", "local"


class Cluster:
    """Objects in memory, replaced only by who has read them as they are."""

    def __init__(self) -> None:
        self._objects: dict[Ref, dict[str, Any]] = {}
        self._versions = 0
        self._lock = threading.Lock()

    def get(self, ref: Ref) -> dict[str, Any] | None:
        with self._lock:
            return copy.deepcopy(self._objects.get(ref))

    def create(self, manifest: Manifest) -> bool:
        with self._lock:
            return Ref.of(manifest) not in self._objects and self._keep(manifest)

    def replace(self, manifest: Manifest) -> bool:
        with self._lock:
            live = self._objects.get(Ref.of(manifest))
            if live is None:
                return False
            read = manifest["metadata"]["resourceVersion"]
            return bool(live["metadata"]["resourceVersion"] == read) and self._keep(manifest)

    def _keep(self, manifest: Manifest) -> bool:
        self._versions += 1
        kept = copy.deepcopy(dict(manifest))
        kept["metadata"]["resourceVersion"] = str(self._versions)
        self._objects[Ref.of(manifest)] = kept
        return True


@dataclass
class Elsewhere:
    """A destination that is not the checkout, without the git of a real proposal."""

    root: Path
    told: list[str] = field(default_factory=list)
    state: str = PROPOSED
    done: str = "proposed"

    def pending(self) -> Mapping[str, Pin]:
        return {}

    def check_merged(self, what: str) -> None:
        del what

    @contextmanager
    def checkout(
        self, _what: str, told: Sequence[str], record: Callable[[], None]
    ) -> Iterator[Path]:
        self.told.extend(told)
        (self.root / "stacks" / "services").mkdir(parents=True)
        yield self.root
        record()


class Flipped:
    """A model that is wrong for one region of the data and right elsewhere."""

    def __init__(self, model: Any, share: float) -> None:
        self._model, self._share = model, share

    def predict(self, frame: pd.DataFrame) -> Any:
        """Answer, and wrongly so where `a` lies below the share's quantile."""
        right = self._model.predict(frame)
        return np.where(frame["a"] < self._share, 1 - right, right)


def data(rows: int = 200) -> pd.DataFrame:
    """Two features, a label that they decide, and a region that they do not."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"a": rng.random(rows), "b": rng.random(rows)})
    label = (frame["b"] > 0.5).astype(int)
    region = ["north" if value < NORTH else "south" for value in frame["a"]]
    return frame.assign(label=label, region=region)


CARD = "# Wine\n## Intended use\nTests.\n## Data\nMade up.\n## Limits\nAll.\n"


@dataclass
class World:
    """A checkout with one service, its registry, and the cluster that it runs on."""

    root: Path
    registry: Registry
    logged: Mapping[str, str]
    cluster: Cluster = field(default_factory=Cluster)
    gates: dict[str, Any] = field(default_factory=dict)
    rolled_out: list[Pin | None] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)

    @property
    def preview(self) -> Any:
        gates = Gates.model_validate(as_tuples(self.gates))
        service = {
            "name": SERVICE,
            "namespace": "demo",
            "model": MODEL,
            "image": "model-server:test",
            "memory": "512Mi",
            "gates": gates.model_dump(mode="json", by_alias=True),
        }
        tracking = {
            "namespace": "tracking",
            "url": self.registry.tracking_uri,
            "readerSecret": "mlflow-reader",
        }
        outputs = {"services": {SERVICE: service}, "tracking": tracking}
        return SimpleNamespace(outputs=outputs, environment=ENVIRONMENT)

    @property
    def target(self) -> Any:
        return SimpleNamespace(api=lambda: self.cluster, environment=ENVIRONMENT)

    @property
    def client(self) -> Any:
        return self.registry.client()

    def pinned(self) -> Pin | None:
        return lockfile.read(self.root, ENVIRONMENT).get(SERVICE)

    @property
    def served(self) -> str | None:
        """The version that is pinned."""
        pin = self.pinned()
        return None if pin is None else pin.version

    def alias(self, name: str) -> str | None:
        version = self.client.get_registered_model(MODEL).aliases.get(name)
        return None if version is None else str(version)

    def tags(self, version: str) -> dict[str, str]:
        return dict(self.client.get_model_version(MODEL, version).tags)

    def roll_out(self) -> None:
        self.rolled_out.append(self.pinned())

    def fails_once(self, meanwhile: Callable[[], object] = lambda: None) -> Callable[[], None]:
        """A rollout that fails, after `meanwhile`, and goes well when it is tried again."""
        failed = False

        def roll_out() -> None:
            nonlocal failed
            self.roll_out()
            if not failed:
                failed = True
                meanwhile()
                raise FAILS

        return roll_out

    def promote(self, version: str, *, roll_out: Callable[[], None] | None = None) -> None:
        request = promotion.Request(self.root, ENVIRONMENT, MODEL, version)
        promotion.promote_version(
            request, self.preview, self.target, roll_out=roll_out or self.roll_out
        )

    def register(self, kind: str = "right", *, card: str = CARD) -> str:
        """Register a version of one of `MODELS`; return its number."""
        logged = f"models:/{self.logged[kind]}"
        version = register(logged, MODEL, client=self.client).version
        if card:
            self.client.update_model_version(MODEL, version, description=card)
        return version

    def evaluation(self, **more: Any) -> dict[str, Any]:
        """The `evaluation` of a service file, on a data set in the checkout."""
        text = data().to_csv(index=False)
        (self.root / "evaluation.csv").write_text(text)
        return {
            "data": "evaluation.csv",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "label": "label",
            "task": "classification",
            **more,
        }


@dataclass(frozen=True)
class Training:
    """A tracking database in which the models of `MODELS` are logged and nothing is registered."""

    database: Path
    logged: Mapping[str, str]


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    root = tmp_path_factory.mktemp("training")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{root / 'registry.db'}")
    for name in ("training", "promotions"):
        mlflow.create_experiment(name, artifact_location=str(root / "artifacts" / name))
    mlflow.set_experiment("training")
    frame = data()
    features = frame[["a", "b"]]
    right = LogisticRegression(C=1e6).fit(features, frame["label"])
    plain = infer_signature(features, frame["label"])
    wider = infer_signature(features.assign(c=1.0), frame["label"])
    made: dict[str, tuple[Any, Any]] = {
        "right": (right, plain),
        "wrong below 0.1": (Flipped(right, 0.1), plain),
        "wrong in the north": (Flipped(right, NORTH), plain),
        "of one input more": (right, wider),
    }
    logged = {}
    for kind, (model, signature) in made.items():
        with mlflow.start_run():
            logged[kind] = mlflow.sklearn.log_model(
                model,
                name="model",
                serialization_format="cloudpickle",
                signature=signature,
                input_example=features.head(2) if signature is plain else None,
                pip_requirements=["scikit-learn"],
            ).model_id
    yield Training(root / "registry.db", logged)
    mlflow.set_tracking_uri(before)


@pytest.fixture
def world(tmp_path: Path, training: Training, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "stacks" / "services").mkdir(parents=True)
    shutil.copy(training.database, tmp_path / "registry.db")
    made = World(tmp_path, Registry(f"sqlite:///{tmp_path / 'registry.db'}"), training.logged)

    @contextmanager
    def opened(_target: Any, _api: Any, _tracking: Any) -> Iterator[Registry]:
        yield made.registry

    def run(_api: Any, asked: task.Task) -> str:
        """What the container does, in this process; files are where it would find them."""
        made.measured.append(asked.environment["MODEL_VERSION"])
        ((mount, files),) = asked.files.items()
        gates = json.loads(files["gates.json"])
        folder = tmp_path / "mounted"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content)
        if gates["evaluation"]:
            gates["evaluation"]["data"] = gates["evaluation"]["data"].replace(mount, str(folder))
        environment: Mapping[str, str] = {
            key: value
            for key, value in asked.environment.items()
            if key != "REGISTRY_CREDENTIALS_DIR"
        }
        report = measure(from_environment(environment), Wanted.model_validate(gates))
        return "a line of a log\n" + json.dumps(report) + "\n"

    monkeypatch.setattr(promotion, "open_registry", opened)
    monkeypatch.setattr(task, "run", run)
    return made
