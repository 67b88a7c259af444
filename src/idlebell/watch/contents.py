"""What payload ``content`` asks of the server beyond the FETCH of a look: the text of those messages that are told whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from idlebell.imap.responses import FetchData, Section
from idlebell.imap.sequence_set import SequenceSet
from idlebell.model.arrival import Arrival
from idlebell.model.notification import MAX_MESSAGES
from idlebell.model.subscription import Payload, Subscription
from idlebell.rules.content import CONTENT_ITEMS, content_limit_bytes, is_told_whole
from idlebell.rules.evidence import Evidence
from idlebell.rules.match import Hearing
from idlebell.watch.answers import LookRefusedError
from idlebell.watch.mailbox_session import MailboxSession


async def with_contents(
    session: MailboxSession, mailbox: str, arrivals: Sequence[Arrival], subscriptions: Iterable[Subscription]
) -> tuple[Arrival, ...]:
    """``arrivals`` of the open ``mailbox``, with the beginning of those that somebody is told whole. One that the server does
    not give is told without, and holds up nothing."""
    wanted: set[int] = set()
    for one in subscriptions:
        if one.payload is Payload.CONTENT:
            limit_bytes = content_limit_bytes(one.preferences)
            heard = (message for message in _heard(one, mailbox, arrivals) if is_told_whole(message, limit_bytes))
            wanted |= {message.uid for message in heard if message.uid is not None}
    if not wanted:
        return tuple(arrivals)
    try:
        fetched = await session.fetch(SequenceSet.of(wanted), ("UID", *CONTENT_ITEMS))
    except LookRefusedError:
        return tuple(arrivals)  # expunged meanwhile, for one
    found = {one.uid: one.sections for one in fetched if one.uid is not None}
    return tuple(_with_sections(one, found) for one in arrivals)


def _heard(one: Subscription, mailbox: str, arrivals: Sequence[Arrival]) -> list[FetchData]:
    """Those that will be described to it, as far as can be told before everything is known."""
    hearing = Hearing.of(one)
    heard = [
        arrival.message
        for arrival in arrivals
        if arrival.marks <= one.also and hearing.hears(Evidence(arrival.message, mailbox))
    ]
    return heard[-MAX_MESSAGES:]


def _with_sections(arrival: Arrival, found: dict[int, tuple[Section, ...]]) -> Arrival:
    message = arrival.message
    sections = found.get(message.uid or 0)
    if sections is None:
        return arrival
    return replace(arrival, message=replace(message, sections=message.sections + sections))
