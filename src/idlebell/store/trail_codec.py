"""Trails as bytes: one ring a subscription, newest first, a line of JSON each. Pure.

A ring fits one page of the database, and what is added is one read and one write of it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Told
from idlebell.model.trail import BECAUSE_CHARACTERS, MAILBOX_CHARACTERS, Delivery, KeptVerdict
from idlebell.model.verdict import Outcome
from idlebell.store.json_text import dump, load
from idlebell.store.routes import microseconds, moment

RING_BYTES: Final = 3_900
"""What fits a page of 4,096 bytes beside the seal and SQLite's own; more lies in pages of its own, which costs twice."""
_EDGE: Final = b"\n"
"""JSON escapes it."""

SURELY_KEPT: Final = 8
"""So many deliveries fit a ring whatever they say: one is at most 450 bytes, most of it a host's name of 253."""

T = TypeVar("T")


def joined(ring: bytes, newest_first: Iterable[bytes], kept: int, oldest: datetime) -> bytes:
    """``ring`` with lines before it: at most ``kept``, none from before ``oldest``, and together what fits."""
    # Not taken apart into its lines: a mail adds to two rings, and one of them at most falls out of each.
    ring = _EDGE.join((*newest_first, ring) if ring else newest_first)
    oldest_ms = _ms(oldest)
    while ring:
        last = ring.rfind(_EDGE) + 1
        if len(ring) < RING_BYTES and ring.count(_EDGE) < kept and _at_ms(ring[last:]) >= oldest_ms:
            break
        ring = ring[: max(0, last - 1)]
    return ring


def opened(ring: bytes, decode: Callable[[list[Any]], T]) -> tuple[T, ...]:
    return tuple(decode(load(line)) for line in ring.split(_EDGE)) if ring else ()


def encode_verdict(one: KeptVerdict) -> bytes:
    return _line(
        one.at,
        one.mailbox[:MAILBOX_CHARACTERS],
        one.uid_validity,
        one.uid,
        one.last_uid - one.uid,
        one.outcome.value,
        _first_of(one.because),
        sorted(one.marks),
        None if one.message is None else base64.b64encode(one.message).decode("ascii"),
        None if one.received_at is None else int(one.received_at.timestamp()),
        None if one.took_ms is None else round(one.took_ms, 1),
        one.notification,
    )


def decode_verdict(subscription: SubscriptionId) -> Callable[[list[Any]], KeptVerdict]:
    def decode(value: list[Any]) -> KeptVerdict:
        at_ms, mailbox, validity, uid, more, outcome, because, marks, message, received, took_ms, notification = value
        return KeptVerdict(
            subscription_id=subscription,
            at=_moment(at_ms),
            mailbox=mailbox,
            uid_validity=validity,
            uid=uid,
            last_uid=uid + more,
            outcome=Outcome(outcome),
            because=tuple(because),
            marks=frozenset(marks),
            message=None if message is None else base64.b64decode(message),
            received_at=None if received is None else _moment(received * 1000),
            took_ms=took_ms,
            notification=None if notification is None else NotificationId(notification),
        )

    return decode


def withdrawn(ring: bytes, subscription: SubscriptionId, gone: Iterable[Told]) -> bytes:
    """``ring`` of verdicts, in which messages that were ``gone`` before they were told say so."""
    places = {(one.mailbox[:MAILBOX_CHARACTERS], one.uid_validity, one.uid) for one in gone}

    def changed(line: bytes) -> bytes:
        one = decode_verdict(subscription)(load(line))
        if one.outcome not in (Outcome.RINGS, Outcome.HELD) or one.uid != one.last_uid:
            return line
        if (one.mailbox, one.uid_validity, one.uid) not in places:
            return line
        return encode_verdict(replace(one, outcome=Outcome.WITHDRAWN, because=(), notification=None))

    return _EDGE.join(map(changed, ring.split(_EDGE))) if ring else ring


def encode_delivery(one: Delivery) -> bytes:
    return _line(
        one.at,
        one.notification,
        one.version,
        one.type,
        _ms(one.came_at),
        one.outcome,
        one.status if one.silence is None else one.silence,
        None if one.took_ms is None else round(one.took_ms, 1),
        one.host,
        None if one.next_at is None else _ms(one.next_at),
        *(() if one.into is None else (one.into,)),
    )


def decode_delivery(value: list[Any]) -> Delivery:
    at_ms, notification, version, kind, came_ms, outcome, status, took_ms, host, next_ms, *into = value
    return Delivery(
        notification=NotificationId(notification),
        version=version,
        type=kind,
        came_at=_moment(came_ms),
        at=_moment(at_ms),
        outcome=outcome,
        status=None if isinstance(status, str) else status,
        took_ms=took_ms,
        host=host,
        next_at=None if next_ms is None else _moment(next_ms),
        into=NotificationId(into[0]) if into else None,
        silence=status if isinstance(status, str) else None,
    )


def _line(at: datetime, *values: Any) -> bytes:
    return dump((_ms(at), *values))


def _at_ms(line: bytes) -> int:
    return int(line[1 : line.index(b",")])


def _first_of(because: Sequence[str]) -> list[str]:
    """The deciding sentence."""
    return [one[:BECAUSE_CHARACTERS] for one in because[:1]]


def _ms(at: datetime) -> int:
    return microseconds(at) // 1000


def _moment(since_epoch_ms: int) -> datetime:
    return moment(since_epoch_ms * 1000)
