"""The arguments of an `LlmGateway`, held to their bounds and to each other."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stanchion.checks import Checks
from stanchion.monitoring import check_gateway_objectives
from stanchion.pods import check_resources
from stanchion.serving._served import check_judged, check_served
from stanchion.serving.autoscaling import check_cpu_autoscaling
from stanchion.serving.llm_gateway_arguments import (
    DEFAULT_BACKEND_PORT,
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_LEDGER_PORT,
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_RESOURCES,
    DEFAULT_RETENTION_DAYS,
    DEFAULT_SAMPLE_PERCENT,
    DEFAULT_STREAM_SECONDS,
    LlmGatewayArgs,
    LlmGatewayGuardrails,
    LlmGatewayLimits,
    LlmGatewayPrompt,
    LlmGatewaySecret,
    LlmGatewayTraces,
)

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,199}")
_URL = re.compile(r"https?://[^/\s]+\S*[^/\s]")
_NUMBER = re.compile(r"[1-9]\d*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEADER = re.compile(r"[a-z0-9-]+")
_PER_DAY = ("tokens_per_day", "dollars_per_day")


def checked(name: str, args: LlmGatewayArgs) -> LlmGatewayArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("LlmGateway", name)
    args = check.arguments(LlmGatewayArgs, args)
    check_served(check, name, args)
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    check_cpu_autoscaling(check, args["autoscaling"])
    _check_backends(check, args)
    _check_models(check, args)
    _check_consumers(check, args)
    for at, prompt in enumerate(args.get("prompts", [])):
        _check_prompt(check, f"prompts[{at}]", prompt)
    check.unique("prompts", [prompt["name"] for prompt in args.get("prompts", [])])
    _check_guardrails(check, args.get("guardrails", {}), [b["name"] for b in args["backends"]])
    if "slo" in args:
        check_gateway_objectives(check, args["slo"])
        check_judged(check, "slo", monitored=args.get("monitoring", False))
    if "ledger" in args:
        ledger = args["ledger"]
        _check_secret(check, "ledger.url", ledger["url"])
        check.between("ledger.port", ledger.get("port", DEFAULT_LEDGER_PORT), 1, 65535)
    if "traces" in args:
        _check_traces(check, args["traces"], monitored=args.get("monitoring", False))
    for field, value, low, high in (
        ("drain_seconds", args.get("drain_seconds", DEFAULT_DRAIN_SECONDS), 1, 600),
        ("stream_seconds", args.get("stream_seconds", DEFAULT_STREAM_SECONDS), 1, 3600),
        ("max_body_bytes", args.get("max_body_bytes", DEFAULT_MAX_BODY_BYTES), 1024, 1024**3),
        (
            "audit.retention_days",
            args.get("audit", {}).get("retention_days", DEFAULT_RETENTION_DAYS),
            1,
            3650,
        ),
    ):
        check.between(field, value, low, high)
    check.done()
    return args


def _check_backends(check: Checks, args: LlmGatewayArgs) -> None:
    if not args["backends"]:
        check.refuse("backends", "is empty", "write at least one")
    for at, backend in enumerate(args["backends"]):
        field = f"backends[{at}]"
        check.name(f"{field}.name", backend["name"])
        url = backend["url"]
        if isinstance(url, str):
            _check_url(check, f"{field}.url", url, external="pods" not in backend)
        if "port" in backend and "pods" not in backend:
            check.refuse(
                f"{field}.port", f"is {backend['port']}, without {field}.pods", "remove it"
            )
        for key, value, low, high in (
            ("port", backend.get("port", DEFAULT_BACKEND_PORT), 1, 65535),
            ("connect_seconds", backend.get("connect_seconds", 2), 1, 60),
            ("first_byte_seconds", backend.get("first_byte_seconds", 60), 1, 3600),
            ("answer_seconds", backend.get("answer_seconds", 60), 1, 3600),
            ("idle_seconds", backend.get("idle_seconds", 60), 1, 3600),
            ("retries", backend.get("retries", 1), 0, 5),
        ):
            check.between(f"{field}.{key}", value, low, high)
        if "api_key" in backend:
            _check_secret(check, f"{field}.api_key", backend["api_key"])
    check.unique("backends", [backend["name"] for backend in args["backends"]])


def _check_url(check: Checks, field: str, url: str, *, external: bool) -> None:
    if not _URL.fullmatch(url):
        check.refuse(
            field, f"'{url}' is no base address", "write one as https://api.example.com/v1"
        )
    elif external and not url.startswith("https://"):
        check.refuse(
            field,
            "prompts and keys would leave the cluster unencrypted",
            "write https://, or add pods where it runs in the cluster",
        )


def _check_models(check: Checks, args: LlmGatewayArgs) -> None:
    if not args["models"]:
        check.refuse("models", "is empty", "write at least one")
    backends = [backend["name"] for backend in args["backends"]]
    for at, model in enumerate(args["models"]):
        field = f"models[{at}]"
        _check_model_name(check, f"{field}.name", model["name"])
        if not model["targets"]:
            check.refuse(f"{field}.targets", "is empty", "write at least one")
        for place, target in enumerate(model["targets"]):
            here = f"{field}.targets[{place}]"
            _check_known(check, f"{here}.backend", target["backend"], backends)
            _check_model_name(check, f"{here}.model", target.get("model", model["name"]))
            for key, price in (
                ("input_price", target.get("input_price", 0.0)),
                ("output_price", target.get("output_price", 0.0)),
            ):
                if price < 0:
                    check.refuse(f"{here}.{key}", f"is {price}", "write 0 or more")
    check.unique("models", [model["name"] for model in args["models"]])


def _check_consumers(check: Checks, args: LlmGatewayArgs) -> None:
    if not args["consumers"]:
        check.refuse("consumers", "is empty, so nobody may ask", "list them")
    if ("consumer_keys" in args) == ("identity_header" in args):
        check.refuse(
            "consumer_keys",
            "and identity_header are both there"
            if "consumer_keys" in args
            else "is missing, and so is identity_header: nothing tells who asks",
            "write exactly one",
        )
    if "consumer_keys" in args:
        _check_secret(check, "consumer_keys", args["consumer_keys"])
        if "key" in args["consumer_keys"]:
            check.refuse("consumer_keys.key", "has no use", "remove it: keys are consumers' names")
    if "identity_header" in args and not _HEADER.fullmatch(args["identity_header"]):
        check.refuse(
            "identity_header",
            f"'{args['identity_header']}' is no header",
            "write lower-case letters, digits and dashes",
        )
    models = [model["name"] for model in args["models"]]
    for at, consumer in enumerate(args["consumers"]):
        check.name(f"consumers[{at}].name", consumer["name"])
        for name in consumer.get("models", []):
            _check_known(check, f"consumers[{at}].models", name, models)
    check.unique("consumers", [consumer["name"] for consumer in args["consumers"]])
    for field, limits in _limits(args):
        _check_limits(check, field, limits, shared="ledger" in args)


def _limits(args: LlmGatewayArgs) -> Iterator[tuple[str, LlmGatewayLimits]]:
    yield "total", args.get("total", {})
    for at, consumer in enumerate(args["consumers"]):
        yield f"consumers[{at}].limits", consumer.get("limits", {})


def _check_limits(check: Checks, field: str, limits: Mapping[str, Any], *, shared: bool) -> None:
    for key, value in limits.items():
        if value <= 0:
            check.refuse(f"{field}.{key}", f"is {value}", "write more than 0, or leave it out")
        elif key in _PER_DAY and not shared:
            check.refuse(
                f"{field}.{key}",
                "needs ledger: replicas would each count for themselves, and anew when they start",
                "add ledger, or limit by the minute",
            )


def _check_guardrails(check: Checks, guardrails: LlmGatewayGuardrails, backends: list[str]) -> None:
    window = guardrails.get("stream_window_chars", 128)
    check.between("guardrails.stream_window_chars", window, 32, 4096)
    for field, policies in (
        ("input_policies", guardrails.get("input_policies", [])),
        ("output_policies", guardrails.get("output_policies", [])),
    ):
        for at, policy in enumerate(policies):
            here = f"guardrails.{field}[{at}]"
            check.name(f"{here}.name", policy["name"])
            _check_pattern(check, f"{here}.pattern", policy["pattern"])
    for at, pattern in enumerate(guardrails.get("allowed_topics", [])):
        _check_pattern(check, f"guardrails.allowed_topics[{at}]", pattern)
    model = guardrails.get("model")
    if model is not None:
        _check_known(check, "guardrails.model.backend", model["backend"], backends)
        _check_model_name(check, "guardrails.model.model", model["model"])
        check.between("guardrails.model.seconds", model.get("seconds", 2), 1, 60)
        if not model.get("on_input", True) and not model.get("on_output", False):
            check.refuse(
                "guardrails.model.on_input", "and on_output are false", "leave out guardrails.model"
            )


def _check_prompt(check: Checks, field: str, prompt: LlmGatewayPrompt) -> None:
    _check_model_name(check, f"{field}.name", prompt["name"])
    if not _NUMBER.fullmatch(prompt["version"]):
        check.refuse(f"{field}.version", f"'{prompt['version']}' is no version", "write a number")
    if not _DIGEST.fullmatch(prompt["digest"]):
        check.refuse(f"{field}.digest", "is no digest", "write sha256: and 64 hexadecimal digits")
    if not prompt["messages"]:
        check.refuse(f"{field}.messages", "is empty", "write at least one")


def _check_traces(check: Checks, traces: LlmGatewayTraces, *, monitored: bool) -> None:
    check.name("traces.tracking.secret_name", traces["tracking"]["secret_name"])
    percent = traces.get("sample_percent", DEFAULT_SAMPLE_PERCENT)
    if not 0 < percent <= 100:
        check.refuse(
            "traces.sample_percent", f"is {percent:g}", "write more than 0, and 100 at most"
        )
    if not 1 <= len(traces.get("experiment", "x")) <= 250:
        check.refuse("traces.experiment", "is no name", "write 1 to 250 characters")
    field, least = "traces.groundedness.minimum", traces.get("groundedness", {}).get("minimum")
    if least is not None:
        if not 0 < least <= 1:
            check.refuse(field, f"is {least:g}", "write more than 0, and 1 at most")
        check_judged(check, field, monitored=monitored)


def _check_pattern(check: Checks, field: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        check.refuse(field, f"'{pattern}' is no regular expression: {error}", "correct it")


def _check_model_name(check: Checks, field: str, name: str) -> None:
    if not _MODEL.fullmatch(name):
        check.refuse(
            field, f"'{name}' is no model name", "write letters, digits, '.', '_', '/', ':' or '-'"
        )


def _check_known(check: Checks, field: str, name: str, known: list[str]) -> None:
    if name not in known:
        check.refuse(field, f"'{name}' is unknown", f"write one of {', '.join(known)}")


def _check_secret(check: Checks, field: str, secret: LlmGatewaySecret) -> None:
    if ("secret_name" in secret) == ("external_name" in secret):
        check.refuse(field, "names not exactly one secret", "write secret_name or external_name")
