"""Service files of kind TrainingJob: a team's training, and the folder of its code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from secret_source import SecretName
from service_resources import Resources
from stanchion import JobPriority
from training_retrain import Retrain
from validation import (
    Cpu,
    Environments,
    InvalidFileError,
    Label,
    Memory,
    Name,
    Schedule,
    ShortName,
    Strict,
    by_value,
)

_Folder = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^\S+$")]
_NOT_CODE = "__pycache__"


class DataSet(Strict):
    """What a training trains on."""

    location: _Folder
    """Folder of the data set: s3://BUCKET/PATH, gs://BUCKET/PATH, or file:///data/PATH on the
    `claim`."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Digest that the data must have; default: whatever is there is trained on."""
    version: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """What people call this state of the data, as 2026-11."""
    key: Annotated[str, Field(min_length=1)] | None = None
    """ARN of the KMS key that the bucket is encrypted with; default: one that AWS manages."""


class RayHead(Strict):
    """The pod in which the command runs."""

    pool: Annotated[ShortName, Field(max_length=28)] | None = None
    """Pool of CPUs, declared in the environment, with more than spot; default: nodes of no pool."""

    cpu: Cpu = "1"
    """CPU request in cores."""
    cpu_limit: Cpu = "2"
    """CPU limit in cores."""
    memory: Memory = "4Gi"
    """Memory, request and limit alike: memory cannot be throttled."""


class Ray(Strict):
    """A cluster of Ray that is there for as long as the training runs."""

    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """Ray's version in the `image`, as `ray --version` prints it: 2.53.0 or newer."""
    workers: Annotated[int, Field(ge=1, le=500)]
    """Pods that do the work; `pool` and `resources` are each worker's."""
    head: RayHead = RayHead()
    """The pod in which the command runs: where, and what it asks for."""


class TrainingJobFile(Strict):
    """A team's training."""

    kind: Literal["TrainingJob"]
    """What the file declares."""
    name: ShortName
    """Name of the training and of its objects."""
    tenant: ShortName
    """The tenant, declared in the environment, in whose namespace it runs."""
    owner: Label
    """Team that answers for it."""
    cost_center: Label
    """Where its cost is booked."""
    model: Annotated[
        str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]*$")
    ]
    """Name of the registered model that it makes versions of, and of the MLflow experiment."""
    environments: Environments | None = None
    """Environments that run it; default: every one."""
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """What a pod runs, as [python, train.py]."""
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]*$", max_length=100)] | None = (
        None
    )
    """Folder beside this file whose files the command finds where it starts; default: the code is
    in the `image`."""
    image: Annotated[str, Field(min_length=1)] | None = None
    """Image derived from the platform's model-server; default: that one."""
    code_version: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = None
    """Git commit of the code in the `image`; that of a `code` folder is computed."""
    data: DataSet
    credentials: SecretName
    """Secret of the tenant with the `username` and `password` of an MLflow user."""
    checkpoints: _Folder | None = None
    """Folder for checkpoints, as `data.location`; default: none are kept."""
    checkpoints_key: Annotated[str, Field(min_length=1)] | None = None
    """ARN of the KMS key of the checkpoints' bucket; default: one that AWS manages."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Where every random number begins."""
    schedule: Schedule | None = None
    """When to train, in cron's five fields and UTC; default: once, or as `retrain` says."""
    retrain: Retrain | None = None
    """What begins it again besides; default: nothing."""
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a failed training is tried again; an eviction is no failure."""
    queue: Name | None = None
    """Kueue's LocalQueue in the tenant's namespace; default: the tenant's own, jobs, where the
    environment makes them; elsewhere none, pods start at once."""
    priority: Annotated[JobPriority, by_value(JobPriority)] = JobPriority.TRAINING
    """What it is next to other jobs in the environment's queues: training gives way to batch, and
    batch to online."""
    deadline_minutes: Annotated[int, Field(ge=1, le=43_200)] = 1440
    """Longest time with all tries; of each try where there are several nodes, or Ray."""
    nodes: Annotated[int, Field(ge=1, le=512)] = 1
    """Pods that train together; more than one need JobSet."""
    ray: Ray | None = None
    """Ray's cluster, in which the command trains on data that outgrow one pod; needs KubeRay, and
    an `image` with Ray. Default: none."""
    claim: Name | None = None
    """PersistentVolumeClaim of the tenant, mounted at /data."""
    pool: Annotated[ShortName, Field(max_length=28)] | None = None
    """Pool of nodes, declared in the environment, that it runs on; default: nodes of no pool."""
    resources: Resources = Resources.model_validate({"cpu": "1", "cpuLimit": "2", "memory": "4Gi"})

    @model_validator(mode="after")
    def _ray_in_its_image(self) -> Self:
        if self.ray is not None and self.image is None:
            raise ValueError(
                "`ray` needs an image with Ray in it, and the platform's model-server has none; "
                "write `image`, derived from that one"
            )
        return self

    @model_validator(mode="after")
    def _code_of_one_version(self) -> Self:
        if self.code is None and (self.image is None or self.code_version is None):
            raise ValueError(
                "without `code` the code is in an image; write `code`, or `image` and `codeVersion`"
            )
        if self.code is not None and self.code_version is not None:
            raise ValueError(
                "`codeVersion` is computed from the folder that `code` names; remove it"
            )
        return self


@dataclass(frozen=True)
class Code:
    """The code of a training."""

    version: str
    """Git commit of an image's code; of a folder the tree, as `git rev-parse HEAD:FOLDER` has it:
    the same in every clone, shallow ones and copies without git included."""
    files: Mapping[str, str] | None = None
    """Texts by name; None where the code is in the image."""


def read_code(file: TrainingJobFile, directory: Path) -> Code:
    """The code that a file leads to.

    Args:
        file: The file.
        directory: Where it is.

    Raises:
        InvalidFileError: The folder is missing, or holds what is no text.
    """
    if file.code is None:
        return Code(file.code_version or "")
    folder = directory / file.code
    problems, files, tree = [], {}, b""
    if not folder.is_dir():
        raise InvalidFileError([f"code: there is no folder {file.code} beside the file; add it"])
    # Git sorts names by their bytes.
    for path in sorted(folder.iterdir(), key=lambda each: each.name.encode()):
        if path.name == _NOT_CODE:
            continue
        if path.is_symlink() or not path.is_file():
            problems.append(f"code: {file.code}/{path.name} is no plain file; move it elsewhere")
            continue
        content = path.read_bytes()
        mode = b"100755" if path.stat().st_mode & 0o100 else b"100644"
        tree += mode + b" " + path.name.encode() + b"\0" + _git_object("blob", content).digest()
        try:
            files[path.name] = content.decode()
        except UnicodeDecodeError:
            problems.append(f"code: {file.code}/{path.name} is no text; put it into an image")
    if not files and not problems:
        problems.append(f"code: the folder {file.code} is empty; add the training's code")
    if problems:
        raise InvalidFileError(problems)
    return Code(_git_object("tree", tree).hexdigest(), files)


def _git_object(kind: str, content: bytes) -> hashlib._Hash:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False)
