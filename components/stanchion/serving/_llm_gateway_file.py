"""The file that tells the gateway's replicas what to do."""

from collections.abc import Mapping
from typing import Any

import pulumi

from stanchion.pods import SECRETS_ROOT
from stanchion.serving.llm_gateway_arguments import (
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_RETENTION_DAYS,
    DEFAULT_SAMPLE_PERCENT,
    DEFAULT_STREAM_SECONDS,
    LlmGatewayArgs,
    LlmGatewayBackend,
    LlmGatewayConsumer,
    LlmGatewayGroundedness,
    LlmGatewayGuardrails,
    LlmGatewayTraces,
)

FILE = "gateway.json"
CONSUMERS = "consumers"
LEDGER = "ledger"
TRACKING = "tracking"
_TIMES = ("connect_seconds", "first_byte_seconds", "answer_seconds", "idle_seconds", "retries")
_AUDIT_FILE = "/tmp/audit/audit.jsonl"  # noqa: S108 - the pod's own scratch volume
_AUDIT_MEGABYTES = 20
_AUDIT_FILES = 10
"""With the one being written 220 MB, which fits the smallest scratch volume that makes sense."""


def backend_folder(backend: LlmGatewayBackend) -> str:
    """Folder of a backend's key, below the secrets' root."""
    return f"backend-{backend['name']}"


def configuration(service: str, args: LlmGatewayArgs) -> pulumi.Output[str]:
    """The file as JSON: what is left out has the gateway's own default."""
    audit = args.get("audit", {})
    return pulumi.Output.json_dumps(
        {
            "backends": [_backend(backend) for backend in args["backends"]],
            "models": args["models"],
            "prompts": args.get("prompts", []),
            "consumers": [_consumer(consumer) for consumer in args["consumers"]],
            "authentication": (
                {"identity_header": args["identity_header"]}
                if "identity_header" in args
                else {"keys_dir": f"{SECRETS_ROOT}/{CONSUMERS}"}
            ),
            "total": args.get("total", {}),
            "guardrails": _guardrails(args.get("guardrails", {})),
            "ledger": {"url_file": f"{SECRETS_ROOT}/{LEDGER}/url"} if "ledger" in args else {},
            "audit": {
                "content": audit.get("content", True),
                "file": _AUDIT_FILE,
                "file_megabytes": _AUDIT_MEGABYTES,
                "files": _AUDIT_FILES,
                "retention_days": audit.get("retention_days", DEFAULT_RETENTION_DAYS),
            },
            **({"traces": _traces(service, args["traces"])} if "traces" in args else {}),
            "max_body_bytes": args.get("max_body_bytes", DEFAULT_MAX_BODY_BYTES),
            "drain_seconds": args.get("drain_seconds", DEFAULT_DRAIN_SECONDS),
            "stream_seconds": args.get("stream_seconds", DEFAULT_STREAM_SECONDS),
        },
        sort_keys=True,
        indent=2,
    )


def _backend(backend: LlmGatewayBackend) -> dict[str, Any]:
    key = f"{SECRETS_ROOT}/{backend_folder(backend)}/api-key"
    return {
        "name": backend["name"],
        "url": backend["url"],
        "external": "pods" not in backend,
        **({"api_key_file": key} if "api_key" in backend else {}),
        **_given(backend, *_TIMES),
    }


def _traces(service: str, traces: LlmGatewayTraces) -> dict[str, Any]:
    return {
        "url": traces["tracking"]["url"],
        "credentials_dir": f"{SECRETS_ROOT}/{TRACKING}",
        "experiment": traces.get("experiment", service),
        "sample_percent": traces.get("sample_percent", DEFAULT_SAMPLE_PERCENT),
        **_scored(traces.get("groundedness")),
    }


def _scored(groundedness: LlmGatewayGroundedness | None) -> dict[str, Any]:
    """What the gateway is told of it; how low a score may be is for Prometheus to know."""
    if groundedness is None:
        return {}
    return {"groundedness": _given(groundedness, "variables", "roles")}


def _consumer(consumer: LlmGatewayConsumer) -> dict[str, Any]:
    return {"limits": {}, **consumer}


def _guardrails(guardrails: LlmGatewayGuardrails) -> dict[str, Any]:
    entities = _given(guardrails, entities="pii_entities")
    model = guardrails.get("model")
    document: dict[str, Any] = {
        "input": {
            "pii": {**_given(guardrails, action="input_pii"), **entities},
            **_given(guardrails, "allowed_topics", "injection", policy="input_policies"),
        },
        "output": {
            "pii": {**_given(guardrails, action="output_pii"), **entities},
            **_given(guardrails, policy="output_policies", window_chars="stream_window_chars"),
        },
    }
    if model is not None:
        judged = {"input": model.get("on_input", True), "output": model.get("on_output", False)}
        document["model"] = {
            **_given(model, "backend", "model", "seconds"),
            "on": [place for place, wanted in judged.items() if wanted],
            "on_failure": "allow" if model.get("allow_on_failure", False) else "block",
        }
    return document


def _given(values: Mapping[str, Any], *same: str, **renamed: str) -> dict[str, Any]:
    """The fields that are there, under their own name or another."""
    wanted = {**{name: name for name in same}, **renamed}
    return {there: values[here] for there, here in wanted.items() if here in values}
