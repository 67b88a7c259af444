"""Messages that rang and were read or removed elsewhere: found by their UIDs, told to those who want to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from idlebell.imap.sequence_set import SequenceSet
from idlebell.model.account import Account
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, Seen, Told
from idlebell.watch.answers import LookRefusedError
from idlebell.watch.counting import count_unseen
from idlebell.watch.look import Means
from idlebell.watch.mailbox_session import MailboxSession

DEALT_WITH: Final = ("\\Seen", "\\Deleted")
SEEN_KEPT: Final = timedelta(days=1)
"""A card that is a day old has been seen."""


class Withdrawals:
    """Of one session. Which flag changed, or which sequence number went, is never reckoned from what the server says unasked
    (which differs with CONDSTORE, QRESYNC and NOTIFY): that only says that it is worth asking for the flags of the few messages
    that rang last. So a gap costs nothing but time."""

    __slots__ = ("_account", "_means", "_session")

    def __init__(self, account: Account, session: MailboxSession, means: Means) -> None:
        self._account = account
        self._session = session
        self._means = means

    async def concerned(self, mailbox: str) -> bool:
        """Does anybody want to know of a message in it? StoreError."""
        return bool(await self._rung(mailbox))

    async def look(self, mailbox: str) -> None:
        """At the open mailbox. Raises what the session raises and StoreError; a refusal is left to the next look."""
        session, means = self._session, self._means
        uid_validity = session.uid_validity
        rung = await self._rung(mailbox)
        uids = sorted({one.uid for told in rung.values() for one in told if one.uid_validity == uid_validity})
        if not uids or uid_validity is None or session.open_mailbox != mailbox:
            return
        try:
            fetched = await session.fetch(SequenceSet.of(uids), ("UID", "FLAGS"))
        except LookRefusedError:
            return  # of what is gone, some servers say NO (RFC 2180 section 4.1); a look that found new mail is no failure
        unread = {one.uid for one in fetched if not any(map(one.has_flag, DEALT_WITH))}
        shown = {one.uid for one in fetched}
        # Not here yet: a replica that lags behind the one by which it rang.
        unread |= {uid for uid in uids if uid not in shown and session.reached is not None and uid > session.reached}
        if unread.issuperset(uids):
            return
        unseen = await count_unseen(session)
        now = means.clock.now()
        drafts = []
        for subscription, told in rung.items():
            gone = tuple(one.uid for one in told if one.uid_validity == uid_validity and one.uid not in unread)
            if gone:
                content = Seen(mailbox, uid_validity, gone, unseen)
                drafts.append(Draft(subscription, content, at=now, due_at=now, expires_at=now + SEEN_KEPT))
        await means.store.withdraw(drafts)
        means.committed()

    async def _rung(self, mailbox: str) -> Mapping[SubscriptionId, tuple[Told, ...]]:
        return await self._means.store.rung(self._account.id, mailbox)
