"""Argo Rollouts' plugin that writes the weights of Gateways' routes, pinned."""

import re

from stanchion.checks import Checks
from stanchion.operators.contract import Operator, OperatorsArgs

NAME = "argoproj-labs/gatewayAPI"
"""By which a Rollout names it under `trafficRouting.plugins`."""
VERSION = "v0.17.0"
URL = (
    "https://github.com/argoproj-labs/rollouts-plugin-trafficrouter-gatewayapi/releases/download/"
    f"{VERSION}/gatewayapi-plugin-linux-amd64"
)
SHA256 = "1904ca787d33107c140521899d61fff030ee75d99908bd175fca5a4647759061"
"""Of that file, as two public repositories that downloaded it record; the controller checks it. Of
the file for ARM no public record was found: its controller runs on x86 nodes alone."""
_HTTPS = re.compile(r"https://[A-Za-z0-9.:-]+/\S+")


def check_plugin(check: Checks, args: OperatorsArgs, enabled: list[Operator]) -> None:
    """Refuse weights that nobody sets, and an address that is none."""
    weights = args.get("gateway_weights", False)
    if weights and Operator.ARGO_ROLLOUTS not in enabled:
        check.refuse(
            "gateway_weights",
            "are set by argo-rollouts, which is not in enabled",
            "add argo-rollouts, or remove gateway_weights",
        )
    url = args.get("gateway_plugin_url")
    if url is not None and not (weights and _HTTPS.fullmatch(url)):
        check.refuse(
            "gateway_plugin_url",
            f"'{url}' is no address with https://" if weights else "says nothing without weights",
            "write one as https://files.example.com/gatewayapi-plugin-linux-amd64, with "
            "gateway_weights: true",
        )


def url_of(args: OperatorsArgs) -> str | None:
    """Where the controller gets the plugin from; None where it needs none."""
    if not args.get("gateway_weights", False):
        return None
    return args.get("gateway_plugin_url", URL)
