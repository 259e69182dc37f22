"""As many Kubernetes objects as the configuration says, in components of three: the yardstick."""

import pulumi
import pulumi_kubernetes as k8s


class Part(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("small:index:Part", name)
        child = pulumi.ResourceOptions(parent=self)
        metadata = k8s.meta.v1.ObjectMetaArgs(name=name, namespace="demo", labels={"app": name})
        settings = k8s.core.v1.ConfigMap(name, metadata=metadata, data={"key": name}, opts=child)
        k8s.core.v1.Service(
            name,
            metadata=metadata,
            spec={"selector": {"app": settings.metadata["name"]}, "ports": [{"port": 80}]},
            opts=child,
        )


for number in range(pulumi.Config().require_int("parts")):
    Part(f"part-{number}")
