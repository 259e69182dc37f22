"""Amounts in Kubernetes' notation, as numbers."""

from decimal import Decimal

from stanchion.checks import QUANTITY

_SUFFIXES: dict[str, Decimal | int] = {
    "m": Decimal("0.001"),
    **{unit: 10 ** (3 * power) for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": 2 ** (10 * power) for power, unit in enumerate("KMGTPE", start=1)},
}
_GIB = 2**30


def amount(quantity: str) -> Decimal:
    """The number that a quantity stands for: 500m is 0.5, 1Gi is 1073741824.

    Raises:
        ValueError: if it is none; `Checks.quantity` says so to whoever wrote it.
    """
    if not QUANTITY.fullmatch(quantity):
        raise ValueError(f"'{quantity}' is no amount")
    digits = quantity.rstrip("mkKMGTPEi")
    return Decimal(digits) * _SUFFIXES.get(quantity.removeprefix(digits), 1)


def whole_gib(quantity: str) -> int:
    """Whole GiB of an amount of memory, rounded down."""
    return int(amount(quantity) // _GIB)
