"""NOTIFY and IDLE through the front, on the scripted server: what a real one cannot be made to do."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idlebell.front.notify.bounds import NEW_MESSAGES
from idlebell.imap.responses import ListData
from idlebell.model.account import Tls
from idlebell.testing import mail
from idlebell.testing.habits import AFTER_LOGIN, Habits
from idlebell.testing.imap_server import ImapServer
from servers.notify_stage import Client, Stage, staged

NO_IDLE = ("IMAP4rev1", "LITERAL+", "ID", "ENABLE")
MANY = 10_000


@asynccontextmanager
async def behind(habits: Habits, *, further: bool = True) -> AsyncIterator[tuple[ImapServer, Stage, Client]]:
    async with ImapServer(tls=False, habits=habits) as server:
        server.add_user("alice", "secret")
        async with staged(server.port, tls=Tls.NONE, further=further) as stage:
            client = await stage.client("alice", "secret")
            yield server, stage, client
            client.writer.close()


def asked(server: ImapServer) -> list[str]:
    """Of all sessions, after their login."""
    return [
        name for session in server.sessions for name in session.commands if name not in ("LOGIN", "AUTHENTICATE", "ID")
    ]


async def test_a_subtree_of_ten_thousand_mailboxes_is_refused_after_one_list() -> None:
    async with behind(Habits()) as (server, _, client):
        user = server.store.find("alice")
        assert user is not None
        for number in range(MANY):
            user.add_mailbox(f"m{number}")
        answer = await client.ask('NOTIFY SET STATUS (subtree "" (MessageNew MessageExpunge FlagChange))')
        assert answer[-1].startswith("NO [NOTIFICATIONOVERFLOW] ")
        assert len(answer) == 1
        assert asked(server) == ["NAMESPACE", "LIST"]
        gc.collect()
        assert sum(isinstance(one, ListData) for one in gc.get_objects()) < 100  # nothing of them is held


async def test_mailboxes_that_are_made_beyond_the_bound_end_notify(server_with_100: tuple[ImapServer, Client]) -> None:
    server, client = server_with_100
    user = server.store.find("alice")
    assert user is not None
    assert (await client.ask("NOTIFY SET (personal (MessageNew MessageExpunge))"))[-1].startswith("OK")
    user.add_mailbox("one more")
    assert (await client.line()).startswith("* OK [NOTIFICATIONOVERFLOW] ")
    await client.idle()  # all is as after NOTIFY NONE
    server.deliver("alice", mail.make(subject="unheard"))
    assert await client.done() == []


@pytest.fixture
async def server_with_100() -> AsyncIterator[tuple[ImapServer, Client]]:
    async with behind(Habits(after_login=("NAMESPACE",))) as (server, _, client):
        user = server.store.find("alice")
        assert user is not None
        for number in range(99):
            user.add_mailbox(f"m{number}")
        yield server, client


async def test_idle_is_answered_where_the_server_has_none() -> None:
    async with behind(Habits(always=NO_IDLE)) as (server, _, client):
        assert "IDLE" in (await client.ask("CAPABILITY"))[0].split()
        await client.ask("SELECT INBOX")
        await client.idle()
        server.deliver("alice", mail.make(subject="by NOOP"))
        assert await client.line() == "* 1 EXISTS"
        await client.done()
        assert "IDLE" not in asked(server)
        # and without DONE
        await client.idle()
        client.say("NOOP")
        assert [line for line in await client.lines(1) if "RECENT" not in line] == ["t5 BAD DONE expected"]


async def test_idle_with_notify_for_others_tells_nothing_of_the_open_mailbox() -> None:
    async with behind(Habits()) as (server, _, client):
        user = server.store.find("alice")
        assert user is not None
        user.add_mailbox("Work")
        await client.ask("SELECT INBOX")
        assert (await client.ask("NOTIFY SET (personal (MessageNew MessageExpunge))")) == ["OK NOTIFY completed"]
        await client.idle()
        server.deliver("alice", mail.make(subject="silent"))
        server.deliver("alice", mail.make(subject="told"), mailbox="Work")
        assert (await client.line()).startswith('* STATUS "Work" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ')
        assert await client.done() == []
        assert "* 1 EXISTS" in await client.ask("NOOP")
        await client.ask("UNSELECT")
        assert (await client.line()).startswith('* STATUS "INBOX" (MESSAGES 1 ')  # once, now that it is another mailbox


async def test_a_client_that_knows_no_condstore_is_not_given_its_items() -> None:
    """RFC 7162 section 3.1: STATUS with HIGHESTMODSEQ switches it on, and then each FETCH has a MODSEQ."""
    async with behind(Habits(after_login=("UNSELECT", "CONDSTORE")), further=False) as (server, _, client):
        server.deliver("alice", mail.make(subject="one"))
        await client.ask("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))")
        await client.ask("SELECT INBOX")
        assert (await client.ask("UID FETCH 1 (FLAGS)"))[0] == "* 1 FETCH (UID 1 FLAGS ())"
        await client.ask("UNSELECT")
        await client.ask(
            "NOTIFY SET (selected (MessageNew (MODSEQ) MessageExpunge)) (personal (MessageNew MessageExpunge))"
        )
        await client.ask("SELECT INBOX")
        assert (await client.ask("UID FETCH 1 (FLAGS)"))[0].startswith("* 1 FETCH (UID 1 FLAGS () MODSEQ (")


async def test_modseq_comes_with_a_new_message_only_where_the_server_has_it() -> None:
    async with behind(Habits(), further=False) as (_, _, client):
        refused = await client.ask("NOTIFY SET (selected (MessageNew (UID MODSEQ) MessageExpunge))")
        assert refused == ["NO [CANNOT] with a new message comes no MODSEQ: the mail server has no CONDSTORE"]


async def test_notify_of_the_servers_own_is_not_touched() -> None:
    async with behind(Habits(after_login=(*AFTER_LOGIN, "NOTIFY"))) as (server, stage, client):
        answer = await client.ask("NOTIFY SET STATUS (personal (MessageNew MessageExpunge))")
        assert answer[-1].startswith("OK")
        assert "NOTIFY" in asked(server)
        assert stage.arena.used == 0  # nothing of what the client brought is kept
        await client.ask("SELECT INBOX")
        await client.idle()
        assert "IDLE" in asked(server)


async def test_what_a_client_brought_is_wiped_when_it_goes_and_where_it_is_refused() -> None:
    async with behind(Habits()) as (server, stage, client):
        assert stage.arena.used == 1
        user = server.store.find("alice")
        assert user is not None
        user.password = "changed since"
        assert (await client.ask("NOTIFY SET (mailboxes INBOX (MessageNew MessageExpunge))"))[-1].startswith("OK")
        server.deliver("alice", mail.make(subject="by its own session"))
        assert (await client.line()).startswith('* STATUS "INBOX" (MESSAGES 1 ')
        assert stage.arena.used == 0
        server.add_user("bob", "secret")
        other = await stage.client("bob", "secret")
        assert stage.arena.used == 1
        await other.ask("LOGOUT")
        await server.until(lambda: len(server.sessions) == 1)
        assert stage.arena.used == 0


async def test_more_than_a_client_can_be_told_of_ends_notify() -> None:
    async with behind(Habits()) as (server, _, client):
        await client.ask("SELECT INBOX")
        answer = await client.ask("NOTIFY SET (selected (MessageNew (UID) MessageExpunge))")
        assert answer == ["OK NOTIFY completed"]
        for number in range(NEW_MESSAGES + 1):
            server.deliver("alice", mail.make(subject=str(number)))
        while not (line := await client.line()).startswith("* OK "):
            assert "FETCH" not in line
        assert line.startswith("* OK [NOTIFICATIONOVERFLOW] ")
        assert f"* {NEW_MESSAGES + 2} EXISTS" not in await client.ask("NOOP")
