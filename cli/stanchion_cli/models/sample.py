"""The sample of `make up`: a model trained, registered, promoted and asked on the platform."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stanchion_cli.deploy import addresses, task
from stanchion_cli.deploy.forward import forward
from stanchion_cli.deploy.target import target_of
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import lockfile
from stanchion_cli.models.promotion import Request, promote_version
from stanchion_cli.preview import Preview
from stanchion_cli.preview import run as run_preview
from stanchion_cli.progress import console, step

SERVICE = "wine"
_CREDENTIALS = "/run/secrets/stanchion/registry"
REQUEST = Path("examples/wine/request.json")


def serve_sample(root: Path, environment: str, *, roll_out: Callable[[], None]) -> None:
    """Train and promote the sample model unless it is pinned already; then ask it once.

    Raises:
        StanchionError: when a step fails; running the same command again goes on.
    """
    preview = run_preview(environment, root=root, policies=False)
    if SERVICE not in lockfile.read(root, environment):
        version = train(root, preview, arguments=())
        model = preview.outputs["services"][SERVICE]["model"]
        request = Request(root, environment, model, version)
        promote_version(request, preview, target_of(preview), roll_out=roll_out)
        preview = run_preview(environment, root=root, policies=False)
    with step(f"ask {SERVICE} for a prediction") as running:
        running.note(json.dumps(ask(root, preview)["outputs"]))
    target = target_of(preview)
    console.print("\nThe platform is up. Ask the model yourself:", style="bold")
    service = preview.outputs["services"][SERVICE]
    for line in addresses.way_to(target, service):
        console.print(f"  {line} &", markup=False)
    url = addresses.of_service(target, target.api(), service)
    console.print(
        f"  curl -s -H 'content-type: application/json' -d @{REQUEST} \\\n"
        f"    {url}/v2/models/{SERVICE}/infer",
        markup=False,
    )
    console.print("MLflow with the registered model:", style="bold")
    for line in addresses.of_mlflow(target, preview.outputs["tracking"]):
        console.print(f"  {line}", markup=False)


def ask(root: Path, preview: Preview) -> dict[str, Any]:
    """Send the sample request to the service and return its answer.

    Raises:
        StanchionError: when the service cannot be reached or answers with an error.
    """
    service, target = preview.outputs["services"][SERVICE], target_of(preview)
    with forward(target.kubectl(), service["namespace"], SERVICE, service["port"]) as url:
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            f"{url}/v2/models/{SERVICE}/infer",
            data=(root / REQUEST).read_bytes(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return dict(json.load(answer))
        except OSError as error:
            raise StanchionError(f"does not answer: {error}", where=f"service {SERVICE}") from None


def train(
    root: Path, preview: Preview, *, arguments: tuple[str, ...], folder: Path | None = None
) -> str:
    """Train and register a version of the sample model in the cluster; return its number.

    Args:
        root: The project.
        preview: Of the environment that has the model's service.
        arguments: For the training script.
        folder: Where `train.py` and what it imports are; by default the example's.
    """
    tracking: Mapping[str, Any] = preview.outputs["tracking"]
    service: Mapping[str, Any] = preview.outputs["services"][SERVICE]
    folder = folder or root / "examples" / "wine"
    scripts = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}
    with step(f"train and register a version of {service['model']}") as running:
        printed = task.run(
            target_of(preview).api(),
            task.Task(
                name="train-wine",
                namespace=tracking["namespace"],
                image=service["image"],
                command=("python", "/opt/training/train.py", *arguments),
                environment={
                    "MLFLOW_TRACKING_URI": tracking["url"],
                    "REGISTRY_CREDENTIALS_DIR": _CREDENTIALS,
                },
                secrets={_CREDENTIALS: tracking["adminSecret"]},
                files={"/opt/training": scripts},
            ),
        )
        result = task.result(printed, f"{folder.name}/train.py")
        running.note(f"version {result['version']}, accuracy {result['accuracy']:.3f}")
    return str(result["version"])
