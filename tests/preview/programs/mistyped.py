"""Inputs that Python's SDK lets through and the provider would not, and some that are fine."""

# mypy: ignore-errors

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

shape = pulumi.Config().get("shape")
password = random.RandomPassword("password", length=8)


def pod(name: str, container: dict, **spec: object) -> None:
    k8s.core.v1.Pod(
        name,
        metadata={"name": name, "namespace": "demo"},
        spec={"containers": [{"name": "main", "image": "i:1", **container}], **spec},
    )


if shape == "not-a-list":
    pod("not-a-list", {"env": {"name": "A", "value": "b"}})
pod("not-an-object", {"resources": "small"})
pod("unknown-key", {"liveness_prob": {"http_get": {"path": "/", "port": 80}}})
pod("misspelt", {"ports": [{"containerPrt": 80}]})
pod("missing", {"ports": [{"name": "http"}]})
pod("wrong-scalar", {"ports": [{"container_port": "eighty"}]})
pod("not-a-bool", {}, host_network="no")
pod("number-in-text-map", {"resources": {"limits": {"cpu": 1}}})
pod("fraction", {}, termination_grace_period_seconds=1.5)
k8s.core.v1.Secret("missing-nothing", metadata={"name": "s"}, string_data={"a": password.result})
k8s.core.v1.Service("port-union", spec={"ports": [{"port": 80, "target_port": "http"}]})
k8s.core.v1.Service("port-union-number", spec={"ports": [{"port": 80, "target_port": 8080}]})
k8s.core.v1.ConfigMap("nothing", data=None)
k8s.core.v1.ConfigMap("unknown-value", data={"value": password.id})
k8s.Provider("provider", enable_server_side_apply=True, context="here")
k8s.apiextensions.CustomResource(
    "free-inside",
    api_version="example.org/v1",
    kind="Anything",
    metadata={"name": "x", "labls": {"a": "b"}},
    spec={"anything": {"goes": [1, None]}},
)
pulumi.CustomResource("unheard:of/type:Thing", "no-sdk", {"anything": 1})
random.RandomPassword("typed-secret", length=pulumi.Output.secret("eight"))
pulumi.CustomResource(
    "kubernetes:example.org/v1:Rank",
    "beside-spec",
    {"apiVersion": "example.org/v1", "kind": "Rank", "metadata": {"name": "r"}, "value": 3},
)
pulumi.CustomResource(
    "kubernetes:example.org/v1:Rank",
    "nearly-spec",
    {"apiVersion": "example.org/v1", "kind": "Rank", "metadata": {"name": "n"}, "specs": {}},
)
