"""Between the fleet and the sessions that are parked: what may be parked, what is left of an account then, and a watcher again
when something happens."""

from __future__ import annotations

from collections.abc import Callable

from idlebell.imap import commands as c
from idlebell.imap.mailbox_view import MailboxView
from idlebell.model.ids import AccountId
from idlebell.net.detached import Detached
from idlebell.net.resume_connection import resume_connection
from idlebell.net.wheel import Wheel
from idlebell.store.contract import WantedAccount
from idlebell.watch.canned import Turn, command, phase
from idlebell.watch.held import Held
from idlebell.watch.left_off import LeftOff
from idlebell.watch.look import Means
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.parked import Faces, Parked, ParkedSessions, Woken
from idlebell.watch.strategy import Assignment
from idlebell.watch.watcher import Watcher


class Parking:
    """``held``: the fleet's books, from which those of a parked account are taken where its record tells all. ``start``: runs
    a watcher of a session that was opened at a time of the monotonic clock."""

    __slots__ = ("_held", "_means", "_parked", "_start", "_wheel")

    def __init__(
        self,
        means: Means,
        held: dict[AccountId, Held],
        start: Callable[[Held, Watcher, float], None],
        wheel: Wheel | None,
    ) -> None:
        self._means = means
        self._held = held
        self._start = start
        self._wheel = wheel
        self._parked = ParkedSessions(means.clock, Faces(self._woken, self._bore, self._cycle, self._probed))
        means.status.lend(self._parked.status, lambda: len(self._parked))
        means.status.ledger.lend(self._parked.spent, self._parked.tell_probes)

    def __len__(self) -> int:
        return len(self._parked)

    def accounts(self) -> set[AccountId]:
        return {one.account.id for one in self._parked}

    def may_park(self, account: AccountId) -> bool:
        """Does the one session that runs stand for all that is known of the account?"""
        held = self._held.get(account)
        return (
            held is not None
            and held.served
            and len(held.watchers) == len(held.wanted) == 1
            and not held.found_by_list
            and (held.reopening is None or held.reopening.done())
            and self._means.status.is_plain(account)
        )

    def park(self, held: Held, watcher: Watcher, parked: Parked, *, stopping: bool) -> bool:
        """False: something is asked of the account by now, or the system bears no more, so its session goes on awake."""
        if stopping:
            self._parked.add(parked)
            self._parked.log_out()
            return True
        stays = watcher.undisturbed
        try:
            if stays:
                self._parked.add(parked)
        except OSError:  # no descriptor for the epoll instance, or fs.epoll.max_user_watches
            stays = False
        if not stays:
            self._go_on(held, parked, Woken(parked.tls))
            return False
        self._means.status.lay_aside(held.account.id)
        self._drop_books(held)
        return True

    def suits(self, wanted: WantedAccount) -> bool:
        """Is the account parked, with the one mailbox that is wanted, and nobody new to it?"""
        parked = self._parked.of(wanted.account.id)
        return (
            parked is not None
            and wanted.mailboxes == (parked.terms.mailbox,)
            and not (wanted.fresh or wanted.selections)
        )

    def wake(self, account: AccountId) -> None:
        """Where it is parked."""
        if (parked := self._parked.of(account)) is not None:
            self._parked.take(parked)
            self._woken(parked, Woken(parked.tls))

    def suspect(self, account: AccountId) -> None:
        """Has its sessions show that they live, parked or not."""
        self._parked.suspect(account)
        held = self._held.get(account)
        for watcher in held.watchers if held is not None else ():
            watcher.probe()

    def log_out(self) -> None:
        """Ends all of them in good order."""
        self._parked.log_out()

    # inside

    def _drop_books(self, held: Held) -> None:
        """What the record of a parked session tells is not kept twice."""
        if held.plain:
            self._held.pop(held.account.id, None)

    def _woken(self, parked: Parked, woken: Woken) -> None:
        account, mailbox = parked.account.id, parked.terms.mailbox
        held = self._held.get(account)
        if held is None:
            held = self._held[account] = Held(parked.account, wanted=(mailbox,), served=True)
        held.books.looked_at[mailbox] = parked.looked_at
        self._means.status.report(account, self._parked.shown(parked))
        self._go_on(held, parked, woken)

    def _go_on(self, held: Held, parked: Parked, woken: Woken) -> None:
        mailbox, terms, means = parked.terms.mailbox, parked.terms, self._means
        in_flight = command(parked.turn, mailbox)
        connection = resume_connection(
            parked.account.target,
            Detached(
                parked.descriptor,
                woken.tls,
                terms.connection,
                parked.tags,
                parked.heard_at,
                parked.debt_bytes,
                parked.moved_bytes,
            ),
            in_flight,
            phase(parked.turn),
            woken.said,
            woken.fault,
            clock=means.clock,
            wheel=self._wheel,
        )
        view = MailboxView.known(mailbox, parked.uid_validity, parked.exists, parked.mod_seq)
        session = MailboxSession.resumed(connection, means.clock, view, terms.notified)
        if parked.turn not in (Turn.IDLING, Turn.DONE):
            session.quiet_since = None  # more than the end of its quiet is asked for
        left_off = LeftOff(parked.turn, parked.due_at, terms.chosen, parked.probes, parked.exists, parked.settled)
        watcher = Watcher(
            held.account, session, Assignment(mailbox), held.books, means, near=terms.near, left_off=left_off
        )
        self._start(held, watcher, parked.opened_at)

    def _bore(self, parked: Parked, seconds: float) -> None:
        self._means.hosts.bore_quiet(parked.account.target.host, seconds)
        held = self._held.get(parked.account.id)
        if held is not None and held.steady(parked.opened_at, self._means.clock.monotonic()):
            self._drop_books(held)

    def _probed(self, account: AccountId, probes: int, thorough: int) -> None:
        sent = {c.Noop: probes - thorough, c.Status: thorough, c.Idle: probes}
        self._means.status.ledger.sent(account, sent)

    def _cycle(self, parked: Parked) -> float:
        return self._means.cycle(parked.account.target.host, near=parked.terms.near, settled=parked.settled)
