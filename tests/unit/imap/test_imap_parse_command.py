"""Lines of a client to commands, and what is no command."""

import pytest

from idlebell.imap import commands as c
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.events import BadCommandReceived, CommandReceived
from idlebell.imap.framing import Frame
from idlebell.imap.limits import Limits
from idlebell.imap.parse_command import parse_command
from idlebell.imap.sequence_set import STAR, SequenceSet


def parse(*parts: bytes, utf8: bool = False) -> c.Command:
    event = parse_command(Frame((b"a1 " + parts[0], *parts[1:])), utf8=utf8)
    assert isinstance(event, CommandReceived), event
    assert event.tag == "a1"
    return event.command


ONE_TO_STAR = SequenceSet(((1, STAR),))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"CAPABILITY", c.Capability()),
        (b"noop", c.Noop()),
        (b"LOGOUT ", c.Logout()),
        (b"STARTTLS", c.StartTls()),
        (b"NAMESPACE", c.Namespace()),
        (b"UNSELECT", c.Unselect()),
        (b"IDLE", c.Idle()),
        (b'LOGIN bob "b\\"b"', c.Login("bob", 'b"b')),
        (b"AUTHENTICATE plain", c.Authenticate("PLAIN")),
        (b"AUTHENTICATE PLAIN =", c.Authenticate("PLAIN", b"")),
        (b"AUTHENTICATE PLAIN AGIAYg==", c.Authenticate("PLAIN", b"\0b\0b")),
        (b"ID NIL", c.Id(None)),
        (b"ID ()", c.Id(())),
        (b'ID ("name" "x" "version" NIL)', c.Id((("name", "x"), ("version", "")))),
        (b"ENABLE condstore QRESYNC", c.Enable(("CONDSTORE", "QRESYNC"))),
        (b'LIST "" *', c.List("", "*")),
        (b'LSUB "" *', c.Lsub("", "*")),
        (b'LIST "" "&ANw-%"', c.List("", "Ü%")),
        (
            b'LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE STATUS (messages uidnext))',
            c.List("", "*", ("SUBSCRIBED",), ("SPECIAL-USE", "STATUS (MESSAGES UIDNEXT)")),
        ),
        (b"STATUS inbox (UIDNEXT unseen)", c.Status("INBOX", ("UIDNEXT", "UNSEEN"))),
        (b"EXAMINE INBOX", c.Examine("INBOX")),
        (b"SELECT &ANw- (CONDSTORE)", c.Select("Ü", condstore=True)),
        (b"EXAMINE INBOX (QRESYNC (7 90))", c.Examine("INBOX", qresync=(7, 90))),
        (
            b"EXAMINE INBOX (QRESYNC (7 90 1:9 (1 2)))",
            c.Examine("INBOX", qresync=(7, 90), known_uids=SequenceSet(((1, 9),))),
        ),
        (b"SELECT INBOX (QRESYNC (7 90 (1 2)))", c.Select("INBOX", qresync=(7, 90))),
        (b"notify none", c.Notify()),
        (b"NOTIFY SET (Personal NONE)", c.Notify((c.EventGroup("personal", ()),))),
        (b"UID FETCH 1:* flags", c.UidFetch(ONE_TO_STAR, ("FLAGS",))),
        (b"UID FETCH 1:* FAST", c.UidFetch(ONE_TO_STAR, ("FLAGS", "INTERNALDATE", "RFC822.SIZE"))),
        (b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5)", c.UidFetch(ONE_TO_STAR, ("FLAGS",), 5)),
        (b"UID FETCH 1:* FLAGS (CHANGEDSINCE 5 VANISHED)", c.UidFetch(ONE_TO_STAR, ("FLAGS",), 5)),
        (
            b"UID FETCH 1:* (UID body.peek[header.fields (List-Id)]<0.9> BODY[] PREVIEW (lazy))",
            c.UidFetch(ONE_TO_STAR, ("UID", "BODY.PEEK[HEADER.FIELDS (List-Id)]<0.9>", "BODY[]", "PREVIEW (LAZY)")),
        ),
        (b"UID FETCH 1:* PREVIEW (CHANGEDSINCE 5)", c.UidFetch(ONE_TO_STAR, ("PREVIEW",), 5)),
        (b"UID FETCH 1:* PREVIEW", c.UidFetch(ONE_TO_STAR, ("PREVIEW",))),
        (b"UID SEARCH ALL", c.UidSearch("ALL")),
        (b'UID SEARCH return (MAX count) UNSEEN FROM "x y"', c.UidSearch('UNSEEN FROM "x y"', ("MAX", "COUNT"))),
        (b"STORE 1 +FLAGS (\\Seen)", c.UnknownCommand("STORE", b"1 +FLAGS (\\Seen)")),
        (b"UID STORE 1 FLAGS ()", c.UnknownCommand("UID STORE", b"1 FLAGS ()")),
        (b"X", c.UnknownCommand("X", b"")),
    ],
)
def test_a_line_is_a_command(line: bytes, command: c.Command) -> None:
    assert parse(line) == command


def test_notify_names_events_as_the_rfc_does_and_mailboxes_as_the_session_does() -> None:
    line = (
        b"NOTIFY SET status (selected (messagenew (uid body.peek[header.fields (List-Id)]) MESSAGEEXPUNGE Odd))"
        b" (mailboxes inbox (FlagChange)) (subtree (&ANw- {3}"
    )
    assert parse(line, b"a b", b") (MailboxName))") == c.Notify(
        (
            c.EventGroup("selected", ("MessageNew (UID BODY.PEEK[HEADER.FIELDS (List-Id)])", "MessageExpunge", "Odd")),
            c.EventGroup("mailboxes", ("FlagChange",), ("INBOX",)),
            c.EventGroup("subtree", ("MailboxName",), ("Ü", "a b")),
        ),
        status=True,
    )


def test_literals_are_strings_too() -> None:
    assert parse(b"LOGIN {3}", b"b b", b" {2+}", b"p\\", b"") == c.Login("b b", "p\\")
    assert parse(b"EXAMINE {5}", "Üä!".encode(), b"", utf8=True) == c.Examine("Üä!")


def test_literals_of_a_search_become_quoted_strings() -> None:
    assert parse(b"UID SEARCH SUBJECT {3}", b'a"b', b" FROM {1}", b"c", b" SEEN") == c.UidSearch(
        'SUBJECT "a\\"b" FROM "c" SEEN'
    )


def test_a_search_may_end_like_a_literal() -> None:
    assert parse(b'UID SEARCH SUBJECT "{3}"') == c.UidSearch('SUBJECT "{3}"')


@pytest.mark.parametrize(
    "line",
    [
        b"LOGIN bob",
        b"LOGIN bob b b",
        b"LOGIN bob \xff",
        b"NOOP now",
        b"AUTHENTICATE",
        b"AUTHENTICATE PLAIN what?",
        b"AUTHENTICATE PLAIN (",
        b"ID",
        b"ID (name)",
        b"ENABLE",
        b'LIST "" ("a" "b")',
        b'LIST "" "*" SORT (X)',
        b'LIST ((X)) "" "*"',
        b"STATUS INBOX ()",
        b"STATUS INBOX",
        b"EXAMINE",
        b"EXAMINE INBOX (X)",
        b"EXAMINE INBOX (QRESYNC (0 1))",
        b"EXAMINE INBOX (QRESYNC (7 0))",
        b"EXAMINE INBOX (QRESYNC (7 90 1:*))",
        b"NOTIFY",
        b"NOTIFY ALL",
        b"NOTIFY NONE (personal NONE)",
        b"NOTIFY SET",
        b"NOTIFY SET STATUS",
        b"NOTIFY SET ALL (personal NONE)",
        b"NOTIFY SET (everything (MessageNew))",
        b"NOTIFY SET (personal MessageNew MessageExpunge)",
        b"NOTIFY SET (personal ())",
        b"NOTIFY SET (personal ALL)",
        b"NOTIFY SET (mailboxes () (MessageNew))",
        b"NOTIFY SET (mailboxes (MessageNew))",
        b"NOTIFY SET (selected (MessageNew ()))",
        b"NOTIFY SET (selected (MessageNew (UID))",
        b"NOTIFY SET (personal (MessageNew))x",
        b"UID FETCH 0 FLAGS",
        b"UID FETCH 1 ()",
        b"UID FETCH 1 FLAGS (X)",
        b"UID FETCH 1 (BODY[",
        b"UID SEARCH",
        b"UID SEARCH  ",
        b"UID SEARCH RETURN (MAX)",
        b"UID SEARCH SUBJECT {3}",
        b"UID",
        b"(",
        b"",
    ],
)
def test_a_line_that_breaks_the_grammar_is_bad(line: bytes) -> None:
    event = parse_command(Frame((b"a1 " + line,)))
    assert isinstance(event, BadCommandReceived)
    assert event.tag == "a1"
    assert event.reason


def test_a_search_string_of_several_lines_is_bad() -> None:
    event = parse_command(Frame((b"a1 UID SEARCH TEXT {3}", b"a\r\n", b"")))
    assert event == BadCommandReceived("a1", "a search string of one line expected")


@pytest.mark.parametrize("line", [b"", b"noop", b" NOOP", b"+ NOOP", b"* NOOP", b"\xff NOOP", b"x" * 256 + b" NOOP"])
def test_a_line_without_a_tag_is_bad(line: bytes) -> None:
    event = parse_command(Frame((line,)))
    assert isinstance(event, BadCommandReceived)
    assert event.tag == "*"


def test_no_reason_repeats_what_the_client_sent() -> None:
    event = parse_command(Frame((b"a1 LOGIN bob hunter2 x",)))
    assert "hunter2" not in repr(event)


def test_a_crossed_bound_ends_the_connection() -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse_command(Frame((b"a1 LIST (X " + b"(" * 5_000,)))
    assert raised.value.reason in {"too-deep", "too-many-items"}
    with pytest.raises(RemoteProtocolError):
        parse_command(Frame((b"a1 ENABLE a b c d",)), Limits(items=3))


def test_parentheses_after_noop_are_not_even_looked_at() -> None:
    """A login proxy once held a megabyte a connection for them."""
    assert parse_command(Frame((b"a1 NOOP " + b"(" * 5_000,))) == BadCommandReceived("a1", "something follows")


def test_an_unknown_command_with_nested_arguments_costs_nothing() -> None:
    assert parse(b"X " + b"(" * 5_000) == c.UnknownCommand("X", b"(" * 5_000)


def test_braces_within_a_search_key_announce_nothing() -> None:
    """Found by the fuzzer: the line ends with a brace, and what looks like an announcement stands before."""
    read = parse_command(Frame((b"a UID SEARCH KEYWORD x{3}y}",)))
    assert read == CommandReceived("a", c.UidSearch("KEYWORD x{3}y}"))
