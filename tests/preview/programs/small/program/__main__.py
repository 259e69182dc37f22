"""A component with a secret, a workload that depends on it, and an output."""

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random


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
                "external": config.require_secret("password"),
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
                    "spec": {
                        "containers": [
                            {
                                "name": "main",
                                "image": "example.org/app:1",
                                "ports": [{"container_port": 80}],
                            }
                        ]
                    },
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.secret], protect=True),
        )
        self.register_outputs({"name": self.deployment.metadata["name"]})


config = pulumi.Config()
namespace = k8s.core.v1.Namespace("demo", metadata={"name": "demo"})
service = Service("web", opts=pulumi.ResourceOptions(depends_on=[namespace]))
pulumi.export("uid", service.deployment.metadata["uid"])
pulumi.export("name", service.deployment.metadata["name"])
pulumi.export("password", service.password.result)
