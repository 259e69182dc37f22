"""Bad environment and service files: what is wrong, and where the error must point.

Each case is the valid text with one replacement, or a whole text. The same cases run
against the parser here and against the command in tests/preview.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = (ROOT / "stacks" / "Pulumi.local.yaml").read_text("utf-8")
SERVICE = (ROOT / "stacks" / "services" / "wine.yaml").read_text("utf-8").partition("gates:")[0]


@dataclass(frozen=True)
class Bad:
    """One bad file: the rule's name, the text, and what the message must contain."""

    rule: str
    text: str
    path: str
    says: str


def _environment(rule: str, old: str, new: str, path: str, says: str) -> Bad:
    assert old in ENVIRONMENT, (rule, old)
    return Bad(rule, ENVIRONMENT.replace(old, new, 1), path, says)


def _added(rule: str, line: str, path: str, says: str) -> Bad:
    return Bad(rule, f"{ENVIRONMENT}  {line}\n", path, says)


def _service(rule: str, old: str, new: str, path: str, says: str) -> Bad:
    assert old in SERVICE, (rule, old)
    return Bad(rule, SERVICE.replace(old, new, 1), path, says)


def _service_added(rule: str, lines: str, path: str, says: str) -> Bad:
    return Bad(rule, f"{SERVICE}{lines}\n", path, says)


_E = "stanchion:"

ENVIRONMENTS = [
    _environment("cloud is unknown", "cloud: local", "cloud: azure", f"{_E}provider.cloud", "'local'"),
    _environment("cloud is a number", "cloud: local", "cloud: 3", f"{_E}provider.cloud", "'local'"),
    _environment("profile is unknown", "profile: dev", "profile: production", f"{_E}profile", "'prod'"),
    _environment("profile is empty", "profile: dev", "profile: ''", f"{_E}profile", "'dev'"),
    _environment("owner is missing", "  stanchion:owner: platform-team\n", "", f"{_E}owner", "required"),
    _environment("owner cannot be a label", "platform-team", "'a team!'", f"{_E}owner", "label"),
    _environment("owner is empty", "platform-team", "''", f"{_E}owner", "empty"),
    _environment("owner is too long", "platform-team", "x" * 64, f"{_E}owner", "63"),
    _environment("provider is missing", "  stanchion:provider:\n    cloud: local\n    bundled: local", "  # gone", f"{_E}provider", "required"),
    _environment("provider names no cloud", "    cloud: local\n", "", f"{_E}provider.cloud", "required"),
    _environment("provider names no cluster", "bundled: local", "storageClass: fast", f"{_E}provider", "exactly one"),
    _environment("provider names two clusters", "bundled: local", "bundled: local\n    context: kind", f"{_E}provider", "exactly one"),
    _environment("kubeconfig without context", "bundled: local", "bundled: local\n    kubeconfig: /k", f"{_E}provider", "context"),
    _environment("bundled name is upper case", "bundled: local", "bundled: Local", f"{_E}provider.bundled", "lower-case"),
    _environment("bundled name is too long", "bundled: local", "bundled: a-very-long-name", f"{_E}provider.bundled", "12"),
    _environment("provider is text", "stanchion:provider:\n    cloud: local\n    bundled: local", "stanchion:provider: kind\n    #", f"{_E}provider", "mapping"),
    _environment("key under provider is misspelt", "bundled: local", "bundeld: local", f"{_E}provider.bundeld", "`bundled`"),
    _environment("top key is misspelt", "stanchion:tenants", "stanchion:tenats", f"{_E}tenats", "`tenants`"),
    _environment("tenants is a mapping", "    - name: demo\n      owner: demo-team\n      costCenter: demo\n      access:\n        - group: demo-engineers\n          role: editor", "    name: demo", f"{_E}tenants", "list"),
    _environment("tenant name is upper case", "name: demo", "name: Demo", f"{_E}tenants[0].name", "lower-case"),
    _environment("tenant name is reserved", "name: demo", "name: kube-system", f"{_E}tenants[0]", "reserved"),
    _environment("tenant name is the platform's", "name: demo", "name: tracking", f"{_E}tenants[0]", "reserved"),
    _environment("tenant name is a number", "name: demo", "name: 7", f"{_E}tenants[0].name", "text"),
    _environment("tenant owner is missing", "      owner: demo-team\n", "", f"{_E}tenants[0].owner", "required"),
    _environment("tenant has an unknown key", "      owner: demo-team", "      owner: demo-team\n      color: blue", f"{_E}tenants[0].color", "allowed here"),
    _environment("role is unknown", "role: editor", "role: root", f"{_E}tenants[0].access[0].role", "'admin'"),
    _environment("group is missing", "- group: demo-engineers\n          role", "- role", f"{_E}tenants[0].access[0].group", "required"),
    _environment("access is text", "access:\n        - group: demo-engineers\n          role: editor", "access: everyone", f"{_E}tenants[0].access", "list"),
    _environment("quota has an unknown key", "      access:", "      quota: {cpus: 4}\n      access:", f"{_E}tenants[0].quota.cpus", "`cpu`"),
    _environment("quota cpu has a memory unit", "      access:", "      quota: {cpu: 4Gi}\n      access:", f"{_E}tenants[0].quota.cpu", "cores"),
    _environment("quota memory has no sensible unit", "      access:", "      quota: {memory: '8'}\n      access:", f"{_E}tenants[0].quota.memory", "1Mi"),
    _environment("quota memory is negative", "      access:", "      quota: {memory: -1Gi}\n      access:", f"{_E}tenants[0].quota.memory", "quantity"),
    _environment("quota cpu is more than a cluster has", "      access:", "      quota: {cpu: '1000001'}\n      access:", f"{_E}tenants[0].quota.cpu", "1000000 cores"),
    _environment("quota cpu is zero", "      access:", "      quota: {cpu: '0'}\n      access:", f"{_E}tenants[0].quota.cpu", "quantity"),
    _environment("quota pods is zero", "      access:", "      quota: {pods: 0}\n      access:", f"{_E}tenants[0].quota.pods", "at least 1"),
    _environment("quota gpus is negative", "      access:", "      quota: {gpus: -1}\n      access:", f"{_E}tenants[0].quota.gpus", "at least 0"),
    _environment("quota gpus is a fraction", "      access:", "      quota: {gpus: 0.5}\n      access:", f"{_E}tenants[0].quota.gpus", "whole number"),
    _added("two tenants with one name", "  - {name: demo, owner: a, costCenter: b}", f"{_E}tenants", "twice"),
    _added("monitoring is text", "stanchion:monitoring: sure", f"{_E}monitoring", "mapping"),
    _added("monitoring is a switch", "stanchion:monitoring: true", f"{_E}monitoring", "mapping"),
    _added("monitoring is enabled by text", "stanchion:monitoring: {enabled: sure}", f"{_E}monitoring.enabled", "true or false"),
    _added("runbooks at no address", "stanchion:monitoring: {runbooks: docs/runbooks}", f"{_E}monitoring.runbooks", "by HTTPS"),
    _added("Grafana at an address without HTTPS", "stanchion:monitoring: {grafanaUrl: 'http://localhost:3000'}", f"{_E}monitoring.grafanaUrl", "by HTTPS"),
    _added("an address that is a secret, for its name", "stanchion:monitoring: {receivers: [{name: chat, slack: {channel: ml, webhookUrl: {kubernetesSecret: 'https://hooks.example.com/T0'}}}]}", f"{_E}monitoring.receivers[0].slack.webhookUrl.kubernetesSecret", "replace it"),
    _added("a key for the name of where it is kept", "stanchion:monitoring: {receivers: [{name: pager, pagerduty: {routingKey: {cloudSecret: 0123456789abcdef0123456789abcdef}}}]}", f"{_E}monitoring.receivers[0].pagerduty.routingKey.cloudSecret", "replace it"),
    _added("a secret in two places", "stanchion:monitoring: {receivers: [{name: pager, pagerduty: {routingKey: {cloudSecret: a, kubernetesSecret: b}}}]}", f"{_E}monitoring.receivers[0].pagerduty.routingKey", "exactly one"),
    _added("tracking replicas on one volume", "stanchion:tracking: {replicas: 2}", f"{_E}tracking.replicas", "write 1"),
    _added("tracking replicas is huge", "stanchion:tracking: {replicas: 1000}", f"{_E}tracking.replicas", "at most 10"),
    _added("a way to one machine from outside", "stanchion:tracking: {privateIngress: true}", f"{_E}tracking.privateIngress", "remove it"),
    _added("tracking workers is zero", "stanchion:tracking: {workers: 0}", f"{_E}tracking.workers", "at least 1"),
    _added("tracking storage is no quantity", "stanchion:tracking: {artifactStorage: big}", f"{_E}tracking.artifactStorage", "quantity"),
    _added("tracking hosts is text", "stanchion:tracking: {allowedHosts: example.org}", f"{_E}tracking.allowedHosts", "list"),
    _added("image tag latest", "stanchion:images: {tag: latest}", f"{_E}images", "latest"),
    _added("image registry with a scheme", "stanchion:images: {registry: 'https://r.example/x'}", f"{_E}images.registry", "form"),
    _added("a key written twice", "stanchion:profile: dev", "Pulumi.local.yaml", "twice"),
    Bad("malformed YAML", "config:\n  stanchion:profile: [dev\n", "Pulumi.local.yaml", "line"),
    Bad("tabs for indentation", "config:\n\tstanchion:profile: dev\n", "Pulumi.local.yaml", "line"),
    Bad("an empty file", "", "stanchion:provider", "required"),
    Bad("a list for a file", "- a\n- b\n", "Pulumi.local.yaml", "mapping"),
    Bad("config is a list", "config:\n  - a\n", "Pulumi.local.yaml", "mapping"),
    Bad("a huge file", "config:\n" + "  # padding\n" * 120_000, "Pulumi.local.yaml", "limit is 1024 KiB"),
]  # fmt: skip

SERVICES = [
    _service("kind is unknown", "kind: ModelService", "kind: WebService", "wine.yaml: kind", "'ModelService'"),
    _service("kind is missing", "kind: ModelService\n", "", "wine.yaml: kind", "required"),
    _service("name is missing", "name: wine\n", "", "wine.yaml: name", "required"),
    _service("name is upper case", "name: wine", "name: Wine", "wine.yaml: name", "lower-case"),
    _service("name is too long", "name: wine", f"name: {'w' * 41}", "wine.yaml: name", "40"),
    _service("tenant is not declared", "tenant: demo", "tenant: nobody", "tenant", "stanchion:tenants"),
    _service("model is empty", "model: wine-cultivar", "model: ''", "wine.yaml: model", "empty"),
    _service("model is missing", "model: wine-cultivar\n", "", "wine.yaml: model", "required"),
    _service("key is misspelt", "costCenter: demo", "costCentre: demo", "wine.yaml: costCentre", "`costCenter`"),
    _service("a key twice", "tenant: demo", "tenant: demo\ntenant: demo", "wine.yaml", "twice"),
    _service_added("floor above ceiling", "autoscaling: {minReplicas: 5, maxReplicas: 2}", "wine.yaml: autoscaling", "maxReplicas"),
    _service_added("replicas as text", "autoscaling: {maxReplicas: many}", "wine.yaml: autoscaling.maxReplicas", "whole number"),
    _service_added("zero replicas", "autoscaling: {maxReplicas: 0}", "wine.yaml: autoscaling.maxReplicas", "at least 1"),
    _service_added("a gate judges nothing", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, minRows: 5}}", "wine.yaml: gates.evaluation", "judges nothing"),
    _service_added("a data set beyond reach", "gates: {evaluation: {data: 's3://b/e.csv', sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification}}", "wine.yaml: gates.evaluation.data", "wrong form"),
    _service_added("a metric of the other task", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, thresholds: {mae: {max: 1}}}}", "wine.yaml: gates.evaluation", "write one of accuracy"),
    _service_added("a metric that is misspelt", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, thresholds: {acuracy: {min: 1}}}}", "wine.yaml: gates.evaluation.thresholds.acuracy", "'accuracy'"),
    _service_added("a bound on the wrong side", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, thresholds: {logLoss: {min: 0.1}}}}", "wine.yaml: gates.evaluation", "write its `max`"),
    _service_added("a bound that nothing reaches", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, thresholds: {accuracy: {min: 95}}}}", "wine.yaml: gates.evaluation", "never 95"),
    _service_added("a bound that nothing misses", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, thresholds: {logLoss: {max: -1}}}}", "wine.yaml: gates.evaluation", "at least 0"),
    _service_added("an allowance beyond all", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, notWorseThanChampionBy: {f1: 5}}}", "wine.yaml: gates.evaluation", "0 to 1"),
    _service_added("bounds that are swapped", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, thresholds: {accuracy: {min: 0.9, max: 0.8}}}}", "wine.yaml: gates.evaluation.thresholds.accuracy", "swap them"),
    _service_added("bounds of nothing", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, thresholds: {accuracy: {}}}}", "wine.yaml: gates.evaluation.thresholds.accuracy", "write `min`"),
    _service_added("a slice that judges nothing", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, slices: [{column: c, metric: accuracy}]}}", "wine.yaml: gates.evaluation.slices[0]", "maxDisparity"),
    _service_added("bounds of a slice that are swapped", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, slices: [{column: c, metric: accuracy, min: 0.9, max: 0.8}]}}", "wine.yaml: gates.evaluation.slices[0]", "swap them"),
    _service_added("a bound without end", "rollout: {strategy: canary, analysis: {metrics: [{name: own, query: vector(1), minimum: .inf}]}}", "wine.yaml: rollout.analysis.metrics[0].minimum", "finite"),
    _service_added("a slice of probabilities", "gates: {evaluation: {data: e.csv, sha256: '0000000000000000000000000000000000000000000000000000000000000000', label: y, task: classification, slices: [{column: c, metric: rocAuc, maxDisparity: 0.1}]}}", "wine.yaml: gates.evaluation", "not computed by group"),
    _service_added("an allowance that names no object", "gates: {scan: {allow: [mine]}}", "wine.yaml: gates.scan.allow[0]", "wrong form"),
    _service_added("no latency at all", "gates: {smoke: {maxP99Milliseconds: 0}}", "wine.yaml: gates.smoke.maxP99Milliseconds", "above 0"),
    _service_added("target above 100 percent", "autoscaling: {targetCpuPercent: 150}", "wine.yaml: autoscaling.targetCpuPercent", "at most 100"),
    _service_added("request above limit", "resources: {cpu: '2', cpuLimit: '1'}", "wine.yaml: resources", "cpuLimit"),
    _service_added("memory is no quantity", "resources: {memory: lots}", "wine.yaml: resources.memory", "quantity"),
    _service_added("timeout is negative", "requestTimeoutSeconds: -3", "wine.yaml: requestTimeoutSeconds", "at least 1"),
    _service_added("body limit is huge", "maxBodyMebibytes: 100000", "wine.yaml: maxBodyMebibytes", "at most 512"),
    _service_added("callers is text", "allowFrom: web", "wine.yaml: allowFrom", "list"),
    _service_added("caller is no namespace", "allowFrom: ['Web!']", "wine.yaml: allowFrom[0]", "lower-case"),
    _service_added("GPUs of no pool", "resources: {gpus: 1}", "wine.yaml: `resources.gpus: 1`", "needs `pool`"),
    _service_added("GPUs are negative", "resources: {gpus: -1}", "wine.yaml: resources.gpus", "at least 0"),
    _service_added("half a GPU", "pool: l4\nresources: {gpus: 0.5}", "wine.yaml: resources.gpus", "whole number"),
    _service_added("pool is upper case", "pool: L4", "wine.yaml: pool", "lower-case"),
    _service_added("pool is not declared", "pool: l4", "services/wine: pool", "stanchion:pools"),
    Bad("a service of nothing", "", "wine.yaml", "mapping"),
    Bad("a service that is malformed", "kind: ModelService\n name: x\n", "wine.yaml:2", "YAML"),
    Bad("a service that is a list", "- kind: ModelService\n", "wine.yaml", "mapping"),
    Bad("a service that is huge", "# padding\n" * 120_000, "wine.yaml", "1 MiB"),
    Bad("a service nested too deeply", "kind: " + "[" * 5000, "wine.yaml", "deep"),
]  # fmt: skip
