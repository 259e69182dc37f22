"""Usage in a real PostgreSQL, shared by ledgers as by replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from stanchion_llm_gateway.ledger import Key, Ledger, Usage, day, minute
from stanchion_llm_gateway.stores import PostgresStore

from ..test_database_image import BINARIES, Folder, stop, temporary

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(
        not (BINARIES / "initdb").is_file(), reason="PostgreSQL 15 is not installed"
    ),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Folder]:
    with temporary() as made:
        process = made.start()
        made.connect().close()
        yield made
        stop(process)


@pytest.fixture
def url_file(folder: Folder, tmp_path: Path) -> Path:
    path = tmp_path / "url"
    path.write_text(f"postgresql://boss:pw@127.0.0.1:{folder.port}/postgres\n")
    return path


def replica(url_file: Path, failures: list[int]) -> Ledger:
    return Ledger(PostgresStore(url_file), lambda: failures.append(1))


async def test_replicas_that_start_together_count_together(url_file: Path) -> None:
    failures: list[int] = []
    replicas = [replica(url_file, failures) for _ in range(4)]
    key, other = Key("chat", day()), Key("chat", minute())
    for _ in range(5):
        for each in replicas:
            each.add(key, Usage(1, 7, 3))
            each.add(other, Usage(1, 7, 3))
        await asyncio.gather(*(each.exchange() for each in replicas))
    await asyncio.gather(*(each.exchange() for each in replicas))
    assert failures == []
    assert {each.used(key) for each in replicas} == {Usage(20, 140, 60)}
    await asyncio.gather(*(each.close() for each in replicas))


async def test_a_lost_connection_loses_no_usage(folder: Folder, url_file: Path) -> None:
    failures: list[int] = []
    ledger = replica(url_file, failures)
    key = Key("batch", day())
    ledger.add(key, Usage(1, 1, 1))
    await ledger.exchange()
    connection = folder.connect()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    connection.close()
    ledger.add(key, Usage(1, 1, 1))
    await ledger.exchange()
    assert (failures, ledger.used(key)) == ([1], Usage(2, 2, 2))
    await ledger.exchange()
    assert (failures, ledger.used(key)) == ([1], Usage(2, 2, 2))
    await ledger.close()
    fresh = replica(url_file, failures)
    await fresh.exchange()
    assert fresh.used(key) == Usage(2, 2, 2)
    await fresh.close()
