"""What a session cost, beside what polling would have."""

from __future__ import annotations

from datetime import timedelta

from idlebell.cost.measured import IMAP
from idlebell.cost.ways import Habits, by_name
from idlebell.gateway.ledger import ledger_view
from idlebell.telemetry.ledger import Spent
from store_samples import DAY, NOW


def test_a_day_of_polling_is_reckoned_from_what_was_measured() -> None:
    view = ledger_view(Spent(1, 200, 30_000), NOW, NOW + DAY)
    assert (view.sessions, view.commands, view.moved_bytes, view.since) == (1, 200, 30_000, NOW)
    polling = view.polling
    assert (polling.sessions, polling.commands) == (720, 2_160)
    with_headers = by_name(Habits(poll_seconds=120))["login resumed"].bytes_a_day
    packets = IMAP["dovecot"]["resumed"].packets + IMAP["dovecot"]["logout"].packets
    assert polling.moved_bytes == with_headers - 720 * packets * 52


def test_nobody_has_polled_in_the_first_two_minutes() -> None:
    for passed in (timedelta(seconds=-5), timedelta(0), timedelta(seconds=119)):
        assert ledger_view(Spent(), NOW, NOW + passed).polling.sessions == 0
