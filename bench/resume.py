"""What it costs to catch up after a gap: by UIDNEXT, as we do, and by QRESYNC (RFC 7162), on real Dovecot and Cyrus.

    python bench/resume.py [--old 1000]

Counted from after the login until everything is known that a bell needs (flags, date, Message-ID or EMAILID of each new
message that is not \\Seen): commands, which are round trips as we make them (one in flight); round trips with all pipelined
that may be; bytes each way. QRESYNC either names the UIDs below the cursor as known and hears nothing of what is new, or
names none and hears the flags of that too.
"""

from __future__ import annotations

import argparse
import itertools
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imapclient import IMAPClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from idlebell.imap import commands as c
from idlebell.imap.encode import encode_command
from idlebell.imap.sequence_set import SequenceSet
from idlebell.rules.needs import DECIDING
from idlebell.testing import mail
from idlebell.watch.identity import identity_items
from servers.cyrus_server import CyrusServer, why_not_cyrus
from servers.dovecot_server import DovecotServer, why_not_dovecot
from servers.mail_server import SandboxedServer, User

TIMEOUT_SECONDS = 60
_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n\Z")
_UID_NEXT = re.compile(rb"\[UIDNEXT ([0-9]+)\]")
_UID_VALIDITY = re.compile(rb"\[UIDVALIDITY ([0-9]+)\]")
_FLAGS = re.compile(rb"\* [0-9]+ FETCH \((?=[^\r]*UID ([0-9]+))[^\r]*FLAGS \(([^)]*)\)")
_MOD_SEQ = re.compile(rb"\[HIGHESTMODSEQ ([0-9]+)\]")


@dataclass(frozen=True)
class Place:
    """The end of the mailbox before the gap."""

    uid_validity: int
    uid_next: int
    mod_seq: int


class Wire:
    """One logged-in session in clear, whose bytes are counted."""

    def __init__(self, server: SandboxedServer, user: User) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.ports.imap), TIMEOUT_SECONDS)
        self._reader = self._socket.makefile("rb")
        self._reader.readline()
        self.run(c.Login(user.name, user.password))
        self.capabilities = self.run(c.Capability()).upper().split()
        self.commands = self.bytes_out = self.bytes_in = 0

    def has(self, capability: str) -> bool:
        return capability.encode() in self.capabilities

    def run(self, command: c.Command) -> bytes:
        """What the server said until it was done."""
        self.commands = getattr(self, "commands", 0) + 1
        tag = f"A{self.commands}"
        (line,) = encode_command(tag, command)
        self._socket.sendall(line)
        said = bytearray()
        while True:
            start = len(said)
            said += self._reader.readline()
            while (literal := _LITERAL.search(said)) is not None:
                said += self._reader.read(int(literal[1])) + self._reader.readline()
            if said[start:].startswith(tag.encode() + b" "):
                assert said[start:].split()[1] == b"OK", said[start:]
                break
            assert len(said) > start, "the server hung up"
        self.bytes_out = getattr(self, "bytes_out", 0) + len(line)
        self.bytes_in = getattr(self, "bytes_in", 0) + len(said)
        return bytes(said)

    def close(self) -> None:
        self.run(c.Logout())
        self._socket.close()


def number(pattern: re.Pattern[bytes], said: bytes) -> int:
    found = pattern.search(said)
    assert found is not None, (pattern, said)
    return int(found[1])


def items(wire: Wire) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*DECIDING, *identity_items(wire.has))))


# --- the ways ---


def fetch(wire: Wire, place: Place) -> None:
    wire.run(c.UidFetch(SequenceSet.starting_at(place.uid_next), items(wire)))


def by_uid_next(wire: Wire, place: Place) -> int:
    if number(_UID_NEXT, wire.run(c.Examine("INBOX"))) <= place.uid_next:
        return 1
    fetch(wire, place)
    return 2


def by_uid_next_and_mod_seq(wire: Wire, place: Place) -> int:
    if number(_UID_NEXT, wire.run(c.Examine("INBOX", condstore=True))) <= place.uid_next:
        return 1
    fetch(wire, place)
    return 2


def unasked(wire: Wire, place: Place) -> int:
    """FETCH at once behind EXAMINE, whatever that will say; where nothing came it tells of the last message."""
    wire.run(c.Examine("INBOX", condstore=True))
    fetch(wire, place)
    return 1


def by_qresync(wire: Wire, place: Place) -> int:
    """ENABLE may be pipelined (RFC 5161 section 3.1); what is fetched depends on what EXAMINE says."""
    wire.run(c.Enable(("QRESYNC",)))
    known = SequenceSet(((1, place.uid_next - 1),))
    said = wire.run(c.Examine("INBOX", qresync=(place.uid_validity, place.mod_seq), known_uids=known))
    if number(_UID_NEXT, said) <= place.uid_next:
        return 1
    fetch(wire, place)
    return 2


def by_qresync_of_all(wire: Wire, place: Place) -> int:
    wire.run(c.Enable(("QRESYNC",)))
    said = wire.run(c.Examine("INBOX", qresync=(place.uid_validity, place.mod_seq)))
    fresh = [flags for uid, flags in _FLAGS.findall(said) if int(uid) >= place.uid_next]
    if number(_UID_NEXT, said) <= place.uid_next or (fresh and all(b"\\Seen" in flags for flags in fresh)):
        return 1
    fetch(wire, place)
    return 2


WAYS: dict[str, Callable[[Wire, Place], int]] = {
    "UIDNEXT": by_uid_next,
    "UIDNEXT, CONDSTORE": by_uid_next_and_mod_seq,
    "the same, FETCH unasked": unasked,
    "QRESYNC, known UIDs": by_qresync,
    "QRESYNC, all UIDs": by_qresync_of_all,
}


# --- the gaps ---


@contextmanager
def client(server: SandboxedServer, user: User) -> Iterator[IMAPClient]:
    with IMAPClient("127.0.0.1", server.ports.imap, ssl=False, timeout=TIMEOUT_SECONDS) as one:
        one.login(user.name, user.password)
        one.select_folder("INBOX")
        yield one


def nothing(server: SandboxedServer, user: User) -> None:
    pass


_serial = itertools.count()  # Cyrus takes the same Message-ID only once


def deliveries(count: int) -> Callable[[SandboxedServer, User], None]:
    def deliver(server: SandboxedServer, user: User) -> None:
        server.deliver_all(user.name, (mail.make(subject=f"new {next(_serial)}") for _ in range(count)))

    return deliver


def filed_as_read(server: SandboxedServer, user: User) -> None:
    deliveries(1)(server, user)
    with client(server, user) as one:
        one.add_flags(one.search("ALL")[-1:], [b"\\Seen"], silent=True)


def tidying(server: SandboxedServer, user: User) -> None:
    """One new mail, and the user has read and deleted on a train: every second old message \\Seen, every tenth gone."""
    with client(server, user) as one:
        uids = one.search("ALL")
        one.add_flags(uids[::2], [b"\\Seen"], silent=True)
        one.delete_messages(uids[::10], silent=True)
        one.expunge()
    deliveries(1)(server, user)


GAPS: dict[str, Callable[[SandboxedServer, User], None]] = {
    "nothing": nothing,
    "1 new": deliveries(1),
    "1 new, \\Seen": filed_as_read,
    "100 new": deliveries(100),
    "1 new, much read and deleted": tidying,
}


def place_of(server: SandboxedServer, user: User) -> Place:
    wire = Wire(server, user)
    said = wire.run(c.Examine("INBOX", condstore=True))
    wire.close()
    return Place(number(_UID_VALIDITY, said), number(_UID_NEXT, said), number(_MOD_SEQ, said))


def measure(server: SandboxedServer, old: int) -> None:
    print(f"\n{server.title}, {old:,} old messages")
    print(f"| {'gap':<28} | {'way':<23} | commands | round trips pipelined | bytes out | bytes in | ms |")
    print("|---|---|---|---|---|---|---|")
    user = server.add_user()
    server.deliver_all(user.name, (mail.plausible(one) for one in range(old)))
    for gap, make_gap in GAPS.items():
        place = place_of(server, user)
        make_gap(server, user)
        place_of(server, user)  # somebody has opened it since, so that no way pays for the server's own catching up
        for way, run in WAYS.items():
            wire = Wire(server, user)
            started = time.perf_counter()
            pipelined = run(wire, place)
            took = time.perf_counter() - started
            told = f"| {gap:<28} | {way:<23} | {wire.commands} | {pipelined} | {wire.bytes_out} | {wire.bytes_in:,} |"
            print(f"{told} {took * 1000:.1f} |")
            wire.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=int, default=1_000)
    old = parser.parse_args().old
    kinds = ((DovecotServer, why_not_dovecot), (CyrusServer, why_not_cyrus))
    for kind, why_not in kinds:
        if (reason := why_not()) is not None:
            print(f"{kind.title}: not measured, {reason}", file=sys.stderr)
            continue
        with kind() as server:
            measure(server, old)


if __name__ == "__main__":
    main()
