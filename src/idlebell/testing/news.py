"""What one session is to be told of its user's mail: of the open mailbox, and with NOTIFY of the others. Values only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from idlebell.imap import commands as c
from idlebell.imap import responses as r
from idlebell.testing.habits import Habits
from idlebell.testing.mail_store import Change, MessagesChanged, User
from idlebell.testing.notifications import Notifications
from idlebell.testing.open_mailbox import OpenMailbox


class News:
    """From the login on. ``unasked`` is called whenever :meth:`unasked` may have something to give."""

    __slots__ = ("_due", "_due_in_idle", "_habits", "_notify", "_unasked", "_user", "mod_seq", "open")

    def __init__(self, habits: Callable[[], Habits], user: User, unasked: Callable[[], None]) -> None:
        self._habits = habits
        self._user = user
        self._unasked = unasked
        self._notify: Notifications | None = None
        self._due = False  # something was heard since the open mailbox was last told of
        self._due_in_idle = False  # the same of what only IDLE notices
        self.open: OpenMailbox | None = None
        self.mod_seq = False
        """CONDSTORE is in use: mod-sequences are told with flags and in STATUS (RFC 7162 section 3.1)."""
        user.listeners.add(self._heard)

    def stop(self) -> None:
        self._user.listeners.discard(self._heard)

    @property
    def notify(self) -> Notifications | None:
        """What was asked for, once NOTIFY was sent."""
        return self._notify

    @property
    def mutes_selected(self) -> bool:
        return self._notify is not None and self._notify.mutes_selected

    def set(self, command: c.Notify) -> Iterator[r.UntaggedResponse]:
        """NOTIFY: the STATUS of those that match, and what is new in the open mailbox (RFC 5465 section 3.1)."""
        notify = self._notify or Notifications(self._habits, self._user)
        yield from notify.set(command, self.open.mailbox if self.open else None, mod_seq=self.mod_seq)
        self._notify = notify
        if notify.groups is not None:
            yield from self.changes()

    def changes(self, *, expunged: bool = True) -> Iterator[r.UntaggedResponse]:
        """Of the open mailbox. ``expunged``: also what went, which only some moments allow (RFC 9051 section 7.5.1)."""
        if self.open is None or self.mutes_selected:
            return
        before = self.open.uid_next
        plain = self._notify is None or self._notify.groups is None  # NOTIFY tells of flags where it is asked to
        for response in self.open.changes(expunged=expunged, flags=plain):
            yield response
            if isinstance(response, r.ExistsData):
                yield from self._fetched(before)

    def unasked(self, *, idling: bool) -> Iterator[r.UntaggedResponse]:
        """What may be said now, with no command in flight or in IDLE."""
        habits, notify = self._habits(), self._notify
        if idling and not habits.speaks_in_idle:
            return
        due = self._due or (idling and self._due_in_idle)
        notified = notify is not None and notify.groups is not None and not habits.notify_selected_needs_idle
        if due and (idling or notified):
            delayed = not idling and notify is not None and notify.delays_expunges
            self._due, self._due_in_idle = delayed, False
            yield from self.changes(expunged=not delayed)
        if notify is not None:
            yield from notify.take()

    def _fetched(self, before: int) -> Iterator[r.UntaggedResponse]:
        """The FETCH that NOTIFY sends with a new message (RFC 5465 section 5.2)."""
        assert self.open is not None
        if self._notify is None or not (items := self._notify.fetches()):
            return
        again = self._notify.take_first() and self._habits().notify_fetches_again
        since = self.open.first_news if again else before
        yield from self.open.describe_since(since, (*items, "MODSEQ") if self.mod_seq else items)

    def _heard(self, change: Change) -> None:
        mailbox = self.open.mailbox if self.open else None
        if self._notify is not None:
            self._notify.heard(change, mailbox, mod_seq=self.mod_seq)
            if isinstance(change, MessagesChanged) and change.what == "flagged" and change.mailbox is mailbox:
                self._flagged(change)
            unseen = isinstance(change, MessagesChanged) and change.external and not self._habits().notify_sees_external
            if unseen and self._notify.groups is not None:
                self._due_in_idle |= change.mailbox is mailbox
                self._unasked()
                return
        self._due = True
        self._unasked()

    def _flagged(self, change: MessagesChanged) -> None:
        assert self._notify is not None
        assert self.open is not None
        if self._notify.wants("FlagChange"):
            items = ("UID", "FLAGS", "MODSEQ") if self.mod_seq else ("UID", "FLAGS")
            for uid in change.uids:
                self._notify.queue(self.open.describe(uid, items))
