"""What a domain's SRV records come to."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from idlebell.discover.srv import RECORDS, SrvRecord, declined, ranked, targets
from idlebell.model.account import ImapTarget, Tls

DOT = SrvRecord(0, 0, 0, ".")


def low() -> float:
    return 0.0


def test_implicit_tls_comes_before_starttls_whatever_the_priorities() -> None:
    imaps, imap = [SrvRecord(20, 1, 993, "A.example.org.")], [SrvRecord(0, 1, 143, "b.example.org")]
    assert targets(imaps, imap, low) == (
        ImapTarget("a.example.org", 993, Tls.IMPLICIT),
        ImapTarget("b.example.org", 143, Tls.STARTTLS),
    )


def test_lower_priority_numbers_come_first() -> None:
    records = [SrvRecord(20, 0, 993, "b"), SrvRecord(10, 0, 993, "a"), SrvRecord(30, 0, 993, "c")]
    assert [one.target for one in ranked(records, low)] == ["a", "b", "c"]


def test_a_dot_means_that_the_service_is_not_offered() -> None:
    gmail = [SrvRecord(5, 0, 993, "imap.gmail.com.")]
    assert targets(gmail, [DOT], low) == (ImapTarget("imap.gmail.com", 993, Tls.IMPLICIT),)
    assert not declined(gmail, [DOT])
    assert declined([DOT], [DOT])
    assert declined([DOT], [])
    assert not declined([], [])


def test_weights_share_the_first_place_in_their_proportion() -> None:
    random = Random(7)
    records = [SrvRecord(0, 0, 993, "none"), SrvRecord(0, 10, 993, "light"), SrvRecord(0, 90, 993, "heavy")]
    first = Counter(ranked(records, random.random)[0].target for _ in range(4_000))
    assert 3_300 < first["heavy"] < 3_800
    assert 250 < first["light"] < 600
    assert 0 < first["none"] < 120


def test_of_a_flood_of_records_a_few_are_looked_at() -> None:
    flood = [SrvRecord(0, 0, 993, f"h{number}.example.org") for number in range(1_000)]
    assert len(targets(flood, flood, low)) == 2 * RECORDS


def test_a_port_that_is_none_is_left_out() -> None:
    assert targets([SrvRecord(0, 0, 0, "a"), SrvRecord(0, 0, 70_000, "b")], [], low) == ()


@given(
    st.lists(st.builds(SrvRecord, st.integers(0, 3), st.integers(0, 65_535), st.just(993), st.sampled_from("abcdef"))),
    st.randoms(use_true_random=False),
)
def test_ranking_loses_and_invents_nothing_and_keeps_the_priorities(records: list[SrvRecord], random: Random) -> None:
    found = ranked(records, random.random)
    assert Counter(found) == Counter(records)
    assert [one.priority for one in found] == sorted(one.priority for one in records)
