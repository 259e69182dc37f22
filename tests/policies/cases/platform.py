"""Cases of the policies about more than one object, and about what the platform runs."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import (
    DIGEST,
    DROP,
    NAMESPACE,
    UNKNOWN,
    Manifest,
    autoscaler,
    budget,
    default_deny,
    ingress,
    manifest,
    namespace,
    network_policy,
    scaled_object,
    service,
    workload,
)

ROLLOUT = {"kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1", "name": "churn"}
POSTGRES = "postgresql+psycopg2://mlflow@db/mlflow"
HOSTS = "mlflow.tracking.svc,mlflow.tracking.svc:5000"


def rules(kind: str = "Role", **rule: Any) -> Manifest:
    """A role with one rule."""
    base = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    return manifest(kind, rules=[{**base, **rule}])


def binding(kind: str = "RoleBinding", role: str = "view", **subject: Any) -> Manifest:
    """A binding of a role to a subject."""
    who = {"kind": "Group", "name": "team-growth", **subject}
    return manifest(kind, roleRef={"kind": "ClusterRole", "name": role}, subjects=[who])


def model(**env: str) -> Manifest:
    """A model server with changed environment variables; `""` leaves one out."""
    named = {"MODEL_NAME": "churn", "MODEL_VERSION": "7", "MODEL_DIGEST": DIGEST, **env}
    entries = [{"name": name, "value": value} for name, value in named.items() if value]
    return workload(server={"env": entries})


def mlflow(*command: str, **env: str) -> Manifest:
    """A container that runs a command."""
    entries = [{"name": name, "value": value} for name, value in env.items()]
    return workload(server={"command": list(command), "env": entries})


NETWORK: list[Case] = [
    passes("service-exposure", "inside", service()),
    passes("service-exposure", "no type", manifest("Service")),
    passes(
        "service-exposure",
        "by setting",
        service(spec={"type": "LoadBalancer"}),
        types=["LoadBalancer"],
    ),
    fails("service-exposure", "load balancer", service(spec={"type": "LoadBalancer"})),
    fails("service-exposure", "node port", service(spec={"type": "NodePort"})),
    fails("service-exposure", "addresses", service(spec={"externalIPs": ["203.0.113.7"]})),
    passes("ingress-tls", "certificate", ingress()),
    passes("ingress-tls", "wildcard", ingress(spec={"tls": [{"hosts": ["*.example"]}]})),
    passes("ingress-tls", "no rule yet", ingress(spec={"rules": []})),
    fails("ingress-tls", "none", ingress(spec={"tls": DROP})),
    fails("ingress-tls", "another host's", ingress(spec={"tls": [{"hosts": ["other.example"]}]})),
    fails("ingress-tls", "any host", ingress(spec={"rules": [{"http": {}}]})),
    fails("ingress-tls", "default", ingress(spec={"defaultBackend": {"service": {"name": "a"}}})),
    passes("network-policy-selects-pod", "selected", workload(), network_policy()),
    passes("network-policy-selects-pod", "by the denial", workload("CronJob"), default_deny()),
    passes(
        "network-policy-selects-pod", "on the node's network", workload(pod={"hostNetwork": True})
    ),
    passes(
        "network-policy-selects-pod",
        "ingress only by setting",
        workload(),
        network_policy(spec={"policyTypes": ["Ingress"]}),
        egress=False,
    ),
    fails("network-policy-selects-pod", "none", workload()),
    fails(
        "network-policy-selects-pod",
        "one direction",
        workload(),
        network_policy(spec={"policyTypes": DROP, "egress": DROP}),
    ),
    fails(
        "network-policy-selects-pod",
        "other pods",
        workload("Rollout"),
        network_policy(spec={"podSelector": {"matchLabels": {"app": "x"}}}),
    ),
    fails(
        "network-policy-selects-pod",
        "other namespace",
        workload("Job"),
        default_deny(metadata={"namespace": "other"}),
    ),
    passes("network-default-deny", "denied", namespace(), default_deny(), workload()),
    passes(
        "network-default-deny",
        "by two policies",
        namespace(),
        default_deny(spec={"policyTypes": ["Ingress"]}),
        default_deny(spec={"policyTypes": ["Egress"]}, metadata={"name": "egress"}),
    ),
    passes(
        "network-default-deny",
        "ingress only by setting",
        namespace(),
        default_deny(spec={"policyTypes": ["Ingress"]}),
        egress=False,
    ),
    fails("network-default-deny", "some pods only", namespace(), network_policy()),
    fails("network-default-deny", "a namespace of another stack", workload()),
    fails(
        "network-default-deny",
        "rules that allow all",
        namespace(),
        default_deny(spec={"ingress": [{}], "egress": [{}]}),
    ),
]

ACCESS: list[Case] = [
    passes("rbac-no-wildcards", "listed", rules()),
    passes("rbac-no-wildcards", "a name with a star", rules(resources=["pods/*"])),
    passes("rbac-no-wildcards", "no rules", manifest("Role")),
    fails("rbac-no-wildcards", "verbs", rules(verbs=["*"])),
    fails("rbac-no-wildcards", "resources", rules("ClusterRole", resources=["*"])),
    fails("rbac-no-wildcards", "groups", rules(apiGroups=["apps", "*"])),
    passes("rbac-no-escalation", "plain", rules()),
    passes("rbac-no-escalation", "one secret", rules(resources=["secrets"], resourceNames=["own"])),
    passes("rbac-no-escalation", "by setting", rules(resources=["secrets"]), secrets=True),
    fails("rbac-no-escalation", "secrets", rules(resources=["secrets"], verbs=["list"])),
    fails("rbac-no-escalation", "impersonate", rules("ClusterRole", verbs=["impersonate"])),
    fails("rbac-no-escalation", "exec", rules(resources=["pods/exec"], verbs=["create"])),
    passes("rbac-no-cluster-admin", "a group", binding()),
    passes("rbac-no-cluster-admin", "its own account", binding(kind="RoleBinding", name="churn")),
    passes("rbac-no-cluster-admin", "no subjects", manifest("RoleBinding", roleRef={})),
    fails("rbac-no-cluster-admin", "admin", binding("ClusterRoleBinding", "cluster-admin")),
    fails("rbac-no-cluster-admin", "everybody", binding(name="system:authenticated")),
    fails(
        "rbac-no-cluster-admin",
        "default account",
        manifest(
            "RoleBinding",
            roleRef={"name": "view"},
            subjects=[{"kind": "ServiceAccount", "name": "default"}],
        ),
    ),
]

CONSISTENCY: list[Case] = [
    passes("service-selects-pods", "selects", service(), workload()),
    passes("service-selects-pods", "no selector", service(spec={"selector": DROP})),
    passes(
        "service-selects-pods",
        "a port by number",
        service(spec={"ports": [{"port": 80, "targetPort": 8080}]}),
        workload("Rollout"),
    ),
    passes(
        "service-selects-pods",
        "a rollout's live service",
        service(spec={"selector": {"rollouts-pod-template-hash": "6f9d"}}),
        workload("Rollout"),
    ),
    undecided(
        "service-selects-pods",
        "unknown",
        service(spec={"selector": {"app.kubernetes.io/name": UNKNOWN}}),
        workload(),
    ),
    fails("service-selects-pods", "none there", service()),
    fails(
        "service-selects-pods", "a typo", service(spec={"selector": {"app": "chrun"}}), workload()
    ),
    fails(
        "service-selects-pods",
        "no such port",
        service(spec={"ports": [{"port": 80, "targetPort": "grpc"}]}),
        workload(),
    ),
    fails(
        "service-selects-pods", "other namespace", service(metadata={"namespace": "x"}), workload()
    ),
    passes("autoscaler-target-exists", "there", autoscaler(), workload()),
    passes("autoscaler-target-exists", "KEDA's default kind", scaled_object(), workload()),
    passes(
        "autoscaler-target-exists",
        "rollout",
        autoscaler(spec={"scaleTargetRef": ROLLOUT}),
        workload("Rollout"),
    ),
    fails("autoscaler-target-exists", "nothing", autoscaler()),
    fails("autoscaler-target-exists", "another kind", autoscaler(), workload("StatefulSet")),
    fails("autoscaler-target-exists", "another name", scaled_object(), workload(name="other")),
    passes("disruption-budget-selects-pods", "pods", budget(), workload()),
    passes("disruption-budget-selects-pods", "all", budget(spec={"selector": {}}), workload("Job")),
    passes("disruption-budget-selects-pods", "rollout", budget(), workload("Rollout")),
    fails("disruption-budget-selects-pods", "nothing", budget()),
    fails(
        "disruption-budget-selects-pods",
        "a typo",
        budget(spec={"selector": {"matchLabels": {"app.kubernetes.io/name": "chrun"}}}),
        workload(),
    ),
    fails(
        "disruption-budget-selects-pods",
        "other namespace",
        budget(metadata={"namespace": "other"}),
        workload(),
    ),
    passes("ingress-backend-exists", "there", ingress(), service()),
    passes("ingress-backend-exists", "no rules", ingress(spec={"rules": []})),
    passes(
        "ingress-backend-exists",
        "by port name",
        ingress(
            spec={
                "rules": DROP,
                "defaultBackend": {"service": {"name": "churn", "port": {"name": "http"}}},
            }
        ),
        service(),
    ),
    fails("ingress-backend-exists", "no service", ingress()),
    fails(
        "ingress-backend-exists", "no port", ingress(), service(spec={"ports": [{"port": 8000}]})
    ),
    fails(
        "ingress-backend-exists",
        "other namespace",
        ingress(),
        service(metadata={"namespace": NAMESPACE + "-2"}),
    ),
]

PRODUCT: list[Case] = [
    passes("model-pinned", "version and digest", model()),
    passes("model-pinned", "no model", workload()),
    passes("model-pinned", "no digest by setting", model(MODEL_DIGEST=""), digest=False),
    passes("model-pinned", "URI with version", model(MODEL_URI="models:/churn/7")),
    undecided("model-pinned", "unknown", model(MODEL_VERSION=UNKNOWN)),
    fails("model-pinned", "no digest", model(MODEL_DIGEST="")),
    fails("model-pinned", "alias", model(MODEL_VERSION="champion")),
    fails("model-pinned", "short digest", model(MODEL_DIGEST="sha256:a1")),
    fails("model-pinned", "URI with alias", model(MODEL_URI="models:/churn@champion")),
    fails("model-pinned", "URI with stage", model(MODEL_NAME="", MODEL_URI="models:/churn/latest")),
    passes(
        "mlflow-secured", "our server", mlflow("stanchion-mlflow", "serve", ALLOWED_HOSTS=HOSTS)
    ),
    passes(
        "mlflow-secured",
        "plain server",
        mlflow("mlflow", "server", "--app-name", "basic-auth", f"--allowed-hosts={HOSTS}"),
    ),
    passes("mlflow-secured", "our migration", mlflow("stanchion-mlflow", "migrate")),
    fails("mlflow-secured", "no hosts", mlflow("stanchion-mlflow", "serve")),
    fails("mlflow-secured", "any host", mlflow("stanchion-mlflow", "serve", ALLOWED_HOSTS="a,*")),
    fails(
        "mlflow-secured",
        "no authentication, in a script",
        mlflow("sh", "-c", f"exec mlflow server --allowed-hosts {HOSTS}"),
    ),
    fails("mlflow-secured", "ui", mlflow("/opt/venv/bin/mlflow", "ui")),
    passes(
        "mlflow-database", "PostgreSQL", mlflow("mlflow", "server", "--backend-store-uri", POSTGRES)
    ),
    passes(
        "mlflow-database",
        "from the environment",
        mlflow("mlflow", "server", MLFLOW_BACKEND_STORE_URI=POSTGRES),
    ),
    passes("mlflow-database", "by setting", mlflow("mlflow", "server"), files=True),
    fails("mlflow-database", "none", mlflow("mlflow", "server")),
    fails(
        "mlflow-database",
        "SQLite",
        mlflow("mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db"),
    ),
    fails(
        "mlflow-database",
        "a folder",
        mlflow("mlflow", "server", MLFLOW_BACKEND_STORE_URI="/data/mlruns"),
    ),
]

CASES = [*NETWORK, *ACCESS, *CONSISTENCY, *PRODUCT]
