"""An environment up and down without the Pulumi engine, from its own program."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stanchion_cli import images
from stanchion_cli.deploy import generated
from stanchion_cli.deploy.api import Ref
from stanchion_cli.deploy.apply import Applied, Planned, apply_all, delete
from stanchion_cli.deploy.applyset import ApplySet
from stanchion_cli.deploy.target import Target, target_of
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.preview import Preview
from stanchion_cli.preview import run as run_preview
from stanchion_cli.progress import console, step
from stanchion_cli.render import KubernetesObject, objects


def checked_preview(root: Path, environment: str) -> Preview:
    """Evaluate the environment's program, tell its warnings, and hold it to its policies.

    Raises:
        InputError: when an input has the wrong shape.
        StanchionError: on a mandatory violation, with every one listed.
    """
    with step(f"preview {environment} with its policies") as running:
        preview = run_preview(environment, root=root)
        running.note(f"{len(preview.resources)} resources")
    for line in preview.log:
        if line.severity == "warning":
            console.print(f"warning: {line.message}", style="yellow", markup=False)
    if preview.problems:
        raise InputError(
            "has inputs that the provider does not know",
            where=environment,
            fix="correct them",
            problems=tuple(str(problem) for problem in preview.problems),
        )
    violations = [f for f in preview.findings if f.enforced and f.violates]
    if violations:
        listed = "\n".join(f"  {f.policy}: {f.message}" for f in violations)
        raise StanchionError(
            f"violates {len(violations)} mandatory policies:\n{listed}",
            where=environment,
            fix=f"mend them; `stanchion preview {environment}` shows them with their remediation",
        )
    return preview


def prepare(preview: Preview) -> Target:
    """Start the node that the environment names, if it is ours, and load what it needs into it.

    Raises:
        StanchionError: naming what failed and the way out.
    """
    target = target_of(preview)
    if target.bundled is not None:
        _start_node(target.bundled, _own_images(preview), _operators(preview))
    return target


def drop_operators(preview: Preview) -> None:
    """Take away what the node ran for the environment before and is not to run any more.

    Only once the environment does without: with an operator, the objects of its kinds go.
    """
    target = target_of(preview)
    if target.bundled is not None:
        from stanchion_cli import cluster

        cluster.drop_operators(target.bundled, _operators(preview))


def _operators(preview: Preview) -> Sequence[str]:
    return (preview.outputs.get("cluster") or {}).get("operators") or ()


def bring_up(root: Path, preview: Preview) -> Applied:
    """Start the cluster if it is ours, build and load images, apply, wait, prune.

    Idempotent: what is as declared stays untouched. Resumable after an interruption.

    Raises:
        StanchionError: naming what failed and the way out.
    """
    target = prepare(preview)
    api, applyset = target.api(), ApplySet(preview.environment)
    refs = [Ref.of(found.manifest) for found in objects(preview)]
    with step("check that every object is ours to change"):
        applyset.check_owner(api, refs)
        applyset.announce(api, refs)
        outputs = generated.ensure(api, preview.environment, preview.resources)
    mended = bool(preview.remedied)  # by policies, which then have to do it again
    known = run_preview(preview.environment, root=root, outputs=outputs, policies=mended)
    return apply_all(api, applyset, plan(known))


def take_down(preview: Preview) -> list[Ref]:
    """Delete the environment's objects, then the passwords generated for them.

    Raises:
        StanchionError: when the environment was not brought up this way, or protects an object.
    """
    api, applyset = target_of(preview).api(), ApplySet(preview.environment)
    if not applyset.exists(api):
        raise StanchionError(
            "was not brought up by this command",
            where=preview.environment,
            fix=f"if the engine did, use `pulumi destroy -s {preview.environment}`",
        )
    if protected := [str(found) for found in objects(preview) if found.protected]:
        raise StanchionError(
            f"protects {', '.join(protected)}",
            where=preview.environment,
            fix="nothing was deleted; a profile other than prod protects nothing",
        )
    members = applyset.members(api)
    with step(f"delete {len(members)} objects"):
        delete(api, members)
        generated.forget(api, preview.environment)
        delete(api, applyset.bookkeeping(api))
    return members


def plan(preview: Preview) -> list[Planned]:
    """The objects to apply, in the order in which the program registered them.

    Raises:
        StanchionError: when a value that only a provider knows is still unknown.
    """
    found = objects(preview)
    unknown = [f"{Ref.of(o.manifest)}: {path}" for o in found for path in o.unknowns]
    if unknown:
        raise StanchionError(
            "some values are known only to the engine's providers:\n  " + "\n  ".join(unknown),
            where=preview.environment,
            fix="bring it up with `pulumi up`",
        )
    refs = {o.urn: Ref.of(o.manifest) for o in found}
    return [
        Planned(
            manifest=_for_server(o.manifest),
            after=tuple(refs[urn] for urn in o.depends_on if urn in refs),
            ignored=o.ignored,
        )
        for o in found
    ]


def _for_server(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """`stringData` is write-only and merged by the server; `data` is what it can compare."""
    if manifest["kind"] != "Secret" or "stringData" not in manifest:
        return manifest
    rest = {key: value for key, value in manifest.items() if key != "stringData"}
    encoded = {
        key: base64.b64encode(value.encode()).decode()
        for key, value in manifest["stringData"].items()
    }
    return {**rest, "data": {**(rest.get("data") or {}), **encoded}}


def _start_node(name: str, own_images: Sequence[str], operators: Sequence[str]) -> None:
    from stanchion_cli import cluster
    from stanchion_cli.cluster.checks import require

    require(cluster.preflight(name, cluster.operators.tools_of(operators)))
    cluster.ensure_packages()
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Image builds wait for downloads where the node's builds wait for the processor.
        building = pool.submit(images.build, own_images)
        node = cluster.up(name, operators)
        archives = building.result()
    for image, archive in archives.items():
        if cluster.images.present(node, images.reference(image)) is None:
            with step(f"load image {image}"):
                cluster.images.load(node, archive)


def _own_images(preview: Preview) -> list[str]:
    """Names of the serving images that the environment needs and this checkout builds.

    A service without a pin has no pods yet, but promotion tests its model in its image.
    """
    used = {image for found in objects(preview) for image in _images(found)}
    used |= {service["image"] for service in preview.outputs.get("services", {}).values()}
    return [name for name in images.names() if images.reference(name) in used]


def _images(found: KubernetesObject) -> Iterator[str]:
    stack: list[Any] = [found.manifest]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("image"), str):
                yield value["image"]
            stack.extend(value.values())
        elif isinstance(value, list | tuple):
            stack.extend(value)
