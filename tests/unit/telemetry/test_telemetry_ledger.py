"""What sessions have taken is counted once, awake, parked or over."""

from __future__ import annotations

import pytest

from idlebell.model.ids import AccountId
from idlebell.telemetry import ledger as module
from idlebell.telemetry.ledger import NOTHING, Ledger, Spent

ALICE, BOB = AccountId("acc_alice"), AccountId("acc_bob")


class Connection:
    def __init__(self, commands: int, moved_bytes: int) -> None:
        self.spent: tuple[int, int] | None = (commands, moved_bytes)


def test_a_session_counts_while_it_is_awake_and_when_it_is_over() -> None:
    ledger = Ledger()
    first, second = Connection(3, 900), Connection(2, 100)
    with ledger.session(ALICE, first):
        with ledger.session(ALICE, second):
            assert ledger.of(ALICE) == Spent(2, 5, 1_000)
        second.spent = None  # nobody asks any more
        assert ledger.of(ALICE) == Spent(2, 5, 1_000)
        first.spent = (4, 1_200)
    assert ledger.of(ALICE) == Spent(2, 6, 1_300)
    assert ledger.of(BOB) == NOTHING


def test_a_parked_session_is_counted_by_who_has_it() -> None:
    ledger = Ledger()
    ledger.lend(lambda account: Spent(1, 7, 500) if account == ALICE else NOTHING)
    connection = Connection(4, 400)
    with ledger.session(ALICE, connection):
        connection.spent = None
    assert ledger.of(ALICE) == Spent(1, 7, 500)


def test_what_is_over_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACCOUNTS_KEPT", 2)
    ledger = Ledger()
    for number in range(3):
        with ledger.session(AccountId(f"acc_{number}"), Connection(1, 1)):
            pass
    assert [ledger.of(AccountId(f"acc_{number}")).sessions for number in range(3)] == [0, 1, 1]
