from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stanchion.names import LABEL_VALUE, label_value, service_hosts


@given(st.text(max_size=300))
def test_any_text_becomes_a_legal_label_value(text: str) -> None:
    value = label_value(text)
    assert len(value) <= 63
    assert LABEL_VALUE.fullmatch(value)


@given(st.from_regex(LABEL_VALUE, fullmatch=True).filter(lambda text: len(text) <= 63))
def test_a_legal_label_value_stays_itself(text: str) -> None:
    assert label_value(text) == text


@pytest.mark.parametrize(("one", "other"), [("a b", "a/b"), ("x" * 64, "x" * 65), ("é", "è")])
def test_texts_that_look_alike_stay_apart(one: str, other: str) -> None:
    assert label_value(one) != label_value(other)


def test_a_service_is_found_by_every_form_of_its_name() -> None:
    assert service_hosts("mlflow", "tracking") == [
        "mlflow",
        "mlflow.tracking",
        "mlflow.tracking.svc",
        "mlflow.tracking.svc.cluster.local",
    ]
