"""What one session asked to be told with NOTIFY (RFC 5465), and what is still to be said of it. No bytes, no connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from idlebell.imap import commands as c
from idlebell.imap import responses as r
from idlebell.imap.responses import Condition
from idlebell.testing.habits import Habits
from idlebell.testing.listing import matches, told
from idlebell.testing.mail_store import Change, Mailbox, MailboxChanged, User
from idlebell.testing.status import status_of

_EVENTS = {"arrived": "MessageNew", "expunged": "MessageExpunge", "flagged": "FlagChange", "renumbered": "MessageNew"}
_PAIR = frozenset({"MessageNew", "MessageExpunge"})
_NEED_PAIR = frozenset({"FlagChange", "AnnotationChange"})


class NotifyRefusedError(Exception):
    """The tagged response that NOTIFY gets instead of OK; nothing has changed."""

    def __init__(self, condition: Condition, text: str, code: r.ResponseCode | None = None) -> None:
        super().__init__(text)
        self.condition = condition
        self.text = text
        self.code = code


class Notifications:
    """``habits`` gives them as they are now."""

    __slots__ = ("_first", "_habits", "_lost", "_muted", "_pending", "groups", "user")

    def __init__(self, habits: Callable[[], Habits], user: User) -> None:
        self.user = user
        self.groups: tuple[c.EventGroup, ...] | None = None
        """None: NOTIFY was not sent, or NONE was."""
        self._habits = habits
        self._pending: list[r.UntaggedResponse] = []
        self._first = False  # no event was told since SET
        self._lost = False  # habit notify_set_again_loses or notify_names_fall_silent struck
        self._muted = False  # habit notify_none_mutes struck

    @property
    def selected(self) -> c.EventGroup | None:
        """What was asked of the selected mailbox."""
        for group in self.groups or ():
            if group.filter.startswith("selected"):
                return group
        return None

    @property
    def delays_expunges(self) -> bool:
        return self.selected is not None and self.selected.filter == "selected-delayed"

    @property
    def mutes_selected(self) -> bool:
        """Nothing is said of the selected mailbox, also not at NOOP: ``selected`` left out means NONE (section 6.1)."""
        if self.groups is None:
            return self._muted
        return self.selected is None or not self.selected.events

    def fetches(self) -> tuple[str, ...]:
        """The FETCH items that come with a new message of the selected mailbox."""
        for event in self.selected.events if self.selected else ():
            if event.startswith("MessageNew ("):
                return _split_items(event.removeprefix("MessageNew (").removesuffix(")"))
        return ()

    def wants(self, event: str) -> bool:
        """Whether ``event`` of the selected mailbox is told."""
        return self.selected is not None and event in _names(self.selected)

    def set(self, command: c.Notify, open_mailbox: Mailbox | None, *, mod_seq: bool) -> Iterator[r.StatusData]:
        """What goes before the tagged OK. NotifyRefusedError: see there."""
        self._check(command)
        habits = self._habits()
        if not command.groups:
            self._muted = habits.notify_none_mutes
            self._lost = False
            self.groups = None
            self._pending.clear()
            return
        self._lost = habits.notify_set_again_loses and self.groups is not None
        self.groups = command.groups
        self._pending.clear()
        self._first = True
        if command.status:
            for mailbox in [*self.user.mailboxes.values()]:
                group = self._group_of(mailbox)
                if mailbox is not open_mailbox and group is not None and _PAIR & _names(group):
                    yield self._status(mailbox, mod_seq=mod_seq)

    def overflow(self) -> None:
        """It is too much for the server: as after NONE (section 5.8)."""
        self.groups = None
        self._pending = [r.StatusResponse(Condition.OK, r.PlainCode("NOTIFICATIONOVERFLOW"), "no more of this")]

    def heard(self, change: Change, open_mailbox: Mailbox | None, *, mod_seq: bool) -> None:
        """Something happened; of the open mailbox's messages the session tells itself."""
        if self.groups is None or self._lost:
            return
        mailbox, habits = change.mailbox, self._habits()
        group = self._group_of(mailbox)
        if group is None or mailbox.name in habits.notify_mutes:
            return
        events = _names(group)
        if isinstance(change, MailboxChanged):
            wanted = "SubscriptionChange" if change.what.endswith("subscribed") else "MailboxName"
            if wanted in events:
                self._lost = habits.notify_names_fall_silent and change.what == "renamed"
            if wanted in events and not self._lost:
                self._pending.append(told(self.user, change, habits))
            return
        if mailbox is open_mailbox or _EVENTS[change.what] not in events:
            return
        if change.external and not habits.notify_sees_external:
            return
        if self._first and habits.notify_repeats:
            for other in self.user.mailboxes.values():
                if other is not open_mailbox and self._group_of(other) is not None:
                    self._pending.append(self._status(other, mod_seq=mod_seq))
        self._first = False
        # Each status as it is when the change happens; the last of them is the truth.
        self._pending += [self._status(mailbox, mod_seq=mod_seq)] * (2 if habits.notify_repeats else 1)

    def queue(self, responses: Iterable[r.UntaggedResponse]) -> None:
        self._pending += responses

    def take_first(self) -> bool:
        """Whether no new message was told since SET; from now on one was."""
        first, self._first = self._first, False
        return first

    def take(self) -> list[r.UntaggedResponse]:
        """What is to be said, given once."""
        pending, self._pending = self._pending, []
        return pending

    def _group_of(self, mailbox: Mailbox) -> c.EventGroup | None:
        """The first that matches counts (RFC 5465 section 6)."""
        delimiter = self._habits().delimiter
        for group in self.groups or ():
            if matches(group, mailbox, self.user, delimiter):
                return group
        return None

    def _status(self, mailbox: Mailbox, *, mod_seq: bool) -> r.StatusData:
        items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN"] + (["HIGHESTMODSEQ"] if mod_seq else [])
        return status_of(mailbox, items, uid_next=self._habits().uid_next)

    def _check(self, command: c.Notify) -> None:
        habits = self._habits()
        asked = [(group, _names(group)) for group in command.groups]
        for group, events in asked:
            if not events <= frozenset(c.NOTIFY_EVENTS):
                raise NotifyRefusedError(Condition.BAD, "unknown event")
            pair = events & _PAIR
            if (pair and pair != _PAIR and habits.notify_wants_both) or (events & _NEED_PAIR and pair != _PAIR):
                raise NotifyRefusedError(Condition.BAD, "MessageNew and MessageExpunge go together")
            own = group.filter.startswith("selected")
            if (own and events - _PAIR - _NEED_PAIR) or (not own and any("(" in event for event in group.events)):
                raise NotifyRefusedError(Condition.BAD, "events that do not fit the filter")
        if sum(group.filter.startswith("selected") for group, _ in asked) > 1:
            raise NotifyRefusedError(Condition.BAD, "selected twice")
        strange = frozenset[str]().union(*(events for _, events in asked)) - frozenset(habits.notify_events)
        if strange:
            named = tuple(sorted(strange)) if habits.badevent_names_unsupported else habits.notify_events
            raise NotifyRefusedError(Condition.NO, "unsupported events", r.BadEventCode(named))
        if command.groups and habits.notify_limit is not None and len(self.user.mailboxes) > habits.notify_limit:
            raise NotifyRefusedError(Condition.NO, "too many mailboxes", r.PlainCode("NOTIFICATIONOVERFLOW"))


def _names(group: c.EventGroup) -> frozenset[str]:
    return frozenset(event.partition(" ")[0] for event in group.events)


def _split_items(spelled: str) -> tuple[str, ...]:
    """At spaces outside brackets and parentheses; the modifier of PREVIEW (LAZY) is left out."""
    items, depth = [""], 0
    for one in spelled:
        depth += (one in "([") - (one in ")]")
        if one == " " and depth == 0:
            items.append("")
        else:
            items[-1] += one
    return tuple(item for item in items if not item.startswith("("))
