"""One release at a time: who comes second is told who is first, and nobody waits for the dead."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from stanchion_cli.deploy.api import Manifest, Ref
from stanchion_cli.errors import StanchionError
from stanchion_cli.models.lease import API_VERSION, LeaseLostError, Timing, held

from .conftest import Cluster

LEASE = Ref(API_VERSION, "Lease", "demo", "stanchion-release-wine")
QUICK = Timing(duration=2, renewal=0.05, watch=0.4)
SERVICES = {"wine": "demo"}


def _enter(cluster: Cluster, services: dict[str, str], doing: str, timing: Timing = QUICK) -> None:
    with held(lambda: cluster, services, doing, timing):
        pass


def _abandon(cluster: Cluster, *, renewed: str = "2026-01-01T00:00:00.000000Z") -> None:
    """A lease as a killed holder leaves it."""
    assert cluster.create(
        {
            "apiVersion": API_VERSION,
            "kind": "Lease",
            "metadata": {"name": LEASE.name, "namespace": "demo"},
            "spec": {
                "holderIdentity": "ann@laptop/1",
                "leaseDurationSeconds": 60,
                "acquireTime": renewed,
                "renewTime": renewed,
            },
        }
    )


def test_of_many_at_once_exactly_one_gets_in() -> None:
    cluster, inside, refused = Cluster(), [], []
    barrier, leave = threading.Barrier(8), threading.Event()

    def compete(number: int) -> None:
        barrier.wait()
        try:
            with held(lambda: cluster, SERVICES, f"works as {number}", QUICK):
                inside.append(number)
                leave.wait(10)
        except StanchionError as error:
            refused.append(str(error))
            if len(refused) == 7:
                leave.set()

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inside), len(refused)) == (1, 7)


def test_who_comes_second_reads_who_since_when_and_what_to_do() -> None:
    cluster = Cluster()
    first = held(lambda: cluster, SERVICES, "promotes wine version 3")
    with first, pytest.raises(StanchionError) as caught:
        _enter(cluster, SERVICES, "promotes wine version 4")
    said = str(caught.value)
    assert said.startswith("service wine: ")
    assert "promotes wine version 3, since 20" in said
    assert (
        "wait until that has ended and run this again; if it was killed, its lock runs out in"
        in said
    )


def test_after_the_end_the_next_one_gets_in_at_once_whatever_happened() -> None:
    cluster = Cluster()
    with pytest.raises(ValueError, match="broken"), held(lambda: cluster, SERVICES, "works"):
        raise ValueError("broken")
    with held(lambda: cluster, SERVICES, "works"):
        pass


def test_a_holder_at_work_is_renewed_beyond_the_leases_duration() -> None:
    cluster = Cluster()
    with held(lambda: cluster, SERVICES, "works", QUICK) as hold:
        time.sleep(2.5)
        hold.check()
        with pytest.raises(StanchionError, match="works"):
            _enter(cluster, SERVICES, "too", QUICK)


def test_the_lease_of_a_killed_holder_is_taken_once_it_has_run_out() -> None:
    cluster = Cluster()
    _abandon(cluster)
    with held(lambda: cluster, SERVICES, "works", QUICK) as hold:
        hold.check()
        live = cluster.get(LEASE)
        assert live is not None
        assert live["spec"]["holderIdentity"] != "ann@laptop/1"


def test_a_holder_whose_clock_is_behind_is_not_robbed() -> None:
    cluster = Cluster()
    _abandon(cluster)

    def renew() -> None:
        time.sleep(0.1)
        live = cluster.get(LEASE)
        assert live is not None
        live["spec"]["renewTime"] = "2026-01-01T00:00:10.000000Z"
        assert cluster.replace(live)

    thread = threading.Thread(target=renew)
    thread.start()
    with pytest.raises(StanchionError, match="ann@laptop works on it, since 2026-01-01"):
        _enter(cluster, SERVICES, "works", QUICK)
    thread.join()


def test_who_was_robbed_learns_of_it_before_changing_anything() -> None:
    cluster = Cluster()
    with held(lambda: cluster, SERVICES, "works", QUICK) as hold:
        live = cluster.get(LEASE)
        assert live is not None
        live["spec"]["holderIdentity"] = "bob@desk/2"
        while not cluster.replace(live):
            live = {**(cluster.get(LEASE) or {}), "spec": live["spec"]}
        with pytest.raises(LeaseLostError, match="somebody else has taken over"):
            for _ in range(100):
                time.sleep(0.05)
                hold.check()
    left = cluster.get(LEASE)
    assert left is not None
    assert left["spec"]["holderIdentity"] == "bob@desk/2"


def test_who_cannot_renew_in_time_stops_changing_anything() -> None:
    class Silent(Cluster):
        silent = False

        def get(self, ref: Ref) -> dict[str, Any] | None:
            if self.silent:
                raise StanchionError("the API server does not answer")
            return super().get(ref)

    cluster = Silent()
    with held(lambda: cluster, SERVICES, "works", Timing(2, 0.05, 0.1)) as hold:
        cluster.silent = True
        time.sleep(0.1)
        hold.check()
        time.sleep(2.1)
        with pytest.raises(LeaseLostError, match=r"could not be renewed in time \(the API server"):
            hold.check()
        cluster.silent = False
        hold.check()


def test_who_may_not_lock_learns_what_is_needed() -> None:
    class Forbidding(Cluster):
        def create(self, manifest: Manifest) -> bool:
            raise StanchionError("the API server refused to create it", where=str(Ref.of(manifest)))

    with pytest.raises(StanchionError, match=r"create and change Leases in namespace demo"):
        _enter(Forbidding(), SERVICES, "works")


def test_two_services_are_locked_both_or_none() -> None:
    cluster = Cluster()
    first = held(lambda: cluster, {"wine": "demo"}, "works")
    with first, pytest.raises(StanchionError, match="service wine"):
        _enter(cluster, {"beer": "demo", "wine": "demo"}, "works")
    with held(lambda: cluster, {"beer": "demo"}, "works"):
        pass


def test_a_lease_that_changes_under_the_hand_is_not_overwritten() -> None:
    class Racing(Cluster):
        def replace(self, manifest: Manifest) -> bool:
            other = self.get(LEASE)
            assert other is not None
            other["spec"]["holderIdentity"] = "bob@desk/2"
            assert super().replace(other)
            return super().replace(manifest)

    cluster = Racing()
    _abandon(cluster)
    with pytest.raises(StanchionError, match="bob@desk"):
        _enter(cluster, SERVICES, "works", QUICK)
