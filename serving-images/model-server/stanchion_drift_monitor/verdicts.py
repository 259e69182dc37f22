"""What to think of a version's figures: each check is ok, a breach, or inconclusive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stanchion_drift_monitor.comparing import Compared
    from stanchion_drift_monitor.settings import MonitorSettings

OK: Final = "ok"
BREACH: Final = "breach"
INCONCLUSIVE: Final = "inconclusive"
CHECKS: Final = ("features", "predictions", "data-quality", "schema", "quality")


def judged(compared: Compared, settings: MonitorSettings) -> dict[str, dict[str, Any]]:
    """The checks of what was logged, beside training.

    Args:
        compared: What was found.
        settings: The limits.
    """
    few = []
    if compared.rows < settings.min_rows:
        few = [f"{compared.rows} rows are fewer than {settings.min_rows}"]
    problems = compared.schema_problems
    return {
        "features": _beyond(few, _drifted(compared, "input", settings.psi)),
        "predictions": _beyond(few, _drifted(compared, "output", settings.psi)),
        "data-quality": _beyond(few, _flawed(compared, settings.problem_ratio)),
        # A column that is not there is no matter of chance.
        "schema": _beyond([] if compared.rows else few, problems),
    }


def without_reference(why: str) -> dict[str, dict[str, Any]]:
    """The same checks where there is nothing to compare with."""
    return {name: {"verdict": INCONCLUSIVE, "found": [why]} for name in CHECKS[:-1]}


def worst(verdicts: Iterable[str]) -> str:
    """One verdict for several: a breach of any, else whether any could not be judged."""
    given = {*verdicts}
    return next((each for each in (BREACH, INCONCLUSIVE) if each in given), OK)


def _beyond(few: list[str], found: list[str]) -> dict[str, Any]:
    if few:
        return {"verdict": INCONCLUSIVE, "found": few}
    return {"verdict": BREACH if found else OK, "found": found}


def _drifted(compared: Compared, side: str, psi: float) -> list[str]:
    far = [each for each in compared.fields if each["side"] == side and each["drift"] > psi]
    return [
        f"{each['field']} has an index of {each['drift']:.2f} beyond chance, limit {psi:g}"
        for each in sorted(far, key=lambda each: (-each["drift"], each["field"]))
    ]


def _flawed(compared: Compared, ratio: float) -> list[str]:
    return [
        f"{share:.2%} of {each['field']} is {problem.replace('_', ' ')}, limit {ratio:.2%}"
        for each in compared.fields
        if each["side"] == "input"
        for problem, share in each["problems"].items()
        if share > ratio
    ]
