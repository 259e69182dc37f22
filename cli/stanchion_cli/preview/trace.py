"""Marks that follow a generated secret through a program, to name where it ends up.

In a traced evaluation every secret output that only the provider can make, and every encrypted
configuration value, is a text naming it. It tells where they go; what is known and what is not is
for a faithful evaluation to say, because a program may compute with a mark.
"""

from __future__ import annotations

import re
from dataclasses import replace

from stanchion_cli.preview.config import Configuration

MARK = re.compile(r"\$\{trace:([^#}]+)#([^}]+)\}")
CONFIGURATION = "config"
"""What stands in a mark in place of a URN where the value is one of the configuration."""


def mark(urn: str, output: str) -> str:
    """The text that stands for one output of one resource, or one key of the configuration."""
    return "${" + f"trace:{urn}#{output}" + "}"


def traced(configuration: Configuration) -> Configuration:
    """The configuration with a mark in place of each value that is encrypted as a whole."""
    marks = {key: mark(CONFIGURATION, key) for key in configuration.unknown_keys}
    return replace(configuration, values={**configuration.values, **marks}, unknown_keys=())
