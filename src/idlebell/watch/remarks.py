"""What a server says beside its answers (RFC 9051 section 7.1), as far as something is to be done about it. Pure."""

from __future__ import annotations

from typing import Final

from idlebell.imap.responses import Condition, PlainCode, ResponseCode, StatusResponse
from idlebell.watch.lapses import events_lost

REOPENED_EVERY_SECONDS: Final = 25.0
"""A mailbox is not opened anew for a doubt sooner than this after it was opened: a server that goes on to complain is asked
once a probe."""


class Remarks:
    """Of one session."""

    __slots__ = ("_alert", "_doubted", "_opened_at")

    def __init__(self) -> None:
        self._alert: str | None = None
        self._doubted = False
        self._opened_at = -REOPENED_EVERY_SECONDS  # that of a parked session is not kept

    @property
    def alert(self) -> bool:
        """Is there something for the user to read?"""
        return self._alert is not None

    @property
    def doubted(self) -> bool:
        """Has the server complained, unasked, since the mailbox was opened? Where somebody deletes the open mailbox and makes
        another of its name, Dovecot may say ``* NO Internal error occurred`` in IDLE and at NOOP and no more: STATUS
        tells what was there before, and of mail hears who opens the mailbox again."""
        return self._doubted

    def doubtful(self, now: float) -> bool:
        """Is it time to open the mailbox anew? ``now``: by the monotonic clock."""
        return self._doubted and now - self._opened_at >= REOPENED_EVERY_SECONDS

    def opened(self, now: float) -> None:
        """The mailbox: whatever was said up to here was about another, or is known by now."""
        self._doubted, self._opened_at = False, now

    def heed(self, response: StatusResponse) -> None:
        self.read(response.code, response.text)
        complains = response.condition in (Condition.NO, Condition.BAD)
        if complains and not (_is_alert(response.code) or events_lost(response)):
            self._doubted = True

    def read(self, code: ResponseCode | None, text: str) -> None:
        """Also of a tagged response."""
        if _is_alert(code):
            self._alert = text

    def take_alert(self) -> str | None:
        """What the server wants its user to read, given once."""
        alert, self._alert = self._alert, None
        return alert


def _is_alert(code: ResponseCode | None) -> bool:
    return isinstance(code, PlainCode) and code.name == "ALERT"
