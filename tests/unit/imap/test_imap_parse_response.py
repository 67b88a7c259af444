"""Every kind of response a client may meet, as the RFCs show it and as servers write it."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame
from idlebell.imap.limits import Limits
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import (
    BadCharsetCode,
    CapabilityCode,
    CapabilityData,
    Condition,
    ContinuationRequest,
    EnabledData,
    ESearchData,
    ExistsData,
    ExpungeData,
    FetchData,
    FlagsData,
    IdData,
    ListData,
    NamespaceData,
    NamespaceEntry,
    NumberCode,
    PlainCode,
    RecentData,
    Response,
    SearchData,
    StatusData,
    StatusResponse,
    TaggedResponse,
    Unknown,
    VanishedData,
)
from idlebell.imap.sequence_set import SequenceSet


def parse(*parts: bytes, utf8: bool = False) -> Response:
    return parse_response(Frame(parts), utf8=utf8)


# --- status responses ---


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b"* OK IMAP4rev1 Service Ready", StatusResponse(Condition.OK, None, "IMAP4rev1 Service Ready")),
        (b"* PREAUTH hi", StatusResponse(Condition.PREAUTH, None, "hi")),
        (b"* BYE", StatusResponse(Condition.BYE, None, "")),
        (b"* no [ALERT] full", StatusResponse(Condition.NO, PlainCode("ALERT"), "full")),
        (b"* BAD ", StatusResponse(Condition.BAD, None, "")),
        (b"* OK [UIDVALIDITY 1]", StatusResponse(Condition.OK, NumberCode("UIDVALIDITY", 1), "")),
        (b"* OK [CAPABILITY X] \xff", StatusResponse(Condition.OK, CapabilityCode(frozenset({"X"})), "\ufffd")),
        (b"* OK trailing ", StatusResponse(Condition.OK, None, "trailing ")),
    ],
)
def test_a_status_response_is_read(line: bytes, response: Response) -> None:
    assert parse(line) == response


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b"a1 OK done", TaggedResponse("a1", Condition.OK, None, "done")),
        (b"A.1-2] no [NOPERM] go away", TaggedResponse("A.1-2]", Condition.NO, PlainCode("NOPERM"), "go away")),
        (b"a1 BAD", TaggedResponse("a1", Condition.BAD, None, "")),
    ],
)
def test_a_tagged_response_is_read(line: bytes, response: Response) -> None:
    assert parse(line) == response


@pytest.mark.parametrize(
    "line", [b"a1", b"a1 ", b"a1 BYE x", b"a1 OKAY", b"a1  OK", b"x\xff OK", b"(a OK", b"SELECT x", b" * OK"]
)
def test_a_tagged_response_without_a_condition_ends_the_connection(line: bytes) -> None:
    """Nobody knows how the command ended."""
    with pytest.raises(RemoteProtocolError) as caught:
        parse(line)
    assert caught.value.reason == "bad-tagged-response"


@pytest.mark.parametrize("line", [b"Server Unavailable.", b"Server Unavailable. 15"])
def test_exchange_s_line_without_a_tag_is_a_bye(line: bytes) -> None:
    assert parse(line) == StatusResponse(Condition.BYE, PlainCode("UNAVAILABLE"), line.decode())


@pytest.mark.parametrize(
    ("line", "text"), [(b"+ idling", b"idling"), (b"+ ", b""), (b"+", b""), (b"+  x", b" x"), (b"+x", b"x")]
)
def test_a_continuation_request_is_read_with_or_without_its_space(line: bytes, text: bytes) -> None:
    assert parse(line) == ContinuationRequest(text)


def test_a_literal_in_a_response_code_counts_as_a_quoted_string() -> None:
    assert parse(b"a1 NO [BADCHARSET ({5}", b"UT\r]8", b" ~{2}", b'"\\', b" x)] no") == TaggedResponse(
        "a1", Condition.NO, BadCharsetCode(("UT ]8", "~", '"\\', "x")), "no"
    )


# --- data responses ---


def entry(prefix: str, delimiter: str | None) -> NamespaceEntry:
    return NamespaceEntry(prefix, delimiter)


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b"* CAPABILITY imap4rev1 AUTH=PLAIN ", CapabilityData(frozenset({"IMAP4REV1", "AUTH=PLAIN"}))),
        (b"* CAPABILITY", CapabilityData(frozenset())),
        (b"* ENABLED CONDSTORE X-GOOD-IDEA", EnabledData(frozenset({"CONDSTORE", "X-GOOD-IDEA"}))),
        (b"* ENABLED", EnabledData(frozenset())),
        (b"* FLAGS (\\Answered \\*)", FlagsData(("\\Answered", "\\*"))),
        (b"* 23 EXISTS", ExistsData(23)),
        (b"* 0 exists ", ExistsData(0)),
        (b"* 5 RECENT", RecentData(5)),
        (b"* 44 EXPUNGE", ExpungeData(44)),
        (b"* VANISHED 405,407,410", VanishedData(SequenceSet(((405, 405), (407, 407), (410, 410))), earlier=False)),
        (b"* VANISHED (EARLIER) 41,43:116", VanishedData(SequenceSet(((41, 41), (43, 116))), earlier=True)),
        (b"* 2 FETCH (UID 6)", FetchData(2, uid=6)),
        (b"* SEARCH 2 84 882", SearchData((2, 84, 882))),
        (b"* SEARCH", SearchData(())),
        (b"* SEARCH ", SearchData(())),
        (b"* SEARCH 2 5 (MODSEQ 917162500)", SearchData((2, 5), 917162500)),
        (b"* ID NIL", IdData(None)),
        (b'* ID ("name" "Cyrus" "x" NIL)', IdData((("name", "Cyrus"), ("x", None)))),
        (b"* ID ()", IdData(())),
        (b"* ESEARCH", ESearchData(None, uid=False)),
        (b'* ESEARCH (TAG "A282") MIN 2 COUNT 3', ESearchData("A282", uid=False, minimum=2, count=3)),
        (
            b"* ESEARCH (TAG A285) UID MAX 99 ALL 43,1:2 MODSEQ 1236 PARTIAL (1:2 7)",
            ESearchData("A285", uid=True, maximum=99, all=SequenceSet(((43, 43), (1, 2))), mod_seq=1236),
        ),
        (b"* LIST () NIL inbox", ListData(frozenset(), None, "INBOX")),
        (b'* LSUB (\\Noselect) "/" foo', ListData(frozenset({"\\Noselect"}), "/", "foo", lsub=True)),
        (b'* LIST (\\A \\B) "\\\\" "a b"', ListData(frozenset({"\\A", "\\B"}), "\\", "a b")),
        (b'* LIST () "/" BBB ("OLDNAME" (AAA))', ListData(frozenset(), "/", "BBB", old_name="AAA")),
        (
            b'* LIST () "/" Foo (CHILDINFO ("SUBSCRIBED") X-OTHER (a (b)) )',
            ListData(frozenset(), "/", "Foo", child_info=("SUBSCRIBED",)),
        ),
        (
            b'* NAMESPACE (("" "/")) NIL (("#shared." ".")("x" NIL "X-PARAM" ("a" "b")))',
            NamespaceData((entry("", "/"),), None, (entry("#shared.", "."), entry("x", None))),
        ),
        (b"* NAMESPACE NIL NIL ()", NamespaceData(None, None, ())),
        (
            (
                b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 3 UNSEEN 4 RECENT 5 "
                b"HIGHESTMODSEQ 6 DELETED 7 SIZE 8 MAILBOXID (F1))"
            ),
            StatusData("blurdybloop", 231, 44292, 3, 4, 5, 6, 7, 8, "F1"),
        ),
        (b"* status inbox () ", StatusData("INBOX")),
    ],
)
def test_a_data_response_is_read(line: bytes, response: Response) -> None:
    assert parse(line) == response


def test_a_status_item_that_is_no_number_counts_as_left_out() -> None:
    assert parse(
        b"* STATUS x (MESSAGES -1 UIDNEXT 4294967296 UNSEEN 5x MAILBOXID F1 APPENDLIMIT NIL UIDVALIDITY 7)"
    ) == StatusData("x", uid_validity=7)


def test_mailbox_names_are_modified_utf7_or_utf8() -> None:
    assert parse(b"* LIST () NIL Entw&APw-rfe") == ListData(frozenset(), None, "Entwürfe")
    assert parse('* LIST () NIL "Entwürfe"'.encode(), utf8=True) == ListData(frozenset(), None, "Entwürfe")
    assert parse(b"* STATUS {4}", b"a{b}", b" (UIDNEXT 2)") == StatusData("a{b}", uid_next=2)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"*",
        b"*OK",
        b"*  OK",
        b"* ",
        b"* 12",
        b"* 12 ",
        b"* FROBNICATE x",
        b"* 12 FROB",
        b"* 12 FETCHX (UID 1)",
        b"* 0 EXPUNGE",
        b"* 0 FETCH (UID 1)",
        b"* 4294967296 EXISTS",
        b"* -1 EXISTS",
        b"* 1 EXISTS x",
        b"* 1 FETCH",
        b"* 1 FETCH (UID 1",
        b"* 1 FETCH (UID 1) x",
        b"* FLAGS NIL",
        b"* FLAGS () x",
        b"* LIST",
        b"* LIST () NIL",
        b"* LIST () NIL x y",
        b"* LIST () NIL x (OLDNAME a)",
        b"* NAMESPACE NIL NIL",
        b"* NAMESPACE NIL NIL x",
        b"* SEARCH x",
        b"* SEARCH 0",
        b"* SEARCH 1 (COUNT 2)",
        b"* SEARCH 1 (MODSEQ 2) 3",
        b"* ESEARCH (X y)",
        b"* ESEARCH MIN",
        b"* ESEARCH MIN x",
        b"* ESEARCH MIN 1 UID",
        b"* ESEARCH ALL x",
        b"* VANISHED",
        b"* VANISHED (LATER) 1",
        b"* VANISHED 1,",
        b"* ID x",
        b"* ID (x)",
        b"* STATUS x",
        b"* STATUS x (MESSAGES)",
        b"* STATUS x (MESSAGES 1",
        b"* CAPABILITY (x)",
        b"* \xff",
    ],
)
def test_what_is_framed_but_makes_no_sense_survives_as_it_came(line: bytes) -> None:
    assert parse(line) == Unknown(line)


def test_an_unknown_response_keeps_its_literals() -> None:
    assert parse(b"* METADATA x (/y {3}", b"a\r\n", b")") == Unknown(b"* METADATA x (/y {3}\r\na\r\n)")


@pytest.mark.parametrize(
    ("line", "limits", "reason"),
    [
        (b"* 111111111111111111111 EXISTS", Limits(), "number-too-long"),
        (b"* SEARCH 1 2 3", Limits(items=2), "too-many-items"),
        (b"* FLAGS (a b c)", Limits(items=2), "too-many-items"),
        (b"* CAPABILITY a b c", Limits(items=2), "too-many-items"),
        (b"* ESEARCH MIN 1 MAX 2 COUNT 3", Limits(items=2), "too-many-items"),
        (b"* VANISHED 1,2,3", Limits(set_ranges=2), "too-many-ranges"),
        (b"* STATUS x (FOO " + b"(" * 99, Limits(), "too-deep"),
        (b"* LIST () NIL x (FOO " + b"(" * 99, Limits(), "too-deep"),
        (b"* OK [UIDNEXT 111111111111111111111] x", Limits(), "number-too-long"),
    ],
)
def test_a_bound_crossed_ends_the_connection(line: bytes, limits: Limits, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_response(Frame((line,)), limits)
    assert caught.value.reason == reason
