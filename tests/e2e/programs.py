"""Build what the node and the rules' tools need, before anything else wants the processor.

`make e2e` does without: each chapter builds what it lacks. Beside other tests that takes long.
"""

from __future__ import annotations

from stanchion_cli.cluster import operators, packages, toolchain
from stanchion_cli.cluster.operator_list import AMTOOL, ARGO_ROLLOUTS, KUBE_PROMETHEUS_STACK

if __name__ == "__main__":
    packages.ensure_packages()
    named = (ARGO_ROLLOUTS.name, KUBE_PROMETHEUS_STACK.name)
    toolchain.build_missing([*operators.tools_of(named), AMTOOL])
