"""What a server was caught not doing, and how its account is watched from then on. Pure; ``now`` is monotonic seconds.

A lapse is mail that the server should have told of and did not: a look had to find it. Once is enough where the mail had
certainly lain there for long (:func:`~idlebell.watch.detect.is_late`); else twice in a row, for mail may arrive in the very
moment in which IDLE is ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from idlebell.imap.responses import Condition, PlainCode, StatusResponse

SURE_SECONDS: Final = 90.0
"""Servers that look for mail only once a minute while they idle (Cyrus without its notifier, Courier without a FAM) are slow,
not silent."""
UNSAID_SECONDS: Final = 5.0
"""Younger mail than this may be on its way to us: Dovecot takes half a second to say EXISTS, under NOTIFY one and a half."""
UNSAID_IN_A_ROW: Final = 2
REFUSALS: Final = 3
"""Times in a row that IDLE or NOTIFY is refused before it is done without."""
TRUSTED_AGAIN_SECONDS: Final = 86_400.0
"""A server is mended some day."""


class Promise(Enum):
    """What a server can tell us by."""

    IDLE = "IDLE"
    NOTIFY = "NOTIFY"


class Rung(Enum):
    """How a mailbox is polled over the session that has it open, from the cheapest on. Some servers say nothing at NOOP and
    tell only who asks for STATUS, some only who opens the mailbox anew."""

    NOOP = "NOOP"
    STATUS = "STATUS"
    EXAMINE = "EXAMINE"


LADDER: Final = tuple(Rung)


@dataclass(slots=True)
class _Record:
    unsaid: int = 0
    refused: int = 0
    given_up_at: float | None = None
    reason: str = ""


@dataclass(slots=True)
class Lapses:
    """One for an account, whatever becomes of its sessions."""

    _records: dict[Promise, _Record] = field(default_factory=dict)
    rung: Rung | None = None
    """The cheapest one that has told of mail; None: not known yet, so all are climbed."""

    @property
    def plain(self) -> bool:
        """Is nothing known yet?"""
        return not self._records and self.rung is None

    def trusts(self, promise: Promise, now: float) -> bool:
        record = self._records.get(promise)
        if record is None or record.given_up_at is None:
            return True
        if now - record.given_up_at < TRUSTED_AGAIN_SECONDS:
            return False
        del self._records[promise]
        return True

    def reason(self, promise: Promise) -> str:
        """Why it is done without."""
        record = self._records.get(promise)
        return record.reason if record is not None else ""

    def told(self, promise: Promise) -> None:
        """It did what it is for."""
        record = self._records.get(promise)
        if record is not None and record.given_up_at is None:
            del self._records[promise]

    def accepted(self, promise: Promise) -> None:
        """It was not refused this time."""
        record = self._records.get(promise)
        if record is not None:
            record.refused = 0

    def unsaid(self, promise: Promise, now: float, *, sure: bool) -> bool:
        """Mail was found that should have been told by ``promise``. True: it is done without from now on."""
        record = self._records.setdefault(promise, _Record())
        record.unsaid += 1
        if not sure and record.unsaid < UNSAID_IN_A_ROW:
            return False
        return self._give_up(record, now, f"the server accepts {promise.value} and then says nothing of new mail")

    def refused(self, promise: Promise, now: float, text: str, *, for_good: bool = False) -> bool:
        """The server said NO or BAD. True: it is done without from now on."""
        record = self._records.setdefault(promise, _Record())
        record.refused += 1
        if not for_good and record.refused < REFUSALS:
            return False
        return self._give_up(record, now, f"the server refuses {promise.value}: {text}")

    @staticmethod
    def _give_up(record: _Record, now: float, reason: str) -> bool:
        fresh = record.given_up_at is None
        record.given_up_at, record.reason = now, reason
        return fresh


def events_lost(response: StatusResponse) -> bool:
    """NOTIFICATIONOVERFLOW, or Dovecot's ``* NO NOTIFY error, some events may have got lost``."""
    if isinstance(response.code, PlainCode) and response.code.name == "NOTIFICATIONOVERFLOW":
        return True
    return response.condition is Condition.NO and "NOTIFY" in response.text
