"""CONDSTORE, QRESYNC and OBJECTID of the scripted server (RFC 7162, 8474)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer
from imap_wire import Wire, logged_in


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as running:
        running.add_user("alice", "secret")
        running.offer("CONDSTORE", "QRESYNC", "OBJECTID", "X-GM-EXT-1")
        running.create("alice", "Work")
        for number in range(4):
            running.deliver("alice", mail.plausible(number))
        yield running


@pytest.fixture
async def wire(server: ImapServer) -> AsyncIterator[Wire]:
    async with logged_in(server) as connected:
        yield connected


async def test_a_mod_sequence_grows_with_every_change(server: ImapServer, wire: Wire) -> None:
    assert "* OK [HIGHESTMODSEQ 5] highest" in await wire.ask("EXAMINE INBOX (CONDSTORE)")
    server.mailbox("alice").set_flags(2, frozenset({"\\Seen"}))
    server.mailbox("alice").expunge(1)
    assert (await wire.ask("STATUS INBOX (HIGHESTMODSEQ)"))[-2] == '* STATUS "INBOX" (HIGHESTMODSEQ 7)'
    changed = await wire.ask("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 5)")
    assert changed[:-1] == ["* 1 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (6))"]


async def test_what_changed_in_a_gap_is_told_when_the_mailbox_is_opened(server: ImapServer, wire: Wire) -> None:
    inbox = server.mailbox("alice")
    inbox.expunge(1)
    inbox.expunge(3)
    inbox.set_flags(2, frozenset({"\\Flagged"}))
    server.deliver("alice", mail.plausible(9))
    assert await wire.ask("ENABLE QRESYNC") == ["* ENABLED QRESYNC", "OK done"]
    told = await wire.ask("EXAMINE INBOX (QRESYNC (1 5))")
    assert [line for line in told if "VANISHED" in line or "FETCH" in line] == [
        "* VANISHED (EARLIER) 1,3",
        "* 1 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (8))",
        "* 3 FETCH (UID 5 FLAGS () MODSEQ (9))",
    ]
    known = await wire.ask("EXAMINE INBOX (QRESYNC (1 5 1:2))")
    assert known[0].startswith("* OK [CLOSED]")
    assert [line for line in known if "VANISHED" in line or "FETCH" in line] == [
        "* VANISHED (EARLIER) 1",
        "* 1 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (8))",
    ]


async def test_another_uidvalidity_resumes_nothing(server: ImapServer, wire: Wire) -> None:
    server.mailbox("alice").rebuild(9)
    await wire.ask("ENABLE QRESYNC")
    told = await wire.ask("EXAMINE INBOX (QRESYNC (1 2))")
    assert not [line for line in told if "VANISHED" in line or "FETCH" in line]


async def test_expunged_messages_vanish_once_qresync_is_enabled(server: ImapServer, wire: Wire) -> None:
    await wire.ask("ENABLE QRESYNC")
    await wire.ask("EXAMINE INBOX")
    await wire.idle()
    server.mailbox("alice").expunge(2)
    assert await wire.line() == "* VANISHED 2"


async def test_qresync_must_be_enabled_first(server: ImapServer, wire: Wire) -> None:
    assert (await wire.ask("EXAMINE INBOX (QRESYNC (1 5))"))[-1].startswith("BAD")


async def test_a_copy_keeps_its_ids_date_and_flags(server: ImapServer, wire: Wire) -> None:
    server.mailbox("alice").set_flags(2, frozenset({"\\Seen"}))
    assert server.copy("alice", 2, "Work") == 1
    assert server.move("alice", 3, "Work") == 2
    assert server.move("alice", 2, "INBOX", "Work") == 5
    await wire.ask("EXAMINE INBOX")
    items = "(EMAILID THREADID X-GM-MSGID INTERNALDATE FLAGS)"
    here = [line.partition(" FETCH ")[2] for line in (await wire.ask(f"UID FETCH 2,4,5 {items}"))[:-1]]
    await wire.ask("EXAMINE Work")
    there = (await wire.ask(f"UID FETCH 1 {items}"))[0].partition(" FETCH ")[2]
    assert here[0].partition(" FLAGS")[2] == there.partition(" FLAGS")[2]
    assert "EMAILID" in there
    assert len(set(here)) == 3


async def test_mailboxes_have_an_id_that_a_new_name_does_not_change(server: ImapServer, wire: Wire) -> None:
    before = [line for line in await wire.ask("EXAMINE Work") if "MAILBOXID" in line]
    server.rename("alice", "Work", "Job")
    assert before == [line for line in await wire.ask("EXAMINE Job") if "MAILBOXID" in line]
    server.create("alice", "Work")
    assert before != [line for line in await wire.ask("EXAMINE Work") if "MAILBOXID" in line]


async def test_a_name_that_is_used_again_has_another_uidvalidity(server: ImapServer, wire: Wire) -> None:
    server.delete("alice", "Work")
    assert (await wire.ask("STATUS Work (MESSAGES)"))[-1].startswith("NO [NONEXISTENT]")
    server.create("alice", "Work")
    assert "* OK [UIDVALIDITY 2] UIDs valid" in await wire.ask("EXAMINE Work")
    server.rename("alice", "Work", "Job")
    server.create("alice", "Work")
    assert "* OK [UIDVALIDITY 3] UIDs valid" in await wire.ask("EXAMINE Work")


async def test_items_of_what_is_not_offered_are_unknown(server: ImapServer, wire: Wire) -> None:
    server.withhold("CONDSTORE", "QRESYNC", "OBJECTID", "X-GM-EXT-1")
    assert not [line for line in await wire.ask("EXAMINE INBOX") if "MODSEQ" in line or "MAILBOXID" in line]
    for item in ("MODSEQ", "EMAILID", "THREADID", "X-GM-MSGID"):
        assert (await wire.ask(f"UID FETCH 1 ({item})"))[-1].startswith("BAD")


def test_inbox_is_not_renamed_nor_a_name_taken_twice() -> None:
    server = ImapServer(tls=False)
    user = server.add_user("alice", "secret")
    user.add_mailbox("Work")
    with pytest.raises(ValueError, match="INBOX"):
        user.rename("INBOX", "Old")
    with pytest.raises(ValueError, match="Work"):
        user.rename("Work", "INBOX")
