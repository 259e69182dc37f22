"""Who may have how much of which pool: guaranteed to a tenant, lent to it, or nobody's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

from stanchion.jobs.queues_arguments import QueueShare, QueueTenant
from stanchion.placement import Placement
from stanchion.quantities import amount, whole_gib
from stanchion.tenancy.tenant import DEFAULT_CPU, DEFAULT_MEMORY


@dataclass(frozen=True)
class Amounts:
    """What jobs ask for: whole cores, GiB and devices."""

    cpu: int = 0
    memory: int = 0
    gpus: int = 0

    def each(self, other: Self) -> Iterator[tuple[str, int, int]]:
        """Name of each resource, how much of it there is here, and how much in `other`."""
        for field in fields(self):
            yield field.name, getattr(self, field.name), getattr(other, field.name)

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: here + there for name, here, there in self.each(other)})

    def less(self, other: Self) -> Self:
        """What is left without `other`; never below nothing."""
        return type(self)(**{name: max(here - there, 0) for name, here, there in self.each(other)})

    def at_most(self, other: Self) -> Self:
        """The smaller of both."""
        return type(self)(**{name: min(here, there) for name, here, there in self.each(other)})


NOTHING = Amounts()


def room(pool: Placement) -> Amounts:
    """What pods may ask for on a pool at its largest."""
    return Amounts(pool.get("max_cpu", 0), pool.get("max_memory", 0), pool["max_devices"])


def ceiling(tenant: QueueTenant) -> Amounts:
    """The most that a tenant's namespace may ask for."""
    quota = tenant.get("quota", {})
    return Amounts(
        int(amount(quota.get("cpu", DEFAULT_CPU))),
        whole_gib(quota.get("memory", DEFAULT_MEMORY)),
        quota.get("gpus", 0),
    )


def shares(
    tenants: Sequence[QueueTenant], pools: Sequence[Placement]
) -> Mapping[tuple[str, str], Amounts]:
    """What is guaranteed, by tenant and pool: only where a tenant may run anything.

    What tenants say of themselves stands. The others have their quota on each pool, or a part
    of what is left of the pool in the ratio of their quotas where it does not reach. Cores and
    memory of a pool with GPUs go with its GPUs, so that whoever has the one has the other.
    """
    found: dict[tuple[str, str], Amounts] = {}
    for pool in pools:
        users = [each for each in tenants if ceiling(each).gpus or not pool["device"]]
        told = {each["tenant"]: _told(each, pool) for each in users if "guaranteed" in each}
        left = room(pool).less(sum(told.values(), start=NOTHING))
        asking = [each for each in users if each["tenant"] not in told]
        wanted = sum((ceiling(each) for each in asking), start=NOTHING)
        for each in users:
            found[each["tenant"], pool["pool"]] = (
                told[each["tenant"]]
                if each["tenant"] in told
                else _part(ceiling(each), wanted, left, pool)
            )
    return found


def _told(tenant: QueueTenant, pool: Placement) -> Amounts:
    for share in tenant.get("guaranteed", []):
        if share["pool"] == pool["pool"]:
            return _complete(share, tenant, pool)
    return NOTHING


def _complete(share: QueueShare, tenant: QueueTenant, pool: Placement) -> Amounts:
    gpus = share.get("gpus", 0)
    of_gpus = _with_gpus(gpus, room(pool)).at_most(ceiling(tenant))
    return Amounts(share.get("cpu", of_gpus.cpu), share.get("memory", of_gpus.memory), gpus)


def _with_gpus(gpus: int, whole: Amounts) -> Amounts:
    """So many GPUs of a pool, with the cores and memory that go with them."""
    if not whole.gpus:
        return NOTHING
    return Amounts(whole.cpu * gpus // whole.gpus, whole.memory * gpus // whole.gpus, gpus)


def _part(mine: Amounts, all_of_us: Amounts, left: Amounts, pool: Placement) -> Amounts:
    if pool["device"]:
        gpus = mine.gpus * left.gpus // max(all_of_us.gpus, left.gpus, 1)
        return _with_gpus(gpus, room(pool)).at_most(left).at_most(mine)
    return Amounts(
        mine.cpu * left.cpu // max(all_of_us.cpu, left.cpu, 1),
        mine.memory * left.memory // max(all_of_us.memory, left.memory, 1),
    )


def beyond(tenant: QueueTenant, guaranteed: Amounts, pool: Placement) -> Amounts:
    """What a tenant may borrow on a pool: as much as its quota leaves, and the pool."""
    if not tenant.get("borrows", True):
        return NOTHING
    return ceiling(tenant).at_most(room(pool)).less(guaranteed)


def unassigned(pool: Placement, given: Mapping[tuple[str, str], Amounts]) -> Amounts:
    """What of a pool is guaranteed to nobody."""
    own = (amounts for (_, name), amounts in given.items() if name == pool["pool"])
    return room(pool).less(sum(own, start=NOTHING))


def too_much(
    tenants: Sequence[QueueTenant], pools: Sequence[Placement]
) -> Iterator[tuple[str, str, str]]:
    """Guarantees that nothing can keep: the argument, why, with the numbers, and the fix."""
    for at, tenant in enumerate(tenants):
        for number, share in enumerate(tenant.get("guaranteed", [])):
            (pool,) = [each for each in pools if each["pool"] == share["pool"]]
            for name, asked, most in _complete(share, tenant, pool).each(ceiling(tenant)):
                if asked > most:
                    yield (
                        f"tenants[{at}].guaranteed[{number}].{name}",
                        f"{asked} is more than {most}, the quota of tenant '{tenant['tenant']}'",
                        "lower it, or raise the quota",
                    )
    for pool in pools:
        told = [_told(each, pool) for each in tenants]
        for name, asked, most in sum(told, start=NOTHING).each(room(pool)):
            if asked > most:
                yield (
                    "tenants",
                    f"{asked} {_UNITS[name]} of pool '{pool['pool']}' are guaranteed in all, and "
                    f"it has {most} at its largest",
                    "guarantee less, or raise the pool's maximum",
                )


_UNITS = {"cpu": "cores", "memory": "GiB", "gpus": "GPUs or slices"}
