"""A component with a generated secret, a configured one, a workload after it, and outputs."""

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

config = pulumi.Config()


class Service(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("small:index:Service", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.password = random.RandomPassword(f"{name}-password", length=32, opts=child)
        self.secret = k8s.core.v1.Secret(
            f"{name}-secret",
            metadata={"name": name, "namespace": "demo"},
            string_data={
                "password": self.password.result,
                "url": pulumi.Output.concat("postgres://user:", self.password.result, "@db"),
                "external": config.require_secret("token"),
                "literal": "hunter2-literal",
            },
            opts=child,
        )
        self.deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata={"name": name, "namespace": "demo"},
            spec={
                "replicas": config.require_int("replicas"),
                "selector": {"match_labels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "main", "image": config.require("image")}]},
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.secret], protect=True),
        )
        self.register_outputs({"name": self.deployment.metadata["name"]})


namespace = k8s.core.v1.Namespace("demo", metadata={"name": "demo"})
service = Service("web", opts=pulumi.ResourceOptions(depends_on=[namespace]))
unnamed = k8s.core.v1.ConfigMap(
    "settings",
    metadata={"namespace": "demo"},
    data={"uid": namespace.metadata["uid"], "yes": "on", "text": "two\nlines"},
)
k8s.apiextensions.CustomResource(
    "monitor",
    api_version="monitoring.coreos.com/v1",
    kind="ServiceMonitor",
    metadata={"name": "web", "namespace": "demo"},
    spec={"endpoints": [{"port": "http"}]},
)
k8s.helm.v3.Release("chart", chart="keda", version="2.18.0", namespace="demo")
pulumi.export("name", service.deployment.metadata["name"])
pulumi.export("password", service.password.result)
