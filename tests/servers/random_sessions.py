"""Long random dialogues with an IMAP server, made of a seed alone: what is said never depends on what was answered.

The commands are those that a client may send after its login, well formed for the most part, in any order and with any
arguments; some are unknown, some are garbage. Two sessions of one user take turns.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from servers.courier_server import CourierServer
from servers.mail_server import SandboxedServer

MESSAGES: Final = 12
"""In INBOX at the outset; one is larger than any buffer on the way."""
LARGE_BYTES: Final = 200_000
DATE: Final = b'"05-Mar-2019 11:22:33 +0100"'
FLAGS: Final = (b"\\Seen", b"\\Deleted", b"\\Flagged", b"\\Answered", b"\\Draft", b"$Forwarded", b"Work", b"NonJunk")
ITEMS: Final = (
    b"FLAGS", b"UID", b"ENVELOPE", b"BODYSTRUCTURE", b"BODY", b"INTERNALDATE", b"RFC822.SIZE", b"RFC822", b"RFC822.HEADER",
    b"RFC822.TEXT", b"BODY[]", b"BODY.PEEK[]", b"BODY.PEEK[HEADER]", b"BODY.PEEK[TEXT]<0.100>", b"BODY[1]<10.20>",
    b"BODY.PEEK[1.MIME]", b"BODY.PEEK[2]", b"BODY.PEEK[HEADER.FIELDS (Subject From X-None)]",
    b"BODY.PEEK[HEADER.FIELDS.NOT (Received)]", b"BINARY.PEEK[1]", b"BINARY.SIZE[1]", b"MODSEQ", b"ALL", b"FAST", b"FULL",
    b"PREVIEW", b"X-NO-SUCH-ITEM", b"BODY.PEEK[]<199990.100>",
)  # fmt: skip
KEYS: Final = (
    b"ALL", b"ANSWERED", b"UNSEEN", b"DELETED", b"UNDELETED", b"KEYWORD Work", b"FROM boss",
    b"SUBJECT lunch", b"BODY noon", b"TEXT zzz", b"LARGER 1000", b"SMALLER 500", b"SINCE 1-Feb-2019", b"SENTBEFORE 1-Jan-2030",
    b"NOT SEEN", b"OR SEEN FLAGGED", b"UID 1:*", b"2:4", b"HEADER X-Number 3", b"(SEEN (NOT DELETED))", b"MODSEQ 1",
    b"YOUNGER 3600", b"NO-SUCH-KEY", b'SUBJECT "un\\"quoted"',
)  # fmt: skip
NEVER_HEARD: Final = (
    b"XYZZY", b"FROBNICATE a (b c) NIL", b"UID XYZZY 1", b"SETANNOTATION", b"X-REALLYLONG " + b"a" * 500, b"FETCH", b"STORE 1",
    b"UID", b"APPEND", b"SELECT", b"LOGIN a b", b"UNAUTHENTICAT", b"GETQUOTAROOT INBOX", b"MYRIGHTS INBOX", b"GETACL INBOX",
    b"NAMESPACE", b"CHECK", b'ID ("name" "differ" "version" "1")', b"ID NIL", b"CAPABILITY", b"NOOP", b"ENABLE",
    b"ENABLE XYZZY", b"ENABLE CONDSTORE", b"GETMETADATA INBOX /private/comment", b'SETMETADATA INBOX (/private/comment "hm")',
    b"GETMETADATA (DEPTH infinity) INBOX (/private /shared)", b"LANGUAGE", b"COMPARATOR", b"GETQUOTA none", b"UNSELECT",
    b"CLOSE", b"EXPUNGE", b"UID EXPUNGE 1:3", b"SELECT INBOX (CONDSTORE)", b"SELECT INBOX (XYZZY)", b"BINARY", b"RESETKEY",
    b"GENURLAUTH",
    b"SORT (SUBJECT) UTF-8 ALL", b"UID SORT (REVERSE DATE) US-ASCII ALL", b"THREAD REFERENCES UTF-8 ALL",
    b"THREAD XYZZY UTF-8 ALL", b"DONE", b"STARTTLS",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """``said``: in pieces; before each but the first the server asks for it with ``+``, and what it refuses is not sent.

    ``tag``: whose response ends it; None: it may have none. ``pipelined``: the next command goes along in the same write.
    ``cuts``: where the first piece is cut into writes. ``meanwhile``: what the other session does before the second piece,
    which is sent when the server has said ``EXISTS``.
    """

    session: int
    said: tuple[bytes, ...]
    tag: bytes | None
    pipelined: bool = False
    cuts: tuple[int, ...] = ()
    meanwhile: Step | None = None


def message(number: int, size: int = 0) -> bytes:
    """The same for the same arguments; every third has two parts."""
    head = (
        b"From: =?utf-8?q?B=C3=B6ss?= <boss@example.org>\r\nTo: Alice <alice@example.org>\r\nSubject: Lunch %d?\r\n"
        b"Date: Tue, 05 Mar 2019 11:22:33 +0100\r\nMessage-ID: <%d.%d@example.org>\r\nX-Number: %d\r\nMIME-Version: 1.0\r\n"
    ) % (number, number, size, number)
    text = b"At noon, \xc3\xbc.\r\n" + b"0123456789 {10} * 3 FETCH (x) \r\n" * (size // 33)
    if number % 3:
        return head + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text
    return (
        head
        + b'Content-Type: multipart/mixed; boundary="=b"\r\n\r\nA preamble\r\n--=b\r\nContent-Type: text/plain; charset=utf-8'
        b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + text
        + b"\r\n--=b\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--=b--\r\n"
    )


def initial_mail() -> list[bytes]:
    return [message(number, LARGE_BYTES if number == 5 else 40 * number) for number in range(1, MESSAGES + 1)]


class _Maker:
    def __init__(self, seed: int, server: SandboxedServer) -> None:
        courier = isinstance(server, CourierServer)
        self.idles = not courier
        """Somebody else's mail comes during IDLE, too: Courier looks only every 10 s."""
        self.literals_at_once = 0.1 if courier else 1.0
        """How often LITERAL+ is used where there is a choice: Courier takes its lines for commands, and soon closes."""
        self.copies_in_order = not courier
        """Of several messages that it copies at once Courier chooses the UIDs anew each time."""
        self.random = random.Random(seed)
        self.boxes = [
            b"INBOX",
            *(server.spell(name).encode() for name in ("Work", "Entw&APw-rfe", 'two words "quoted"', "Gone")),
            server.spell("Work", "Old").encode(),
        ]
        self.count = 0
        self.kinds: list[tuple[int, Callable[[], tuple[bytes, ...] | Step]]] = [
            (8, self.open), (22, self.fetch), (8, self.search), (10, self.store), (6, self.append), (5, self.copy),
            (4, self.list), (4, self.status), (5, self.mailboxes), (6, self.other), (3, self.garbage), (3, self.idle),
            (1, self.long),
        ]  # fmt: skip

    def step(self) -> Step:
        self.count += 1
        weights = [weight for weight, _ in self.kinds]
        (kind,) = self.random.choices([kind for _, kind in self.kinds], weights)
        made = kind()
        if isinstance(made, Step):
            return made
        return self.finish(made, 0 if self.random.random() < 0.75 else 1)

    def outset(self) -> list[Step]:
        """Some mailboxes are there and INBOX is open, else most commands have nothing to act on."""
        made = []
        for box in self.boxes[1:4]:
            self.count += 1
            made.append(self.finish((b'CREATE "%s"\r\n' % box.replace(b'"', b'\\"'),), 0))
        self.count += 1
        made.append(self.finish((b"SELECT INBOX\r\n",), 0))
        self.count += 1
        return [*made, self.finish((b"SELECT INBOX\r\n",), 1)]

    def finish(self, said: tuple[bytes, ...], session: int, *, pipelined: bool | None = None) -> Step:
        tag = self.tag
        first, *rest = said
        cuts = sorted(self.random.randrange(1, 20) for _ in range(self.random.choice((0, 0, 0, 1, 3))))
        if pipelined is None:
            # What is pipelined behind STARTTLS is thrown away by careful servers.
            pipelined = self.random.random() < 0.3 and len(said) == 1 and b"STARTTLS" not in first
        return Step(session, (tag + b" " + first, *rest), tag, pipelined, tuple(cuts))

    @property
    def tag(self) -> bytes:
        return b"t%d" % self.count

    # --- pieces of commands ---

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def box(self) -> bytes:
        return b"INBOX" if self.maybe(0.6) else self.random.choice(self.boxes)

    def name(self) -> bytes:
        """A mailbox as an atom or quoted."""
        name = self.box()
        if name.isalnum() and self.maybe(0.7):
            return name
        return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'

    def set(self) -> bytes:
        number = self.random.randrange
        return self.random.choice(
            (b"%d" % number(1, 7), b"1", b"1:*", b"*", b"%d:%d" % (number(1, 9), number(1, 14)),
             b"%d,%d,*" % (number(1, 5), number(1, 9)), b"1:3", b"2,4:6", b"0", b"99")
        )  # fmt: skip

    def uid(self) -> bytes:
        return b"UID " if self.maybe(0.5) else b""

    # --- commands ---

    def open(self) -> tuple[bytes, ...]:
        verb = self.random.choice((b"SELECT", b"SELECT", b"select", b"EXAMINE"))
        if self.maybe(0.15):
            name = self.box()
            return (b"%s {%d}\r\n" % (verb, len(name)), name + b"\r\n")
        if self.maybe(0.15 * self.literals_at_once):
            name = self.box()
            return (b"%s {%d+}\r\n%s\r\n" % (verb, len(name), name),)
        return (b"%s %s\r\n" % (verb, self.name()),)

    def fetch(self) -> tuple[bytes, ...]:
        items = self.random.sample(ITEMS, self.random.choice((1, 1, 2, 3, 5)))
        what = items[0] if len(items) == 1 else b"(" + b" ".join(items) + b")"
        return (b"%sFETCH %s %s\r\n" % (self.uid(), self.set(), what),)

    def search(self) -> tuple[bytes, ...]:
        keys = b" ".join(self.random.sample(KEYS, self.random.choice((1, 1, 2, 3))))
        options = self.random.choice(
            (b"", b"", b"", b"RETURN (COUNT MIN) ", b"RETURN () ", b"RETURN (ALL) ",
             b"CHARSET UTF-8 ", b"CHARSET X-NONE ")
        )  # fmt: skip
        if self.maybe(0.15):
            word = self.random.choice((b"l\xc3\xbcnch", b"noon"))
            return (b"%sSEARCH CHARSET UTF-8 TEXT {%d}\r\n" % (self.uid(), len(word)), word + b"\r\n")
        return (b"%sSEARCH %s%s\r\n" % (self.uid(), options, keys),)

    def store(self) -> tuple[bytes, ...]:
        flags = b" ".join(self.random.sample(FLAGS, self.random.choice((0, 1, 1, 2, 3))))
        verb = self.random.choice(
            (b"+FLAGS", b"-FLAGS", b"FLAGS", b"+FLAGS.SILENT", b"-FLAGS.SILENT", b"FLAGS.SILENT", b"+X")
        )
        unless = b"(UNCHANGEDSINCE 1) " if self.maybe(0.05) else b""
        return (b"%sSTORE %s %s%s (%s)\r\n" % (self.uid(), self.set(), unless, verb, flags),)

    def append(self) -> tuple[bytes, ...]:
        text = message(self.count, self.random.choice((0, 0, 0, 3_000, 70_000)))
        if self.maybe(0.1):
            text = text.replace(b"noon", b"no\x00n") if self.maybe(0.3) else text.replace(b"From", b"\xffrom")
        flags = (
            b" (%s)" % b" ".join(self.random.sample(FLAGS, self.random.choice((0, 1, 2)))) if self.maybe(0.7) else b""
        )
        head = b"APPEND %s%s %s " % (self.name(), flags, DATE)
        if self.maybe(0.4 * self.literals_at_once):
            return (head + b"{%d+}\r\n" % len(text) + text + b"\r\n",)
        if self.maybe(0.2):
            return (head + b"{%d}\r\n" % len(text), text + b" %s {%d}\r\n" % (DATE, len(text)), text + b"\r\n")
        return (head + b"{%d}\r\n" % len(text), text + b"\r\n")

    def copy(self) -> tuple[bytes, ...]:
        verb = self.random.choice((b"COPY", b"COPY", b"MOVE"))
        which = self.set() if self.copies_in_order else b"%d" % self.random.randrange(1, 7)
        return (b"%s%s %s %s\r\n" % (self.uid(), verb, which, self.name()),)

    def list(self) -> tuple[bytes, ...]:
        pattern = self.random.choice((b"*", b"%", b'""', b'"Wo%"', b"INBOX*", b"NoSuch"))
        form = self.random.choice(
            (b'LIST "" %s', b'LSUB "" %s', b'list "" %s', b'LIST "" (%s "Work")', b'LIST (SUBSCRIBED) "" %s',
             b'LIST "" %s RETURN (CHILDREN SUBSCRIBED)', b'LIST "" %s RETURN (STATUS (MESSAGES UNSEEN))', b"LIST %s",
             b'XLIST "" %s')
        )  # fmt: skip
        return (form % pattern + b"\r\n",)

    def status(self) -> tuple[bytes, ...]:
        items = self.random.sample((b"MESSAGES", b"UIDNEXT", b"UNSEEN", b"HIGHESTMODSEQ", b"SIZE", b"X"), 2)
        return (b"STATUS %s (%s)\r\n" % (self.name(), b" ".join(items)),)

    def mailboxes(self) -> tuple[bytes, ...]:
        verb = self.random.choice((b"CREATE", b"CREATE", b"CREATE", b"DELETE", b"SUBSCRIBE", b"UNSUBSCRIBE", b"RENAME"))
        second = b" " + self.name() if verb == b"RENAME" else b""
        return (b"%s %s%s\r\n" % (verb, self.name(), second),)

    def other(self) -> tuple[bytes, ...]:
        return (self.random.choice(NEVER_HEARD) + b"\r\n",)

    def long(self) -> tuple[bytes, ...]:
        """Lines longer than what is taken before a login."""
        many = b",".join(b"%d" % number for number in range(1, self.random.choice((3_000, 6_000))))
        return (self.random.choice((b"UID FETCH %s FLAGS\r\n", b"UID SEARCH UID %s\r\n")) % many,)

    def garbage(self) -> Step:
        """No line of it ends as a literal's announcement does: what follows is a command again."""
        said = self.random.choice(
            (
                b"\r\n", b" \r\n", b"garbage\r\n", b"+ x\r\n", b"* OK from me\r\n", b"t1\r\n", b"t1 \r\n", b"t1  NOOP\r\n",
                b't1 SELECT "INBOX\r\n', b"t1 SELECT (((\r\n", b"t1 FETCH 1 (FLAGS\r\n", b"t(1 NOOP\r\n", b" t1 NOOP\r\n",
                b"t1 NOOP\n", b"t1 NOOP \r\n",
                b"\xff\xfe t1 NOOP\r\n", b"t1 LIST " + b"(" * 200 + b"\r\n",
                bytes(self.random.choice(range(32, 127)) for _ in range(60)).rstrip(b"}") + b".\r\n",
            )
        )  # fmt: skip
        return Step(0 if self.maybe(0.8) else 1, (said,), None, self.maybe(0.5))

    def idle(self) -> Step:
        if not self.idles or self.maybe(0.5):
            return self.finish(
                (self.random.choice((b"IDLE\r\n", b"idle\r\n", b"IDLE now\r\n")), b"DONE\r\n"), 0, pipelined=False
            )
        text = message(self.count, 200)
        said = (b"APPEND INBOX %s {%d+}\r\n%s\r\n" % (DATE, len(text), text),)
        meanwhile = self.finish(said, 1, pipelined=False)
        self.count += 1
        idle = self.finish((b"IDLE\r\n", b"DONE\r\n"), 0, pipelined=False)
        return Step(0, idle.said, idle.tag, meanwhile=meanwhile)


def session(seed: int, length: int, server: SandboxedServer) -> list[Step]:
    """At least ``length`` steps."""
    maker = _Maker(seed, server)
    steps = maker.outset()
    while len(steps) < length:
        step = maker.step()
        if step.meanwhile is not None:
            maker.count += 1
            steps.append(maker.finish((b"SELECT INBOX\r\n",), 0, pipelined=False))
        steps.append(step)
    return steps
