"""NOTIFY of the scripted server (RFC 5465), and the ways in which real servers get it wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from idlebell.testing import mail
from idlebell.testing.faults import EVENTS_LOST
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.server_kinds import DOVECOT_2_3, DOVECOT_2_4
from imap_wire import Wire, logged_in

ALL = "NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge)) (personal (MessageNew MessageExpunge))"


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as running:
        running.add_user("alice", "secret")
        running.offer("NOTIFY", "CONDSTORE", "QRESYNC")
        running.create("alice", "Work")
        running.create("alice", "Lists")
        running.create("alice", "Lists/bell", subscribed=True)
        yield running


@pytest.fixture
async def wire(server: ImapServer) -> AsyncIterator[Wire]:
    async with logged_in(server) as connected:
        yield connected


def deliver(server: ImapServer, mailbox: str = "INBOX", **more: object) -> int:
    return server.deliver("alice", mail.make(), mailbox, **more)  # type: ignore[arg-type]


async def test_a_new_message_elsewhere_is_told_outside_any_command(server: ImapServer, wire: Wire) -> None:
    await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge))")
    deliver(server, "Work")
    assert await wire.line() == '* STATUS "Work" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)'
    server.mailbox("alice", "Work").expunge(1)
    assert await wire.line() == '* STATUS "Work" (MESSAGES 0 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 0)'
    assert server.notified("alice") == 1


async def test_the_selected_mailbox_is_told_with_the_items_asked_for_and_the_others_in_idle_too(
    server: ImapServer, wire: Wire
) -> None:
    await wire.ask("EXAMINE INBOX")
    await wire.ask(ALL)
    deliver(server)
    assert await wire.lines(2) == ["* 1 EXISTS", "* 1 FETCH (UID 1 FLAGS ())"]
    await wire.idle()
    deliver(server, "Work")
    deliver(server)
    assert await wire.lines(3) == [
        '* STATUS "Work" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)',
        "* 2 EXISTS",
        "* 2 FETCH (UID 2 FLAGS ())",
    ]
    assert await wire.done() == []


async def test_items_may_have_spaces_of_their_own(server: ImapServer, wire: Wire) -> None:
    await wire.ask("EXAMINE INBOX")
    items = "UID BODY.PEEK[HEADER.FIELDS (Subject List-Id)] PREVIEW (LAZY)"
    assert (await wire.ask(f"NOTIFY SET (selected (MessageNew ({items}) MessageExpunge))"))[-1].startswith("OK")
    deliver(server)
    assert await wire.lines(3) == [
        "* 1 EXISTS",
        '* 1 FETCH (UID 1 PREVIEW "At noon, in the usual place?" BODY[HEADER.FIELDS (Subject List-Id)] {19}',
        "Subject: Lunch?",
    ]


async def test_without_a_clause_for_it_the_selected_mailbox_is_mute_until_it_is_examined_again(
    server: ImapServer, wire: Wire
) -> None:
    await wire.ask("EXAMINE INBOX")
    await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge))")
    deliver(server)
    assert await wire.ask("NOOP") == ["OK done"]
    await wire.idle()
    deliver(server)
    assert await wire.done() == []
    assert "* 2 EXISTS" in await wire.ask("EXAMINE INBOX")


async def test_set_is_a_noop_too(server: ImapServer, wire: Wire) -> None:
    await wire.ask("EXAMINE INBOX")
    deliver(server)
    assert (await wire.ask(ALL))[:2] == ["* 1 EXISTS", "* 1 FETCH (UID 1 FLAGS ())"]


async def test_status_tells_of_each_that_matches_but_the_selected_one(server: ImapServer, wire: Wire) -> None:
    deliver(server, "Work")
    await wire.ask("EXAMINE Lists")
    told = await wire.ask("NOTIFY SET STATUS (personal (MessageNew MessageExpunge))")
    assert [line.split(" (")[0] for line in told[:-1]] == [
        '* STATUS "INBOX"',
        '* STATUS "Work"',
        '* STATUS "Lists/bell"',
    ]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("inboxes", ["INBOX", "Work", "Lists", "Lists/bell"]),
        ("subscribed", ["INBOX", "Lists/bell"]),
        ("subtree Lists", ["Lists", "Lists/bell"]),
        ("subtree (Lists Work)", ["Work", "Lists", "Lists/bell"]),
        ("mailboxes (Lists nowhere INBOX)", ["INBOX", "Lists"]),
    ],
)
async def test_a_filter_names_its_mailboxes(server: ImapServer, wire: Wire, group: str, expected: list[str]) -> None:
    told = await wire.ask(f"NOTIFY SET STATUS ({group} (MessageNew MessageExpunge))")
    assert [line.split('"')[1] for line in told[:-1]] == expected


async def test_the_first_group_that_matches_counts(server: ImapServer, wire: Wire) -> None:
    await wire.ask("NOTIFY SET (mailboxes Work NONE) (personal (MessageNew MessageExpunge))")
    deliver(server, "Work")
    deliver(server, "Lists")
    assert (await wire.line()).startswith('* STATUS "Lists"')


async def test_mailboxes_that_are_made_renamed_and_removed_are_listed(server: ImapServer, wire: Wire) -> None:
    await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName SubscriptionChange))")
    server.create("alice", "New")
    server.rename("alice", "New", "Old")
    server.delete("alice", "Old")
    server.rename("alice", "Lists", "Letters")
    server.user("alice").subscribe("Work")
    server.user("alice").unsubscribe("Work")
    assert await wire.lines(7) == [
        '* LIST () "/" "New"',
        '* LIST () "/" "Old" ("OLDNAME" ("New"))',
        '* LIST (\\NonExistent) "/" "Old"',
        '* LIST () "/" "Letters" ("OLDNAME" ("Lists"))',
        '* LIST () "/" "Letters/bell" ("OLDNAME" ("Lists/bell"))',
        '* LIST (\\Subscribed) "/" "Work"',
        '* LIST () "/" "Work"',
    ]


async def test_flags_are_told_where_they_were_asked_for(server: ImapServer, wire: Wire) -> None:
    deliver(server)
    deliver(server, "Work")
    await wire.ask("ENABLE CONDSTORE")
    await wire.ask("EXAMINE INBOX")
    events = "(MessageNew MessageExpunge FlagChange)"
    await wire.ask(f"NOTIFY SET (selected {events}) (personal {events})")
    server.mailbox("alice").set_flags(1, frozenset({"\\Seen"}))
    server.mailbox("alice", "Work").set_flags(1, frozenset({"\\Seen"}))
    assert await wire.lines(2) == [
        "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (3))",
        '* STATUS "Work" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 0 HIGHESTMODSEQ 3)',
    ]


async def test_delayed_expunges_wait_for_a_command_that_allows_them(server: ImapServer, wire: Wire) -> None:
    deliver(server)
    await wire.ask("EXAMINE INBOX")
    await wire.ask("NOTIFY SET (selected-delayed (MessageNew MessageExpunge))")
    server.mailbox("alice").expunge(1)
    await wire.quiet()
    deliver(server)
    assert await wire.line() == "* 2 EXISTS"
    assert await wire.ask("NOOP") == ["* 1 EXPUNGE", "OK done"]


async def test_a_uidvalidity_that_changes_is_told(server: ImapServer, wire: Wire) -> None:
    await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge))")
    server.mailbox("alice", "Work").rebuild(77)
    assert "UIDVALIDITY 77" in await wire.line()


async def test_none_ends_it(server: ImapServer, wire: Wire) -> None:
    await wire.ask("EXAMINE INBOX")
    await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge))")
    await wire.ask("NOTIFY NONE")
    deliver(server, "Work")
    await wire.quiet()
    await wire.idle()
    deliver(server)
    assert await wire.line() == "* 1 EXISTS"
    assert server.notified() == 0


async def test_overflow_ends_it_with_a_word(server: ImapServer, wire: Wire) -> None:
    await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge))")
    [session] = server.of("alice")
    session.overflow()
    assert (await wire.line()).startswith("* OK [NOTIFICATIONOVERFLOW]")
    deliver(server, "Work")
    await wire.quiet()


@pytest.mark.parametrize(
    ("groups", "answer"),
    [
        ("(personal (MessageNew))", "BAD"),
        ("(personal (FlagChange))", "BAD"),
        ("(personal (MessageNew MessageExpunge Odd))", "BAD"),
        ("(personal (MessageNew (UID) MessageExpunge))", "BAD"),
        ("(selected (MessageNew MessageExpunge MailboxName))", "BAD"),
        ("(selected (MessageNew MessageExpunge)) (selected-delayed (MessageNew MessageExpunge))", "BAD"),
        (
            "(personal (MessageNew MessageExpunge AnnotationChange))",
            "NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)]",
        ),
    ],
)
async def test_what_cannot_be_had_is_refused(server: ImapServer, wire: Wire, groups: str, answer: str) -> None:
    assert (await wire.ask(f"NOTIFY SET {groups}"))[-1].startswith(answer)
    assert not server.notified()


async def test_a_server_may_not_have_it(server: ImapServer) -> None:
    server.withhold("NOTIFY")
    async with logged_in(server) as wire:
        assert (await wire.ask(ALL))[-1].startswith("BAD")


# --- habits ---


async def test_dovecot_spells_badevent_without_parentheses_and_names_what_it_lacks(server: ImapServer) -> None:
    server.behave(**DOVECOT_2_3)
    async with logged_in(server) as wire:
        refusal = await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))")
        assert refusal[-1].startswith("NO [BADEVENT AnnotationChange] ")
        assert (await wire.ask("NOTIFY SET (personal (MessageNew))"))[-1].startswith("OK")


async def test_dovecot_2_3_says_nothing_of_the_selected_mailbox_outside_idle(server: ImapServer) -> None:
    server.behave(**DOVECOT_2_3)
    async with logged_in(server) as wire:
        await wire.ask("EXAMINE INBOX")
        await wire.ask(ALL)
        deliver(server)
        await wire.quiet()
        assert (await wire.ask("NOOP"))[:2] == ["* 1 EXISTS", "* 1 FETCH (UID 1 FLAGS ())"]
        await wire.idle()
        deliver(server)
        assert await wire.line() == "* 2 EXISTS"


async def test_dovecot_tells_unchanged_mailboxes_first_and_everything_twice(server: ImapServer) -> None:
    server.behave(notify_repeats=True)
    async with logged_in(server) as wire:
        await wire.ask("NOTIFY SET (mailboxes (INBOX Work) (MessageNew MessageExpunge))")
        deliver(server, "Work")
        told = await wire.lines(4)
        assert [line.split('"')[1] for line in told] == ["INBOX", "Work", "Work", "Work"]
        deliver(server, "Work")
        assert len(set(await wire.lines(2))) == 1


async def test_dovecot_tells_again_what_idle_told_already(server: ImapServer) -> None:
    server.behave(notify_fetches_again=True)
    async with logged_in(server) as wire:
        await wire.ask("EXAMINE INBOX")
        await wire.idle()
        for _ in range(3):
            deliver(server)
        assert len(await wire.lines(3)) == 3
        await wire.done()
        await wire.ask(ALL)
        deliver(server)
        told = await wire.lines(5)
        assert told == ["* 4 EXISTS", *(f"* {number} FETCH (UID {number} FLAGS ())" for number in range(1, 5))]
        deliver(server)
        assert await wire.lines(2) == ["* 5 EXISTS", "* 5 FETCH (UID 5 FLAGS ())"]


async def test_after_none_dovecot_is_mute_in_idle_until_a_set_with_selected(server: ImapServer) -> None:
    server.behave(**DOVECOT_2_4)
    async with logged_in(server) as wire:
        await wire.ask("EXAMINE INBOX")
        await wire.ask(ALL)
        await wire.ask("NOTIFY NONE")
        await wire.ask("EXAMINE INBOX")
        await wire.idle()
        deliver(server)
        assert await wire.done() == []
        assert await wire.ask("NOOP") == ["OK done"]
        assert "* 1 EXISTS" in await wire.ask("EXAMINE INBOX")
        await wire.ask("NOTIFY SET (selected (MessageNew MessageExpunge))")
        await wire.idle()
        deliver(server)
        assert await wire.line() == "* 2 EXISTS"


async def test_a_second_set_without_none_loses_events_of_dovecot_2_4(server: ImapServer) -> None:
    server.behave(notify_set_again_loses=True)
    async with logged_in(server) as wire:
        await wire.ask(ALL)
        await wire.ask(ALL)
        deliver(server, "Work")
        await wire.quiet()
        await wire.ask("NOTIFY NONE")
        await wire.ask(ALL)
        deliver(server, "Work")
        assert (await wire.line()).startswith('* STATUS "Work"')


async def test_a_rename_silences_who_asked_for_names_of_dovecot_2_3(server: ImapServer) -> None:
    server.behave(notify_names_fall_silent=True)
    async with logged_in(server) as wire, logged_in(server) as other:
        await wire.ask("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
        await other.ask(ALL)
        server.create("alice", "New")
        assert await wire.line() == '* LIST () "/" "New"'
        server.rename("alice", "New", "Old")
        deliver(server, "Work")
        assert (await other.line()).startswith('* STATUS "Work"')
        await wire.quiet()


async def test_what_is_delivered_behind_its_back_is_told_in_idle_of_the_selected_mailbox_only(
    server: ImapServer,
) -> None:
    server.behave(notify_sees_external=False)
    async with logged_in(server) as wire, logged_in(server) as plain:
        await wire.ask("EXAMINE INBOX")
        await wire.ask(ALL)
        await plain.ask("EXAMINE INBOX")
        await plain.idle()
        deliver(server, "Work", external=True)
        deliver(server, external=True)
        assert await plain.line() == "* 1 EXISTS"
        await wire.quiet()
        await wire.idle()
        deliver(server, external=True)
        assert await wire.lines(3) == ["* 1 EXISTS", "* 1 FETCH (UID 1 FLAGS ())", "* 2 EXISTS"]
        await wire.done()
        assert "UIDNEXT 2" in (await wire.ask("STATUS Work (UIDNEXT)"))[0]


async def test_a_mailbox_can_be_left_out_for_ever(server: ImapServer, wire: Wire) -> None:
    server.behave(notify_mutes=frozenset({"Work"}))
    await wire.ask(ALL)
    deliver(server, "Work")
    deliver(server, "Lists")
    assert (await wire.line()).startswith('* STATUS "Lists"')


async def test_too_many_mailboxes_are_an_overflow(server: ImapServer, wire: Wire) -> None:
    server.behave(notify_limit=3)
    assert (await wire.ask(ALL))[-1].startswith("NO [NOTIFICATIONOVERFLOW]")


async def test_lost_events_are_said_as_they_are(server: ImapServer, wire: Wire) -> None:
    server.say(EVENTS_LOST, "alice")
    assert await wire.line() == "* NO NOTIFY error, some events may have got lost"
