"""Responses as they go over the wire; each is read back as it was."""

from __future__ import annotations

import pytest

from idlebell.imap import responses as r
from idlebell.imap.encode_response import encode_response
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import Condition
from idlebell.imap.sequence_set import STAR, SequenceSet

SET = SequenceSet(((1, 2), (9, 9)))


def read_back(wire: bytes, *, utf8: bool = False) -> r.Response:
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(wire)
    frame = framer.next_frame()
    assert isinstance(frame, Frame)
    assert framer.pending == 0
    return parse_response(frame, utf8=utf8)


def ok(code: r.ResponseCode | None, text: str = "x") -> r.StatusResponse:
    return r.StatusResponse(Condition.OK, code, text)


@pytest.mark.parametrize(
    ("response", "line"),
    [
        (ok(None, "hi"), b"* OK hi"),
        (ok(None, ""), b"* OK "),
        (ok(None, "[never closed"), b"* OK [never closed"),
        (ok(None, "größe {5}"), "* OK größe {5}".encode()),
        (ok(r.PlainCode("ALERT")), b"* OK [ALERT] x"),
        (ok(r.PlainCode("X", b"a (b) c")), b"* OK [X a (b) c] x"),
        (ok(r.NumberCode("UIDNEXT", 3)), b"* OK [UIDNEXT 3] x"),
        (ok(r.CapabilityCode(frozenset({"B", "A"}))), b"* OK [CAPABILITY A B] x"),
        (ok(r.PermanentFlagsCode(("\\Seen", "a]b"))), b"* OK [PERMANENTFLAGS (\\Seen a]b)] x"),
        (ok(r.BadCharsetCode(())), b"* OK [BADCHARSET] x"),
        (ok(r.BadCharsetCode(("UTF-8",))), b'* OK [BADCHARSET ("UTF-8")] x'),
        (ok(r.AppendUidCode(7, SET)), b"* OK [APPENDUID 7 1:2,9] x"),
        (ok(r.CopyUidCode(7, SET, SET)), b"* OK [COPYUID 7 1:2,9 1:2,9] x"),
        (ok(r.MailboxIdCode("F1")), b"* OK [MAILBOXID (F1)] x"),
        (ok(r.BadEventCode(("A", "B"))), b"* OK [BADEVENT (A B)] x"),
        (r.TaggedResponse("a1", Condition.NO, r.PlainCode("LIMIT"), "[no]"), b"a1 NO [LIMIT] [no]"),
        (r.ContinuationRequest(b""), b"+ "),
        (r.ContinuationRequest(b"abc="), b"+ abc="),
        (r.CapabilityData(frozenset({"IMAP4REV1"})), b"* CAPABILITY IMAP4REV1"),
        (r.EnabledData(frozenset()), b"* ENABLED"),
        (r.FlagsData(("\\Seen",)), b"* FLAGS (\\Seen)"),
        (r.ExistsData(0), b"* 0 EXISTS"),
        (r.RecentData(1), b"* 1 RECENT"),
        (r.ExpungeData(1), b"* 1 EXPUNGE"),
        (r.VanishedData(SET, earlier=True), b"* VANISHED (EARLIER) 1:2,9"),
        (r.VanishedData(SequenceSet(((3, STAR),)), earlier=False), b"* VANISHED 3:*"),
        (r.SearchData((3, 1)), b"* SEARCH 3 1"),
        (r.SearchData((3,), 9), b"* SEARCH 3 (MODSEQ 9)"),
        (r.ListData(frozenset(), None, "INBOX"), b'* LIST () NIL "INBOX"'),
        (
            r.ListData(frozenset({"\\B", "\\A"}), "/", "ü", "old", ("SUBSCRIBED",)),
            b'* LIST (\\A \\B) "/" "&APw-" ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" ("old"))',
        ),
        (r.ListData(frozenset(), "\\", "x", lsub=True), b'* LSUB () "\\\\" "x"'),
        (
            r.NamespaceData((r.NamespaceEntry("", "/"), r.NamespaceEntry("x", None)), None, ()),
            b'* NAMESPACE (("" "/")("x" NIL)) NIL ()',
        ),
        (r.StatusData("INBOX"), b'* STATUS "INBOX" ()'),
        (
            r.StatusData("x", 1, 2, 3, 4, 5, 6, 7, 8, "F1"),
            (
                b'* STATUS "x" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 UNSEEN 4 RECENT 5 HIGHESTMODSEQ 6 DELETED 7 SIZE 8 '
                b"MAILBOXID (F1))"
            ),
        ),
        (r.ESearchData(None, uid=False), b"* ESEARCH"),
        (
            r.ESearchData("a1", uid=True, minimum=1, maximum=9, count=3, all=SET, mod_seq=4),
            b'* ESEARCH (TAG "a1") UID MIN 1 MAX 9 COUNT 3 MODSEQ 4 ALL 1:2,9',
        ),
        (r.IdData(None), b"* ID NIL"),
        (r.IdData((("name", "x"), ("y", None))), b'* ID ("name" "x" "y" NIL)'),
        (r.IdData((("ü", "a\nb"),)), "* ID ({2}\r\nü {3}\r\na\nb)".encode()),
        (r.FetchData(3, uid=4), b"* 3 FETCH (UID 4)"),
        (r.Unknown(b"* XLIST {2}\r\nab x"), b"* XLIST {2}\r\nab x"),
    ],
)
def test_a_response_is_written_and_read_back(response: r.Response, line: bytes) -> None:
    wire = encode_response(response)
    assert wire == line + b"\r\n"
    assert read_back(wire) == response


def test_utf8_is_written_where_it_is_enabled() -> None:
    response = r.ListData(frozenset(), "/", "Entwürfe & so")
    wire = encode_response(response, utf8=True)
    assert wire == '* LIST () "/" "Entwürfe & so"\r\n'.encode()
    assert read_back(wire, utf8=True) == response


@pytest.mark.parametrize(
    "response",
    [
        ok(None, "[looks like a code] x"),
        ok(None, "a\r\n* BYE"),
        ok(None, "\ud800"),
        ok(r.PlainCode("")),
        ok(r.PlainCode("lower")),
        ok(r.PlainCode("A B")),
        ok(r.PlainCode("X", b"a]b")),
        ok(r.PlainCode("X", b"a\nb")),
        ok(r.PlainCode("UIDNEXT", b"5")),
        ok(r.NumberCode("XFOO", 5)),
        ok(r.NumberCode("UIDNEXT", 0)),
        ok(r.NumberCode("UIDNEXT", -1)),
        ok(r.MailboxIdCode("a)")),
        ok(r.CapabilityCode(frozenset({"A]B"}))),
        ok(r.AppendUidCode(0, SET)),
        ok(r.AppendUidCode(1, SequenceSet(()))),
        r.TaggedResponse("", Condition.OK, None, "x"),
        r.TaggedResponse("+", Condition.OK, None, "x"),
        r.TaggedResponse("a b", Condition.OK, None, "x"),
        r.TaggedResponse("a1", Condition.BYE, None, "x"),
        r.ContinuationRequest(b"a\r\nb"),
        r.CapabilityData(frozenset({"A B"})),
        r.FlagsData(("a b",)),
        r.ExistsData(-1),
        r.ExistsData(2**32),
        r.ExpungeData(0),
        r.SearchData((0,)),
        r.VanishedData(SequenceSet(()), earlier=False),
        r.ListData(frozenset(), "/", "a\nb"),
        r.StatusData("x", mailbox_id="a b"),
        r.Unknown(b"a\nb"),
        r.Unknown(b"* X {2}"),
        r.Unknown(b"* X\r\n* BYE"),
        r.Unknown(b"* X\r\n* Y {5}\r\n"),
    ],
)
def test_what_would_not_be_read_back_is_never_written(response: r.Response) -> None:
    with pytest.raises(LocalProtocolError):
        encode_response(response)


def test_what_is_no_response_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="object"):
        encode_response(object())  # type: ignore[arg-type]
