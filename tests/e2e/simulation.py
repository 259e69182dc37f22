"""Prometheus' own evaluation of queries and rules, over given series and on a clock of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_NEVER = 12345.678
_GOT = re.compile(r"^ +got:(.*)$", re.MULTILINE)


def counter(*phases: tuple[int, float]) -> str:
    """The samples of a counter in promtool's notation.

    Args:
        phases: One after the other: how many steps, and what it grows by in each.
    """
    count, parts = 0.0, ["0x0"]
    for steps, growth in phases:
        parts.append(f"{count + growth:.15g}+{growth:.15g}x{steps - 1}")
        count += steps * growth
    return " ".join(parts)


def gauge(*phases: tuple[int, float | None]) -> str:
    """The samples of a gauge, as `counter`; None: the series is not there."""
    return " ".join(
        f"_x{steps}" if value is None else f"{value:g}x{steps - 1}" for steps, value in phases
    )


@dataclass(frozen=True)
class Simulation:
    """Series over time, and what evaluates rules over them.

    Attributes:
        promtool: Prometheus' tool.
        folder: Where its files go.
    """

    promtool: Path
    folder: Path

    def answers(
        self,
        queries: Sequence[str],
        series: Mapping[str, str],
        at: str,
        *,
        groups: Sequence[Mapping[str, Any]] = (),
        step: str = "15s",
        evaluated_every: str = "15s",
    ) -> list[float | None]:
        """What each query yields at a time; None: nothing.

        Args:
            queries: PromQL, each with one number at most as its answer.
            series: Samples by series, in promtool's notation.
            at: The time, since the first sample.
            groups: Rules that are evaluated meanwhile, in this order.
            step: Time between samples.
            evaluated_every: Time between evaluations; the groups' own is not asked for.
        """
        wanted = [
            {"expr": query, "eval_time": at, "exp_samples": [{"value": _NEVER}]}
            for query in queries
        ]
        told = self.told(
            {"promql_expr_test": wanted}, series, groups, step=step, evaluated_every=evaluated_every
        )
        found = [got.split() for got in _GOT.findall(told)]
        assert len(found) == len(queries), told
        return [None if got == ["nil"] else float(got[-1]) for got in found]

    def told(
        self,
        expectations: Mapping[str, Any],
        series: Mapping[str, str],
        groups: Sequence[Mapping[str, Any]] = (),
        *,
        step: str = "15s",
        evaluated_every: str = "15s",
    ) -> str:
        """What promtool says of expectations; `SUCCESS` where they hold."""
        rules = self.folder / "rules.yaml"
        rules.write_text(yaml.safe_dump({"groups": [dict(group) for group in groups]}))
        given = [{"series": name, "values": values} for name, values in series.items()]
        tests = {
            "rule_files": [str(rules)] if groups else [],
            "evaluation_interval": evaluated_every,
            "group_eval_order": [group["name"] for group in groups],
            "tests": [{"interval": step, "input_series": given, **expectations}],
        }
        file = self.folder / "test.yaml"
        file.write_text(yaml.safe_dump(tests))
        done = subprocess.run(
            [self.promtool, "test", "rules", file], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr
