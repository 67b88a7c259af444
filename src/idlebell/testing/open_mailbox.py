"""A mailbox as one client has been told it is: sequence numbers, and what is still to be said. Values in, responses out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from idlebell.imap import commands as c
from idlebell.imap import responses as r
from idlebell.imap.responses import Condition
from idlebell.imap.sequence_set import SequenceSet
from idlebell.testing.fetch_items import describe
from idlebell.testing.mail_store import Mailbox
from idlebell.testing.search import resolve, search

_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")


class OpenMailbox:
    """From EXAMINE or SELECT on."""

    __slots__ = ("_known", "mailbox")

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self._known = [*mailbox.messages]  # UIDs, by message sequence number

    def greeting(self, *, uid_next: bool) -> Iterator[r.UntaggedResponse]:
        """What EXAMINE answers before its tagged OK (RFC 9051 section 6.3.2)."""
        yield r.FlagsData(_FLAGS)
        yield r.StatusResponse(Condition.OK, r.PermanentFlagsCode(()), "none")
        yield r.ExistsData(len(self._known))
        yield r.RecentData(0)
        yield r.StatusResponse(Condition.OK, r.NumberCode("UIDVALIDITY", self.mailbox.uid_validity), "UIDs valid")
        if uid_next:
            yield r.StatusResponse(Condition.OK, r.NumberCode("UIDNEXT", self.mailbox.uid_next), "next UID")

    def changes(self) -> Iterator[r.UntaggedResponse]:
        """EXPUNGE and EXISTS since the client was last told (RFC 9051 section 7.5.1)."""
        for index in range(len(self._known) - 1, -1, -1):
            if self._known[index] not in self.mailbox.messages:
                del self._known[index]
                yield r.ExpungeData(index + 1)
        yield from self._news()

    def fetch(self, command: c.UidFetch) -> Iterator[r.UntaggedResponse]:
        """EXPUNGE may not be said during a FETCH (section 7.5.1), so news come first only where nothing was expunged."""
        if all(uid in self.mailbox.messages for uid in self._known):
            yield from self._news()
        ranges = resolve(command.uids, self._largest)
        for number, uid in enumerate(self._known, 1):
            message = self.mailbox.messages.get(uid)
            if message is not None and any(low <= uid <= high for low, high in ranges):
                yield describe(number, message, command.items)

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

    @property
    def _largest(self) -> int:
        return self._known[-1] if self._known else 0

    def _news(self) -> Iterator[r.UntaggedResponse]:
        last = self._largest
        news: list[int] = []
        for uid in reversed(self.mailbox.messages):
            if uid <= last:
                break
            news.append(uid)
        if news:
            self._known += reversed(news)
            yield r.ExistsData(len(self._known))


def status_of(mailbox: Mailbox, items: Iterable[str], *, uid_next: bool) -> r.StatusData:
    """STATUS (RFC 9051 section 6.3.11); unknown items are left out."""
    wanted = frozenset(items)
    messages = mailbox.messages.values()
    return r.StatusData(
        mailbox.name,
        messages=len(mailbox.messages) if "MESSAGES" in wanted else None,
        uid_next=mailbox.uid_next if uid_next and "UIDNEXT" in wanted else None,
        uid_validity=mailbox.uid_validity if "UIDVALIDITY" in wanted else None,
        unseen=sum("\\Seen" not in message.flags for message in messages) if "UNSEEN" in wanted else None,
        recent=0 if "RECENT" in wanted else None,
        size=sum(len(message.content) for message in messages) if "SIZE" in wanted else None,
    )


def listing(mailboxes: Iterable[Mailbox], command: c.List, *, uid_next: bool) -> Iterator[r.UntaggedResponse]:
    """LIST, with STATUS where RETURN asks for it (RFC 5819)."""
    if command.pattern == "":  # RFC 9051 section 6.3.9: asks for the delimiter
        yield r.ListData(frozenset({"\\Noselect"}), "/", "")
        return
    spelled = "".join({"*": ".*", "%": "[^/]*"}.get(one, re.escape(one)) for one in command.reference + command.pattern)
    pattern = re.compile(spelled, re.DOTALL)
    status = next((item for item in command.returning if item.startswith("STATUS ")), None)
    for mailbox in mailboxes:
        if pattern.fullmatch(mailbox.name):
            attributes = mailbox.attributes | (frozenset() if mailbox.selectable else {"\\Noselect"})
            yield r.ListData(attributes, "/", mailbox.name)
            if status is not None and mailbox.selectable:
                items = status.removeprefix("STATUS (").removesuffix(")").split()
                yield status_of(mailbox, items, uid_next=uid_next)
