"""The feature store on the node: files, online values, the check, and nothing left of it.

Named to come after the chapters that bring the platform up.
"""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from e2e import objects
from e2e.files import Files
from e2e.platform import Platform, eventually

pytestmark = [pytest.mark.node, pytest.mark.full, pytest.mark.usefixtures("unbroken")]

CLAIM, SOURCES = "features", "/data/features"
CUSTOMERS = [1, 2, 3, 500, 5000]
"""Nobody knows the last one."""
NEWEST = """
import json, sys, pandas as pd
rows = pd.read_parquet(sys.argv[1]).sort_values("computed_at").groupby("customer_id").last()
known = rows.reindex(json.loads(sys.argv[2]))
print(known[["orders", "segment"]].to_json(orient="split"))
"""
ONLINE = "features.features_customer_orders"
WRONG = (
    f"UPDATE {ONLINE} SET value = (SELECT value FROM {ONLINE} other WHERE feature_name = 'orders'"
    f" AND other.value <> {ONLINE}.value LIMIT 1) WHERE feature_name = 'orders'"
)


class FeatureStore:
    """What a team sees of it."""

    def __init__(self, files: Files) -> None:
        self.files, self.platform = files, files.platform

    def declare(self, enabled: bool) -> None:
        """Put the example's definitions and the setting where `up` finds them."""
        root = self.platform.root
        definitions = root / "examples" / "feature-store" / "definitions"
        shutil.copytree(definitions, root / "stacks" / "features", dirs_exist_ok=True)
        setting = {"enabled": True, "sources": f"file://{SOURCES}", "claim": CLAIM}
        self.platform.configure("featureStore", setting if enabled else None)

    def run(self, job: str, name: str) -> tuple[str, str]:
        """Run one of its scheduled jobs now: how it ended, and what it logged."""
        self.files.kubectl("create", "job", name, f"--from=cronjob/features-{job}")

        def ended() -> set[str]:
            job = self.platform.get("job", name, "-n", self.files.namespace)
            return objects.conditions(job) & {"Complete", "Failed"}

        eventually(lambda: bool(ended()), seconds=300, what=f"the end of {name}")
        log = self.files.kubectl("logs", f"job/{name}", "--tail=50")
        print(log)
        return "Complete" if "Complete" in ended() else "Failed", log

    def asked(self, *features: str) -> dict[str, list[Any]]:
        """Values of the customers, by feature, as the server answers."""
        spec = self.platform.get("service", "features", "-n", self.files.namespace)["spec"]
        body = {
            "features": [f"customer_orders:{each}" for each in features],
            "entities": {"customer_id": CUSTOMERS},
        }
        with closing(http.client.HTTPConnection(spec["clusterIP"], 80, timeout=30)) as connection:
            headers = {"content-type": "application/json"}
            connection.request("POST", "/get-online-features", json.dumps(body), headers)
            answer = connection.getresponse()
            found = json.load(answer)
        assert answer.status == 200, found
        names = found["metadata"]["feature_names"]
        return {name: each["values"] for name, each in zip(names, found["results"], strict=True)}

    def left(self) -> list[str]:
        """What of it is on the node."""
        kinds = "deployments,jobs,cronjobs,pods,services,configmaps,networkpolicies"
        selector = "app.kubernetes.io/instance=features"
        return self.files.kubectl("get", kinds, "-l", selector, "-o", "name").split()

    def sql(self, statement: str) -> None:
        """Run a statement as the database's administrator."""
        secrets = "/run/secrets/stanchion/database-admin"
        self.files.kubectl(
            "exec", "database-0", "--", "sh", "-c",
            f"PGPASSWORD=$(cat {secrets}/password) psql -h 127.0.0.1 -U $(cat {secrets}/username) "
            f'-v ON_ERROR_STOP=1 feature_store -c "{statement}"',
        )  # fmt: skip


@pytest.fixture(scope="module")
def store(platform: Platform) -> Iterator[FeatureStore]:
    platform.stanchion("up", "local", "--sample")
    with Files(platform, "tracking", CLAIM) as files:
        made = FeatureStore(files)
        yield made
        made.declare(enabled=False)
        platform.stanchion("up", "local")


def test_features_come_online_and_are_those_of_the_files(store: FeatureStore) -> None:
    root, files = store.platform.root, store.files
    writer = root / "examples" / "feature-store" / "write_features.py"
    files.write("/data/write_features.py", writer.read_bytes())
    files.run("/opt/venv/bin/python", "/data/write_features.py", SOURCES)
    store.declare(enabled=True)
    began = time.monotonic()
    store.platform.stanchion("up", "local")
    print(f"{time.monotonic() - began:5.0f} s: the feature store is up, its image built")
    assert store.asked("orders")["orders"] == [None] * len(CUSTOMERS), "nothing is online yet"
    assert store.run("materialize", "materialize-1")[0] == "Complete"
    expected = json.loads(files.python(NEWEST, f"{SOURCES}/customer_orders", json.dumps(CUSTOMERS)))
    found = store.asked("orders", "segment")
    assert [list(row) for row in zip(found["orders"], found["segment"], strict=True)] == (
        expected["data"]
    )
    assert found["orders"][-1] is None
    assert None not in found["orders"][:-1]


def test_a_second_up_changes_nothing_of_it(store: FeatureStore) -> None:
    assert "0 changed" in store.platform.stanchion("up", "local").stderr


def test_the_check_agrees_until_served_values_are_wrong(store: FeatureStore) -> None:
    assert store.run("check", "check-1")[0] == "Complete"
    store.sql(WRONG)
    ended, log = store.run("check", "check-2")
    assert ended == "Failed"
    assert "customer_orders:orders: " in log
    # As the runbook says.
    store.sql("UPDATE stanchion.views SET materialized_until = NULL")
    assert store.run("materialize", "materialize-2")[0] == "Complete"
    assert store.run("check", "check-3")[0] == "Complete"


def test_without_its_setting_nothing_of_it_is_left_but_the_database(store: FeatureStore) -> None:
    store.files.kubectl("delete", "job", "materialize-1", "materialize-2")
    store.files.kubectl("delete", "job", "check-1", "check-2", "check-3")
    store.declare(enabled=False)
    store.platform.stanchion("up", "local")
    eventually(lambda: store.left() == [], seconds=120, what="the end of its pods")
