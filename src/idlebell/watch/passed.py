"""Which mail has passed a subscription before, so that it rings once however it is moved and wherever it is seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from idlebell.imap.responses import FetchData
from idlebell.imap.sequence_set import SequenceSet
from idlebell.model.cursor import Cursor
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.sighting import Sighting
from idlebell.model.subscription import Subscription
from idlebell.store.contract import Store
from idlebell.watch.identity import identity, identity_items
from idlebell.watch.mailbox_session import MailboxSession

DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Passed:
    """``whom``: by UID, the subscriptions that the mail has passed before. ``known``: the sightings that say so, by digest.
    ``sighted``: what is known from now on; both go with the commit, which fails where somebody else has seen the mail since."""

    whom: dict[int, frozenset[SubscriptionId]] = field(default_factory=dict)
    known: dict[bytes, Sighting] = field(default_factory=dict)
    sighted: tuple[Sighting, ...] = ()


class PassedMail:
    """Of one session. Raises what the session raises, and StoreError."""

    __slots__ = ("_account", "_session", "_store")

    def __init__(self, account: AccountId, session: MailboxSession, store: Store) -> None:
        self._account = account
        self._session = session
        self._store = store

    async def look_up(
        self, mailbox: str, cursor: Cursor, fetched: Iterable[FetchData], subscriptions: Sequence[Subscription]
    ) -> Passed:
        """``fetched`` from the open ``mailbox``: each may have been seen in another one, or here before it was moved out and
        back."""
        identities: dict[int, bytes] = {}
        digests: dict[tuple[int, SubscriptionId], bytes] = {}
        for message in fetched:
            mark = identity(message) if message.uid is not None and cursor.is_open(message.uid) else None
            if message.uid is not None and mark is not None:
                identities[message.uid] = mark
                for one in subscriptions:
                    digest = self._store.fingerprint(mark + b"\0" + one.id.encode())[:DIGEST_BYTES]
                    digests[message.uid, one.id] = digest
        if not digests:
            return Passed()
        known = await self._store.sightings(self._account, tuple(set(digests.values())))
        # Two of one kind that lie here both are two deliveries.
        there = await self._still_there(
            one.uid for one in known.values() if one.mailbox == mailbox and one.uid_validity == cursor.uid_validity
        )
        passed: dict[int, set[SubscriptionId]] = {}
        for (uid, subscription), digest in digests.items():
            before = known.get(digest)
            if before is None:
                continue
            here = (before.mailbox, before.uid_validity) == (mailbox, cursor.uid_validity) and before.uid != uid
            # Compared by what lies there: Courier gives UIDs anew until somebody opens the mailbox to write.
            if not (here and there.get(before.uid) == identities[uid]):
                passed.setdefault(uid, set()).add(subscription)
        sighted = {digest: Sighting(digest, mailbox, cursor.uid_validity, uid) for (uid, _), digest in digests.items()}
        return Passed({uid: frozenset(whom) for uid, whom in passed.items()}, known, tuple(sighted.values()))

    async def _still_there(self, uids: Iterable[int]) -> dict[int, bytes | None]:
        """Which mail lies in the open mailbox under each of ``uids`` now."""
        wanted = sorted(set(uids))
        if not wanted:
            return {}
        items = ("UID", "INTERNALDATE", *identity_items(self._session.has))
        fetched = await self._session.fetch(SequenceSet(tuple((uid, uid) for uid in wanted)), items)
        return {one.uid: identity(one) for one in fetched if one.uid is not None}
