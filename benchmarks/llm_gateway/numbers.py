"""Numbers that are valid by their checksums and belong to nobody."""

from __future__ import annotations

import base64
from itertools import cycle

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_VERHOEFF_MULTIPLY = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6], [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]  # fmt: skip
_VERHOEFF_FIRST = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def luhn(digits: str) -> str:
    """`digits` with Luhn's check digit."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if at % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{digits}{-total % 10}"


def card(prefix: str, length: int) -> str:
    """A payment card's number."""
    filler = cycle("0736294815")
    return luhn(prefix + "".join(next(filler) for _ in range(length - len(prefix) - 1)))


def iban(country: str, account: str) -> str:
    """An international account number."""
    spelled = "".join(str(int(c, 36)) for c in f"{account}{country}00")
    return f"{country}{98 - int(spelled) % 97:02d}{account}"


def nhs(digits: str) -> str:
    """A British health service number of nine digits and its check digit."""
    check = 11 - sum(int(d) * (10 - at) for at, d in enumerate(digits)) % 11
    if check == 10:
        raise ValueError(f"{digits} has no check digit")
    return f"{digits}{check % 11}"


def dni(digits: str) -> str:
    """A Spanish identity number."""
    return f"{digits}{_DNI[int(digits) % 23]}"


def nie(first: str, digits: str) -> str:
    """A Spanish foreigner's number."""
    return f"{first}{digits}{_DNI[int(str('XYZ'.index(first)) + digits) % 23]}"


def pesel(digits: str) -> str:
    """A Polish personal number."""
    total = sum(int(d) * w for d, w in zip(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return f"{digits}{-total % 10}"


def tfn(digits: str) -> str:
    """An Australian tax file number."""
    total = sum(int(d) * w for d, w in zip(digits, (1, 4, 3, 7, 5, 8, 6, 9), strict=True))
    for check in range(10):
        if (total + check * 10) % 11 == 0:
            return f"{digits}{check}"
    raise ValueError(f"{digits} has no check digit")


def tax_id(digits: str) -> str:
    """A German tax number of ten digits and its check digit."""
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return f"{digits}{(11 - product) % 10}"


def aadhaar(digits: str) -> str:
    """An Indian number with Verhoeff's check digit."""
    check = 0
    for at, digit in enumerate(reversed(digits)):
        check = _VERHOEFF_MULTIPLY[check][_permuted(int(digit), at + 1)]
    return f"{digits}{_VERHOEFF_MULTIPLY[check].index(0)}"


def _permuted(digit: int, times: int) -> int:
    for _ in range(times % 8):
        digit = _VERHOEFF_FIRST[digit]
    return digit


def spaced(number: str, group: int) -> str:
    """In groups with spaces between them."""
    return " ".join(number[at : at + group] for at in range(0, len(number), group))


def dashed(number: str, group: int) -> str:
    """In groups with dashes between them."""
    return spaced(number, group).replace(" ", "-")


def spaced_as(number: str, first: int, second: int) -> str:
    """In three groups of which two are as long as told."""
    return f"{number[:first]} {number[first : first + second]} {number[first + second :]}"


def base64_of(text: str) -> str:
    """As it is hidden from who looks for words."""
    return base64.b64encode(text.encode()).decode()
