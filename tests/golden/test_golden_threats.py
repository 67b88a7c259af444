"""The page of security names for each threat the test that shows that it comes to nothing, and the test is there."""

from __future__ import annotations

import pytest

from threats import PAGE, THREATS, Threat, is_there, page_with


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.number)
def test_a_threat_is_met_by_tests_that_are_there_or_comes_later(threat: Threat) -> None:
    assert bool(threat.tests) != bool(threat.later)
    assert [test for test in threat.tests if not is_there(test)] == []


def test_the_page_has_the_table_as_it_is() -> None:
    text = PAGE.read_text()
    assert page_with(text) == text, "python tests/threats.py writes it"
