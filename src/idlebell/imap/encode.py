"""Commands and responses to bytes. What is written here is read back by the parsers here, and by nothing else differently.

In: values of :mod:`.commands` and :mod:`.responses`. Out: bytes, for a command in chunks, each but the last ending in an
announcement of a synchronizing literal (RFC 9051 section 4.3) after which the server's ``+`` must be awaited. A value that
cannot be spelled without changing its meaning is a :class:`~idlebell.imap.errors.LocalProtocolError`.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, assert_never

from idlebell.imap import commands
from idlebell.imap.commands import Command
from idlebell.imap.encode_response import encode_response
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.sequence_set import STAR, SequenceSet
from idlebell.imap.spelling import mailbox_bytes, number, quoted, sequence_set, text_bytes, word

LITERAL_MINUS_BYTES: Final = 4096
"""The largest non-synchronizing literal under LITERAL- (RFC 7888 section 5)."""

ID_FIELDS: Final = 30
ID_FIELD_BYTES: Final = 30
ID_VALUE_BYTES: Final = 1024
"""RFC 2971 section 3.3."""

_TAG: Final = re.compile(r"[A-Za-z0-9.\-]+")
_SPELLED: Final = re.compile(r"[ -~]+")
_ANNOUNCEMENT: Final = re.compile(rb"\{[0-9]+[+-]?\}\Z")
_FORBIDDEN: Final = re.compile(rb"[\x00\r\n]")
_ARGUMENTS: Final = re.compile(rb"[^\x00\r\n]*")


class _Writer:
    """The command so far, in chunks."""

    __slots__ = ("_chunks", "_line", "_non_synchronizing", "utf8")

    def __init__(self, non_synchronizing: int, *, utf8: bool) -> None:
        self._chunks: list[bytes] = []
        self._line = bytearray()
        self._non_synchronizing = non_synchronizing
        self.utf8 = utf8

    def bare(self, raw: bytes) -> None:
        self._line += raw

    def word(self, value: str, what: str) -> None:
        self._line += b" " + word(value, what)

    def spelled(self, value: str, what: str) -> None:
        """Grammar that the caller spelled out, after a space; printable ASCII."""
        if _SPELLED.fullmatch(value) is None:
            raise LocalProtocolError(f"{what} is not printable ASCII")
        self._line += b" " + value.encode()

    def spelled_list(self, values: tuple[str, ...], what: str) -> None:
        if not values:
            raise LocalProtocolError(f"{what} is an empty list")
        self.spelled("(" + " ".join(values) + ")", what)

    def string(self, value: bytes, what: str, *, space: bool = True) -> None:
        """After a space: quoted where that is safe, else a literal."""
        if _FORBIDDEN.search(value):
            raise LocalProtocolError(f"{what} holds NUL, CR or LF")
        if space:
            self._line += b" "
        spelling = quoted(value, utf8=self.utf8)
        if spelling is not None:
            self._line += spelling
        elif len(value) <= self._non_synchronizing:
            self._line += b"{%d+}\r\n%b" % (len(value), value)
        else:
            self._line += b"{%d}\r\n" % len(value)
            self._chunks.append(bytes(self._line))
            self._line = bytearray(value)

    def text(self, value: str, what: str) -> None:
        self.string(text_bytes(value), what)

    def mailbox(self, name: str, *, space: bool = True) -> None:
        self.string(mailbox_bytes(name, utf8=self.utf8), "a mailbox name", space=space)

    def chunks(self) -> tuple[bytes, ...]:
        if _ANNOUNCEMENT.search(self._line):
            raise LocalProtocolError("a command that ends like the announcement of a literal")
        return (*self._chunks, bytes(self._line) + b"\r\n")


def encode_command(
    tag: str,
    command: Command,
    *,
    literal_plus: bool = False,
    literal_minus: bool = False,
    sasl_ir: bool = False,
    utf8: bool = False,
) -> tuple[bytes, ...]:
    """The chunks of ``command``; after each but the last, wait for ``+``.

    ``literal_plus``, ``literal_minus``, ``sasl_ir``: the server offers LITERAL+, LITERAL- (RFC 7888), SASL-IR (RFC 4959).
    Without SASL-IR the initial response of AUTHENTICATE is left out, for the caller to give at the first ``+``.
    ``utf8``: UTF8=ACCEPT or IMAP4rev2 is enabled. LocalProtocolError: NUL, CR or LF in an argument, an empty list, a word
    that is none.
    """
    if _TAG.fullmatch(tag) is None:
        raise LocalProtocolError("a tag of letters, digits, . and - is needed")
    limit = -1
    if literal_plus:
        limit = 2**63 - 1
    elif literal_minus:
        limit = LITERAL_MINUS_BYTES
    writer = _Writer(limit, utf8=utf8)
    writer.bare(tag.encode())
    _write(writer, command, sasl_ir=sasl_ir)
    return writer.chunks()


def _write(writer: _Writer, command: Command, *, sasl_ir: bool) -> None:
    match command:
        case (
            commands.Capability()
            | commands.Noop()
            | commands.Logout()
            | commands.StartTls()
            | commands.Namespace()
            | commands.Unselect()
            | commands.Idle()
        ):
            writer.bare(b" " + type(command).__name__.upper().encode())
        case commands.Login(username, password):
            writer.bare(b" LOGIN")
            writer.text(username, "a user name")
            writer.text(password, "a password")
        case commands.Authenticate(mechanism, initial):
            writer.bare(b" AUTHENTICATE")
            writer.word(mechanism, "a SASL mechanism")
            if sasl_ir and initial is not None:
                # RFC 4959 section 3: an empty initial response is "=", for a missing one means that there is none.
                writer.bare(b" " + (binascii.b2a_base64(initial, newline=False) or b"="))
        case commands.Id(fields):
            _write_id(writer, fields)
        case commands.Enable(capabilities):
            writer.bare(b" ENABLE")
            if not capabilities:
                raise LocalProtocolError("ENABLE needs a capability")
            for capability in capabilities:
                writer.word(capability, "a capability")
        case commands.List():
            _write_list(writer, command)
        case commands.Lsub(reference, pattern):
            writer.bare(b" LSUB")
            writer.mailbox(reference)
            writer.mailbox(pattern)
        case commands.Status(mailbox, items):
            writer.bare(b" STATUS")
            writer.mailbox(mailbox)
            writer.spelled_list(items, "STATUS items")
        case commands.Examine():
            _write_select(writer, b" EXAMINE", command)
        case commands.Select():
            _write_select(writer, b" SELECT", command)
        case commands.UidFetch(uids, items, changed_since):
            writer.bare(b" UID FETCH " + sequence_set(uids))
            writer.spelled_list(items, "FETCH items")
            if changed_since is not None:
                writer.bare(b" (CHANGEDSINCE " + number(changed_since, bits=63) + b")")
        case commands.UidSearch(criteria, returning):
            writer.bare(b" UID SEARCH")
            if returning:
                writer.bare(b" RETURN")
                writer.spelled_list(returning, "RETURN options")
            writer.spelled(criteria, "a search key")
        case commands.Notify():
            _write_notify(writer, command)
        case commands.UnknownCommand(name, arguments):
            writer.word(name, "a command's name")
            if _ARGUMENTS.fullmatch(arguments) is None:
                raise LocalProtocolError("arguments of an unknown command hold NUL, CR or LF")
            if arguments:
                writer.bare(b" " + arguments)
        case _:
            assert_never(command)


def _write_id(writer: _Writer, fields: tuple[tuple[str, str], ...] | None) -> None:
    writer.bare(b" ID")
    if fields is None:
        writer.bare(b" NIL")
        return
    if len(fields) > ID_FIELDS:
        raise LocalProtocolError(f"ID has at most {ID_FIELDS} fields")
    writer.bare(b" (")
    for place, (name, value) in enumerate(fields):
        raw_name, raw_value = text_bytes(name), text_bytes(value)
        if len(raw_name) > ID_FIELD_BYTES or len(raw_value) > ID_VALUE_BYTES:
            raise LocalProtocolError("an ID field or value that is too long")
        writer.string(raw_name, "an ID field", space=place > 0)
        writer.string(raw_value, "an ID value")
    writer.bare(b")")


def _write_list(writer: _Writer, command: commands.List) -> None:
    """RFC 9051 section 6.3.9. The pattern is a mailbox name with ``*`` and ``%``."""
    writer.bare(b" LIST")
    if command.selection:
        writer.spelled_list(command.selection, "LIST selection options")
    writer.mailbox(command.reference)
    writer.mailbox(command.pattern)
    if command.returning:
        writer.bare(b" RETURN")
        writer.spelled_list(command.returning, "LIST return options")


def _write_select(writer: _Writer, name: bytes, command: commands.Examine | commands.Select) -> None:
    """RFC 7162 sections 3.1.8 and 3.2.5."""
    writer.bare(name)
    writer.mailbox(command.mailbox)
    parameters: list[bytes] = [b"CONDSTORE"] if command.condstore else []
    if command.qresync is not None:
        uid_validity, mod_sequence = command.qresync
        arguments = number(uid_validity, minimum=1) + b" " + number(mod_sequence, minimum=1, bits=63)
        if command.known_uids is not None:
            arguments += b" " + _known_uids(command.known_uids)
        parameters.append(b"QRESYNC (" + arguments + b")")
    elif command.known_uids is not None:
        raise LocalProtocolError("known UIDs without the UIDVALIDITY that they are of")
    if parameters:
        writer.bare(b" (" + b" ".join(parameters) + b")")


def _known_uids(uids: SequenceSet) -> bytes:
    """RFC 7162 section 7: ``known-uids`` is a sequence set without ``*``."""
    if any(STAR in pair for pair in uids.ranges):
        raise LocalProtocolError("known UIDs are numbers, never *")
    return sequence_set(uids)


def _write_notify(writer: _Writer, command: commands.Notify) -> None:
    """RFC 5465 section 8. The mailboxes of a group stand in parentheses, one also."""
    writer.bare(b" NOTIFY")
    if not command.groups:
        if command.status:
            raise LocalProtocolError("NOTIFY NONE tells no STATUS")
        writer.bare(b" NONE")
        return
    writer.bare(b" SET STATUS" if command.status else b" SET")
    for group in command.groups:
        named = commands.NOTIFY_FILTERS.get(group.filter)
        if named is None:
            raise LocalProtocolError("a filter that NOTIFY does not have")
        if named is not bool(group.mailboxes):
            raise LocalProtocolError("the filters subtree and mailboxes name mailboxes, the others none")
        writer.bare(b" (" + group.filter.encode())
        for place, mailbox in enumerate(group.mailboxes):
            writer.bare(b"" if place else b" (")
            writer.mailbox(mailbox, space=place > 0)
        if named:
            writer.bare(b")")
        if group.events:
            writer.spelled_list(group.events, "NOTIFY events")
        else:
            writer.bare(b" NONE")
        writer.bare(b")")


__all__ = ["encode_command", "encode_response"]
