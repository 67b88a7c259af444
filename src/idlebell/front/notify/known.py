"""What one client has been told of its other mailboxes, and what it is to be told after a look. No clock, no socket.

A look is LIST, where names can have changed, and then STATUS of what is wanted; the client's own session or a further one
may have taken it. Whatever is told becomes what was told, so nothing is told twice, also by a NOTIFY that follows another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from idlebell.front.notify import names, standing
from idlebell.front.notify.matching import Listing, events_of, means
from idlebell.front.notify.plan import Plan, plan
from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event, Wanted
from idlebell.imap.responses import ListData, StatusData
from idlebell.watch.census import LISTED_MAILBOXES, canonical

_NOWHERE: frozenset[str] = frozenset()


class Known:
    """Of one client, from its NOTIFY SET to the next one. ``before``: what an earlier SET has told."""

    __slots__ = (
        "_absent",
        "_all",
        "_condstore",
        "_denied",
        "_fresh",
        "_listing",
        "_stands",
        "_unsettled",
        "listed",
        "plan",
        "wanted",
    )

    def __init__(self, wanted: Wanted, offered: frozenset[str], before: Known | None = None) -> None:
        """``offered``: the server's capabilities."""
        self.wanted = wanted
        self.plan: Plan = plan(wanted, offered)
        self.listed = 0
        """Names in the last LIST, wanted or not."""
        self._condstore = self.plan.means.condstore
        self._listing: Listing | None = None  # None: no LIST yet, or none needed
        self._all = _NOWHERE  # the names of the last LIST, where more than a name says which are wanted
        self._stands: dict[str, StatusData] = {} if before is None else dict(before._stands)
        self._fresh: set[str] = set()  # made since the first look, and not looked into yet
        self._unsettled: frozenset[str] = frozenset()  # made, or about to be the new name of another
        self._absent: set[str] = set()  # named, and there is no such mailbox
        self._denied: set[str] = set()  # listed, and told to be without access

    @property
    def mailboxes(self) -> int:
        """How many some filter means."""
        return len(self._listing.mailboxes) if self._listing is not None else len(self.asked_of(None))

    def of(self, mailbox: str) -> frozenset[Event]:
        """The events of a mailbox, were it not selected."""
        if not self.plan.lists:
            return events_of(self.wanted.groups, ListData(frozenset(), None, mailbox), None)
        found = None if self._listing is None else self._listing.mailboxes.get(mailbox)
        if found is None or self._listing is None:
            return frozenset()
        return events_of(self.wanted.groups, found, self._listing.namespaces)

    def asked_of(self, selected: str | None) -> tuple[str, ...]:
        """The mailboxes whose STATUS is wanted, INBOX first. Not of the one that is selected: STATUS of it is not to be asked
        (RFC 9051 section 6.3.11), and its own responses tell of its messages."""
        if not self.plan.items:
            return ()
        named: Iterable[str] = () if self._listing is None else self._listing.mailboxes
        if not self.plan.lists:
            named = dict.fromkeys(canonical(name) for group in self.wanted.groups for name in group.mailboxes)
        wanted = (name for name in named if name != selected and self._looks_into(name))
        return tuple(sorted(wanted, key=lambda name: name != "INBOX"))

    # --- what a look has found ---

    def listed_anew(self, listing: Listing, statuses: Iterable[StatusData] = ()) -> tuple[ListData, ...]:
        """After LIST; ``statuses``: what came along. What is told of names; the first one tells nothing. The statuses are to be
        given to :meth:`stand` as well, after it."""
        before, existed = self._listing, self._all
        stands = {canonical(one.mailbox): one for one in statuses}
        if before is not None:
            unsettled = names.unsettled(listing, before, self._stands, stands) - self._unsettled
            self._unsettled = unsettled  # each waits for one look
            kept_back = {name: one for name, one in listing.mailboxes.items() if name not in unsettled}
            listing = replace(listing, mailboxes=kept_back)
        kept = {
            name: one
            for name, one in listing.mailboxes.items()
            if any(means(group, one, listing.namespaces) for group in self.wanted.groups)
        }
        self.listed = len(listing.mailboxes)
        self._listing = Listing(kept, listing.namespaces)
        if any(group.filter == "subscribed" for group in self.wanted.groups):
            self._all = frozenset([*listing.mailboxes][:LISTED_MAILBOXES])
        if before is None:
            return ()
        self._fresh |= kept.keys() - before.mailboxes.keys() - existed
        told = names.changes(before, listing, self.wanted.groups, self._stands, stands, existed=existed)
        for one in told:
            if one.old_name is not None:
                self._move(one.old_name, one.mailbox, one.delimiter)
        for name in [name for name in self._stands if name not in listing.mailboxes]:
            del self._stands[name]
        self._fresh &= kept.keys()
        self._denied &= kept.keys()
        return told

    def stand(
        self, statuses: Iterable[StatusData], *, mod_seq: bool, selected: str | None, outset: bool = False
    ) -> tuple[StatusData, ...]:
        """After STATUS of mailboxes. ``mod_seq``: the client has enabled CONDSTORE. ``outset``: it asked how all stand."""
        told: list[StatusData] = []
        for status in statuses:
            name = canonical(status.mailbox)
            if not self._looks_into(name):
                continue
            before = self._stands.get(name)
            if name == selected and not self.wanted.of_selected:
                if before is None:
                    self._stands[name] = replace(status, mailbox=name)
                continue  # silent for now (section 3.1); what has changed is told once it is another mailbox again
            status = replace(_merged(before, status), mailbox=name)
            self._stands[name] = status
            if name == selected:
                continue  # its own responses tell it
            change = self._told(before, status, mod_seq=mod_seq, outset=outset)
            if change is not None:
                told.append(change)
        return tuple(told)

    def left(self, mailbox: str, messages: int, uid_next: int | None) -> None:
        """``mailbox`` is not selected any more, and this is what the client has heard of it while it was."""
        before = self._stands.get(mailbox)
        if before is None or not self.wanted.of_selected:
            return
        come = max(0, messages - (before.messages or 0))  # Courier's SELECT tells no UIDNEXT: one each is supposed
        known = None if before.uid_next is None else max(uid_next or 0, before.uid_next + come)
        self._stands[mailbox] = replace(before, messages=messages, uid_next=known, unseen=None, highest_mod_seq=None)

    def is_denied(self, mailbox: str) -> bool:
        return mailbox in self._denied

    def refused(self, mailbox: str) -> ListData | None:
        """The server tells no STATUS of ``mailbox``. The first time, where it is listed, that is told (section 3.1)."""
        found = None if self._listing is None else self._listing.mailboxes.get(mailbox)
        if found is None:
            self._absent.add(mailbox)
            return None
        if mailbox in self._denied:
            return None
        self._denied.add(mailbox)
        return names.without_access(found)

    def allowed(self, mailbox: str) -> ListData | None:
        """The server does tell its STATUS. Where it did not before, that is told (section 5.9)."""
        if mailbox not in self._denied:
            return None
        self._denied.discard(mailbox)
        return None if self._listing is None else self._listing.mailboxes.get(mailbox)

    # inside

    def _move(self, old: str, new: str, delimiter: str | None) -> None:
        """A mailbox that has another name goes on where it stood, and so do those below it."""
        for name in [name for name in self._stands if name == old or (delimiter and name.startswith(old + delimiter))]:
            renamed = new + name[len(old) :]
            self._stands[renamed] = replace(self._stands[name], mailbox=renamed)
            self._fresh.discard(renamed)

    def _told(self, before: StatusData | None, status: StatusData, *, mod_seq: bool, outset: bool) -> StatusData | None:
        name = status.mailbox
        new = name in self._fresh or name in self._absent
        self._fresh.discard(name)
        self._absent.discard(name)
        events = self.of(name)
        if outset:
            if not (events & MESSAGE_EVENTS or self._snapshot):
                return None
            return standing.outset(status, events, mod_seq=self._condstore)
        if before is not None:
            return standing.change(before, status, events, mod_seq=mod_seq)
        if new and events & MESSAGE_EVENTS and status.messages:
            return standing.outset(status, events, mod_seq=mod_seq)  # all that is in it came since it was made
        return None

    @property
    def _snapshot(self) -> bool:
        """NOTIFY SET STATUS with no events at all (section 5)."""
        return self.wanted.status and not self.wanted.of_others

    def _looks_into(self, name: str) -> bool:
        """Whether STATUS of a mailbox is of any use: it has message events, is known by it when it is renamed, or it is for a
        snapshot."""
        if self._snapshot:
            return not self.plan.lists or (self._listing is not None and name in self._listing.mailboxes)
        events = self.of(name)
        by_name = self.plan.means.list_status and Event.MAILBOX_NAME in events
        return bool(events & MESSAGE_EVENTS) or by_name


def _merged(before: StatusData | None, after: StatusData) -> StatusData:
    """What the server leaves out this time is as it was."""
    if before is None:
        return after
    return replace(
        after,
        messages=before.messages if after.messages is None else after.messages,
        uid_next=before.uid_next if after.uid_next is None else after.uid_next,
        uid_validity=before.uid_validity if after.uid_validity is None else after.uid_validity,
        unseen=before.unseen if after.unseen is None else after.unseen,
        highest_mod_seq=before.highest_mod_seq if after.highest_mod_seq is None else after.highest_mod_seq,
    )
