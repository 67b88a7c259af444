from __future__ import annotations

import pytest

from idlebell.front.notify.wanted import SUPPLIED, Event, Group, Refused, Selected, Wanted, check
from idlebell.imap.commands import Notify
from idlebell.imap.events import BadCommandReceived, CommandReceived
from idlebell.imap.framing import Frame
from idlebell.imap.parse_command import parse_command
from idlebell.imap.responses import BadEventCode, Condition, PlainCode

NEW, EXPUNGE, FLAGS, NAME, SUBSCRIPTION = Event
HEADER = "BODY.PEEK[HEADER.FIELDS (from to subject)]"


def asked(arguments: str) -> Wanted | Refused:
    event = parse_command(Frame((f"a notify {arguments}".encode(),)))
    if isinstance(event, BadCommandReceived):
        return Refused(Condition.BAD, None, event.reason)
    assert isinstance(event, CommandReceived)
    assert isinstance(event.command, Notify)
    return check(event.command)


def test_the_first_example_of_the_rfc_within_its_own_grammar() -> None:
    """Section 3.1, with the parentheses and the MessageExpunge that section 8 demands and the example forgets."""
    assert asked(
        "set status (selected (MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge))"
        " (subtree Lists (MessageNew MessageExpunge))"
    ) == Wanted(
        (Group("subtree", ("Lists",), frozenset({NEW, EXPUNGE})),),
        Selected(False, frozenset({NEW, EXPUNGE}), ("UID", HEADER)),
        status=True,
    )


def test_the_examples_of_section_6() -> None:
    assert asked("set (mailboxes INBOX (Messagenew messageExpunge)) (personal (SubscriptionChange))") == Wanted(
        (Group("mailboxes", ("INBOX",), frozenset({NEW, EXPUNGE})), Group("personal", (), frozenset({SUBSCRIPTION})))
    )
    assert asked(
        "set (selected (Messagenew (uid flags) messageExpunge)) (personal (MessageNew FlagChange MessageExpunge))"
    ) == Wanted(
        (Group("personal", (), frozenset({NEW, EXPUNGE, FLAGS})),),
        Selected(False, frozenset({NEW, EXPUNGE}), ("UID", "FLAGS")),
    )


def test_none_asks_for_nothing() -> None:
    wanted = asked("set status (selected-delayed none) (personal none)")
    assert wanted == Wanted((Group("personal", (), frozenset()),), Selected(True), status=True)
    assert isinstance(wanted, Wanted)
    assert wanted.of_selected == wanted.of_others == frozenset()
    assert Wanted().of_selected == frozenset()


@pytest.mark.parametrize(
    "arguments",
    [
        # as the RFC's example spells it; real servers answer BAD as well
        "set (selected MessageNew (uid) MessageExpunge) (subtree Lists MessageNew)",
        # the ten of Cassandane's test of bad arguments, less the one that is NO
        "",
        "foo",
        "set",
        "set (foo (MessageNew MessageExpunge))",
        "set (selected (MessageNew MessageExpunge)) (selected-delayed (MessageNew MessageExpunge))",
        "set (inboxes (MessageNew MessageExpunge)) (inboxes (MessageNew MessageExpunge FlagChange))",
        "set (selected-delayed (MessageNew))",
        "set (personal (MessageExpunge FlagChange))",
        "set (mailboxes () (MessageNew MessageExpunge))",
        # and more
        "none (personal (MailboxName))",
        "set (personal ())",
        "set (personal (FlagChange))",
        "set (personal (AnnotationChange))",
        "set (selected (MessageNew MessageExpunge MailboxName))",
        "set (selected (SubscriptionChange))",
        "set (personal (MessageNew (UID) MessageExpunge))",
        "set (selected (MessageNew MessageExpunge (UID)))",
        "set (selected (MessageNew () MessageExpunge))",
    ],
)
def test_what_breaks_the_rules_is_bad(arguments: str) -> None:
    refused = asked(arguments)
    assert isinstance(refused, Refused)
    assert refused.condition is Condition.BAD
    assert refused.code is None
    assert refused.text


@pytest.mark.parametrize("event", ["AnnotationChange", "MailboxMetadataChange", "ServerMetadataChange", "Foo"])
def test_an_event_that_we_do_not_supply_is_answered_with_those_that_we_do(event: str) -> None:
    refused = asked(f"set (inboxes (MessageNew MessageExpunge {event}))")
    assert isinstance(refused, Refused)
    assert (refused.condition, refused.code) == (Condition.NO, BadEventCode(SUPPLIED))
    assert SUPPLIED == ("MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange")


@pytest.mark.parametrize(
    "item",
    [
        "BODY[]",
        "BODY.PEEK[]",
        "BODY.PEEK[TEXT]",
        "BODY.PEEK[HEADER]",
        "BODY[HEADER.FIELDS (Subject)]",
        "BODY.PEEK[1]<0.10>",
        "BODY.PEEK[HEADER.FIELDS.NOT (Subject)]",
        "BODY.PEEK[HEADER.FIELDS (Subject)]<0.8193>",
        "BODY.PEEK[HEADER.FIELDS (Subject)]<0.4294967295>",
        "RFC822",
        "RFC822.TEXT",
        "BINARY.PEEK[1]",
        "BODYSTRUCTURE",
        "PREVIEW",
        "X-GM-LABELS",
    ],
)
def test_bodies_and_what_sets_seen_do_not_come_with_a_message(item: str) -> None:
    refused = asked(f"set (selected (MessageNew (UID {item}) MessageExpunge))")
    assert isinstance(refused, Refused)
    assert (refused.condition, refused.code) == (Condition.NO, PlainCode("CANNOT"))
    assert "ENVELOPE" in refused.text


def test_all_of_the_list_may_come_with_a_message() -> None:
    items = "UID FLAGS ENVELOPE RFC822.SIZE INTERNALDATE MODSEQ BODY.PEEK[HEADER.FIELDS (Subject)]<0.8192>"
    wanted = asked(f"set (selected (MessageNew ({items}) MessageExpunge FlagChange))")
    assert isinstance(wanted, Wanted)
    assert wanted.selected is not None
    assert wanted.selected.items == (*items.split()[:6], "BODY.PEEK[HEADER.FIELDS (Subject)]<0.8192>")
