"""How the words of a filter are looked for, in a text that may be made for them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.rules.search_text import sought, stands_in


@pytest.mark.parametrize(
    ("token", "by_in"),
    [
        ("boss@example.org", True),
        ("mississippi", True),
        ("banana", True),
        ("aaaa", True),
        ("aaaaa", False),
        ("*****spam*****", False),
        ("a" * 49 + "b" + "a" * 49, False),
        ("xyxyxyxyxyxy", False),
        ("zaaaaaaaa", True),
    ],
)
def test_what_overlaps_itself_is_looked_for_by_a_table(token: str, by_in: bool) -> None:
    assert isinstance(sought(token), str) is by_in


@given(st.text("ab.", min_size=1, max_size=12), st.text("ab.", max_size=60))
def test_it_is_found_where_it_stands(token: str, text: str) -> None:
    assert stands_in(sought(token), text) is (token in text)
    assert stands_in(re.compile(re.escape(token)), text) is (token in text)
