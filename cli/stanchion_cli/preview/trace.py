"""Marks that follow a generated secret through a program, to name where it ends up.

In a traced evaluation every secret output that only the provider can make is answered with a
text naming it. Such an evaluation tells where outputs go; what is known and what is not is for a
faithful one to say, because a program may compute with the mark.
"""

from __future__ import annotations

import re

MARK = re.compile(r"\$\{trace:(urn:[^#}]+)#([^}]+)\}")


def mark(urn: str, output: str) -> str:
    """The text that stands for one output of one resource."""
    return "${" + f"trace:{urn}#{output}" + "}"
