"""Response codes, as their RFCs show them and as servers send them."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.response_codes import parse_text
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
from idlebell.imap.sequence_set import SequenceSet


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[ALERT]", PlainCode("ALERT")),
        (b"[read-only]", PlainCode("READ-ONLY")),
        (b"[UIDVALIDITY 3857529045]", NumberCode("UIDVALIDITY", 3857529045)),
        (b"[UIDNEXT 4392]", NumberCode("UIDNEXT", 4392)),
        (b"[UNSEEN 12]", NumberCode("UNSEEN", 12)),
        (b"[HIGHESTMODSEQ 715194045007]", NumberCode("HIGHESTMODSEQ", 715194045007)),
        (b"[CAPABILITY imap4rev1  IDLE ]", CapabilityCode(frozenset({"IMAP4REV1", "IDLE"}))),
        (b"[CAPABILITY]", CapabilityCode(frozenset())),
        (b"[PERMANENTFLAGS (\\Deleted \\Seen \\*)]", PermanentFlagsCode(("\\Deleted", "\\Seen", "\\*"))),
        (b"[PERMANENTFLAGS (a]b \\*)]", PermanentFlagsCode(("a]b", "\\*"))),
        (b'[BADCHARSET (UTF-8 "a]b")]', BadCharsetCode(("UTF-8", "a]b"))),
        (b"[BADCHARSET]", BadCharsetCode(())),
        (b"[APPENDUID 38505 3955]", AppendUidCode(38505, SequenceSet(((3955, 3955),)))),
        (
            b"[COPYUID 38505 304,319:320 3956:3958]",
            CopyUidCode(38505, SequenceSet(((304, 304), (319, 320))), SequenceSet(((3956, 3958),))),
        ),
        (b"[MAILBOXID (F2212ea87-6097)]", MailboxIdCode("F2212ea87-6097")),
        (b"[BADEVENT (MessageNew FlagChange)]", BadEventCode(("MessageNew", "FlagChange"))),
        (
            b"[BADEVENT AnnotationChange ServerMetadataChange]",
            BadEventCode(("AnnotationChange", "ServerMetadataChange")),
        ),
        (b"[MODIFIED 7,9]", PlainCode("MODIFIED", b"7,9")),
        (b"[X-FOO a  b]", PlainCode("X-FOO", b"a  b")),
        (b"[METADATA LONGENTRIES 2199]", PlainCode("METADATA", b"LONGENTRIES 2199")),
    ],
)
def test_a_code_is_read_with_or_without_text(raw: bytes, code: ResponseCode) -> None:
    assert parse_text(raw + b" human text", DEFAULT_LIMITS) == (code, "human text")
    assert parse_text(raw + b" ", DEFAULT_LIMITS) == (code, "")
    assert parse_text(raw, DEFAULT_LIMITS) == (code, "")
    assert parse_text(raw + b"no space", DEFAULT_LIMITS) == (code, "no space")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[UIDNEXT 0]", PlainCode("UIDNEXT", b"0")),
        (b"[UIDNEXT]", PlainCode("UIDNEXT")),
        (b"[UIDVALIDITY 4294967296]", PlainCode("UIDVALIDITY", b"4294967296")),
        (b"[UIDNEXT 5 6]", PlainCode("UIDNEXT", b"5 6")),
        (b"[PERMANENTFLAGS x]", PlainCode("PERMANENTFLAGS", b"x")),
        (b"[MAILBOXID F1]", PlainCode("MAILBOXID", b"F1")),
        (b"[APPENDUID 1]", PlainCode("APPENDUID", b"1")),
        (b"[COPYUID 1 2]", PlainCode("COPYUID", b"1 2")),
    ],
)
def test_a_known_code_with_a_wrong_argument_is_kept_by_its_name(raw: bytes, code: ResponseCode) -> None:
    assert parse_text(raw + b" x", DEFAULT_LIMITS) == (code, "x")


@pytest.mark.parametrize("raw", [b"", b"plain", b"[never closed", b"[]", b"[ x]", b"[\xff]"])
def test_what_is_no_code_is_text(raw: bytes) -> None:
    assert parse_text(raw, DEFAULT_LIMITS) == (None, raw.decode("utf-8", "replace"))


def test_an_open_quote_or_list_in_an_argument_ends_at_the_first_bracket() -> None:
    assert parse_text(b'[X "a] b', DEFAULT_LIMITS) == (PlainCode("X", b'"a'), "b")
    assert parse_text(b"[X (a] b", DEFAULT_LIMITS) == (PlainCode("X", b"(a"), "b")


def test_a_text_that_is_no_utf8_is_shown_with_replacement() -> None:
    assert parse_text(b"\xb5\xc7", DEFAULT_LIMITS) == (None, "\ufffd\ufffd")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[UIDNEXT 999999999999999999999]", "number-too-long"),
        (b"[CAPABILITY a b c d]", "too-many-items"),
        (b"[BADEVENT a b c d]", "too-many-items"),
        (b"[APPENDUID 1 1,2,3,4]", "too-many-ranges"),
    ],
)
def test_a_bound_crossed_in_a_code_ends_the_connection(raw: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_text(raw, Limits(items=3, set_ranges=3))
    assert caught.value.reason == reason
