"""Trivy: `checks/kubernetes/*_test.rego`, whose inputs are objects and whose counts the outcome."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks.policies.agreement.labels import Label, ask

POLICIES = {
    "CPU_not_limited": ask("workload-cpu-limit"),
    "CPU_requests_not_specified": ask("workload-cpu-request"),
    "SYS_ADMIN_capability": ask("pod-adds-no-capability"),
    "SYS_MODULE_capability": ask("pod-adds-no-capability"),
    "access_to_host_ports": ask("pod-no-host-port"),
    "allowing_to_update_a_malicious_pod": ask("rbac-no-pod-creation"),
    "anonymous_user_bind": ask(
        "rbac-not-for-system-groups", groups=["system:anonymous", "system:unauthenticated"]
    ),
    "any_any": ask("rbac-not-everything"),
    "apparmor_policy_disabled": ask("pod-apparmor"),
    "attaching_pod_view_logs_realtime": ask("rbac-no-exec"),
    "authenticate_group_bind": ask("rbac-not-for-system-groups", groups=["system:authenticated"]),
    "can_elevate_its_own_privileges": ask("pod-no-privilege-escalation"),
    "capabilities_no_drop_all": ask("pod-drops-capabilities"),
    "cluster_admin_role_is_only_used_where_required": ask("rbac-no-cluster-admin", own=[]),
    "default_namespace_should_not_be_used": ask("namespace-stated"),
    "drop_all_capabilities_only_add_net_bind_service": ask(
        "pod-drops-capabilities", "pod-adds-no-capability"
    ),
    "file_system_not_read_only": ask("pod-read-only-root"),
    "get_shell_on_pod": ask("rbac-no-exec"),
    "host_ipc": ask("pod-no-host-ipc"),
    "host_network": ask("pod-no-host-network"),
    "host_pid": ask("pod-no-host-pid"),
    "hostpath_volumes_mounted": ask("pod-no-host-path"),
    "impersonate_privileged_groups": ask("rbac-no-impersonation"),
    "manage_all_resources": ask("rbac-no-wildcards", fields=["resources"]),
    "manage_all_resources_at_namespace": ask("rbac-no-wildcards", fields=["resources"]),
    "manage_kubernetes_rbac_resources": ask("rbac-no-escalation", "rbac-no-impersonation"),
    "manage_webhook_configurations": ask("rbac-no-webhook-control"),
    "masters_group_bind": ask("rbac-not-for-system-groups", groups=["system:masters"]),
    "memory_not_limited": ask("workload-memory-limit"),
    "memory_requests_not_specified": ask("workload-memory-request"),
    "mounts_docker_socket": ask("pod-no-runtime-socket"),
    "net_raw_capability": ask("pod-adds-no-capability"),
    "non_core_volume_types": ask("pod-volume-types"),
    "non_default_proc_masks_set": ask("pod-proc-mount"),
    "outdated_api": ask("api-version-served"),
    "privilege_escalation_from_node_proxy": ask("rbac-no-exec"),
    "privileged": ask("pod-not-privileged"),
    "runs_as_root": ask("pod-non-root-enforced"),
    "runs_with_GID_le_10000": ask("pod-high-group-id"),
    "runs_with_UID_le_10000": ask("pod-high-user-id"),
    "runs_with_a_root_primary_or_supplementary_GID": ask("pod-no-root-group"),
    "runs_with_a_root_uid": ask("pod-no-root-user"),
    "runtime_default_seccomp_profile_not_set": ask("pod-seccomp", annotations=True),
    "seccomp_profile_unconfined": ask("pod-seccomp", annotations=True),
    "selinux_custom_options_set": ask("pod-selinux"),
    "service_with_externalip": ask("service-external-ips"),
    "specific_capabilities_added": ask("pod-adds-no-capability", allowed=[]),
    "windows_host_process": ask("pod-no-host-process"),
}

_TEST = re.compile(r"^(test_\w+) if \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_COUNT = re.compile(r"count\(\w+\)\s*(==?|>|!=)\s*(\d+)")
_RBAC = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}


def labels(root: Path) -> Iterator[Label]:
    """A label for each test that gives one object as input and counts what is found."""
    for path in sorted((root / "checks" / "kubernetes").glob("*_test.rego")):
        for title, body in _TEST.findall(path.read_text()):
            given, count = _given(body), _COUNT.findall(body)
            if given is not None and len(count) == 1:
                clean = count[0] in {("==", "0"), ("=", "0")}
                yield Label(path.stem.removesuffix("_test"), title, (given,), not clean)


def _given(body: str) -> dict[str, Any] | None:
    """The object that a test gives as input: Rego's objects are YAML, but for their tabs."""
    _, found, rest = body.partition("with input as {")
    if not found:
        return None
    depth = 1
    for end, letter in enumerate(rest, start=1):
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            rest = rest[:end]
            break
    try:
        given = yaml.safe_load("{" + rest.replace("\t", " "))
    except yaml.YAMLError:
        return None
    if not isinstance(given, dict) or "kind" not in given:
        return None
    version = "rbac.authorization.k8s.io/v1" if given["kind"] in _RBAC else "v1"
    return {"apiVersion": version, **given}
