"""Measure a model version in the cluster, in the image and memory that will serve it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stanchion_models import ModelVersion

from stanchion_cli.deploy import task
from stanchion_cli.deploy.api import Api
from stanchion_cli.errors import InputError, StanchionError

_CREDENTIALS = "/run/secrets/stanchion/registry"
_GATES = "/etc/stanchion/gates"
_IN_MLFLOW = ("runs:/", "mlflow-artifacts:/")
_LARGEST_BYTES = 700 * 1024  # a ConfigMap holds 1 MiB
_LONGEST_SECONDS = 1800


def read_data(root: Path, service: str, evaluation: Mapping[str, Any]) -> str | None:
    """The pinned data set where it is a file of the repository; None where MLflow holds it.

    Raises:
        InputError: when there is no such file in the repository, it is too large, or it is not
            the one that is pinned.
    """
    name = str(evaluation["data"])
    if name.startswith(_IN_MLFLOW):
        return None
    where = f"services/{service}: gates.evaluation.data"
    file = (root / name).resolve()
    if not file.is_relative_to(root.resolve()) or not file.is_file():
        raise InputError(
            f"'{name}' is no file of this repository",
            where=where,
            fix="write its path from the root, or `runs:/RUN/PATH` of a run that logged it",
        )
    content = file.read_bytes()
    if len(content) > _LARGEST_BYTES:
        raise InputError(
            f"'{name}' has {len(content) // 1024} KiB, and at most "
            f"{_LARGEST_BYTES // 1024} KiB reach the gate from the repository",
            where=where,
            fix="log it with `mlflow.log_artifact` and write `runs:/RUN/PATH`",
        )
    actual = hashlib.sha256(content).hexdigest()
    if actual != evaluation["sha256"]:
        raise InputError(
            f"'{name}' has sha256 {actual}, and {evaluation['sha256']} is pinned",
            where=where,
            fix="restore the file from git, or pin this one knowingly",
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", where=where, fix="save it as UTF-8") from None


def measure(
    api: Api,
    version: ModelVersion,
    *,
    service: str,
    image: str,
    memory: str,
    tracking: Mapping[str, Any],
    wanted: Mapping[str, Any],
    data: str | None,
) -> dict[str, Any]:
    """Scan, load, ask and evaluate a version, as `stanchion-model-server measure` does.

    Args:
        api: The cluster.
        version: The version, with its digest.
        service: The service that it is for.
        image: The image that will serve it.
        memory: The memory that will serve it.
        tracking: The environment's MLflow, from the program's outputs.
        wanted: The service file's `gates:`.
        data: The data set's content, from `read_data`.

    Returns:
        The report; what could not be measured says why under `problem`. A container that failed,
        took more memory than it has or did not end is told that way too.

    Raises:
        StanchionError: when the container did not run to its end for a reason that is not its
            own, or the registry did not answer it: that says nothing of the version.
    """
    asked, files = dict(wanted), {}
    if data is not None:
        name = "evaluation" + Path(wanted["evaluation"]["data"]).suffix
        asked["evaluation"] = {**wanted["evaluation"], "data": f"{_GATES}/{name}"}
        files[name] = data
    run = task.Task(
        name=f"gates-{service}-{version.version}",
        namespace=tracking["namespace"],
        image=image,
        command=("stanchion-model-server", "measure", "--gates", f"{_GATES}/gates.json"),
        environment={
            "MODEL_NAME": version.name,
            "MODEL_VERSION": version.version,
            "MODEL_DIGEST": version.digest or "",
            "MLFLOW_TRACKING_URI": tracking["url"],
            "REGISTRY_CREDENTIALS_DIR": _CREDENTIALS,
        },
        secrets={_CREDENTIALS: tracking["readerSecret"]},
        files={_GATES: {"gates.json": json.dumps(asked), **files}},
        memory=memory,
        timeout_seconds=_LONGEST_SECONDS,
    )
    where = f"gates of model {version.name} version {version.version}"
    try:
        report = task.result(task.run(api, run), where)
    except task.EndedError as error:
        problem = f"did not end well in {image} with {memory}: {error.reason}"
        ended = {"problem": "not run: the container did not end well"}
        return {"smoke": {"problem": problem}, "evaluation": ended, "scan": {"problems": [problem]}}
    if "unavailable" in report:
        raise StanchionError(
            f"the registry did not answer: {report['unavailable']}",
            where=where,
            fix="see whether MLflow and its artifacts can be reached, then run the same command "
            "again",
        )
    return report
