"""A mailbox as one client has been told it is: sequence numbers, and what is still to be said. Values in, responses out."""

from __future__ import annotations

from collections.abc import Iterator

from idlebell.imap import commands as c
from idlebell.imap import responses as r
from idlebell.imap.responses import Condition
from idlebell.imap.sequence_set import SequenceSet
from idlebell.testing.fetch_items import describe
from idlebell.testing.mailbox import Mailbox
from idlebell.testing.search import resolve, search

_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")


class OpenMailbox:
    """From EXAMINE or SELECT on. ``vanishes``: QRESYNC is enabled, so VANISHED takes the place of EXPUNGE."""

    __slots__ = ("_first_news", "_flags_as_of", "_known", "_uid_next", "mailbox", "vanishes")

    def __init__(self, mailbox: Mailbox, *, vanishes: bool = False) -> None:
        self.mailbox = mailbox
        self.vanishes = vanishes
        self._known = [*mailbox.messages]  # UIDs, by message sequence number
        self._uid_next = self._first_news = mailbox.uid_next
        self._flags_as_of = mailbox.highest_mod_seq

    def greeting(self, *, uid_next: bool, mod_seq: bool, object_id: bool) -> Iterator[r.UntaggedResponse]:
        """What EXAMINE answers before its tagged OK (RFC 9051 section 6.3.2)."""
        yield r.FlagsData(_FLAGS)
        yield r.StatusResponse(Condition.OK, r.PermanentFlagsCode(()), "none")
        yield r.ExistsData(len(self._known))
        yield r.RecentData(0)
        yield r.StatusResponse(Condition.OK, r.NumberCode("UIDVALIDITY", self.mailbox.uid_validity), "UIDs valid")
        if uid_next:
            yield r.StatusResponse(Condition.OK, r.NumberCode("UIDNEXT", self._uid_next), "next UID")
        if mod_seq:
            highest = r.NumberCode("HIGHESTMODSEQ", self.mailbox.highest_mod_seq)
            yield r.StatusResponse(Condition.OK, highest, "highest")
        if object_id:
            yield r.StatusResponse(Condition.OK, r.MailboxIdCode(self.mailbox.mailbox_id), "stays")

    def resume(self, command: c.Examine | c.Select) -> Iterator[r.UntaggedResponse]:
        """What changed since the client's mod-sequence (RFC 7162 section 3.2.5.2), of the UIDs that it knows if it names
        any: then a new message is not among them, as on Dovecot."""
        if command.qresync is None or command.qresync[0] != self.mailbox.uid_validity:
            return
        since = command.qresync[1]
        known = None if command.known_uids is None else resolve(command.known_uids, self._largest)
        gone = [
            uid
            for uid, mod_seq in self.mailbox.vanished.items()
            if mod_seq > since and (known is None or _within(uid, known))
        ]
        if gone:
            yield r.VanishedData(SequenceSet.of(gone), earlier=True)
        for number, uid in enumerate(self._known, 1):
            message = self.mailbox.messages[uid]
            if message.mod_seq > since and (known is None or _within(uid, known)):
                yield describe(number, message, ("UID", "FLAGS", "MODSEQ"))

    def changes(self, *, expunged: bool = True, flags: bool = False) -> Iterator[r.UntaggedResponse]:
        """What was expunged and EXISTS since the client was last told (RFC 9051 section 7.5.1), and with ``flags`` the FETCH
        of flags that changed (section 7.5.2)."""
        since, self._flags_as_of = self._flags_as_of, self.mailbox.highest_mod_seq
        for number, uid in enumerate(self._known, 1) if flags else ():
            message = self.mailbox.messages.get(uid)
            if message is not None and message.mod_seq > since:
                yield describe(number, message, ("FLAGS",))
        if expunged:
            yield from self._gone()
        yield from self._news()

    def describe_since(self, uid: int, items: tuple[str, ...]) -> Iterator[r.FetchData]:
        """FETCH as NOTIFY sends it unasked, of all that is known from ``uid`` on."""
        for number, known in enumerate(self._known, 1):
            message = self.mailbox.messages.get(known)
            if known >= uid and message is not None and not message.hidden_fetches:
                yield describe(number, message, items)

    def describe(self, uid: int, items: tuple[str, ...]) -> Iterator[r.FetchData]:
        if uid in self._known and uid in self.mailbox.messages:
            yield describe(self._known.index(uid) + 1, self.mailbox.messages[uid], items)

    def fetch(self, command: c.UidFetch, *, news: bool, mod_seq: bool) -> Iterator[r.UntaggedResponse]:
        """EXPUNGE may not be said during a FETCH (section 7.5.1), so news come first only where nothing was expunged.

        ``mod_seq``: CONDSTORE is in use, so each FETCH tells it (RFC 7162 section 3.2.4).
        """
        if news and all(uid in self.mailbox.messages for uid in self._known):
            yield from self._news()
        ranges = resolve(command.uids, self._largest)
        items = command.items if not mod_seq or "MODSEQ" in command.items else (*command.items, "MODSEQ")
        for number, uid in enumerate(self._known, 1):
            message = self.mailbox.messages.get(uid)
            if message is None or not _within(uid, ranges):
                continue
            if message.hidden_fetches:
                message.hidden_fetches -= 1
            elif command.changed_since is None or message.mod_seq > command.changed_since:
                yield describe(number, message, items)

    def search(self, tag: str, command: c.UidSearch) -> r.UntaggedResponse:
        known = (self.mailbox.messages[uid] for uid in self._known if uid in self.mailbox.messages)
        found = search(command.criteria, known, self._largest)
        if not command.returning:
            return r.SearchData(tuple(found))
        return r.ESearchData(
            tag,
            uid=True,
            minimum=min(found) if found and "MIN" in command.returning else None,
            maximum=max(found) if found and "MAX" in command.returning else None,
            count=len(found) if "COUNT" in command.returning else None,
            all=SequenceSet.of(found) if found and "ALL" in command.returning else None,
        )

    def stale_status(self, fresh: r.StatusData) -> r.StatusData:
        """``fresh`` with what this client was told last."""
        return r.StatusData(
            fresh.mailbox,
            messages=len(self._known) if fresh.messages is not None else None,
            uid_next=self._uid_next if fresh.uid_next is not None else None,
            uid_validity=fresh.uid_validity,
        )

    @property
    def uid_next(self) -> int:
        """As this client was told."""
        return self._uid_next

    @property
    def first_news(self) -> int:
        """The first UID that came since it was opened."""
        return self._first_news

    @property
    def _largest(self) -> int:
        return self._known[-1] if self._known else 0

    def _gone(self) -> Iterator[r.UntaggedResponse]:
        gone: list[int] = []
        for index in range(len(self._known) - 1, -1, -1):
            if self._known[index] not in self.mailbox.messages:
                gone.append(self._known.pop(index))
                if not self.vanishes:
                    yield r.ExpungeData(index + 1)
        if gone and self.vanishes:
            yield r.VanishedData(SequenceSet.of(gone), earlier=False)

    def _news(self) -> Iterator[r.UntaggedResponse]:
        last = self._largest
        news: list[int] = []
        for uid in reversed(self.mailbox.messages):
            if uid <= last:
                break
            news.append(uid)
        if news:
            self._known += reversed(news)
            self._uid_next = self.mailbox.uid_next
            yield r.ExistsData(len(self._known))


def _within(uid: int, ranges: list[tuple[int, int]]) -> bool:
    return any(low <= uid <= high for low, high in ranges)
