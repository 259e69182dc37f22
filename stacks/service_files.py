"""Service files (`stacks/services/*.yaml`) of every kind: one folder, one set of names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from batch_service import BatchInferenceFile
from drift_monitor_service import DriftMonitorFile
from explain import explain
from llm_service import LlmServiceFile
from pydantic import ValidationError
from service import ModelServiceFile
from service_lock import LOCK_SUFFIX
from training_service import TrainingJobFile
from validation import InvalidFileError, as_tuples, read_yaml_file

ServiceFile = (
    ModelServiceFile | LlmServiceFile | BatchInferenceFile | TrainingJobFile | DriftMonitorFile
)
_KINDS: Mapping[object, type[ServiceFile]] = {
    "ModelService": ModelServiceFile,
    "LlmService": LlmServiceFile,
    "BatchInference": BatchInferenceFile,
    "TrainingJob": TrainingJobFile,
    "DriftMonitor": DriftMonitorFile,
}
_BESIDE: Mapping[type[ServiceFile], Sequence[str]] = {
    ModelServiceFile: ("-activator", "-canary", "-preview", "-replicas", "-shadow"),
    LlmServiceFile: ("-vllm",),
    BatchInferenceFile: (),
    TrainingJobFile: ("-retraining",),
    DriftMonitorFile: ("-exporter",),
}
"""What is put behind a file's name for objects that it makes, now or with another strategy."""
_ENVIRONMENT_PREFIX = "Pulumi."


def load_services(directory: Path, environment: str) -> tuple[ModelServiceFile, ...]:
    """Read every file of kind ModelService that applies to `environment`.

    Raises:
        InvalidFileError: with every problem of every service file.
    """
    files = load_service_files(directory, environment)
    return tuple(file for file in files if isinstance(file, ModelServiceFile))


def load_service_files(directory: Path, environment: str) -> tuple[ServiceFile, ...]:
    """Read every service file that applies to `environment`, in the order of their names.

    Raises:
        InvalidFileError: with every problem of every file.
    """
    problems = [
        f"{path.name}: is not read, for its name does not end with .yaml; rename it"
        for path in sorted(directory.glob("*.yml"))
    ]
    services: dict[str, ServiceFile] = {}
    known = _environments(directory)
    for path in sorted(directory.glob("*.yaml")):
        if path.name.endswith(LOCK_SUFFIX):
            continue
        try:
            service = _read(path)
        except InvalidFileError as error:
            problems += error.problems
            continue
        named = service.environments or ()
        problems += [f"{path.name}: {problem}" for problem in _unknown(named, known)]
        services[path.name] = service
    problems += _name_problems(services)
    if problems:
        raise InvalidFileError(problems)
    return tuple(
        service
        for service in services.values()
        if service.environments is None or environment in service.environments
    )


def _read(path: Path) -> ServiceFile:
    written = read_yaml_file(path)
    kind = written.get("kind", "ModelService")
    if not isinstance(kind, str) or kind not in _KINDS:
        kinds = " or ".join(map(repr, _KINDS))
        raise InvalidFileError([f"{path.name}: kind: {kind!r} is not allowed; write {kinds}"])
    try:
        return _KINDS[kind].model_validate(as_tuples(written))
    except ValidationError as error:
        raise InvalidFileError(explain(error, _KINDS[kind], f"{path.name}: ")) from None


def _environments(directory: Path) -> Collection[str]:
    """The environments that have a file where environments' files are; none elsewhere."""
    files = directory.parent.glob(f"{_ENVIRONMENT_PREFIX}*.yaml")
    return sorted(path.stem.removeprefix(_ENVIRONMENT_PREFIX) for path in files)


def _unknown(named: Sequence[str], known: Collection[str]) -> Iterator[str]:
    """What would be left out of every environment without a word."""
    for at, name in enumerate(named):
        if known and name not in known:
            near = get_close_matches(name, known, n=1) or known
            yield (
                f"environments[{at}]: '{name}' is no environment, for there is no "
                f"stacks/{_ENVIRONMENT_PREFIX}{name}.yaml; write {' or '.join(near)}"
            )


def _name_problems(services: Mapping[str, ServiceFile]) -> Iterator[str]:
    """Names that two files would give to objects of theirs.

    Args:
        services: The files, by the names of their files.
    """
    first: dict[str, str] = {}
    made: dict[tuple[str, str], str] = {}
    for file, service in services.items():
        for suffix in _BESIDE[type(service)]:
            made[service.tenant, service.name + suffix] = file
    for file, service in services.items():
        other, maker = first.get(service.name), made.get((service.tenant, service.name))
        if other is not None:
            yield f"{file}: name: '{service.name}' is also in {other}; rename one"
        elif maker is not None:
            yield (
                f"{file}: name: '{service.name}' is what {maker} calls an object beside its own; "
                "rename one"
            )
        first.setdefault(service.name, file)
