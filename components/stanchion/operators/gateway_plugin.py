"""Argo Rollouts' plugin that writes the weights of Gateways' routes, pinned."""

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
