from __future__ import annotations

import pytest

from idlebell.login.asker import folded


@pytest.mark.parametrize(
    "written",
    [
        "Alice@Example.org",
        " alice@example.org",
        "al\u00adice@example.org",
        "ａlice@example.org",
        "ALICE@EXAMPLE.ORG\u00a0",
    ],
)
def test_ways_to_write_one_name_are_one_account(written: str) -> None:
    assert folded(written) == "alice@example.org"


@pytest.mark.parametrize("name", ["\x07bell", "\ud800", "אa", ""])
def test_what_saslprep_prohibits_is_folded_all_the_same(name: str) -> None:
    assert folded(name.upper()) == folded(name)


def test_two_people_stay_two() -> None:
    assert len({folded(name) for name in ("alice", "alice@example.org", "alice@example.net", "alicia")}) == 4
