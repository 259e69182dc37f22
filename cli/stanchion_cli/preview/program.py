"""The previewed program's process: `python -P program.py RESULT_FD`.

It does what the SDK's own language host does: sets configuration and runtime settings, changes to
the program's directory and runs its entry point inside a stack. Then it stays a moment, because
the provider types are loaded here, to check the inputs the monitor has seen.

It imports nothing of this package, because the program may be another commit's and bring its own.

One JSON object a line, both ways. In: settings, then the inputs to check. Out, on RESULT_FD: how
the program ended, then the problems found.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import logging
import os
import runpy
import sys
import traceback
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

_SHOWN_FRAMES = 3


def main() -> None:
    """Run one program for the process that started this one."""
    gc.disable()  # a process of a few seconds that imports tens of thousands of objects
    _beside("guard").install()
    _beside("sdk").install()
    sys.setswitchinterval(0.001)  # the RPC thread and the event loop take turns all the time
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as results:
        import pulumi.runtime  # noqa: F401  while the other side still prepares the settings

        settings = _receive()
        _say(results, _run(settings))
        request = _receive()
        if request:
            _say(results, {"problems": _beside("typecheck").check(request["resources"])})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # gRPC's threads would delay a normal end by tenths of a second


def _beside(name: str) -> Any:
    """The module of that name next to this one, under a name no program uses."""
    spec = importlib.util.spec_from_file_location(f"_preview_{name}", _HERE.with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _receive() -> dict[str, Any]:
    line = sys.stdin.readline()
    received = json.loads(line) if line else {}
    return received if isinstance(received, dict) else {}


def _say(results: IO[str], message: dict[str, Any]) -> None:
    results.write(json.dumps(message) + "\n")
    results.flush()


def _run(settings: dict[str, Any]) -> dict[str, Any]:
    import pulumi

    order: list[str] = []
    try:
        _execute(settings, order)
    except pulumi.RunError as error:
        return {"ended": "refused", "message": str(error)}
    except SystemExit as error:
        if error.code in (0, None):
            return {"ended": "well", "order": order}
        return {"ended": "refused", "message": f"the program exited with {error.code}"}
    except BaseException as error:  # noqa: BLE001  whatever a program raises is reported, not shown
        if any(base.__name__ == "StanchionError" for base in type(error).__mro__):
            return {"ended": "refused", "message": str(error)}
        return {
            "ended": "crashed",
            "type": type(error).__name__,
            "message": str(error),
            "frames": _frames(error, Path(settings["root"])),
        }
    return {"ended": "well", "order": order}


def _execute(settings: dict[str, Any], order: list[str]) -> None:
    """Run the program; `order` receives the URNs in the order the program made the resources."""
    import pulumi.runtime

    os.environ["PULUMI_CONFIG"] = json.dumps(settings["config"])
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(settings["secret_keys"])
    pulumi.runtime.config.set_all_config(settings["config"], settings["secret_keys"])
    _make_unknown(frozenset(settings["unknown_keys"]))
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=settings["project"],
            stack=settings["stack"],
            monitor=settings["address"],
            engine=settings["address"],
            parallel=1,
            dry_run=True,
            organization="organization",
            root_directory=settings["root"],
        )
    )
    os.chdir(settings["directory"])
    sys.argv = [settings["entry_point"]]
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    _spare()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    made = _observed()
    with ThreadPoolExecutor(max_workers=1) as executor:
        loop.set_default_executor(executor)

        def program() -> None:
            runpy.run_path(settings["entry_point"], run_name="__main__")

        loop.run_until_complete(pulumi.runtime.run_in_stack(program))
        order += [loop.run_until_complete(resource.urn.future()) or "" for resource in made]


def _spare() -> None:
    """Leave out what the SDK does for an engine, and a preview has no use for."""
    import pulumi
    from pulumi.runtime import resource, resource_cycle_breaker, rpc, stack
    from pulumi.runtime.proto import source_pb2

    # The SDK waits for an answer to each debug message: a third of a large program's time.
    pulumi.log.debug = lambda *_args, **_kwargs: None
    # At its end the SDK looks at every unsettled output each time that one settles: time that
    # grows with the square of the program. To wait for all, or the first that fails, is the same.
    waiting = {**vars(asyncio), "FIRST_COMPLETED": asyncio.FIRST_EXCEPTION}
    setattr(stack, "asyncio", types.SimpleNamespace(**waiting))  # noqa: B010  not typed as one
    # Where in the program a resource is made goes to the engine's own display alone.
    resource._get_stack_trace = source_pb2.StackTrace
    declaring = _declaring(
        resource_cycle_breaker.declare_dependency, resource_cycle_breaker._add_dep
    )
    setattr(rpc, "declare_dependency", declaring)  # noqa: B010  not typed as one


def _declaring(declare: Any, add: Any) -> Any:
    """`declare`, which walks all that the dependency waits for, where a cycle can be at all.

    What nothing waits for is in no cycle, and so is nearly every resource while it is registered.
    """
    awaited: set[Any] = set()

    def declaring(dependent: Any, dependency: Any) -> bool:
        awaited.add(dependency)
        if dependent in awaited:
            return bool(declare(dependent, dependency))
        add(dependent, dependency)
        return True

    return declaring


def _observed() -> list[Any]:
    """Every resource from now on, as the program makes it.

    They reach the monitor in an order that depends on timing: what waits for nothing comes first.
    """
    from pulumi import resource

    made: list[Any] = []

    def observing(original: Any) -> Any:
        def register(registered: Any, *args: Any, **kwargs: Any) -> Any:
            made.append(registered)
            return original(registered, *args, **kwargs)

        return register

    for name in ("register_resource", "read_resource"):
        setattr(resource, name, observing(getattr(resource, name)))
    return made


def _make_unknown(keys: frozenset[str]) -> None:
    """Let the secret getters of `pulumi.Config` answer an encrypted value as a secret unknown.

    The text behind it is not here, so nothing may be parsed from it or computed with it.
    """
    import pulumi

    def answering(original: Any) -> Any:
        def getter(self: pulumi.Config, key: str, *args: Any, **kwargs: Any) -> Any:
            if self.full_key(key) not in keys:
                return original(self, key, *args, **kwargs)
            return pulumi.Output(set(), _resolved(None), _resolved(False), _resolved(True))

        return getter

    for verb in ("get_secret", "require_secret"):
        for kind in ("", "_bool", "_int", "_float", "_object"):
            name = f"{verb}{kind}"
            setattr(pulumi.Config, name, answering(getattr(pulumi.Config, name)))


def _resolved(value: Any) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
    future.set_result(value)
    return future


def _frames(error: BaseException, root: Path) -> list[str]:
    """The last frames in the project's own files, innermost last, as `file:line: code`."""
    shown = []
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename).resolve()
        if (
            not file.is_file()
            or not file.is_relative_to(root)
            or "site-packages" in file.parts
            or file == _HERE
        ):
            continue
        shown.append(f"{file.relative_to(root)}:{frame.lineno}: {frame.line}")
    if not shown:
        shown = [
            f"{frame.filename}:{frame.lineno}: {frame.line}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return shown[-_SHOWN_FRAMES:]


_HERE = Path(__file__).resolve()

if __name__ == "__main__":
    main()
