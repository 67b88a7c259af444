"""Trails as bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from idlebell.model.ids import NotificationId
from idlebell.model.trail import DELIVERIES_KEPT, VERDICTS_KEPT, Delivery, KeptVerdict
from idlebell.model.verdict import Outcome
from idlebell.store.trail_codec import (
    RING_BYTES,
    decode_delivery,
    decode_verdict,
    encode_delivery,
    encode_verdict,
    joined,
    opened,
)
from store_samples import HOUR, NOW, sub_id

AT = NOW.replace(microsecond=123_000)
VERDICT = KeptVerdict(sub_id(1), AT, "INBOX", 7, 11, 11, Outcome.RINGS)
DELIVERY = Delivery(
    NotificationId("ntf_" + "a" * 24), 1795320000123, "new_mail", AT, AT, "accepted", 201, 12.3, "push.example.net"
)
LONG_AGO = AT - timedelta(days=999)


@given(
    mailbox=st.text(st.characters(), max_size=80),
    because=st.lists(st.text(max_size=300), max_size=3),
    uid=st.integers(1, 2**32 - 1),
    more=st.integers(0, 2**32),
    outcome=st.sampled_from(Outcome),
    marks=st.frozensets(st.sampled_from(("seen", "appended"))),
    message=st.none() | st.binary(min_size=9, max_size=9),
)
def test_a_verdict_comes_back_but_for_what_is_cut(
    mailbox: str,
    because: list[str],
    uid: int,
    more: int,
    outcome: Outcome,
    marks: frozenset[str],
    message: bytes | None,
) -> None:
    one = KeptVerdict(
        sub_id(1), AT, mailbox, 7, uid, uid + more, outcome, tuple(because), marks, message, AT.replace(microsecond=0)
    )
    (back,) = opened(joined(b"", [encode_verdict(one)], 9, LONG_AGO), decode_verdict(sub_id(1)))
    assert back == replace(one, because=tuple(said[:120] for said in because[:1]))


def test_a_delivery_comes_back() -> None:
    unsent = replace(DELIVERY, status=None, took_ms=None, host="", next_at=AT + HOUR)
    for one in (DELIVERY, unsent, replace(DELIVERY, status=None, silence="timeout")):
        assert opened(encode_delivery(one), decode_delivery) == (one,)


def test_nothing_is_kept_in_an_empty_ring() -> None:
    assert opened(b"", decode_delivery) == ()
    assert joined(b"", [], 9, LONG_AGO) == b""


def test_a_ring_holds_the_newest_that_fit() -> None:
    ring = b""
    for uid in range(1, 200):
        one = replace(VERDICT, uid=uid, last_uid=uid, notification=DELIVERY.notification, message=b"123456789")
        ring = joined(ring, [encode_verdict(one)], VERDICTS_KEPT, LONG_AGO)
        assert len(ring) <= RING_BYTES
    kept = [one.uid for one in opened(ring, decode_verdict(sub_id(1)))]
    assert kept == list(range(199, 199 - len(kept), -1))
    assert len(kept) > 30, "two days of a busy mailbox"


def test_the_deliveries_that_are_kept_fit_whatever_the_host() -> None:
    line = encode_delivery(replace(DELIVERY, host="h" * 70, next_at=AT))
    assert len(line) * DELIVERIES_KEPT < RING_BYTES


def test_what_is_too_old_is_left_out() -> None:
    lines = [encode_verdict(replace(VERDICT, at=AT - n * HOUR)) for n in range(9)]
    found = opened(joined(b"", lines, 99, AT - 3 * HOUR), decode_verdict(sub_id(1)))
    assert [one.at for one in found] == [AT - n * HOUR for n in range(4)]
