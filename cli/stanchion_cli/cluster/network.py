"""The one way into the node: a pair of interfaces, routes to its ranges, and no way out."""

from __future__ import annotations

import json
import subprocess
import time

from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.cluster.packages import program
from stanchion_cli.cluster.ranges import Ranges

_INSIDE = "eth0"
# Replies to the machine pass; what a pod begins towards it, or through it, does not. An address
# that no route leads to, outside or of a pod that is gone, is refused before the kernel looks for
# one: its own ICMP errors are limited per sender, and one that goes on asking spends them all and
# waits for its timeouts instead. A pod that dies can be gone before kube-proxy knows of it.
_RULES = """
table inet stanchion
delete table inet stanchion
table inet stanchion {{
  chain refused {{
    meta l4proto tcp counter reject with tcp reset
    counter reject with icmpx admin-prohibited
  }}
  chain prerouting {{
    type filter hook prerouting priority filter; policy accept;
    ip daddr != {{ {ours}, 127.0.0.0/8, 224.0.0.0/4 }} jump refused
    ip daddr {pods} fib daddr type != local fib daddr oif missing jump refused
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname != "{inside}" oifname "{inside}" ct state new jump refused
  }}
}}
"""


def ensure(pid: int, layout: Layout, plan: Ranges) -> None:
    """Connect machine and node; what is there already stays.

    There is no default route inside: a packet for any other address has nowhere to go, and its
    sender is told so. Service addresses without a rule of kube-proxy's end at the node's loopback.

    Raises:
        ClusterError: The kernel refused a part of it.
    """
    prefix = plan.link.prefixlen
    node, host = str(plan.node_address), str(plan.host_address)
    if not (_exists(layout.link) and _exists(_INSIDE, inside=pid)):
        # The kernel takes a moment to drop the link of a node that has just ended.
        remove(layout)
        _ip("link", "add", layout.link, "type", "veth", "peer", "name", _INSIDE, "netns", str(pid))
    _ip("address", "replace", f"{host}/{prefix}", "dev", layout.link)
    _ip("link", "set", layout.link, "up")
    _ip("address", "replace", f"{node}/{prefix}", "dev", _INSIDE, inside=pid)
    _ip("link", "set", _INSIDE, "up", inside=pid)
    for target in (plan.pods, plan.services):
        _ip("route", "replace", str(target), "via", node, "dev", layout.link)
    _ip("route", "replace", str(plan.services), "dev", "lo", "src", node, inside=pid)
    rules = _RULES.format(ours=plan.whole, pods=plan.pods, inside=_INSIDE)
    _run([str(program("nft")), "-f", "-"], inside=pid, stdin=rules)


def remove(layout: Layout, patience: float = 10.0) -> None:
    """Wait for the kernel to drop the link with the node's namespace, and help where it lingers."""
    limit = time.monotonic() + patience
    while _exists(layout.link):
        if time.monotonic() > limit:
            raise ClusterError(
                "the node's network interface could not be removed",
                where=layout.link,
                fix=f"run `ip link delete {layout.link}` and see what it says",
            )
        subprocess.run(
            [str(program("ip")), "link", "delete", layout.link], capture_output=True, check=False
        )
        time.sleep(0.05)


def command_inside(pid: int, *command: str) -> list[str]:
    """The command line that runs `command` in the network of the process `pid`."""
    return [str(program("nsenter")), f"--net=/proc/{pid}/ns/net", *command]


def _exists(link: str, *, inside: int | None = None) -> bool:
    text = _ip("-json", "link", "show", inside=inside)
    return any(entry["ifname"] == link for entry in json.loads(text))


def _ip(*args: str, inside: int | None = None) -> str:
    return _run([str(program("ip")), *args], inside=inside)


def _run(command: list[str], *, inside: int | None, stdin: str = "") -> str:
    if inside is not None:
        command = command_inside(inside, *command)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(
            f"the node could not be connected: `{' '.join(command)}` said {done.stderr.strip()!r}",
            fix="see `stanchion doctor`",
        )
    return done.stdout
