"""Lists that are written element by element look as if they had been held whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from stanchion_cli.report import long_json
from stanchion_cli.report.long_json import Many, dump


def document(elements: Any) -> dict[str, Any]:
    return {"a": [{"findings": elements("x"), "b": 1}, {"findings": elements("")}], "ü": "line\n"}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_it_is_what_json_writes(
    indent: int | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_json, "_AT_ONCE", 3)
    made = [{"n": place, "text": '"\n[]'} for place in range(count)]
    stream = io.StringIO()
    lists = document(lambda some: Many(iter(made)) if some else Many([]))
    dump(lists, stream, indent=indent, ensure_ascii=False)
    whole = document(lambda some: made if some else [])
    assert stream.getvalue() == json.dumps(whole, indent=indent, ensure_ascii=False) + "\n"


def test_what_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        dump({"a": {1}}, io.StringIO(), indent=None)
