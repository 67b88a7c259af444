"""Response codes (RFC 9051 section 7.1, ``resp-text-code``) to their types.

In: what follows the condition of a status response. Out: the code and the text. A known code whose argument is not what
its RFC says is kept as a :class:`~idlebell.imap.responses.PlainCode`: no code is ever lost and none is fatal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from idlebell.imap.framing import Frame
from idlebell.imap.limits import Limits
from idlebell.imap.responses import (
    AppendUidCode,
    BadCharsetCode,
    BadEventCode,
    CapabilityCode,
    CopyUidCode,
    MailboxIdCode,
    NumberCode,
    PermanentFlagsCode,
    PlainCode,
    ResponseCode,
)
from idlebell.imap.tokens import NUMBER64_MAX, Cursor, GrammarError, atom_text, visible_text

# The argument ends at the first bracket outside a quoted string and outside a list: Dovecot and others allow keywords
# with a bracket in PERMANENTFLAGS. Where a quote or list has no end, the first bracket of all ends it.
_CODE: Final = re.compile(
    rb"""\[([\x21-\x5c\x5e-\x7e]++)
         (?:[ ]((?: [^\]"(] | "(?:[^"\\]|\\.)*+" | \((?:[^()"]|"(?:[^"\\]|\\.)*+")*+\) )*+))?
         \]""",
    re.VERBOSE,
)
_LOOSE_CODE: Final = re.compile(rb"\[([\x21-\x5c\x5e-\x7e]++)(?: ([^\]]*+))?\]")


def parse_text(raw: bytes, limits: Limits) -> tuple[ResponseCode | None, str]:
    """``[CODE argument] text``, each of them optional.

    Tolerated: no text after the code (hoodiecrow; RFC 9051 allows it, RFC 3501 did not), no space between them, a bracket
    that never closes (then all is text). The text is UTF-8, what is none of it replaced.
    """
    if not raw.startswith(b"["):
        return None, visible_text(raw)
    found = _CODE.match(raw) or _LOOSE_CODE.match(raw)
    if found is None:
        return None, visible_text(raw)
    text = raw[found.end() :]
    return parse_code(found[1], found[2] or b"", limits), visible_text(text.removeprefix(b" "))


def parse_code(raw_name: bytes, argument: bytes, limits: Limits) -> ResponseCode:
    """The code of this name. A bound that is crossed in the argument is a RemoteProtocolError."""
    name = raw_name.decode().upper()
    known = _KNOWN.get(name)
    if known is None:
        return PlainCode(name, argument)
    cursor = Cursor(Frame((argument,)), limits)
    try:
        code = known(name, cursor)
        cursor.finish()
    except GrammarError:
        return PlainCode(name, argument)
    return code


def _capability(name: str, cursor: Cursor) -> ResponseCode:
    return CapabilityCode(capabilities(cursor))


def capabilities(cursor: Cursor) -> frozenset[str]:
    """The rest of the line: names, upper-cased (RFC 9051 section 7.2.2: compared without regard to case)."""
    return frozenset(map(atom_text, cursor.atoms_to_end()))


def _number(name: str, cursor: Cursor) -> ResponseCode:
    return NumberCode(name, cursor.number(minimum=1))


def _mod_sequence(name: str, cursor: Cursor) -> ResponseCode:
    return NumberCode(name, cursor.number(NUMBER64_MAX, minimum=1))


def _permanent_flags(name: str, cursor: Cursor) -> ResponseCode:
    return PermanentFlagsCode(cursor.flags())


def _bad_charset(name: str, cursor: Cursor) -> ResponseCode:
    if cursor.at_end():
        return BadCharsetCode(())
    return BadCharsetCode(tuple(visible_text(charset) for charset in cursor.strings()))


def _append_uid(name: str, cursor: Cursor) -> ResponseCode:
    uid_validity = cursor.number(minimum=1)
    cursor.space()
    return AppendUidCode(uid_validity, cursor.sequence_set())


def _copy_uid(name: str, cursor: Cursor) -> ResponseCode:
    uid_validity = cursor.number(minimum=1)
    cursor.space()
    source = cursor.sequence_set()
    cursor.space()
    return CopyUidCode(uid_validity, source, cursor.sequence_set())


def _mailbox_id(name: str, cursor: Cursor) -> ResponseCode:
    return MailboxIdCode(object_id(cursor))


def object_id(cursor: Cursor) -> str:
    """``(F123)`` (RFC 8474 section 7)."""
    cursor.open()
    found = visible_text(cursor.atom())
    cursor.close()
    return found


def _bad_event(name: str, cursor: Cursor) -> ResponseCode:
    """RFC 5465 has parentheses; Dovecot 2.3 and 2.4 leave them out."""
    if cursor.peek() == 0x28:
        return BadEventCode(tuple(visible_text(event) for event in cursor.strings()))
    return BadEventCode(tuple(map(visible_text, cursor.atoms_to_end())))


_KNOWN: Final[Mapping[str, Callable[[str, Cursor], ResponseCode]]] = MappingProxyType(
    {
        "APPENDUID": _append_uid,
        "BADCHARSET": _bad_charset,
        "BADEVENT": _bad_event,
        "CAPABILITY": _capability,
        "COPYUID": _copy_uid,
        "HIGHESTMODSEQ": _mod_sequence,
        "MAILBOXID": _mailbox_id,
        "PERMANENTFLAGS": _permanent_flags,
        "UIDNEXT": _number,
        "UIDVALIDITY": _number,
        "UNSEEN": _number,
    }
)
