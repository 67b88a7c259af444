"""A client's line to a command (RFC 9051 section 9, ``command``): for the server half.

In: a :class:`~idlebell.imap.framing.Frame`. Out: :class:`~idlebell.imap.events.CommandReceived`, with
:class:`~idlebell.imap.commands.UnknownCommand` for what has no type, or
:class:`~idlebell.imap.events.BadCommandReceived` for what has one and breaks its grammar. Only a crossed bound raises
(:class:`~idlebell.imap.errors.RemoteProtocolError`), and no message repeats what the client sent.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from idlebell.imap import commands as c
from idlebell.imap import mailbox_name
from idlebell.imap.events import BadCommandReceived, CommandReceived
from idlebell.imap.framing import LITERAL, Frame
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.sequence_set import STAR, SequenceSet
from idlebell.imap.tokens import NUMBER64_MAX, Cursor, GrammarError

# RFC 9051 ``tag``: any ASTRING-CHAR except "+"; the bound keeps an echoed tag short.
TAG: Final = re.compile(rb"[^\x00-\x20(){%*\"\\\x7f-\xff+]{1,255}(?= )")
_PARTIAL: Final = re.compile(rb"<[0-9]{1,10}\.[1-9][0-9]{0,9}>")
_UNQUOTABLE: Final = re.compile(rb"[\x00\r\n]")

_MACROS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
        "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
        "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
    }
)
"""RFC 9051 section 6.4.5."""

_EVENTS: Final[Mapping[str, str]] = MappingProxyType({event.upper(): event for event in c.NOTIFY_EVENTS})


def parse_command(
    frame: Frame, limits: Limits = DEFAULT_LIMITS, *, utf8: bool = False
) -> CommandReceived | BadCommandReceived:
    """What the client asks. ``utf8``: mailbox names are UTF-8 (RFC 6855), not modified UTF-7."""
    tag = TAG.match(frame.parts[0])
    if tag is None:
        return BadCommandReceived("*", "a line begins with a tag and a space")
    cursor = Cursor(frame, limits, tag.end() + 1)
    spelled = tag[0].decode()
    try:
        return CommandReceived(spelled, _command(cursor, utf8))
    except GrammarError as error:
        return BadCommandReceived(spelled, str(error))


def _command(cursor: Cursor, utf8: bool) -> c.Command:
    name = cursor.name()
    if name == "UID":
        cursor.space()
        name = f"UID {cursor.name()}"
    read = _READERS.get(name)
    if read is None:
        cursor.skip(b" ")
        return c.UnknownCommand(name, cursor.rest())
    command = read(cursor, utf8)
    cursor.finish()
    return command


def _bare(command: c.Command) -> Callable[[Cursor, bool], c.Command]:
    return lambda _cursor, _utf8: command


def _login(cursor: Cursor, _utf8: bool) -> c.Command:
    cursor.space()
    username = _text(cursor.astring())
    cursor.space()
    return c.Login(username, _text(cursor.astring()))


def _authenticate(cursor: Cursor, _utf8: bool) -> c.Command:
    cursor.space()
    mechanism = cursor.name()
    if cursor.at_end():
        return c.Authenticate(mechanism)
    cursor.space()
    initial = cursor.atom()
    if initial == b"=":  # RFC 4959 section 3: an initial response of no bytes
        return c.Authenticate(mechanism, b"")
    try:
        return c.Authenticate(mechanism, base64.b64decode(initial, validate=True))
    except binascii.Error:
        raise GrammarError("base64 expected") from None


def _id(cursor: Cursor, _utf8: bool) -> c.Command:
    cursor.space()
    if cursor.nil():
        return c.Id(None)
    cursor.open()
    fields: list[tuple[str, str]] = []
    while cursor.more():
        name = _text(cursor.string())
        cursor.space()
        fields.append((name, _text(cursor.nstring() or b"")))
    return c.Id(tuple(fields))


def _enable(cursor: Cursor, _utf8: bool) -> c.Command:
    names: list[str] = []
    while cursor.skip(b" "):
        cursor.count()
        names.append(_text(cursor.atom()).upper())
    if not names:
        raise GrammarError("capability expected")
    return c.Enable(tuple(names))


def _list(cursor: Cursor, utf8: bool) -> c.Command:
    cursor.space()
    selection: tuple[str, ...] = ()
    if cursor.peek() == ord("("):
        selection = _words(cursor)
        cursor.space()
    reference = _mailbox(cursor, utf8)
    cursor.space()
    if cursor.peek() == ord("("):
        raise GrammarError("one pattern at a time")  # RFC 5258 allows several; no client of ours sends them
    pattern = mailbox_name.decode(cursor.astring(), utf8=utf8)
    returning: tuple[str, ...] = ()
    if cursor.skip(b" "):
        if cursor.name() != "RETURN":
            raise GrammarError("RETURN expected")
        cursor.space()
        returning = _words(cursor)
    return c.List(reference, pattern, selection, returning)


def _lsub(cursor: Cursor, utf8: bool) -> c.Command:
    cursor.space()
    reference = _mailbox(cursor, utf8)
    cursor.space()
    return c.Lsub(reference, _mailbox(cursor, utf8))


def _status(cursor: Cursor, utf8: bool) -> c.Command:
    cursor.space()
    mailbox = _mailbox(cursor, utf8)
    cursor.space()
    items = _words(cursor)
    if not items:
        raise GrammarError("item expected")
    return c.Status(mailbox, items)


def _open(kind: type[c.Examine | c.Select]) -> Callable[[Cursor, bool], c.Command]:
    def read(cursor: Cursor, utf8: bool) -> c.Command:
        cursor.space()
        mailbox = _mailbox(cursor, utf8)
        condstore = False
        qresync: tuple[int, int] | None = None
        known_uids: SequenceSet | None = None
        if cursor.skip(b" "):
            cursor.open()
            while cursor.more():
                parameter = cursor.name()
                if parameter == "CONDSTORE":
                    condstore = True
                elif parameter == "QRESYNC":
                    qresync, known_uids = _qresync(cursor)
                else:
                    raise GrammarError("CONDSTORE or QRESYNC expected")
        return kind(mailbox, condstore, qresync, known_uids)

    return read


def _qresync(cursor: Cursor) -> tuple[tuple[int, int], SequenceSet | None]:
    """RFC 7162 section 3.2.5; the optional message sequence match data is read over."""
    cursor.space()
    cursor.open()
    uid_validity = cursor.number(minimum=1)
    cursor.space()
    mod_seq = cursor.number(NUMBER64_MAX, minimum=1)
    known_uids: SequenceSet | None = None
    while cursor.more():
        if known_uids is None and cursor.peek() != ord("("):
            known_uids = cursor.sequence_set()
            if any(STAR in pair for pair in known_uids.ranges):
                raise GrammarError("known UIDs expected")
        else:
            cursor.skip_value()
    return (uid_validity, mod_seq), known_uids


def _notify(cursor: Cursor, utf8: bool) -> c.Command:
    """RFC 5465 section 8."""
    cursor.space()
    word = cursor.name()
    if word == "NONE":
        return c.Notify()
    if word != "SET":
        raise GrammarError("SET or NONE expected")
    cursor.space()
    status = cursor.peek() != ord("(")
    if status:
        if cursor.name() != "STATUS":
            raise GrammarError("STATUS or an event group expected")
        cursor.space()
    groups = [_event_group(cursor, utf8)]
    while cursor.skip(b" "):
        cursor.count()
        groups.append(_event_group(cursor, utf8))
    return c.Notify(tuple(groups), status)


def _event_group(cursor: Cursor, utf8: bool) -> c.EventGroup:
    cursor.open()
    selector = cursor.name().lower()
    named = c.NOTIFY_FILTERS.get(selector)
    if named is None:
        raise GrammarError("filter expected")
    cursor.space()
    mailboxes: list[str] = []
    if named:
        if cursor.peek() == ord("("):
            cursor.open()
            while cursor.more():
                mailboxes.append(_mailbox(cursor, utf8))
        else:
            mailboxes.append(_mailbox(cursor, utf8))
        if not mailboxes:
            raise GrammarError("mailbox expected")
        cursor.space()
    events: list[str] = []
    if cursor.peek() == ord("("):
        cursor.open()
        while cursor.more():
            events.append(_event(cursor))
        if not events:
            raise GrammarError("event expected")
    elif cursor.name() != "NONE":
        raise GrammarError("events expected")
    cursor.close()
    return c.EventGroup(selector, tuple(events), tuple(mailboxes))


def _event(cursor: Cursor) -> str:
    """As RFC 5465 spells it, one that it does not have as the client does; with the FETCH items after it."""
    name = _text(cursor.atom())
    name = _EVENTS.get(name.upper(), name)
    if not cursor.text.startswith(b" (", cursor.pos):
        return name
    cursor.space()
    cursor.open()
    items: list[str] = []
    while cursor.more():
        items.append(_fetch_item(cursor))
    if not items:
        raise GrammarError("item expected")
    return f"{name} ({' '.join(items)})"


def _uid_fetch(cursor: Cursor, _utf8: bool) -> c.Command:
    cursor.space()
    uids = cursor.sequence_set()
    cursor.space()
    if cursor.peek() == ord("("):
        cursor.open()
        found: list[str] = []
        while cursor.more():
            found.append(_fetch_item(cursor))
        items = tuple(found)
    else:
        item = _fetch_item(cursor)
        items = _MACROS.get(item, (item,))
    if not items:
        raise GrammarError("item expected")
    changed_since = None
    if cursor.skip(b" "):
        cursor.open()
        while cursor.more():
            modifier = cursor.name()
            if modifier == "CHANGEDSINCE":
                cursor.space()
                changed_since = cursor.number(NUMBER64_MAX)
            elif modifier != "VANISHED":  # RFC 7162 section 3.2.6
                raise GrammarError("CHANGEDSINCE expected")
    return c.UidFetch(uids, items, changed_since)


def _fetch_item(cursor: Cursor) -> str:
    """Upper-cased, header names as sent: ``BODY.PEEK[HEADER.FIELDS (List-Id)]<0.512>``, ``PREVIEW (LAZY)``."""
    item = cursor.name()
    if cursor.peek() == ord("["):
        item += cursor.section()
        partial = _PARTIAL.match(cursor.text, cursor.pos)
        if partial is not None:
            cursor.pos = partial.end()
            item += partial[0].decode()
    elif item == "PREVIEW" and cursor.text.startswith(b" (", cursor.pos):
        mark = cursor.mark()
        cursor.space()
        words = _words(cursor)
        if words and words[0] in ("LAZY", "FUZZY", "LAZY=FUZZY"):
            item += f" ({' '.join(words)})"
        else:
            cursor.rewind(mark)  # the fetch modifiers, not PREVIEW's own
    return item


def _uid_search(cursor: Cursor, _utf8: bool) -> c.Command:
    cursor.space()
    returning: tuple[str, ...] = ()
    if cursor.text[cursor.pos : cursor.pos + 8].upper() == b"RETURN (":
        cursor.name()
        cursor.space()
        returning = _words(cursor)
        cursor.space()
    criteria = _unfold(cursor)
    if not criteria.strip():
        raise GrammarError("search key expected")
    return c.UidSearch(criteria, returning)


def _unfold(cursor: Cursor) -> str:
    """The rest of the frame as text; its literals as quoted strings, so that criteria stay one line."""
    pieces: list[str] = []
    while True:
        rest = cursor.text[cursor.pos :]
        announced = LITERAL.fullmatch(rest, max(0, rest.rfind(b"{"))) if rest.endswith(b"}") else None
        if announced is None:
            cursor.pos = len(cursor.text)
            return "".join([*pieces, _text(rest)])
        cursor.pos += announced.start()
        literal = cursor.quoted_or_literal()
        if literal is None:
            raise GrammarError("literal expected")
        if _UNQUOTABLE.search(literal):
            raise GrammarError("a search string of one line expected")
        quoted = _text(literal).replace("\\", "\\\\").replace('"', '\\"')
        pieces += [_text(rest[: announced.start()]), f'"{quoted}"']


_READERS: Final[Mapping[str, Callable[[Cursor, bool], c.Command]]] = MappingProxyType(
    {
        **{
            c.name_of(type(command)): _bare(command)
            for command in (
                c.Capability(),
                c.Noop(),
                c.Logout(),
                c.StartTls(),
                c.Namespace(),
                c.Unselect(),
                c.Idle(),
            )
        },
        "LOGIN": _login,
        "AUTHENTICATE": _authenticate,
        "ID": _id,
        "ENABLE": _enable,
        "LIST": _list,
        "LSUB": _lsub,
        "STATUS": _status,
        "EXAMINE": _open(c.Examine),
        "SELECT": _open(c.Select),
        "NOTIFY": _notify,
        "UID FETCH": _uid_fetch,
        "UID SEARCH": _uid_search,
    }
)


def _mailbox(cursor: Cursor, utf8: bool) -> str:
    return mailbox_name.decode(cursor.astring(), utf8=utf8)


def _words(cursor: Cursor) -> tuple[str, ...]:
    """``(A B (C D) E)`` as ``A``, ``B (C D)``, ``E``, upper-cased: a list belongs to the word before it."""
    cursor.open()
    words: list[str] = []
    while cursor.more():
        if cursor.peek() == ord("("):
            if not words:
                raise GrammarError("word expected")
            words[-1] += " " + _text(cursor.skip_value()).upper()
        else:
            words.append(_text(cursor.atom()).upper())
    return tuple(words)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise GrammarError("UTF-8 expected") from None
