"""What of mailboxes' names and subscriptions is told, by LIST (RFC 5465 sections 5.4 and 5.5): two listings compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from idlebell.front.notify.matching import SUBSCRIBED, Listing, events_of
from idlebell.front.notify.wanted import NAME_EVENTS, Event, Group
from idlebell.imap.responses import ListData, StatusData

NON_EXISTENT: Final = "\\NonExistent"
NO_ACCESS: Final = "\\NoAccess"


def changes(
    before: Listing,
    after: Listing,
    groups: Iterable[Group],
    stood: Mapping[str, StatusData],
    stands: Mapping[str, StatusData],
    *,
    existed: frozenset[str] = frozenset(),
) -> tuple[ListData, ...]:
    """What is told, renamed and made ones first. ``before`` may hold only what some filter meant, ``existed`` then the names
    that were there. ``stood`` and ``stands``: the STATUS of mailboxes before and now, as far as it is known: a mailbox that was
    renamed is known by them."""
    groups = tuple(groups)
    if not any(group.events & NAME_EVENTS for group in groups):
        return ()
    gone = {name: one for name, one in before.mailboxes.items() if name not in after.mailboxes}
    made = {name: one for name, one in after.mailboxes.items() if name not in before.mailboxes and name not in existed}
    renamed = _renamed(gone, made, stood, stands)
    told: list[ListData] = []

    def wants(event: Event, *mailboxes: ListData | None) -> bool:
        return any(one is not None and event in events_of(groups, one, after.namespaces) for one in mailboxes)

    for name, one in made.items():
        old = renamed.get(name)
        if old is not None and _follows(name, old, renamed, one.delimiter):
            continue  # its parent was renamed: no more events for it (section 5.4)
        if wants(Event.MAILBOX_NAME, one, gone.get(old) if old else None):
            told.append(replace(one, old_name=old))
        elif wants(Event.SUBSCRIPTION_CHANGE, one) and one.has(SUBSCRIBED):
            told.append(one)
    taken = set(renamed.values())
    for name, one in after.mailboxes.items():
        was = before.mailboxes.get(name)
        if was is None and name in existed:
            was = replace(one, attributes=one.attributes - {SUBSCRIBED})  # no filter meant it before, and one may now
        if was is None:
            continue
        subscription = was.has(SUBSCRIBED) != one.has(SUBSCRIBED)
        if subscription and wants(Event.SUBSCRIPTION_CHANGE, was, one):
            told.append(one)
        elif _lower(was) != _lower(one) and wants(Event.MAILBOX_NAME, was, one):
            told.append(one)  # the parent of one that was made or deleted is affected where it shows
    for name, one in gone.items():
        if name not in taken and wants(Event.MAILBOX_NAME, one):
            told.append(ListData(frozenset({NON_EXISTENT}), one.delimiter, name))
    return tuple(told)


def unsettled(
    listing: Listing, before: Listing, stood: Mapping[str, StatusData], stands: Mapping[str, StatusData]
) -> frozenset[str]:
    """Mailboxes that are perhaps being renamed just now: a server whose RENAME takes its time (Cyrus) lists one under both
    names, and the new one without its STATUS. The next look will know."""
    made = [name for name in listing.mailboxes if name not in before.mailboxes and name not in stood]
    if not made or not stands:
        return frozenset()
    there = [one for name, one in stood.items() if name in listing.mailboxes]
    return frozenset(name for name in made if name not in stands or any(_same(one, stands[name]) for one in there))


def without_access(mailbox: ListData) -> ListData:
    """A mailbox that is listed and may not be looked into (section 3.1)."""
    return replace(mailbox, attributes=mailbox.attributes | {NO_ACCESS})


def _lower(mailbox: ListData) -> frozenset[str]:
    """Its attributes, to be compared; \\Marked and \\Unmarked come and go with messages, a subscription is told apart."""
    passing = {"\\marked", "\\unmarked", SUBSCRIBED.lower()}
    return frozenset(attribute.lower() for attribute in mailbox.attributes) - passing


def _renamed(
    gone: Mapping[str, ListData],
    made: Mapping[str, ListData],
    stood: Mapping[str, StatusData],
    stands: Mapping[str, StatusData],
) -> dict[str, str]:
    """New name -> old one. UIDVALIDITY is the same, and the mailbox ends no earlier than it did. What two could be, neither
    is: then one is deleted and one made, as far as anybody can tell. (A MAILBOXID, RFC 8474, would say for sure; but Cyrus 3.6
    tells freed memory for one in a LIST with STATUS.)"""
    pairs: dict[str, str] = {}
    for new in made:
        status = stands.get(new)
        if status is None:
            continue
        fits = [old for old in gone if old in stood and _same(stood[old], status)]
        rivals = [other for other in made if other in stands and fits and _same(stood[fits[0]], stands[other])]
        if len(fits) == 1 and len(rivals) == 1:
            pairs[new] = fits[0]
    return pairs


def _same(before: StatusData, after: StatusData) -> bool:
    if before.uid_validity is None or before.uid_validity != after.uid_validity:
        return False
    return (after.uid_next or 0) >= (before.uid_next or 0)


def _follows(new: str, old: str, renamed: Mapping[str, str], delimiter: str | None) -> bool:
    """Whether ``new`` has another name only because a parent has."""
    if not delimiter:
        return False
    return any(
        new.startswith(f"{to}{delimiter}") and old.startswith(f"{was}{delimiter}") and new[len(to) :] == old[len(was) :]
        for to, was in renamed.items()
    )
