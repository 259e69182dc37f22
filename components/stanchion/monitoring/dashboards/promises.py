"""Whether services keep their promises: the panels that dashboards of services begin with."""

from stanchion.monitoring.burn_rates import (
    BUDGET_LEFT,
    BURN_RATES,
    OBJECTIVE,
    PERIOD_ERRORS,
    errors,
)
from stanchion.monitoring.dashboards.model import Limits, Panel, Query, Section, Unit, table
from stanchion.monitoring.rules import AlertSeverity

_NAMED = "{{namespace}}/{{service}}"
_FASTEST = {
    severity: max(rate.factor for rate in BURN_RATES if rate.severity is severity)
    for severity in AlertSeverity
}
_LEFT = Limits(0, 0.25, falling=True)


def promises_section(of: str) -> Section:
    """The section of services with these matchers."""
    return Section(
        "Promises",
        (
            Panel(
                "Error budget left",
                "Share of what the objective leaves to fail that is not spent over its window; "
                "below 0 the promise is broken.",
                (Query(f"{BUDGET_LEFT}{{{of}}}", f"{_NAMED} {{{{slo}}}}"),),
                Unit.RATIO,
                limits=_LEFT,
            ),
            Panel(
                "Burn rate",
                "Times the speed that spends the budget exactly in its window. The fastest "
                f"pair of windows pages from {_FASTEST[AlertSeverity.PAGE]:g} on and makes a "
                f"ticket from {_FASTEST[AlertSeverity.TICKET]:g} on.",
                tuple(_burning(of, window) for window in ("5m", "1h", "6h")),
                limits=Limits(_FASTEST[AlertSeverity.PAGE], _FASTEST[AlertSeverity.TICKET]),
            ),
            table(
                "Kept over the window",
                "Share of requests that were as promised, over the objective's own window.",
                f"1 - {PERIOD_ERRORS}{{{of}}}",
                Unit.RATIO,
            ),
            table(
                "Promised",
                "Share of requests that the objective asks for.",
                f"{OBJECTIVE}{{{of}}}",
                Unit.RATIO,
            ),
        ),
    )


def _burning(of: str, window: str) -> Query:
    budget = f"on (namespace, service, slo) (1 - {OBJECTIVE}{{{of}}})"
    return Query(f"{errors(window)}{{{of}}} / {budget}", f"{_NAMED} {{{{slo}}}} {window}")
