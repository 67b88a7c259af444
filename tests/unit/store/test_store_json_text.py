"""What is stored as JSON comes back as it was, whatever a mail server or an app put into it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.store.json_text import dump, load

TEXTS = st.text(st.characters(codec=None))  # halves of surrogate pairs too
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60)
@given(VALUES)
def test_it_comes_back_on_one_line_and_as_python_reads_and_writes_it(value: object) -> None:
    written = dump(value)
    assert b"\n" not in written
    assert load(written) == value
    assert json.loads(written) == value
    assert load(json.dumps(value)) == value
    assert load(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == value


@pytest.mark.parametrize("damaged", [b"", b"{", b"[1,]", b"\xff", b'"a'])
def test_what_is_none_is_a_value_error(damaged: bytes) -> None:
    with pytest.raises(ValueError):
        load(damaged)
