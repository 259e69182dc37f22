"""What the values of several charts share."""

from typing import Any

from stanchion.operators.contract import Setting

RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
}
"""A container that the restricted pod-security level admits."""
KEPT = {"helm.sh/resource-policy": "keep"}
"""On a definition: it stays when its release goes, and with it every object of its kind."""
RUNTIME_SECCOMP = {"seccompProfile": {"type": "RuntimeDefault"}}


def sized(cpu: str, memory: str) -> dict[str, Any]:
    """CPU that is asked for and may be exceeded, memory that is both asked for and the limit.

    Args:
        cpu: Request, as 100m.
        memory: Request and limit, as 128Mi.
    """
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def tolerations(setting: Setting) -> list[dict[str, str]]:
    """Of the system nodes, where controllers belong: they are there before any other."""
    return [dict(each) for each in setting.tolerations]
