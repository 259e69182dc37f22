"""Costs by service and team as tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, TypeVar

from stanchion_cli.costs import Allocation, Rest, Share
from stanchion_cli.costs.live import Measured
from stanchion_cli.estimate import Cost, total
from stanchion_cli.report.cost import Row, cost_notes, monthly

SERVICE_COLUMNS = ("", "team", "cost centre", "of", "floor $/month", "ceiling $/month")
SERVED_COLUMNS = ("", "predictions", "floor $/1,000", "ceiling $/1,000")
FINDING_COLUMNS = ("paid for and not used", "", "floor $/month", "ceiling $/month")
TEAM_COLUMNS = ("team", "cost centre", "floor $/month", "ceiling $/month")
_UNKNOWN = "unknown"
_Key = TypeVar("_Key")
_ELSE = "not allocated"


def by_service(allocation: Allocation) -> list[tuple[str, list[Share]]]:
    """The workloads of each service, the services in the order of their names."""
    return _grouped(allocation.shares, lambda share: share.workload.title)


def by_team(allocation: Allocation) -> list[tuple[tuple[str, str], list[Share]]]:
    """The workloads of each team and cost centre."""
    return _grouped(
        allocation.shares, lambda share: (share.workload.team, share.workload.cost_center)
    )


def service_rows(allocation: Allocation) -> list[Row]:
    """One row per service, then what nobody's pods ask for, what always runs, and the total."""
    rows = [
        *(
            _row((title, *_owners(each), _asked(each)), each)
            for title, each in by_service(allocation)
        ),
        *(_priced((f"{_ELSE}: {rest.pool}", "", "", ""), rest.cost) for rest in allocation.rests),
        *(_priced((name, "", "", ""), known) for name, known in _fixed(allocation)),
    ]
    known, complete = everything(allocation)
    at_least = "" if complete else "at least "
    cells = ("total", "", "", "", *(at_least + each for each in _amounts(known)))
    return [*rows, Row(cells, emphasis=True)]


def team_rows(allocation: Allocation) -> list[Row]:
    """One row per team and cost centre; what is nobody's is in none."""
    return [_row(key, shares) for key, shares in by_team(allocation)]


def served_rows(measured: Measured) -> list[Row]:
    """One row per model service: what it predicted, and what 1,000 of that cost."""
    return [
        Row((each.title, f"{each.predictions:,.0f}", _per_thousand(each.floor),
             _per_thousand(each.ceiling)))
        for each in measured.served
    ]  # fmt: skip


def finding_rows(measured: Measured) -> list[Row]:
    """One row per finding, with what it would save."""
    return [
        Row((each.title, each.told, monthly(each.floor_monthly), monthly(each.ceiling_monthly)))
        for each in measured.findings
    ]


def measured_notes(measured: Measured) -> list[str]:
    """What to know about the figures that were measured, one line each."""
    return [
        f"measured over the last {measured.window}; each row of a request is a prediction",
        *(f"nothing is found by {name}: nobody exports it there" for name in measured.missing),
    ]


def measured_json(measured: Measured) -> dict[str, Any]:
    """The same for tools."""
    return {
        "window": measured.window,
        "served": [
            {
                "service": each.title,
                "predictions": round(each.predictions),
                "floorPerThousand": each.floor,
                "ceilingPerThousand": each.ceiling,
            }
            for each in measured.served
        ],
        "findings": [
            {
                "service": each.title,
                "finding": each.told,
                "floorMonthly": round(each.floor_monthly, 2),
                "ceilingMonthly": round(each.ceiling_monthly, 2),
            }
            for each in measured.findings
        ],
        "missing": list(measured.missing),
    }


def notes(allocation: Allocation) -> list[str]:
    """What to know about the figures, one line each."""
    found = [
        f"pool {rest.pool}: its workloads at their most ask for more than it may have; pods wait"
        for rest in allocation.rests
        if rest.over
    ]
    found += sorted(
        {f"{each.workload.title}: {each.unknown}" for each in allocation.shares if each.unknown}
    )
    return [
        *found,
        "floor: the fewest pods on the cheapest nodes, and jobs never; ceiling: the most on the "
        "dearest, and each run of a job until its deadline",
        f"{_ELSE}: what is left of a pool's nodes, as many as its workloads need and its minimum "
        "at least; what Kubernetes keeps for itself and the controllers from charts are in it",
        *cost_notes(allocation.estimate),
    ]


def everything(allocation: Allocation) -> tuple[Cost, bool]:
    """The sum of all rows, and whether every one of them has a price."""
    parts = [
        *(share.cost for share in allocation.shares),
        *(rest.cost for rest in allocation.rests),
        *(known for _, known in _fixed(allocation)),
    ]
    return total(parts), None not in parts


def as_json(allocation: Allocation) -> dict[str, Any]:
    """The same for tools: $ throughout, null for what is not known."""
    known, complete = everything(allocation)
    estimate = allocation.estimate
    return {
        "environment": estimate.environment,
        "cloud": estimate.cloud,
        "region": estimate.region,
        "currency": "USD",
        "services": [_service_json(shares) for _, shares in by_service(allocation)],
        "teams": [
            {"team": team, "costCenter": center, **_json(_sum(shares))}
            for (team, center), shares in by_team(allocation)
        ],
        "notAllocated": [_rest_json(rest) for rest in allocation.rests],
        "fixed": [{"name": name, **_json(each)} for name, each in _fixed(allocation)],
        "total": {**_json(known), "complete": complete},
        "notes": notes(allocation),
    }


def _service_json(shares: list[Share]) -> dict[str, Any]:
    first = shares[0].workload
    return {
        "service": first.service,
        "namespace": first.namespace,
        "team": first.team,
        "costCenter": first.cost_center,
        **_json(_sum(shares)),
        "workloads": [
            {
                "name": share.workload.name,
                "pods": {"fewest": share.workload.fewest, "most": share.workload.most},
                "asked": {
                    "cpu": share.workload.asked.cpu,
                    "memoryGib": round(share.workload.asked.memory, 4),
                    "gpus": share.workload.asked.devices,
                },
                "pool": share.dearest.pool if share.dearest else None,
                **_json(share.cost),
                "unknown": share.unknown or None,
            }
            for share in shares
        ],
    }


def _rest_json(rest: Rest) -> dict[str, Any]:
    return {"pool": rest.pool, **_json(rest.cost), "overcommitted": rest.over}


def _json(known: Cost | None) -> dict[str, float | None]:
    return {
        "floorMonthly": None if known is None else round(known.floor_monthly, 2),
        "ceilingMonthly": None if known is None else round(known.ceiling_monthly, 2),
    }


def _grouped(
    items: Iterable[Share], key: Callable[[Share], _Key]
) -> list[tuple[_Key, list[Share]]]:
    ordered = sorted(items, key=lambda share: str(key(share)))
    return [(found, list(group)) for found, group in groupby(ordered, key)]


def _owners(shares: list[Share]) -> tuple[str, str]:
    teams = dict.fromkeys(share.workload.team for share in shares)
    centers = dict.fromkeys(share.workload.cost_center for share in shares)
    return ", ".join(teams), ", ".join(centers)


def _asked(shares: list[Share]) -> str:
    """Replicas with what each asks for; of jobs, which run at times, how many there are."""
    running = [_replicas(share) for share in shares if share.workload.replicated]
    jobs = len(shares) - len(running)
    return "; ".join([*running, *([f"{jobs} job{'s' if jobs > 1 else ''}"] if jobs else [])])


def _replicas(share: Share) -> str:
    work = share.workload
    count = f"{work.fewest:g}" if work.fewest == work.most else f"{work.fewest:g} to {work.most:g}"
    where = share.dearest.pool if share.dearest else work.pool
    return f"{count} x {work.asked}" + (f" on {where}" if where else "")


def _fixed(allocation: Allocation) -> list[tuple[str, Cost | None]]:
    """What runs whatever the pools do."""
    return [(line.name, line.cost) for line in allocation.estimate.lines if line.kind == "fixed"]


def _sum(shares: list[Share]) -> Cost | None:
    """The sum; None where a part of it is not known."""
    costs = [share.cost for share in shares]
    return None if None in costs else total(costs)


def _row(cells: tuple[str, ...], shares: list[Share]) -> Row:
    return _priced(cells, _sum(shares))


def _priced(cells: tuple[str, ...], known: Cost | None) -> Row:
    if known is None:
        return Row((*cells, _UNKNOWN, _UNKNOWN), missing=True)
    return Row((*cells, *_amounts(known)))


def _amounts(known: Cost) -> tuple[str, str]:
    return monthly(known.floor_monthly), monthly(known.ceiling_monthly)


def _per_thousand(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:,.4f}"
