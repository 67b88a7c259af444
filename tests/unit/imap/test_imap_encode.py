"""Commands as they go over the wire, and what can never be sent."""

from __future__ import annotations

from typing import Any

import pytest

from idlebell.imap import commands as c
from idlebell.imap.encode import encode_command, encode_response
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.responses import ExistsData
from idlebell.imap.sequence_set import SequenceSet

NOTIFY = (
    b"NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge))"
    b' (mailboxes ("Entw&APw-rfe" "INBOX") (MessageNew MessageExpunge)) (subtree ("a b") (MailboxName))'
)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (c.Capability(), b"CAPABILITY"),
        (c.Noop(), b"NOOP"),
        (c.Logout(), b"LOGOUT"),
        (c.StartTls(), b"STARTTLS"),
        (c.Namespace(), b"NAMESPACE"),
        (c.Unselect(), b"UNSELECT"),
        (c.Idle(), b"IDLE"),
        (c.Login("alice", 'p"w\\'), b'LOGIN "alice" "p\\"w\\\\"'),
        (c.Authenticate("PLAIN"), b"AUTHENTICATE PLAIN"),
        (c.Authenticate("PLAIN", b"x"), b"AUTHENTICATE PLAIN"),
        (c.Id(None), b"ID NIL"),
        (c.Id(()), b"ID ()"),
        (c.Id((("name", "idlebell"), ("v", ""))), b'ID ("name" "idlebell" "v" "")'),
        (c.Enable(("CONDSTORE", "UTF8=ACCEPT")), b"ENABLE CONDSTORE UTF8=ACCEPT"),
        (c.List("", "*"), b'LIST "" "*"'),
        (c.Lsub("", "*"), b'LSUB "" "*"'),
        (
            c.List("", "%", ("SUBSCRIBED",), ("CHILDREN", "STATUS (MESSAGES)")),
            b'LIST (SUBSCRIBED) "" "%" RETURN (CHILDREN STATUS (MESSAGES))',
        ),
        (c.Status("a & b", ("UIDNEXT", "MESSAGES")), b'STATUS "a &- b" (UIDNEXT MESSAGES)'),
        (c.Examine("inbox"), b'EXAMINE "INBOX"'),
        (c.Examine("Entwürfe", condstore=True), b'EXAMINE "Entw&APw-rfe" (CONDSTORE)'),
        (c.Examine("x", qresync=(3, 2**63 - 1)), b'EXAMINE "x" (QRESYNC (3 9223372036854775807))'),
        (c.Select("x", condstore=True, qresync=(3, 4)), b'SELECT "x" (CONDSTORE QRESYNC (3 4))'),
        (
            c.Examine("x", qresync=(3, 4), known_uids=SequenceSet(((1, 9), (12, 12)))),
            b'EXAMINE "x" (QRESYNC (3 4 1:9,12))',
        ),
        (c.Notify(), b"NOTIFY NONE"),
        (c.Notify((c.EventGroup("personal", ()),)), b"NOTIFY SET (personal NONE)"),
        (
            c.Notify(
                (
                    c.EventGroup("selected", ("MessageNew (UID FLAGS)", "MessageExpunge")),
                    c.EventGroup("mailboxes", ("MessageNew", "MessageExpunge"), ("Entwürfe", "inbox")),
                    c.EventGroup("subtree", ("MailboxName",), ("a b",)),
                ),
                status=True,
            ),
            NOTIFY,
        ),
        (
            c.UidFetch(SequenceSet.starting_at(3), ("FLAGS", "BODY.PEEK[HEADER]<0.2048>")),
            b"UID FETCH 3:* (FLAGS BODY.PEEK[HEADER]<0.2048>)",
        ),
        (c.UidFetch(SequenceSet(((1, 2),)), ("FLAGS",), 9), b"UID FETCH 1:2 (FLAGS) (CHANGEDSINCE 9)"),
        (c.UidSearch("UNSEEN"), b"UID SEARCH UNSEEN"),
        (c.UidSearch("ALL", ("MIN", "MAX")), b"UID SEARCH RETURN (MIN MAX) ALL"),
        (c.UnknownCommand("XFOO", b"a {b"), b"XFOO a {b"),
        (c.UnknownCommand("XFOO", b""), b"XFOO"),
    ],
)
def test_a_command_is_one_line(command: c.Command, line: bytes) -> None:
    assert encode_command("a1", command) == (b"a1 " + line + b"\r\n",)


def test_what_cannot_be_quoted_waits_for_a_plus() -> None:
    assert encode_command("a1", c.Login("ü", "é")) == (
        b"a1 LOGIN {2}\r\n",
        b"\xc3\xbc {2}\r\n",
        b"\xc3\xa9\r\n",
    )


def test_literal_plus_waits_for_nothing() -> None:
    assert encode_command("a1", c.Login("ü", "é" * 4000), literal_plus=True) == (
        b"a1 LOGIN {2+}\r\n\xc3\xbc {8000+}\r\n" + b"\xc3\xa9" * 4000 + b"\r\n",
    )


def test_literal_minus_waits_over_4096_bytes() -> None:
    """RFC 7888 section 5."""
    fits, over = "é" * 2048, "é" * 2048 + "x"
    assert len(encode_command("a1", c.Login("u", fits), literal_minus=True)) == 1
    assert len(encode_command("a1", c.Login("u", over), literal_minus=True)) == 2


def test_a_mailbox_of_notify_may_be_a_literal() -> None:
    """A name that came in plain 8-bit goes back as it came."""
    kept = c.Notify((c.EventGroup("mailboxes", ("MessageNew",), ("a", "\uf0e4", "b")),))
    assert encode_command("a1", kept) == (
        b'a1 NOTIFY SET (mailboxes ("a" {1}\r\n',
        b'\xe4 "b") (MessageNew))\r\n',
    )


def test_utf8_is_quoted_where_it_is_enabled() -> None:
    assert encode_command("a1", c.Examine("Entwürfe"), utf8=True) == ('a1 EXAMINE "Entwürfe"\r\n'.encode(),)


@pytest.mark.parametrize(("initial", "spelling"), [(b"", b"="), (b"\0u\0p", b"AHUAcA==")])
def test_an_initial_response_is_base64_and_an_empty_one_is_an_equals_sign(initial: bytes, spelling: bytes) -> None:
    """RFC 4959 section 3."""
    assert encode_command("a1", c.Authenticate("PLAIN", initial), sasl_ir=True) == (
        b"a1 AUTHENTICATE PLAIN " + spelling + b"\r\n",
    )


@pytest.mark.parametrize("bad", ["a\0", "a\rb", "a\nb", "a\r\na2 LOGOUT"])
@pytest.mark.parametrize(
    "command",
    [
        lambda bad: c.Login(bad, "p"),
        lambda bad: c.Login("u", bad),
        c.Authenticate,
        lambda bad: c.Id(((bad, "x"),)),
        lambda bad: c.Id((("x", bad),)),
        lambda bad: c.Enable((bad,)),
        lambda bad: c.List(bad, "*"),
        lambda bad: c.List("", bad),
        lambda bad: c.List("", "*", (bad,)),
        lambda bad: c.List("", "*", (), (bad,)),
        lambda bad: c.Status(bad, ("UIDNEXT",)),
        lambda bad: c.Status("x", (bad,)),
        c.Examine,
        c.Select,
        lambda bad: c.UidFetch(SequenceSet.starting_at(1), (bad,)),
        c.UidSearch,
        lambda bad: c.UidSearch("ALL", (bad,)),
        lambda bad: c.Notify((c.EventGroup(bad, ("MessageNew",)),)),
        lambda bad: c.Notify((c.EventGroup("personal", (bad,)),)),
        lambda bad: c.Notify((c.EventGroup("subtree", ("MessageNew",), (bad,)),)),
        lambda bad: c.UnknownCommand(bad, b""),
        lambda bad: c.UnknownCommand("X", bad.encode()),
    ],
)
def test_no_argument_can_bring_in_a_second_command(command: Any, bad: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode_command("a1", command(bad), literal_plus=True)
    assert bad not in str(caught.value)


@pytest.mark.parametrize(
    "command",
    [
        c.Enable(()),
        c.Status("x", ()),
        c.UidFetch(SequenceSet.starting_at(1), ()),
        c.UidFetch(SequenceSet(()), ("UID",)),
        c.UidFetch(SequenceSet.starting_at(1), ("UID",), -1),
        c.Examine("x", qresync=(0, 1)),
        c.Examine("x", qresync=(1, 0)),
        c.Examine("x", known_uids=SequenceSet(((1, 1),))),
        c.Examine("x", qresync=(1, 1), known_uids=SequenceSet.starting_at(1)),
        c.Notify(status=True),
        c.Notify((c.EventGroup("personal", ("MessageNew",), ("x",)),)),
        c.Notify((c.EventGroup("mailboxes", ("MessageNew",)),)),
        c.Examine("\ud800"),
        c.Login("u", "\ud800"),
        c.UidSearch("SUBJECT {5}"),
        c.UidSearch("SUBJECT é"),
        c.UidSearch(""),
        c.UnknownCommand("X", b"{5+}"),
        c.Id((("x" * 31, "y"),)),
        c.Id((("x", "y" * 1025),)),
        c.Id((("x", "y"),) * 31),
    ],
)
def test_what_has_no_spelling_is_refused(command: c.Command) -> None:
    with pytest.raises(LocalProtocolError):
        encode_command("a1", command)


@pytest.mark.parametrize("tag", ["", "*", "+", "a b", "a\r", "é", "a{1}"])
def test_a_tag_is_plain(tag: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_command(tag, c.Noop())


def test_responses_are_encoded_from_here_too() -> None:
    assert encode_response(ExistsData(3)) == b"* 3 EXISTS\r\n"
