"""What filters ask of the server beyond the FETCH of a look: the text of a message, and which of very many messages ring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from idlebell.imap.responses import Condition, FetchData
from idlebell.imap.sequence_set import SequenceSet
from idlebell.model.arrival import Arrival
from idlebell.model.notification import Told
from idlebell.model.subscription import Subscription
from idlebell.rules.compiled import rule_of
from idlebell.rules.evidence import Evidence
from idlebell.rules.match import Hearing
from idlebell.rules.needs import DECIDING, rule_items, rules_of, text_item
from idlebell.rules.rule import NO_NEEDS, Needs, Rule
from idlebell.rules.structure import text_part
from idlebell.watch.answers import LookRefusedError
from idlebell.watch.counting import count_new, newest, uids_of
from idlebell.watch.flood import criteria, hearings
from idlebell.watch.mailbox_session import MailboxSession

AT_ONCE: Final = 50
"""Messages whose header or text is fetched by one command: a few hundred kilobytes at the worst."""
TOLD_BY: Final = Needs(headers=frozenset({"from", "subject"}), size=True)
LOOKED_AT: Final = 5_000
"""Messages of a flood that a filter looks at, the newest. What lies below is not counted."""


def texts_asked(subscriptions: Sequence[Subscription]) -> frozenset[tuple[frozenset[str], str | None]]:
    """Which filters cannot decide without the text, and of which messages, by the marks that a subscription asked for."""
    wishes = ((one.also, text) for one in subscriptions for text in (one.preferences.filter, one.preferences.vip))
    return frozenset((also, text) for also, text in wishes if rule_of(text).needs.text)


async def with_texts(
    session: MailboxSession, mailbox: str, arrivals: Sequence[Arrival], subscriptions: Sequence[Subscription]
) -> tuple[Arrival, ...]:
    """``arrivals`` of the open ``mailbox``, with the beginning of the text where a filter cannot decide without it."""
    rules = [(one.also, rule) for one in subscriptions for rule in rules_of(one) if rule.needs.text]
    if not rules:
        return tuple(arrivals)
    fetched = [one.message for one in arrivals if any(one.marks <= also for also, _ in rules)]
    texts = await _texts(session, mailbox, fetched, [rule for _, rule in rules])
    return tuple(replace(one, message=texts.get(one.message.uid or 0, one.message)) for one in arrivals)


async def count_heard(
    session: MailboxSession,
    mailbox: str,
    first: int,
    last: int,
    since: datetime | None,
    subscriptions: Sequence[Subscription],
) -> dict[Hearing, int]:
    """How many messages with a UID from ``first`` to ``last`` each subscription hears of. Without a filter the server counts
    them; for one the newest :data:`LOOKED_AT` are fetched, a few at a time, as far as the filter needs."""
    counts: dict[Hearing, int] = {}
    wanted = hearings(subscriptions)
    for also in {one.also for one in wanted}:
        asked = criteria(also, since)
        alike = [one for one in wanted if one.also == also]
        filtered = [one for one in alike if one.looks]
        if len(filtered) < len(alike):
            counts[Hearing(also)] = await count_new(session, first, last, asked)
        if not filtered:
            continue
        counts |= dict.fromkeys(filtered, 0)
        rules = [rule_of(one.filter) for one in filtered]
        needs = NO_NEEDS
        for one in filtered:
            needs |= one.needs
        for uids in _pieces(await newest(session, first, last, asked, LOOKED_AT)):
            fetched = await session.fetch(SequenceSet.of(uids), (*DECIDING, *rule_items(needs)))
            texts = await _texts(session, mailbox, fetched, rules) if needs.text else {}
            for message in {one.uid: texts.get(one.uid, one) for one in fetched if one.uid is not None}.values():
                evidence = Evidence(message, mailbox)
                for one in filtered:
                    counts[one] += one.hears(evidence)
    return counts


async def latest(session: MailboxSession, mailbox: str, messages: int, rule: Rule) -> tuple[FetchData, ...]:
    """The latest ``messages`` of the open ``mailbox``, the newest last, with what ``rule`` looks at and what a reader would
    know them by."""
    exists = session.exists or 0
    if not exists or messages < 1:
        return ()
    items = (*DECIDING, *rule_items(rule.needs | TOLD_BY))
    found: dict[int, FetchData] = {}
    for uids in _pieces(await uids_of(session, f"{max(1, exists - messages + 1)}:{exists}")):
        fetched = await session.fetch(SequenceSet.of(uids), items)
        texts = await _texts(session, mailbox, fetched, [rule]) if rule.needs.text else {}
        found |= {one.uid: texts.get(one.uid, one) for one in fetched if one.uid is not None and one.uid in uids}
    return tuple(found[uid] for uid in sorted(found))


async def only(session: MailboxSession, message: Told, rule: Rule) -> tuple[FetchData, ...]:
    """``message`` of the open mailbox, as :func:`latest` gives it; nothing where it is gone, or its UID tells nothing any more
    (RFC 9051 section 2.3.1.1)."""
    if session.uid_validity != message.uid_validity or not session.exists:
        return ()
    fetched = await session.fetch(SequenceSet.of((message.uid,)), (*DECIDING, *rule_items(rule.needs | TOLD_BY)))
    found = [one for one in fetched if one.uid == message.uid][-1:]
    texts = await _texts(session, message.mailbox, found, [rule]) if rule.needs.text else {}
    return tuple(texts.get(message.uid, one) for one in found)


async def flags_of(session: MailboxSession, messages: Sequence[Told]) -> tuple[FetchData, ...]:
    """Of ``messages`` of the open mailbox, with their UIDs. What is gone, or had another UIDVALIDITY, is not among them.
    LookRefusedError: a replica that lags does not show all of them yet."""
    wanted = sorted({one.uid for one in messages if one.uid_validity == session.uid_validity})
    if not wanted:
        return ()
    fetched = await session.fetch(SequenceSet.of(wanted), ("UID", "FLAGS")) if session.exists else ()
    shown = {one.uid for one in fetched}
    if session.reached is not None and any(uid > session.reached and uid not in shown for uid in wanted):
        raise LookRefusedError("UID FETCH", Condition.NO, None, "It does not show them yet.")
    return tuple(one for one in fetched if one.uid in wanted)


async def _texts(
    session: MailboxSession, mailbox: str, fetched: Iterable[FetchData], rules: Sequence[Rule]
) -> dict[int, FetchData]:
    """By UID, those of ``fetched`` whose text the rules ask for, with it. A text that the server does not give is missed, and
    holds up nothing."""
    wanted: dict[str, dict[int, FetchData]] = {}
    for message in fetched:
        evidence = Evidence(message, mailbox)
        for rule in rules:
            rule.decide(evidence)
        part = text_part(message.body)
        if evidence.text_missed and part is not None and message.uid is not None:
            wanted.setdefault(part.section, {})[message.uid] = message
    found: dict[int, FetchData] = {}
    for section, messages in wanted.items():
        for uids in _pieces(sorted(messages)):
            try:
                texts = await session.fetch(SequenceSet.of(uids), ("UID", text_item(section)))
            except LookRefusedError:
                continue
            for text in texts:
                if text.uid in messages:
                    found[text.uid] = replace(messages[text.uid], sections=messages[text.uid].sections + text.sections)
    return found


def _pieces(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), AT_ONCE):
        yield uids[start : start + AT_ONCE]
