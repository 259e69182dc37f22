"""Dashboards over the running platform: its own Prometheus answers for every panel it can feed.

Named to come late: it needs the platform that the chapters before it brought up.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from e2e.language import Assistant, assistant_on
from e2e.panels import UNFED, answers, asked, unfed
from e2e.platform import Platform, eventually
from e2e.registry import MODEL
from e2e.traffic import Traffic
from stanchion_cli.deploy.prometheus import Prometheus, reached_prometheus
from stanchion_cli.errors import StanchionError

pytestmark = [
    pytest.mark.node,
    pytest.mark.usefixtures("unbroken"),
    pytest.mark.full,
]

CONTEXT = "A card costs 12 euros a year."
CHAT = [
    {"role": "tool", "tool_call_id": "search", "content": CONTEXT},
    {"role": "user", "content": f"Text: {CONTEXT} Question: What does a card cost?"},
]
"""What an answer is to be drawn from is scored."""
NONE_FIRES = {"Alerts that fire", "Alerts over time"}
"""Panels that a healthy platform leaves empty."""
# Counts of five minutes are added up every five minutes.
SHOWN_WITHIN_SECONDS = 1200
ASKED_EVERY_SECONDS = 20


def test_every_reason_is_one_that_a_panel_has() -> None:
    told = {unfed(query) for _, _, query in asked()} - {""}
    assert told == set(UNFED.values())
    titles = {panel.title for _, panel, _ in asked()}
    assert titles >= NONE_FIRES


def empty(prometheus: Prometheus) -> list[str]:
    """The queries without an answer that should have one."""
    return [
        f"{name}: {panel.title}"
        for name, panel, query in asked()
        if not unfed(query) and panel.title not in NONE_FIRES and not answers(prometheus, query)
    ]


def shown(platform: Platform) -> bool:
    """Whether all have an answer that should; not while Prometheus itself has none."""
    try:
        with reached_prometheus(platform.root, "local") as prometheus:
            return not empty(prometheus)
    except StanchionError as error:
        print(error)
        return False


def listed(prometheus: Prometheus) -> None:
    """Print every query with the number of its series, or why it has none."""
    for name, panel, query in asked():
        count = answers(prometheus, query)
        why = "" if count else unfed(query) or "no alert fires" * (panel.title in NONE_FIRES)
        print(f"{name:15} {panel.title:32} {count or why or 'EMPTY'}")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Where the page goes: to the documentation, where results are kept."""
    kept = request.config.getoption("--results", None)
    folder = Path(__file__).parents[2] / "docs" if kept else tmp_path_factory.mktemp("page")
    return folder / "dashboards.html"


def test_every_panel_that_the_node_can_feed_has_data(platform: Platform, page: Path) -> None:
    platform.enable(["kube-prometheus-stack"])
    platform.stanchion("up", "local", "--sample")
    # What chapters before it left serving may have no training to be compared with.
    platform.stanchion("promote", MODEL, platform.train())
    with assistant_on(platform) as assistant:
        _shown(platform, assistant, page)


def _shown(platform: Platform, assistant: Assistant, page: Path) -> None:
    assistant.await_answer(messages=CHAT)
    began = time.monotonic()
    asking = Traffic(platform.address(), platform.request(), threads=2, pause=0.1)
    chatting = assistant.traffic(messages=CHAT)
    with asking as traffic, chatting as chats:
        try:
            eventually(
                lambda: shown(platform),
                seconds=SHOWN_WITHIN_SECONDS,
                every=ASKED_EVERY_SECONDS,
                what="data everywhere",
            )
        finally:
            with reached_prometheus(platform.root, "local") as prometheus:
                listed(prometheus)
        print(f"every panel has data {time.monotonic() - began:.0f} s after `up`")
        drawn = platform.stanchion("dashboards", "render", "local", "--hours", "1", "-o", str(page))
    assert traffic.failures == chats.failures == []
    assert f"wrote {page}" in drawn.stderr
    text = page.read_text("utf-8")
    found = re.search(r"(\d+) of (\d+) panels have data", text)
    assert found
    print(found[0])
    assert "demo/wine" in text
    assert "assistant" in text


def test_without_prometheus_again(platform: Platform) -> None:
    platform.enable([])
    platform.stanchion("up", "local")
    assert "monitoring.coreos.com" not in platform.kubectl("api-versions")
