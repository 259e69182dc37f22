"""What a model's files would bring into this process, told before any of them is loaded.

A pickle is a program: whoever loads it runs it. Here it is run with every object that it refers
to replaced by one that does nothing, as Python's own documentation of `pickle` shows, so that what
is told is what loading would look up, however it is written. That happens in a process of its
own: a file made to crash or to fill the memory takes nothing else with it. Files of skops, which
are no programs, go through skops' own check.

It does not judge code that MLflow imports from a model's `code/` folder, nor weights.
"""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any, Final

# Classes, not functions: a class of these packages restores its own state and starts nothing.
# NumPy, SciPy and pandas are named one by one, because they hold functions that run text.
_USUAL: Final = (
    "sklearn.*:[A-Z]*", "sklearn.*:_[A-Z]*", "sklearn.*:__pyx_unpickle_*", "sklearn._loss.*:*Link",
    "sklearn.neighbors._*:newObj", "sklearn.metrics._dist_metrics:newObj",
    "xgboost.sklearn:XGB*", "xgboost.core:Booster", "lightgbm.sklearn:LGBM*",
    "lightgbm.basic:Booster", "numpy:ndarray", "numpy:dtype", "numpy:bool*", "numpy:[iu]nt*",
    "numpy:float*", "numpy:str_", "numpy:datetime64", "numpy:timedelta64",
    "numpy.*core.multiarray:_reconstruct", "numpy.*core.multiarray:scalar",
    "numpy.*core.numeric:_frombuffer", "numpy.random._pickle:__*_ctor",
    "numpy.random.bit_generator:SeedSequence",
    "numpy.random.bit_generator:__pyx_unpickle_SeedSequence",
    "numpy.random._mt19937:MT19937", "numpy.random._pcg64:PCG64", "numpy.ma:MaskedArray",
    "numpy.ma.core:MaskedArray", "numpy.ma.core:_mareconstruct",
    "scipy.sparse._*:*_matrix", "scipy.sparse._*:*_array", "scipy.interpolate._*:BSpline",
    "scipy.spatial._ckdtree:cKDTree", "scipy._lib.array_api_compat.numpy._aliases:asarray",
    "pandas:DataFrame", "pandas:Series", "pandas:*Index", "pandas:Categorical", "pandas:*Dtype",
    "pandas.arrays:*Array", "pandas._libs.arrays:__pyx_unpickle_NDArrayBacked",
    "pandas.core.frame:DataFrame", "pandas.core.series:Series",
    "pandas.core.indexes.*:*Index", "pandas.core.indexes.base:_new_Index",
    "pandas.core.internals.managers:*BlockManager",
    "pandas._libs.internals:_unpickle_block", "pandas.core.dtypes.dtypes:*Dtype",
    "pandas.core.arrays.*:*Array",
    "builtins:set", "builtins:frozenset", "builtins:dict", "builtins:list", "builtins:tuple",
    "builtins:int", "builtins:float", "builtins:complex", "builtins:str", "builtins:bytes",
    "builtins:bytearray", "builtins:bool", "builtins:slice", "builtins:range", "builtins:object",
    "collections:OrderedDict", "collections:defaultdict", "collections:Counter",
    "collections:deque", "copyreg:_reconstructor", "_codecs:encode", "datetime:*",
    "decimal:Decimal", "uuid:UUID",
)  # fmt: skip
# What these hold opens files, listens and starts threads.
_NEVER_USUAL: Final = re.compile(
    r"sklearn\.(callback|datasets|externals|conftest|utils\._testing|.*\btests)\b"
)
_PICKLE_NAMES: Final = frozenset({".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill"})
_LOOKED_INTO: Final = frozenset({".skops", ".npz", ".pt", ".pth"})
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_COMPRESSED: Final = re.compile(
    rb"\x1f\x8b|x[\x01\x9c\xda]|BZh|\xfd7zXZ|\x04\x22\x4d\x18|\x28\xb5\x2f\xfd|7z\xbc\xaf"
)
_LONGEST_SECONDS: Final = 300
_SHOWN: Final = 20


class ScanError(Exception):
    """The files could not be looked into; they are not to be loaded."""


def scan(folder: Path, *, allow: tuple[str, ...], refused_file_types: tuple[str, ...]) -> list[str]:
    """What speaks against loading the model in `folder`: one line each, at most 20; none: nothing.

    Args:
        folder: Its files.
        allow: `MODULE:NAME` patterns that pickles may refer to, besides the usual ones.
        refused_file_types: Suffixes, such as `.so`.

    Raises:
        ScanError: When looking crashed, or took longer than 300 seconds.
    """
    question = json.dumps({"allow": allow, "refused": refused_file_types})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "stanchion_model_server.scan", str(folder)],
            input=question,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise ScanError(f"looking into the files took more than {_LONGEST_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr).strip().splitlines() or [""]
        reason = f"status {error.returncode}: {lines[-1][:300]}"
        raise ScanError(f"looking into the files crashed ({reason})") from None
    found: list[str] = json.loads(done.stdout)
    for path in sorted(folder.rglob("*.skops")):
        found += [f"{path.relative_to(folder).as_posix()}: {each}" for each in _skops(path, allow)]
    more = len(found) - _SHOWN
    return found if more <= 0 else [*found[:_SHOWN], f"and {more} more"]


def problems(folder: Path, allow: tuple[str, ...], refused: tuple[str, ...]) -> list[str]:
    """`scan` in this process, of all but skops files."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            shown = path.relative_to(folder).as_posix()
            if path.suffix.lower() in refused:
                found.append(f"{shown}: files of type {path.suffix} are refused")
                continue
            with path.open("rb") as stream:
                reasons = _judge(stream, path.suffix.lower(), allow)
            found += [f"{shown}: {reason}" for reason in reasons]
    return found


def _judge(stream: IO[bytes], suffix: str, allow: tuple[str, ...]) -> list[str]:
    start = stream.read(4096)
    stream.seek(0)
    if start.startswith(b"PK\x03\x04"):
        return _archive(stream, suffix, allow)
    if _COMPRESSED.match(start) or start[257:262] == b"ustar":
        return ["is compressed or an archive, so nothing can vouch for it; save it plain"]
    if start.startswith(b"\x93NUMPY"):
        return _array(stream)
    if suffix in _PICKLE_NAMES or _PICKLE.match(start):
        return _pickle(stream, allow)
    return []


def _array(stream: IO[bytes]) -> list[str]:
    from numpy.lib import format as npy  # noqa: PLC0415 - most models have no such file

    try:
        first = npy.read_magic(stream) == (1, 0)
        read = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
        dtype = read(stream)[2]
    except ValueError as error:
        return [f"is a damaged array: {error}"]
    return (
        ["holds an array of objects, which is a pickle; save it as numbers"]
        if dtype.hasobject
        else []
    )


def _archive(stream: IO[bytes], suffix: str, allow: tuple[str, ...]) -> list[str]:
    if suffix not in _LOOKED_INTO:
        return [f"is an archive; only {', '.join(sorted(_LOOKED_INTO))} are looked into"]
    if suffix == ".skops":
        return []  # `scan` reads it: scikit-learn, which that takes, is in memory once then
    found = []
    try:
        with zipfile.ZipFile(stream) as archive:
            for name in sorted(archive.namelist()):
                with archive.open(name) as member:
                    reasons = _judge(member, Path(name).suffix.lower(), allow)
                found += [f"{name}: {reason}" for reason in reasons]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        return [f"is a damaged archive: {error}"]
    return found


def _skops(file: Path, allow: tuple[str, ...]) -> list[str]:
    from skops.io import get_untrusted_types  # noqa: PLC0415 - imports scikit-learn

    try:
        types = get_untrusted_types(file=file)
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
        return [f"cannot be read as skops: {error}"]
    return _refused({":".join(name.rpartition(".")[::2]) for name in types}, allow)


def _pickle(stream: IO[bytes], allow: tuple[str, ...]) -> list[str]:
    reader = _Referring(stream)
    try:
        reader.load()
        while stream.peek(1) if hasattr(stream, "peek") else False:
            reader.load()
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
        reason = f"{type(error).__name__}: {error}"[:200]
        unreadable = f"cannot be followed to its end as a pickle ({reason}); save it as skops"
        return [*_refused(reader.found, allow), unreadable]
    return _refused(reader.found, allow)


def _refused(found: set[str], allow: tuple[str, ...]) -> list[str]:
    return [
        f"refers to {name.replace(':', '.')}, which may run code; save the model as skops, or allow"
        f" `{name}` under gates.scan if you trust who made it"
        for name in sorted(found)
        if not _usual(name) and not any(_allows(pattern, name) for pattern in allow)
    ]


def _usual(name: str) -> bool:
    return not _NEVER_USUAL.match(name) and any(_allows(pattern, name) for pattern in _USUAL)


def _allows(pattern: str, name: str) -> bool:
    """Whether the pattern covers it; the attribute of a class only where the pattern has one."""
    module, _, attribute = name.partition(":")
    of_module, _, of_attribute = pattern.partition(":")
    return (
        fnmatchcase(module, of_module)
        and fnmatchcase(attribute, of_attribute)
        and ("." not in attribute or "." in of_attribute or of_attribute == "*")
    )


class _Nothing:
    """Stands for every object that a pickle refers to: takes whatever comes and does nothing."""

    def __new__(cls, *_args: Any, **_named: Any) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_named: Any) -> None:
        pass

    def __setitem__(self, _key: object, _value: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass

    def append(self, _item: object) -> None:
        """Nothing."""

    extend = add = append


class _Referring(pickle.Unpickler):
    """Follows a pickle and keeps what it refers to, without looking any of it up."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.found: set[str] = set()

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Note the name; what is returned does nothing."""
        self.found.add(f"{module_name}:{global_name}")
        return _Nothing

    def persistent_load(self, _pid: Any) -> Any:
        """Nothing, for what the pickle keeps outside itself."""
        return _Nothing()


if __name__ == "__main__":
    _question = json.load(sys.stdin)
    _answer = problems(Path(sys.argv[1]), tuple(_question["allow"]), tuple(_question["refused"]))
    sys.stdout.write(json.dumps(_answer))
