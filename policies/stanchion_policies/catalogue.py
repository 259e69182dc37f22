"""Every policy of the pack, subject by subject."""

from stanchion_policies import (
    access,
    api_versions,
    availability,
    bindings,
    consistency,
    credentials,
    host_access,
    identity,
    image,
    jobs,
    kernel,
    network,
    ownership,
    pod_security,
    probes,
    resources,
    serving,
    tracking,
    workload,
)
from stanchion_policies.rules import rules_in

SUBJECTS = {
    "Probes": probes,
    "Resources": resources,
    "Workloads": workload,
    "Jobs": jobs,
    "API versions": api_versions,
    "Ownership": ownership,
    "Availability": availability,
    "Images": image,
    "Pod security": pod_security,
    "Kernel": kernel,
    "Host access": host_access,
    "Identity": identity,
    "Credentials": credentials,
    "Network": network,
    "Access": access,
    "Bindings": bindings,
    "Consistency": consistency,
    "Serving": serving,
    "Tracking": tracking,
}
"""Subject, as the documentation calls it, and the module that holds its policies."""

RULES = rules_in(*SUBJECTS.values())
