"""Every policy of the pack, subject by subject."""

from stanchion_policies import (
    access,
    availability,
    consistency,
    credentials,
    image,
    network,
    ownership,
    pod_security,
    serving,
    tracking,
    workload,
)
from stanchion_policies.rules import rules_in

SUBJECTS = {
    "Workloads": workload,
    "Ownership": ownership,
    "Availability": availability,
    "Images": image,
    "Pod security": pod_security,
    "Credentials": credentials,
    "Network": network,
    "Access": access,
    "Consistency": consistency,
    "Serving": serving,
    "Tracking": tracking,
}
"""Subject, as the documentation calls it, and the module that holds its policies."""

RULES = rules_in(*SUBJECTS.values())
