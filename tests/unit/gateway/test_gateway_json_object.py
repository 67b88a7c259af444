from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.gateway.json_object import MAX_JSON_DEPTH, decode, depth
from idlebell.model.problem import ProblemError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def deep(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(deep, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(deep, value), default=0)
    return 0


@given(JSON)
def test_the_depth_of_json_is_found_without_decoding_it(value):
    assert depth(msgspec.json.encode(value)) == deep(value)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_an_object_is_decoded_as_it_is(value):
    if deep(value) <= MAX_JSON_DEPTH:
        assert decode(msgspec.json.encode(value)) == value


@given(st.binary(max_size=200))
def test_whatever_comes_is_an_object_or_one_problem(data):
    try:
        found: object = decode(data)
    except ProblemError as error:
        found = error.problem.code
    assert isinstance(found, dict) or found == "malformed-json"


@pytest.mark.parametrize("data", [b'{"a": hunter2}', b'{"hunter2', b'"hunter2"', b'{"a":"\xffhunter2"}'])
def test_the_body_is_not_repeated(data):
    with pytest.raises(ProblemError) as caught:
        decode(data)
    assert "hunter2" not in str(caught.value)


def test_a_string_without_end_is_one_string():
    """Nothing in it is looked at twice: a body of nothing but escaped quotes once took half a minute of everybody's time."""
    assert depth(b'{"' + b'\\"[' * 20_000) == 1
