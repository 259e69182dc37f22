"""A way to a language model's replicas that looks at their caches: Gateway API Inference Extension.

https://gateway-api-inference-extension.sigs.k8s.io/reference/spec
"""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from stanchion.serving.llm_arguments import (
    DEFAULT_PICKER_PORT,
    DEFAULT_STREAM_SECONDS,
    PORT,
    LlmServiceArgs,
)

_GROUP = "inference.networking.k8s.io"


def route(
    name: str,
    args: LlmServiceArgs,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    *,
    selected: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """The pool of replicas that a picker chooses from, and the route to it."""
    routing, service = args["routing"], args.get("service_name", name)
    pool = k8s.apiextensions.CustomResource(
        f"{name}-inference-pool",
        api_version=f"{_GROUP}/v1",
        kind="InferencePool",
        metadata=metadata,
        spec={
            "selector": {"matchLabels": dict(selected)},
            "targetPorts": [{"number": PORT}],
            "endpointPickerRef": {
                "name": routing["endpoint_picker"],
                "port": {"number": routing.get("endpoint_picker_port", DEFAULT_PICKER_PORT)},
                # Any replica can answer: without a picker, requests go to one of them.
                "failureMode": "FailOpen",
            },
        },
        opts=opts,
    )
    longest = args.get("stream_seconds", DEFAULT_STREAM_SECONDS)
    k8s.apiextensions.CustomResource(
        f"{name}-route",
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata=metadata,
        spec={
            "parentRefs": [{"name": routing["gateway"], "namespace": routing["gateway_namespace"]}],
            "hostnames": list(routing["hostnames"]),
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/v1"}}],
                    "timeouts": {"request": f"{longest}s"},
                    "backendRefs": [{"group": _GROUP, "kind": "InferencePool", "name": service}],
                }
            ],
        },
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[pool])),
    )
