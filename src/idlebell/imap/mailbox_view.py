"""What the server has said of the open mailbox (RFC 9051 sections 7.3 to 7.5), and whether it may mean new mail.

The view decides nothing: new mail is told by UIDs (``watch.detect``). It only says that it is worth asking.
"""

from __future__ import annotations

from idlebell.imap.responses import (
    ExistsData,
    ExpungeData,
    MailboxIdCode,
    NumberCode,
    PlainCode,
    ResponseCode,
    StatusData,
    StatusResponse,
    UntaggedResponse,
    VanishedData,
)
from idlebell.imap.sequence_set import STAR, SequenceSet


class MailboxView:
    """One mailbox, from its EXAMINE on. What the server left out is None: Courier has no UIDNEXT, NOMODSEQ means no
    mod-sequences.

    Make one when EXAMINE is sent, :meth:`apply` every untagged response from then on, and :meth:`note` the code of the
    tagged OK.
    """

    __slots__ = ("exists", "highest_mod_seq", "mailbox_id", "name", "read_only", "uid_next", "uid_validity")

    def __init__(self, name: str) -> None:
        self.name = name
        self.exists: int | None
        self.uid_validity: int | None
        self.uid_next: int | None
        self.highest_mod_seq: int | None
        self.mailbox_id: str | None
        self.read_only: bool | None
        self._forget()

    @classmethod
    def known(cls, name: str, uid_validity: int, exists: int | None, mod_seq: int | None) -> MailboxView:
        """One that goes on from what another had learnt."""
        view = cls(name)
        view.uid_validity, view.exists, view.highest_mod_seq = uid_validity, exists, mod_seq
        return view

    def __repr__(self) -> str:
        return (
            f"<MailboxView {self.name!r} exists={self.exists} uid_validity={self.uid_validity}"
            f" uid_next={self.uid_next} highest_mod_seq={self.highest_mod_seq}>"
        )

    def apply(self, response: UntaggedResponse) -> bool:
        """Take note; True where it may mean new mail, or contradicts what was said before: then look."""
        match response:
            case ExistsData(count):
                known, self.exists = self.exists, count
                # Fewer without EXPUNGE breaks RFC 9051 section 7.4.1; whoever sends it may have lost more than that.
                return known is not None and known != count
            case ExpungeData():
                return self._expunged(1, response.number)
            case VanishedData(uids, earlier) if not earlier:
                count = _count(uids)
                return self._expunged(count, count)
            case StatusData() if _same(response.mailbox, self.name):
                return self._status(response)
            case StatusResponse() if response.code is not None:
                return self.note(response.code)
        return False

    def note(self, code: ResponseCode | None) -> bool:
        """Take note of a response code, of a tagged or an untagged response. True as with :meth:`apply`."""
        match code:
            case NumberCode("UIDVALIDITY", value):
                return self._set("uid_validity", value)
            case NumberCode("UIDNEXT", value):
                return self._set("uid_next", value)
            case NumberCode("HIGHESTMODSEQ", value):
                self.highest_mod_seq = value
            case MailboxIdCode(mailbox_id):
                self.mailbox_id = mailbox_id
            case PlainCode("NOMODSEQ"):
                self.highest_mod_seq = None  # RFC 7162 section 3.1.2.2
            case PlainCode("READ-ONLY"):
                self.read_only = True
            case PlainCode("READ-WRITE"):
                self.read_only = False
            case PlainCode("CLOSED"):
                # RFC 7162 section 3.2.11: all up to here was about the mailbox that was open before.
                self._forget()
            case PlainCode("NOTIFICATIONOVERFLOW"):
                return True  # RFC 5465 section 5.8: events were dropped
        return False

    def _forget(self) -> None:
        self.exists = self.uid_validity = self.uid_next = self.highest_mod_seq = None
        self.mailbox_id = None
        self.read_only = None

    def _set(self, name: str, value: int) -> bool:
        known: int | None = getattr(self, name)
        setattr(self, name, value)
        return known is not None and known != value

    def _expunged(self, count: int, largest: int) -> bool:
        if self.exists is None:
            return False
        contradiction = largest > self.exists
        self.exists = max(0, self.exists - count)
        return contradiction

    def _status(self, status: StatusData) -> bool:
        """STATUS of the open mailbox, which the quarter-hourly check asks for where a server forgets to say EXISTS."""
        news = [
            self._set(name, value)
            for name, value in (("uid_validity", status.uid_validity), ("uid_next", status.uid_next))
            if value is not None
        ]
        if status.uid_next is None and status.messages is not None:
            news.append(self._set("exists", status.messages))
        return any(news)


def _count(uids: SequenceSet) -> int:
    """How many UIDs a set names, without counting them out; one with ``*`` names more than any mailbox holds."""
    total = 0
    for first, last in uids.ranges:
        if STAR in (first, last):
            return 1 << 32
        total += abs(last - first) + 1
    return total


def _same(one: str, two: str) -> bool:
    """RFC 9051 section 5.1: INBOX in any case is one mailbox, other names are compared as they are."""
    return one == two or one.upper() == two.upper() == "INBOX"
