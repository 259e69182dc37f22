"""What KubeRay's operator and Ray's pods know of each other."""

NAMESPACE = "kuberay-operator"
"""Where the operator runs."""
DASHBOARD_PORT = 8265
"""On which a head takes jobs and says how they are."""
METRICS_PORT = 8080
"""On which every pod of Ray has its metrics."""
NODE_TYPE = "ray.io/node-type"
"""Label of a pod: what it is in its cluster. KubeRay sets it, and lets nobody else."""
HEAD_PODS = {NODE_TYPE: "head"}
"""Labels of heads, in whatever namespace."""
WORKER_PODS = {NODE_TYPE: "worker"}
"""Labels of workers."""
