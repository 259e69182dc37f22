"""The feature store as its image runs it: a real PostgreSQL, Parquet files, Feast, HTTP."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psycopg2
import pytest

from .feature_store import EXAMPLE, PASSWORDS, Host, Store, python, serving
from .test_database_image import BINARIES, stop, temporary

pytestmark = [
    pytest.mark.servers,
    # The environment is made by its lock the first time.
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (BINARIES / "initdb").is_file(), reason="PostgreSQL 15 is not installed"
    ),
]
LAST_DAY = "2026-11-22"
UNTIL = {"UNTIL": "2026-11-22T09:00:00+00:00"}
ONLINE = "features.features_customer_orders"
CORRUPTED = "UPDATE {} SET value = %s WHERE entity_key = %s AND feature_name = 'orders'"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    started = Host(python())
    yield started
    started.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of the example's features."""
    folder = tmp_path_factory.mktemp("sources")
    command = [str(python()), str(EXAMPLE / "write_features.py"), str(folder), LAST_DAY]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="module")
def store(host: Host, files: Path) -> Iterator[Store]:
    """The example's feature store, applied and materialised."""
    with temporary() as server, tempfile.TemporaryDirectory() as root:
        process = server.start()
        server.connect().close()
        made = Store(host, server, Path(root))
        shutil.copytree(files, made.sources, dirs_exist_ok=True)
        shutil.copy(EXAMPLE / "definitions" / "customers.py", made.definitions)
        made.must("prepare")
        made.must("apply")
        made.must("materialize", **UNTIL)
        yield made
        stop(process)


def test_materialised_values_are_served_over_http_and_nothing_else_is(store: Store) -> None:
    with serving(store) as server:
        found = server.features([1, 2, 3, 5000], "orders", "segment", "mean_basket")
        assert found["customer_id"] == [1, 2, 3, 5000]
        assert found["orders"][3] is None, "nobody knows the customer"
        assert all(isinstance(value, int) for value in found["orders"][:3])
        for path in ("/push", "/write-to-online-store", "/materialize", "/chat", "/docs"):
            assert server.ask(path, {})[0] == 404, path
        assert server.ask("/get-online-features", method="GET")[0] == 405
        assert (
            server.ask("/get-online-features", {"features": ["no:such"], "entities": {}})[0] >= 400
        )
        exposed = server.metrics_with('feature_store_requests_total{outcome="answered"} 1.0')
        assert "feature_store_ready 1.0" in exposed
        until = 'feature_store_materialized_until_timestamp_seconds{feature_view="customer_orders"}'
        assert f"{until} 1.795338e+09" in exposed
        _survives_a_restart(store, server)


def _survives_a_restart(store: Store, server: object) -> None:
    """Connections to the database that are cut are made again."""
    store.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'feature_store_reader'"
    )
    assert server.features([1], "orders")["orders"] != [None]  # type: ignore[attr-defined]


def test_materialising_again_changes_no_row(store: Store) -> None:
    tables = (ONLINE, "stanchion.views", "features.feature_views")
    before = {table: store.rows(table) for table in tables}
    assert len(before[ONLINE]) > 2000
    (line,) = store.must("materialize", **UNTIL)
    assert line["steps"] == 1, "the overlap alone"
    assert {table: store.rows(table) for table in tables} == before


def test_applying_again_begins_nothing_again(store: Store) -> None:
    (line,) = store.must("apply")
    assert line["begin"] == []


def test_a_served_value_that_differs_is_told_with_its_feature_and_entity(store: Store) -> None:
    everybody = {"SAMPLE": "1000"}
    store.must("check", **everybody)
    assert store.execute("SELECT sum(inconsistent) FROM stanchion.checks") == [(0,)]
    connection = store.server.connect(database="feature_store")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT a.entity_key, a.value, b.value FROM {ONLINE} a, {ONLINE} b"
            " WHERE a.feature_name = 'orders' AND b.feature_name = 'orders' AND a.value <> b.value"
            " ORDER BY 1 LIMIT 1"
        )
        key, right, wrong = cursor.fetchone()
        cursor.execute(CORRUPTED.format(ONLINE), (wrong, key))
        done = store.command("check", **everybody)
        cursor.execute(CORRUPTED.format(ONLINE), (right, key))
    connection.close()
    assert done.returncode == 3
    assert "customer_orders:orders: 1 of " in done.stderr
    (named,) = [line for line in done.log if line["message"] == "inconsistent"]
    assert (named["feature_view"], named["feature"]) == ("customer_orders", "orders")
    # Feast writes an entity's key with its value at the end, little end first.
    assert named["entity"] == {"customer_id": int.from_bytes(bytes(key)[-8:], "little")}
    found = store.execute("SELECT feature, inconsistent FROM stanchion.checks ORDER BY 1")
    assert found == [("mean_basket", 0), ("orders", 1), ("segment", 0)]
    store.must("check", **everybody)


def test_a_value_that_is_not_there_is_inconsistent_too(store: Store) -> None:
    store.execute(f"CREATE TABLE public.kept AS SELECT * FROM {ONLINE}")
    store.execute(f"DELETE FROM {ONLINE} WHERE feature_name = 'segment'")
    done = store.command("check", SAMPLE="50")
    assert done.returncode == 3
    assert "customer_orders:segment: 50 of 50" in done.stderr
    store.must("materialize", **UNTIL)
    assert store.command("check", SAMPLE="50").returncode == 3, "they are older than the overlap"
    store.execute(f"INSERT INTO {ONLINE} SELECT * FROM public.kept ON CONFLICT DO NOTHING")
    store.must("check", SAMPLE="50")


@contextmanager
def late_rows(store: Store, computed_at: str) -> Iterator[list[int]]:
    """Customers whose rows come after the materialisation; at the end all is as it was."""
    folder = store.sources / "customer_orders"
    newest = pd.read_parquet(folder / f"{LAST_DAY}.parquet").head(5)
    late = newest.assign(computed_at=pd.Timestamp(computed_at, tz="UTC"), orders=1_000)
    late.to_parquet(folder / "late.parquet", index=False)
    try:
        yield late["customer_id"].tolist()
    finally:
        (folder / "late.parquet").unlink()
        store.execute("UPDATE stanchion.views SET materialized_until = NULL")
        store.must("materialize", **UNTIL)


def test_rows_no_later_than_the_overlap_are_brought_online_and_no_inconsistency(
    store: Store,
) -> None:
    before = store.rows(ONLINE)
    with late_rows(store, "2026-11-22T08:30:00"):
        log = store.must("check", SAMPLE="1000")
        (told,) = [line for line in log if line["level"] == "warning"]
        assert (told["feature_view"], told["differed"], told["differ"]) == ("customer_orders", 5, 0)
        assert store.execute("SELECT sum(inconsistent) FROM stanchion.checks") == [(0,)]
        again = store.must("check", SAMPLE="1000")
        assert not [line for line in again if line["level"] == "warning"], "they are served"
    assert store.rows(ONLINE) == before


def test_rows_later_than_the_overlap_are_told_until_it_is_raised(store: Store) -> None:
    with late_rows(store, "2026-11-22T07:30:00") as customers:
        done = store.command("check", SAMPLE="1000")
        assert done.returncode == 3
        assert "customer_orders:orders: 5 of " in done.stderr
        named = [line for line in done.log if line["message"] == "inconsistent"]
        assert sorted(line["entity"]["customer_id"] for line in named) == customers
        store.must("check", SAMPLE="1000", OVERLAP_MINUTES="120")


def test_definitions_that_are_not_served_are_refused_and_change_nothing(store: Store) -> None:
    file = store.definitions / "customers.py"
    text, before = file.read_text(), store.rows("features.feature_views")
    wrong = text.replace("ttl=timedelta(days=7),", "ttl=timedelta(0),").replace(
        'os.environ["FEATURE_SOURCES"]', '"/elsewhere"'
    )
    for content, told in (
        (wrong, ("customer_orders.ttl: is not set", "customer_orders.source.path: '/elsewhere/")),
        ("import no_such_module\n", ("customers.py: ModuleNotFoundError",)),
    ):
        file.write_text(content)
        done = store.command("apply")
        assert done.returncode == 2
        assert all(line in done.stderr for line in told), done.stderr
        assert "Traceback" not in done.stderr
    file.write_text(text)
    assert store.rows("features.feature_views") == before


def test_each_role_has_the_rights_that_it_needs_and_no_more(store: Store) -> None:
    refused = (
        ("reader", f"DELETE FROM {ONLINE}"),
        ("reader", "UPDATE stanchion.views SET materialized_until = now()"),
        ("writer", f"DROP TABLE {ONLINE}"),
        ("writer", "CREATE TABLE features.mine (a int)"),
        ("owner", "CREATE ROLE another"),
    )
    for role, statement in refused:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            store.execute(statement, f"feature_store_{role}", PASSWORDS[role])


def test_no_password_is_in_any_output(store: Store) -> None:
    told = "\n".join(store.outputs)
    assert told
    assert not [word for word in PASSWORDS.values() if word in told]
