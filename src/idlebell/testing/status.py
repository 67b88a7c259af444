"""STATUS (RFC 9051 section 6.3.11): what a mailbox tells of itself without being opened."""

from __future__ import annotations

from collections.abc import Iterable

from idlebell.imap import responses as r
from idlebell.testing.mailbox import Mailbox


def status_of(mailbox: Mailbox, items: Iterable[str], *, uid_next: bool) -> r.StatusData:
    """Unknown items are left out; UIDNEXT too where the server has none."""
    wanted = frozenset(items)
    messages = mailbox.messages.values()
    return r.StatusData(
        mailbox.name,
        messages=len(mailbox.messages) if "MESSAGES" in wanted else None,
        uid_next=mailbox.uid_next if uid_next and "UIDNEXT" in wanted else None,
        uid_validity=mailbox.uid_validity if "UIDVALIDITY" in wanted else None,
        unseen=sum("\\Seen" not in message.flags for message in messages) if "UNSEEN" in wanted else None,
        recent=0 if "RECENT" in wanted else None,
        highest_mod_seq=mailbox.highest_mod_seq if "HIGHESTMODSEQ" in wanted else None,
        size=sum(len(message.content) for message in messages) if "SIZE" in wanted else None,
        mailbox_id=mailbox.mailbox_id if "MAILBOXID" in wanted else None,
    )
