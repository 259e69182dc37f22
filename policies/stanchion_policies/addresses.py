"""Ranges of network addresses, in the notation that every cloud uses."""

from __future__ import annotations

import ipaddress
from typing import Any

BROADEST = {4: 8, 6: 16}
"""Prefix lengths below which a range is more than any one network owns."""


def is_everywhere(cidr: Any) -> bool:
    """Whether a range takes in the internet, or so much of it that it is no limit.

    `0.0.0.0/0` and `::/0` do, and so do the halves and quarters that are written in their place.
    What is no range is none of it.
    """
    try:
        network = ipaddress.ip_network(str(cidr).strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen < BROADEST[network.version]
