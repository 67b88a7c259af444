"""A simulated IMAP server that is not the bottleneck: workers of their own, each with one epoll instance, under TLS 1.3.

It knows the one dialogue that a watcher has (greeting, CAPABILITY, LOGIN or AUTHENTICATE PLAIN, EXAMINE, IDLE, DONE, NOOP,
STATUS, UID FETCH of what is new) and checks no password. User names end in a number, which is the mailbox. A mailbox is a
count of messages in memory that the workers share.

Prints one line of JSON when it is ready (``{"port", "ca_file", "pids"}``), then obeys lines on standard input and answers each
with a line of JSON:

* ``stats``: sessions, idling, logins and handshakes since the start
* ``keepalive SECONDS``: each session is told ``* OK Still here`` so often; 0: never
* ``mail NUMBER``: one mail; ``mails RATE SECONDS``: to mailboxes by chance, none of them twice before all had one; answers
  when all are announced, with the number and the monotonic time of each EXISTS
* ``outage SECONDS``: every session is reset, and connections are refused for so long
* ``quit``; the end of the input does the same
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import mmap
import os
import random
import resource
import select
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import trustme

MAILBOXES: Final = 1_000_000
BACKLOG: Final = 4_096
TICK_SECONDS: Final = 0.01
"""Between two rounds of keep-alives and mails."""
READ_BYTES: Final = 16_384
BEFORE_LOGIN: Final = b"IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE AUTH=PLAIN"
AFTER_LOGIN: Final = (
    b"IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE SORT THREAD=REFERENCES MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN "
    b"NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS "
    b"BINARY MOVE SPECIAL-USE"
)
"""Dovecot's, but NOTIFY."""
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: the connection ends with RST, and its port is free at once."""


class Session:
    __slots__ = ("auth_tag", "fd", "idle_tag", "mailbox", "pending", "shaken", "sock", "told")

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.shaken = False
        self.pending = b""
        self.mailbox = -1
        self.told = 0
        """EXISTS, as last said."""
        self.idle_tag = b""
        self.auth_tag = b""
        """AUTHENTICATE PLAIN waits for its response."""


class Worker:
    """``counts``: messages of each mailbox, shared by all workers."""

    def __init__(
        self, address: tuple[str, int], context: ssl.SSLContext, counts: memoryview, control: socket.socket
    ) -> None:
        self.address = address
        self.context = context
        self.counts = counts
        self.control = control
        self.poll = select.epoll()
        self.sessions: dict[int, Session] = {}
        self.ring: deque[Session] = deque()
        """Whose turn it is to be told that the server is still here."""
        self.keepalive_seconds = 0.0
        self.logins = self.handshakes = self.idling = 0
        self.listener: socket.socket | None = None
        self.listen_at: float | None = None
        self.mails: list[tuple[int, float]] = []
        self.mails_due = 0
        self.mails_rate = 0.0
        self.mails_from = 0.0
        self.unrung: list[Session] = []
        self.owed = 0.0
        self.swept_at = time.monotonic()

    def run(self) -> None:
        self.poll.register(self.control.fileno(), select.EPOLLIN)
        self._listen()
        while True:
            for fd, _ in self.poll.poll(TICK_SECONDS, 512):
                session = self.sessions.get(fd)
                if session is not None:
                    self._serve(session)
                elif self.listener is not None and fd == self.listener.fileno():
                    self._accept()
                elif fd == self.control.fileno() and not self._obey():
                    return
            self._sweep()

    # --- connections ---

    def _listen(self) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.listener.bind(self.address)
        self.listener.listen(BACKLOG)
        self.listener.setblocking(False)
        self.poll.register(self.listener.fileno(), select.EPOLLIN)

    def _accept(self) -> None:
        assert self.listener is not None
        for _ in range(64):
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            session = Session(sock)
            self.sessions[session.fd] = session
            self.poll.register(session.fd, select.EPOLLIN)

    def _serve(self, session: Session) -> None:
        try:
            if not session.shaken:
                session.sock.do_handshake()
                session.shaken = True
                self.handshakes += 1
                session.sock.send(b"* OK [CAPABILITY " + BEFORE_LOGIN + b"] ready.\r\n")
            while True:
                data = session.sock.recv(READ_BYTES)
                if not data:
                    self._end(session)
                    return
                session.pending += data
                *lines, session.pending = session.pending.split(b"\r\n")
                answer = b"".join([self._answer(session, line) for line in lines])
                if answer:
                    session.sock.send(answer)
                if answer.startswith(b"* BYE"):
                    self._end(session)
                    return
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self._end(session)

    def _end(self, session: Session, *, reset: bool = False) -> None:
        if self.sessions.pop(session.fd, None) is None:
            return
        if session.idle_tag:
            self.idling -= 1
        with contextlib.suppress(OSError):
            self.poll.unregister(session.fd)
            if reset:
                session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        session.sock.close()
        session.fd = -1

    # --- the dialogue ---

    def _answer(self, session: Session, line: bytes) -> bytes:
        if session.idle_tag:
            tag, session.idle_tag = session.idle_tag, b""
            self.idling -= 1
            return tag + b" OK Idle completed.\r\n"
        if session.auth_tag:
            tag, session.auth_tag = session.auth_tag, b""
            return self._logged_in(session, tag, base64.b64decode(line).split(b"\0")[1])
        tag, _, rest = line.partition(b" ")
        name, _, arguments = rest.partition(b" ")
        name = name.upper()
        if name == b"UID":
            name, _, arguments = arguments.partition(b" ")
            name = b"UID " + name.upper()
        news = self._news(session)
        if name == b"LOGIN":
            return self._logged_in(session, tag, arguments.split(b" ")[0].strip(b'"'))
        if name == b"AUTHENTICATE":
            _, _, initial = arguments.partition(b" ")
            if not initial:
                session.auth_tag = tag
                return b"+ \r\n"
            return self._logged_in(session, tag, base64.b64decode(initial).split(b"\0")[1])
        if name in {b"EXAMINE", b"SELECT"}:
            return self._open(session, tag)
        if name == b"IDLE":
            session.idle_tag = tag
            self.idling += 1
            return b"+ idling\r\n" + news
        if name == b"UID FETCH":
            return self._fetched(session, arguments) + news + tag + b" OK Fetch completed.\r\n"
        if name == b"STATUS":
            count = self.counts[session.mailbox]
            told = b"* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY 1 UNSEEN %d)\r\n" % (count, count + 1, count)
            return told + news + tag + b" OK Status completed.\r\n"
        if name == b"CAPABILITY":
            known = AFTER_LOGIN if session.mailbox >= 0 else BEFORE_LOGIN
            return b"* CAPABILITY " + known + b"\r\n" + tag + b" OK Capability completed.\r\n"
        if name == b"LIST":
            return b'* LIST (\\HasNoChildren) "/" INBOX\r\n' + tag + b" OK List completed.\r\n"
        if name == b"NAMESPACE":
            return b'* NAMESPACE (("" "/")) NIL NIL\r\n' + tag + b" OK Namespace completed.\r\n"
        if name == b"LOGOUT":
            return b"* BYE Logging out\r\n" + tag + b" OK Logout completed.\r\n"
        if name == b"ID":
            return b'* ID ("name" "simulated")\r\n' + tag + b" OK ID completed.\r\n"
        if name == b"ENABLE":
            return b"* ENABLED\r\n" + tag + b" OK Enabled.\r\n"
        return news + tag + b" OK Done.\r\n"

    def _logged_in(self, session: Session, tag: bytes, user: bytes) -> bytes:
        session.mailbox = int(b"0" + bytes(c for c in user if 48 <= c <= 57)) % MAILBOXES
        self.logins += 1
        self.ring.append(session)
        return tag + b" OK [CAPABILITY " + AFTER_LOGIN + b"] Logged in\r\n"

    def _open(self, session: Session, tag: bytes) -> bytes:
        count = session.told = self.counts[session.mailbox]
        return b"".join((
            b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n",
            b"* OK [PERMANENTFLAGS ()] Read-only mailbox.\r\n",
            b"* %d EXISTS\r\n* 0 RECENT\r\n" % count,
            b"* OK [UIDVALIDITY 1] UIDs valid\r\n* OK [UIDNEXT %d] Predicted next UID\r\n" % (count + 1),
            b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % (count + 1),
            tag + b" OK [READ-ONLY] Examine completed (0.001 + 0.000 secs).\r\n",
        ))  # fmt: skip

    def _news(self, session: Session) -> bytes:
        if session.mailbox < 0 or session.told == self.counts[session.mailbox]:
            return b""
        session.told = self.counts[session.mailbox]
        return b"* %d EXISTS\r\n" % session.told

    def _fetched(self, session: Session, arguments: bytes) -> bytes:
        """``UID FETCH first:* (items)``; of a mail only what a watcher asks for. UIDs are sequence numbers here."""
        first, _, last = arguments.partition(b" ")[0].partition(b":")
        count = self.counts[session.mailbox]
        if not count:
            return b""
        # RFC 9051, sequence-set: `n:*` always holds the last message.
        low, high = (count if one in {b"*", b""} else int(one) for one in (first, last or first))
        if last == b"*":
            low, high = min(low, count), count
        date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime()).encode()
        answer = []
        for uid in range(low, min(high, count) + 1):
            header = b"Message-ID: <%d.%d@example.org>\r\n\r\n" % (session.mailbox, uid)
            answer.append(
                b'* %d FETCH (UID %d FLAGS () INTERNALDATE "%s" RFC822.SIZE 2048 '
                b"BODY[HEADER.FIELDS (MESSAGE-ID)] {%d}\r\n%s)\r\n" % (uid, uid, date, len(header), header)
            )
        return b"".join(answer)

    # --- what the server says by itself ---

    def _sweep(self) -> None:
        now = time.monotonic()
        passed, self.swept_at = now - self.swept_at, now
        if self.listen_at is not None and now >= self.listen_at:
            self.listen_at = None
            self._listen()
        if self.mails_due:
            due = min(self.mails_due, int((now - self.mails_from) * self.mails_rate) - len(self.mails))
            for _ in range(due):
                self._announce_one()
        if self.keepalive_seconds:
            self.owed += len(self.ring) * passed / self.keepalive_seconds
            for _ in range(min(int(self.owed), len(self.ring))):
                self.owed -= 1
                session = self.ring.popleft()
                if session.fd < 0:
                    continue
                self.ring.append(session)
                if session.idle_tag:
                    self._say(session, b"* OK Still here\r\n")

    def _announce_one(self) -> None:
        while True:
            if not self.unrung:
                self.unrung = [one for one in self.sessions.values() if one.mailbox >= 0]
                random.shuffle(self.unrung)
            session = self.unrung.pop()
            if session.fd >= 0:
                break
        self.mails.append((session.mailbox, self._announce(session)))
        self.mails_due -= 1
        if not self.mails_due:
            self._reply({"mails": self.mails})

    def _announce(self, session: Session) -> float:
        self.counts[session.mailbox] += 1
        at = time.monotonic()
        if session.idle_tag:
            self._say(session, self._news(session))
        return at

    def _say(self, session: Session, data: bytes) -> None:
        try:
            session.sock.send(data)
        except OSError:
            self._end(session)

    # --- control ---

    def _obey(self) -> bool:
        words = self.control.recv(4_096).decode().split()
        match words:
            case ["stats"]:
                self._reply({
                    "sessions": len(self.sessions), "idling": self.idling, "logins": self.logins,
                    "handshakes": self.handshakes,
                })  # fmt: skip
            case ["keepalive", seconds]:
                self.keepalive_seconds = float(seconds)
                self._reply({})
            case ["mail", number]:
                found = next((one for one in self.sessions.values() if one.mailbox == int(number)), None)
                self._reply({"mails": [] if found is None else [(int(number), self._announce(found))]})
            case ["mails", rate, seconds]:
                self.mails, self.mails_from, self.mails_rate = [], time.monotonic(), float(rate)
                self.mails_due = int(float(rate) * float(seconds)) if self.sessions else 0
                if not self.mails_due:
                    self._reply({"mails": []})
            case ["outage", seconds]:
                if self.listener is not None:
                    self.poll.unregister(self.listener.fileno())
                    self.listener.close()
                    self.listener = None
                dropped = len(self.sessions)
                for session in list(self.sessions.values()):
                    self._end(session, reset=True)
                self.ring.clear()
                self.listen_at = time.monotonic() + float(seconds)
                self._reply({"dropped": dropped})
            case _:
                return False
        return True

    def _reply(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        self.control.setblocking(True)
        self.control.sendall(data)


def server_context(folder: Path) -> ssl.SSLContext:
    """A certificate for the loopback addresses (ECDSA, P-256); the authority's is in ``ca.pem``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("localhost", *(f"127.0.0.{number}" for number in range(1, 9)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    certificate.configure_cert(context)
    return context


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = server_context(folder)
        counts = memoryview(mmap.mmap(-1, MAILBOXES * 4)).cast("I")
        placeholder = socket.socket()  # a port that all workers may listen on; nobody listens here
        placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        placeholder.bind(("0.0.0.0", 0))
        address = ("0.0.0.0", placeholder.getsockname()[1])
        controls, pids = [], []
        for _ in range(options.workers):
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                ours.close()
                os.close(0)
                Worker(address, context, counts, theirs).run()
                os._exit(0)
            theirs.close()
            controls.append(ours.makefile("rwb"))
            pids.append(pid)
        print(json.dumps({"port": address[1], "ca_file": str(folder / "ca.pem"), "pids": pids}), flush=True)
        for line in sys.stdin:
            if line.split()[:1] == ["quit"]:
                break
            print(json.dumps(_ask_all(controls, line)), flush=True)
        for control in controls:
            control.write(b"quit\n")
            control.flush()
        for pid in pids:
            os.waitpid(pid, 0)


def _ask_all(controls: list[Any], line: str) -> dict[str, Any]:
    """Numbers of all workers added up, lists joined. A rate is shared by them."""
    words = line.split()
    if words[0] == "mails":
        words[1] = str(float(words[1]) / len(controls))
    for control in controls:
        control.write((" ".join(words) + "\n").encode())
        control.flush()
    merged: dict[str, Any] = {}
    for control in controls:
        for key, value in json.loads(control.readline()).items():
            merged[key] = merged[key] + value if key in merged else value
    return merged


if __name__ == "__main__":
    main()
