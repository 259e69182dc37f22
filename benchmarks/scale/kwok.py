"""KWOK, which answers for the kubelets of simulated nodes: pods bound there run, in name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stanchion_cli.cluster import Cluster
from stanchion_cli.cluster.toolchain import Tool
from stanchion_cli.errors import StanchionError

KWOK: Final = Tool(
    "kwok",
    "sigs.k8s.io/kwok",
    {"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    modules=Path(__file__).parent,
)
SIMULATED: Final = "stanchion.dev/simulated"
"""Label of the nodes that are KWOK's; its value is `true`."""
_SETTINGS: Final = """\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  # A quarter of it is the time between a node's signs of life; the control plane waits 50 s.
  nodeLeaseDurationSeconds: 140
  # The more at once, the less a busy API server's answers delay them.
  nodeLeaseParallelism: 16
  nodePlayStageParallelism: 16
  podPlayStageParallelism: 16
---
# Stages of KWOK's own would write each node's status every 20 s, beside its lease.
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: ready}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
      - key: '.status.conditions.[] | select( .type == "Ready" ) | .status'
        operator: NotIn
        values: ["True"]
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
        - type: Ready
          status: "True"
          reason: Simulated
          message: KWOK answers for its kubelet
          lastHeartbeatTime: {{ $now | Quote }}
          lastTransitionTime: {{ $now | Quote }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: run}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
      - {key: .status.phase, operator: NotIn, values: [Running]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      startTime: {{ $now | Quote }}
      conditions:
      {{ range $type := splitList " " "Initialized ContainersReady Ready" }}
        - {type: {{ $type }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: delete}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - {key: .metadata.deletionTimestamp, operator: Exists}
  next: {finalizers: {empty: true}, delete: true}
"""


@contextmanager
def kwok(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Let simulated nodes and their pods live, until the block ends.

    It opens no port, makes no kind in the cluster, and leaves the cluster's own node alone.

    Args:
        cluster: The cluster.
        folder: For its settings and its log.

    Raises:
        StanchionError: It ended by itself, with its last words.
    """
    settings, log = folder / "kwok.yaml", folder / "kwok.log"
    settings.write_text(_SETTINGS, encoding="utf-8")
    command = [
        str(KWOK.path("kwok")),
        f"--config={settings}",
        f"--kubeconfig={cluster.kubeconfig}",
        f"--manage-nodes-with-label-selector={SIMULATED}=true",
        "--manage-nodes-with-annotation-selector=",
        "--manage-all-nodes=false",
        "--node-port=0",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | {"NO_PROXY": cluster.node_address, "no_proxy": cluster.node_address},
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the run, which ends it
        )
    try:
        yield
    finally:
        ended = process.poll() is not None
        process.terminate()
        process.wait()
        if ended:
            raise StanchionError(f"kwok ended:\n{log.read_text()[-2000:]}")
