"""Each step of a phone's IMAP session with one real server, counted."""

from __future__ import annotations

import ssl
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

from idlebell.cost.exchange import Exchange
from idlebell.imap import commands as c
from idlebell.testing import mail
from servers.mail_server import SandboxedServer, User

from .counted import Capture, may_capture
from .far_line import FarLine
from .phone import Phone, examine, middle, places, repeated

TIMES: Final = 5
TRIES: Final = 20
"""A server whose processes have each a ticket key of their own resumes only where chance leads back to the same one."""
OLD_MAILS: Final = 50
HEAR_SECONDS: Final = 30.0
SUMMED_SECONDS: Final = 580.0
STATUS_ITEMS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
_serial = count(1)


class Wire:
    """One server behind a far line."""

    def __init__(self, server: SandboxedServer, line: FarLine, capture: Capture | None) -> None:
        self.server = server
        self._line = line
        self._capture = capture
        self.context = server.client_context()
        self.user: User = server.add_user()
        server.deliver_all(self.user.name, (mail.plausible(number) for number in range(OLD_MAILS)))

    def phone(self, ticket: ssl.SSLSession | None = None) -> Phone:
        return Phone(self.server, self._line, self._capture, self.context, ticket)

    def deliver(self) -> None:
        self.server.deliver(self.user.name, mail.make(subject=f"Lunch on day {next(_serial)}?"))


@contextmanager
def wire(server: SandboxedServer) -> Iterator[Wire]:
    with ExitStack() as stack:
        line = stack.enter_context(FarLine(server.ports.imaps))
        capture = None
        if may_capture():
            capture = Capture(line.port)
            stack.callback(capture.close)
        yield Wire(server, line, capture)


@dataclass(frozen=True)
class Steps:
    """``moved``: what each step moves; one that this server cannot do is left out. ``exists_seconds``: half of the mails
    were told of so long after the server had taken them."""

    protocol: str
    moved: dict[str, Exchange]
    exists_seconds: float


def steps(far: Wire) -> Steps:
    taken: dict[str, Exchange] = {}
    with far.phone() as phone:
        protocol = phone.protocol
        qresync = b" QRESYNC" in phone.log_in(far.user)
        at = places(phone.ask(c.Examine("INBOX", condstore=qresync)))
        if "UIDNEXT" not in at:  # an old server: EXAMINE need not tell it (RFC 3501 section 6.3.1)
            at |= places(phone.ask(c.Status("INBOX", STATUS_ITEMS)))
        phone.log_out()
    logouts: list[Exchange] = []

    def connected(*, resume: bool, qresync: bool) -> Exchange | None:
        ticket = _ticket(far) if resume else None
        with far.phone(ticket) as one:
            if one.resumed != resume:
                return None
            one.log_in(far.user)
            examine(one, at if qresync else None)
            took = one.meter.take()
            logouts.append(one.log_out())
            return took

    ways = {"fresh": (False, False), "resumed": (True, False)}
    if qresync:
        ways |= {"fresh, QRESYNC": (False, True), "resumed, QRESYNC": (True, True)}
    for name, (resume, by_qresync) in ways.items():
        tries = (connected(resume=resume, qresync=by_qresync) for _ in range(TRIES))
        if takes := list(islice((took for took in tries if took is not None), TIMES)):
            taken[name] = middle(takes)
    taken["logout"] = middle(logouts)
    with far.phone() as phone:
        phone.log_in(far.user)
        phone.meter.take()

        def status() -> Exchange:
            phone.ask(c.Status("INBOX", STATUS_ITEMS))
            return phone.meter.take()

        taken["status"] = repeated(TIMES, status)
        examine(phone)
        phone.meter.take()

        def noop() -> Exchange:
            phone.ask(c.Noop())
            return phone.meter.take()

        taken["noop"] = repeated(TIMES, noop)

        def found() -> Exchange:
            """A poll that finds a mail, less the poll."""
            far.deliver()
            phone.ask(c.Noop())
            phone.meter.take()
            phone.show(at["UIDNEXT"])
            at["UIDNEXT"] += 1
            return phone.meter.take()

        taken["fetch"] = repeated(TIMES, found)
        phone.idle()
        phone.meter.take()
        delays: list[float] = []

        def restarted() -> Exchange:
            phone.done()
            phone.idle()
            return phone.meter.take()

        taken["idle"] = repeated(TIMES, restarted)

        def rung() -> Exchange:
            """From EXISTS to the next IDLE."""
            far.deliver()
            delivered = time.monotonic()
            assert phone.heard(b"EXISTS", HEAR_SECONDS)
            delays.append(time.monotonic() - delivered)
            phone.done()
            phone.show(at["UIDNEXT"])
            at["UIDNEXT"] += 1
            phone.idle()
            return phone.meter.take()

        taken["mail in IDLE"] = repeated(TIMES, rung)
    return Steps(protocol, taken, statistics.median(delays))


def keepalive(far: Wire, seconds: float) -> Exchange | None:
    """What the server says by itself to a client in IDLE; None where it keeps silent for ``seconds``."""
    with far.phone() as phone:
        phone.log_in(far.user)
        examine(phone)
        phone.idle()
        phone.meter.take()
        if not phone.heard(b"* OK", seconds):
            return None
        return phone.meter.take()


def summed(far: Wire, moved: Mapping[str, Exchange]) -> tuple[str, int, int]:
    """Ten minutes of one session in the server's own intervals: what was done, the bytes that it moved, and the sum of its
    steps."""
    restarts = said = mails = 0
    with far.phone() as phone:
        phone.log_in(far.user)
        examine(phone)
        phone.idle()
        phone.meter.take()
        for _ in range(2):
            end = time.monotonic() + SUMMED_SECONDS / 2
            while (left := end - time.monotonic()) > 0:
                said += phone.heard(b"* OK", left)
            phone.done()
            phone.idle()
            restarts += 1
            far.deliver()
            assert phone.heard(b"EXISTS", HEAR_SECONDS)
            phone.done()
            phone.show(OLD_MAILS + mails + 1)
            phone.idle()
            mails += 1
        took = phone.meter.take().total_bytes
    steps_bytes = restarts * moved["idle"].total_bytes + mails * moved["mail in IDLE"].total_bytes
    if said:
        steps_bytes += said * moved["keep-alive"].total_bytes
    return f"{restarts} restarts, {said} words of the server, {mails} mails", took, steps_bytes


def _ticket(far: Wire) -> ssl.SSLSession | None:
    """Of a session that went as far as a login: TLS 1.3 gives tickets after the handshake."""
    with far.phone() as phone:
        phone.log_in(far.user)
        ticket = phone.ticket
        phone.log_out()
    return ticket
