from __future__ import annotations

import string

import pytest
from stanchion_cli.deploy.generated import generate
from stanchion_cli.errors import StanchionError


def test_a_password_has_the_declared_length_and_classes() -> None:
    password = generate("admin", {"length": 64, "special": False})
    assert len(password) == 64
    assert set(password) <= set(string.ascii_letters + string.digits)


def test_two_passwords_differ() -> None:
    assert generate("a", {"length": 32}) != generate("a", {"length": 32})


def test_what_cannot_be_honoured_without_the_engine_is_refused_by_name() -> None:
    with pytest.raises(StanchionError, match="minUpper cannot be honoured"):
        generate("admin", {"length": 8, "minUpper": 2})
