"""Cases of the policies about what the platform runs: models and their tracking."""

from __future__ import annotations

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DIGEST, UNKNOWN, Manifest, workload

POSTGRES = "postgresql+psycopg2://mlflow@db/mlflow"
HOSTS = "mlflow.tracking.svc,mlflow.tracking.svc:5000"


def model(**env: str) -> Manifest:
    """A model server with changed environment variables; `""` leaves one out."""
    named = {"MODEL_NAME": "churn", "MODEL_VERSION": "7", "MODEL_DIGEST": DIGEST, **env}
    entries = [{"name": name, "value": value} for name, value in named.items() if value]
    return workload(server={"env": entries})


def mlflow(*command: str, **env: str) -> Manifest:
    """A container that runs a command."""
    entries = [{"name": name, "value": value} for name, value in env.items()]
    return workload(server={"command": list(command), "env": entries})


CASES: list[Case] = [
    passes("model-pinned", "version and digest", model()),
    passes("model-pinned", "no model", workload()),
    passes("model-pinned", "no digest by setting", model(MODEL_DIGEST=""), digest=False),
    passes("model-pinned", "URI with version", model(MODEL_URI="models:/churn/7")),
    undecided("model-pinned", "unknown", model(MODEL_VERSION=UNKNOWN)),
    fails("model-pinned", "no digest", model(MODEL_DIGEST="")),
    fails("model-pinned", "alias", model(MODEL_VERSION="champion")),
    fails("model-pinned", "short digest", model(MODEL_DIGEST="sha256:a1")),
    fails("model-pinned", "URI with alias", model(MODEL_URI="models:/churn@champion")),
    fails("model-pinned", "URI with stage", model(MODEL_NAME="", MODEL_URI="models:/churn/latest")),
    passes(
        "mlflow-secured", "our server", mlflow("stanchion-mlflow", "serve", ALLOWED_HOSTS=HOSTS)
    ),
    passes(
        "mlflow-secured",
        "plain server",
        mlflow("mlflow", "server", "--app-name", "basic-auth", f"--allowed-hosts={HOSTS}"),
    ),
    passes("mlflow-secured", "our migration", mlflow("stanchion-mlflow", "migrate")),
    fails("mlflow-secured", "no hosts", mlflow("stanchion-mlflow", "serve")),
    fails("mlflow-secured", "any host", mlflow("stanchion-mlflow", "serve", ALLOWED_HOSTS="a,*")),
    fails(
        "mlflow-secured",
        "no authentication, in a script",
        mlflow("sh", "-c", f"exec mlflow server --allowed-hosts {HOSTS}"),
    ),
    fails("mlflow-secured", "ui", mlflow("/opt/venv/bin/mlflow", "ui")),
    passes(
        "mlflow-database", "PostgreSQL", mlflow("mlflow", "server", "--backend-store-uri", POSTGRES)
    ),
    passes(
        "mlflow-database",
        "from the environment",
        mlflow("mlflow", "server", MLFLOW_BACKEND_STORE_URI=POSTGRES),
    ),
    passes("mlflow-database", "by setting", mlflow("mlflow", "server"), files=True),
    fails("mlflow-database", "none", mlflow("mlflow", "server")),
    fails(
        "mlflow-database",
        "SQLite",
        mlflow("mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db"),
    ),
    fails(
        "mlflow-database",
        "a folder",
        mlflow("mlflow", "server", MLFLOW_BACKEND_STORE_URI="/data/mlruns"),
    ),
]
