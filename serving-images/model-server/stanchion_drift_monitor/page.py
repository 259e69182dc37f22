"""A report for people: one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import Any, Final

_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
body{color:#1c2530}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #d5dbe3}
table{border-collapse:collapse;width:100%;margin:.6rem 0}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e6eaef;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.ok{color:#17703a}.breach{color:#b3261e;font-weight:600}.inconclusive{color:#7a5d00}
details{margin:.3rem 0}.bar{display:inline-block;height:.6rem;background:#3b73b9}
.then{background:#b9c6d6}small{color:#5a6675}
"""
_BAR_EMS: Final = 12


def page(report: dict[str, Any]) -> str:
    """The page.

    Args:
        report: The report; its texts come from data and are escaped.
    """
    window, service = report["window"], _text(report["service"])
    days = window["last"]
    if window["first"] != window["last"]:
        days = f"{window['first']} to {window['last']}"
    versions = "".join(_version(each) for each in report["versions"])
    limits = report["limits"]
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{service} {days}</title>'
        f"<style>{_STYLE}</style></head><body>\n"
        f"<h1>{service}, {days}</h1>\n"
        f"<p>Model {_text(report['model'])}. {_verdict(report['verdict'])} Index limit "
        f"{limits['psi']:g} beyond chance, problems {limits['problemRatio']:.2%}, judged from "
        f"{limits['minRows']} rows on.</p>\n"
        f"{versions or '<p>Nothing was logged in the window.</p>'}"
        f"<p><small>{_text(report['key'])}</small></p></body></html>\n"
    )


def _version(found: dict[str, Any]) -> str:
    rate = found["sampleRate"]
    logged = f"{found['rows']} rows logged"
    if rate is not None:
        logged += f", {rate:.4g} of requests"
    checks = "".join(
        f"<tr><td>{_text(name)}</td><td>{_verdict(check['verdict'])}</td>"
        f"<td>{'<br>'.join(map(_text, check['found']))}</td></tr>"
        for name, check in found["checks"].items()
    )
    return (
        f"<h2>Version {_text(found['version'])}</h2>\n<p>{logged}.</p>\n"
        f"<table><tr><th>Check</th><th>Verdict</th><th>Found</th></tr>{checks}</table>\n"
        f"{_fields(found)}{_quality(found['quality'])}"
    )


def _fields(found: dict[str, Any]) -> str:
    if not found["fields"]:
        return ""
    rows = "".join(_field(each) for each in found["fields"])
    skipped = "".join(
        f"<li>{_text(each['side'])} {_text(each['field'])} {_text(each['why'])}</li>"
        for each in found["notCompared"]
    )
    return (
        "<table><tr><th>Field</th><th>Index</th><th>by chance</th><th>beyond</th><th>p</th>"
        "<th>Distance</th><th>missing</th><th>unseen</th><th>out of range</th></tr>"
        f"{rows}</table>\n{f'<p>Not compared:</p><ul>{skipped}</ul>' if skipped else ''}"
    )


def _field(each: dict[str, Any]) -> str:
    bins = "".join(
        f"<tr><td>{_text(one['bin'])}</td><td>{_bar(one['share'], '')} {one['share']:.2%}</td>"
        f"<td>{_bar(one['reference'], 'then')} {one['reference']:.2%}</td></tr>"
        for one in each["bins"]
    )
    numbers = (each["psi"], each["chance"], each["drift"], each["chiSquaredP"], each["distance"])
    cells = "".join(
        f'<td class="n">{"" if number is None else f"{number:.3g}"}</td>' for number in numbers
    )
    problems = "".join(f'<td class="n">{share:.2%}</td>' for share in each["problems"].values())
    return (
        f"<tr><td><details><summary>{_text(each['side'])} {_text(each['field'])}</summary>"
        f"<table><tr><th>Bin</th><th>Window</th><th>Training</th></tr>{bins}</table></details></td>"
        f"{cells}{problems}</tr>"
    )


def _quality(quality: dict[str, Any] | None) -> str:
    if quality is None:
        return ""
    metrics = "".join(
        f'<tr><td>{_text(name)}</td><td class="n">{_number(value)}</td></tr>'
        for name, value in quality["metrics"].items()
    )
    groups = "".join(
        f"<tr><td>{_text(each['column'])} {_text(name)}</td>"
        f'<td class="n">{group["rows"]}</td><td class="n">{_number(group["value"])}</td></tr>'
        for each in quality["slices"]
        for name, group in each["groups"].items()
    )
    days = "".join(
        f'<tr><td>{_text(each["day"])}</td><td class="n">{each["labelled"]}</td>'
        f'<td class="n">{each["rows"]}</td></tr>'
        for each in quality["days"]
    )
    sliced = ""
    if groups:
        sliced = (
            f"<table><tr><th>Group</th><th>Rows</th><th>{_text(quality['metric'])}</th></tr>"
            f"{groups}</table>"
        )
    return (
        f"<h3>Labels</h3><p>{quality['labelled']} of {quality['rows']} rows are compared with a "
        f"label ({quality['coverage']:.2%}); {quality['contradicted']} have two that differ and "
        f"{quality['unusable']} an answer or a label that is null or of another kind, and count "
        f"for none. Beside them, {quality['notLogged']} rows were logged without an answer or a "
        f"slice that is needed. In the evaluation, {_text(quality['metric'])} was "
        f"{_number(quality['baseline'])}.</p>\n"
        f"<table><tr><th>Metric</th><th>Now</th></tr>{metrics}</table>{sliced}"
        f"<details><summary>By day</summary><table><tr><th>Day</th><th>Labelled</th>"
        f"<th>Rows</th></tr>{days}</table></details>\n"
    )


def _bar(share: float, kind: str) -> str:
    return f'<span class="bar {kind}" style="width:{share * _BAR_EMS:.2f}em"></span>'


def _verdict(verdict: str) -> str:
    return f'<span class="{_text(verdict)}">{_text(verdict)}</span>.'


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _text(value: Any) -> str:
    return escape(str(value))
