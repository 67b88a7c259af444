"""Tells how each mailbox of a session is doing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from idlebell.model.account import Account
from idlebell.model.problem import Fault
from idlebell.model.shown_text import ALERT_CHARACTERS, quoting, shown
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import AlertReceived, LookFailed, StoreFailed, WatchStarted
from idlebell.telemetry.status import MailboxStatus, Mode, Watch
from idlebell.watch.answers import LookRefusedError, MailboxRefusedError
from idlebell.watch.diagnose import refused_mailbox
from idlebell.watch.look import Means
from idlebell.watch.strategy import Chosen, Way


class Reports:
    """Of one session."""

    __slots__ = ("_account", "_looked", "_means", "chosen", "mailboxes")

    def __init__(self, account: Account, mailboxes: tuple[str, ...], means: Means) -> None:
        self._account = account
        self.mailboxes = mailboxes
        """Those that the session looks after now, the first one idled on."""
        self._means = means
        self._looked = -1
        self.chosen = Chosen(Way.IDLE)

    def told(self, looked: int) -> None:
        """The store knows no more than is shown, as of the look with this number."""
        self._looked = looked

    async def alive(self, next_seconds: float, looked: int) -> None:
        """Before a wait: the session has just shown that it lives. ``looked``: how many looks it has had; where none came since
        the last time, the store knows no more than was told then."""
        mailboxes = self.mailboxes
        if not mailboxes:
            return
        if looked != self._looked or not self._still_alive(mailboxes[0], next_seconds):
            await self.watching(mailboxes[0], next_seconds)
            self._looked = looked
        if self.chosen.way is Way.NOTIFY:
            for mailbox in mailboxes[1:]:
                self._still_alive(mailbox, next_seconds)

    def _still_alive(self, mailbox: str, next_seconds: float) -> bool:
        if mailbox not in self.mailboxes:
            return True  # it was given up meanwhile, and nothing is to be said of it any more
        known = self.known(mailbox)
        if known is None or known.watch is not Watch.WATCHING:
            return False
        now = self._means.clock.now()
        mode, reason = self._mode(mailbox)
        alive = replace(
            known,
            mode=mode,
            mode_reason=reason,
            last_seen_alive_at=now,
            next_check_at=now + timedelta(seconds=next_seconds),
        )
        self._means.status.report(self._account.id, alive)
        return known.mode is mode

    async def unchanged(self, mailbox: str, next_seconds: float) -> None:
        """Nothing has come to it, so the store knows no more than was told before."""
        if not self._still_alive(mailbox, next_seconds):
            await self.watching(mailbox, next_seconds)

    async def watching(self, mailbox: str, next_seconds: float) -> None:
        await self._report(mailbox, Watch.WATCHING, next_seconds)

    async def shut_out(self, mailbox: str, refusal: MailboxRefusedError, next_seconds: float) -> None:
        """The server does not open the mailbox. The operator is told once: nobody else waits for a declared account."""
        fault = refused_mailbox(mailbox, refusal.code, refusal.text)
        known = self.known(mailbox)
        if known is None or known.watch is not Watch.FAILED:
            self._means.emit(LookFailed(self._account.id, "EXAMINE", fault.detail))
        await self._report(mailbox, Watch.FAILED, next_seconds, fault=fault)

    def unlisted(self, refusal: LookRefusedError | None) -> None:
        """The server does not say which mailboxes there are: who asked for more than names is told. None: it has said."""
        fault = None
        if refusal is not None:
            fault = Fault("server-error", quoting("The mail server does not list its mailboxes", refusal.text))
        self._means.status.unlisted(self._account.id, fault, self._means.clock.now())

    def alert(self, text: str) -> None:
        """The server has something to say to its user."""
        said = shown(text, ALERT_CHARACTERS)
        self._means.emit(AlertReceived(self._account.id, self._account.target.host, said))
        self._means.status.alert(self._account.id, said, self._means.clock.now())

    async def _report(self, mailbox: str, watch: Watch, next_seconds: float, *, fault: Fault | None = None) -> None:
        means = self._means
        now = means.clock.now()
        try:
            cursor = await means.store.cursor(self._account.id, mailbox)
        except StoreError as error:
            means.emit(StoreFailed(str(error)))
            return  # what was said last stands
        if mailbox not in self.mailboxes:
            return  # it was given up meanwhile, and nothing is to be said of it any more
        if cursor is None and watch is Watch.WATCHING:
            watch = Watch.CONNECTING  # nothing is known to be new yet: the first look is still owed
        mode, reason = self._mode(mailbox) if watch is Watch.WATCHING else (None, None)
        known = self.known(mailbox)
        if mode is not None and (known is None or known.mode is not mode):
            means.emit(WatchStarted(self._account.id, mode.value))
        means.status.report(
            self._account.id,
            MailboxStatus(
                mailbox,
                watch,
                mode=mode,
                mode_reason=reason,
                uid_validity=cursor.uid_validity if cursor else None,
                uid_next=cursor.uid_next if cursor else None,
                last_seen_alive_at=now,
                next_check_at=now + timedelta(seconds=next_seconds),
                fault=fault,
            ),
        )

    def known(self, mailbox: str) -> MailboxStatus | None:
        status = self._means.status.of(self._account.id)
        return status.mailboxes.get(mailbox) if status is not None else None

    def _mode(self, mailbox: str) -> tuple[Mode, str | None]:
        match self.chosen.way:
            case Way.NOTIFY:
                return Mode.NOTIFY, None
            case Way.IDLE | Way.IDLE_STATUS if mailbox == self.mailboxes[0]:
                return Mode.IDLE, None
            case Way.IDLE | Way.IDLE_STATUS:
                return Mode.POLL, f"asked by STATUS beside the IDLE of another mailbox: {self.chosen.reason}"
            case Way.POLL:
                return Mode.POLL, self.chosen.reason
