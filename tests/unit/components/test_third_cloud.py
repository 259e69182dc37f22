"""A third cloud is a member of `Cloud` and a module beside each backend: no consumer changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import stanchion

BACKEND = '''"""Artifacts in a container of Azure's."""

import pulumi

from stanchion.foundation.artifact_store.contract import (
    ArtifactStoreArgs,
    ArtifactStoreBackend,
    ArtifactStoreParts,
)


class AzureArtifactStore:
    def check(self, check, args):
        pass

    def build(self, parent, name, args, opts):
        return ArtifactStoreParts(pulumi.Output.from_input("wasbs://artifacts@acme"))


BACKEND: ArtifactStoreBackend = AzureArtifactStore()
'''
PROGRAM = """
import pulumi


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        made.append((args.typ, args.inputs))
        return args.name, args.inputs

    def call(self, args):
        raise AssertionError(args.token)


made = []
pulumi.runtime.set_mocks(Mocks())
import stanchion


@pulumi.runtime.test
def run():
    store = stanchion.ArtifactStore(
        "artifacts",
        {"cloud": "azure", "namespace": "tracking", "owner": "platform", "cost_center": "ml"},
    )
    stanchion.MlflowServer(
        "mlflow",
        {
            "namespace": "tracking",
            "owner": "platform",
            "cost_center": "ml",
            "image": "registry.example.com/mlflow:1",
            "database": {"host": "db", "port": 5432, "admin_secret_name": "admin"},
            "artifacts_destination": store.destination,
            "replicas": 2,
        },
    )


run()
(server,) = (inputs for kind, inputs in made if kind.endswith(":Deployment"))
env = server["spec"]["template"]["spec"]["containers"][0]["env"]
print({each["name"]: each.get("value") for each in env}["ARTIFACTS_DESTINATION"])
"""


def test_a_third_clouds_backend_touches_no_consumer(tmp_path: Path) -> None:
    package = tmp_path / "stanchion"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(stanchion.__file__).parent, package, ignore=ignored)
    cloud = package / "foundation" / "cloud.py"
    text = cloud.read_text("utf-8")
    member = '    LOCAL = "local"'
    assert member in text
    cloud.write_text(text.replace(member, f'    AZURE = "azure"\n{member}'))
    (package / "foundation" / "artifact_store" / "_azure.py").write_text(BACKEND)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "wasbs://artifacts@acme"
