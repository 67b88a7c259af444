"""Each habit of the scripted server is one way in which real servers differ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.imap.quirks import detect
from idlebell.testing import mail
from idlebell.testing.faults import KEEP_ALIVE, NOT_CONNECTED, SERVER_UNAVAILABLE, Bye
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.server_kinds import COURIER, EXCHANGE, GMX, HOODIECROW, ICLOUD, KINDS, NETEASE, YAHOO, Kind
from imap_wire import Wire, logged_in


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as running:
        running.add_user("alice", "secret")
        yield running


@pytest.fixture
async def wire(server: ImapServer) -> AsyncIterator[Wire]:
    async with logged_in(server) as connected:
        yield connected


async def test_a_mute_idle_says_nothing_until_it_is_over(server: ImapServer, wire: Wire) -> None:
    server.behave(speaks_in_idle=False)
    server.deliver("alice", mail.plausible(0))
    await wire.ask("EXAMINE INBOX")
    await wire.idle()
    server.deliver("alice", mail.plausible(1))
    assert await wire.done() == []
    assert await wire.ask("NOOP") == ["* 2 EXISTS", "OK done"]


async def test_a_mute_noop_shows_news_only_to_who_opens_the_mailbox_again(server: ImapServer, wire: Wire) -> None:
    server.behave(noop_tells=False, status_tells=False)
    await wire.ask("EXAMINE INBOX")
    server.deliver("alice", mail.plausible(0))
    assert await wire.ask("NOOP") == ["OK done"]
    assert await wire.ask("UID FETCH 1:* (UID)") == ["OK done"]
    assert (await wire.ask("STATUS INBOX (MESSAGES UIDNEXT)"))[0] == '* STATUS "INBOX" (MESSAGES 0 UIDNEXT 1)'
    assert "* 1 EXISTS" in await wire.ask("EXAMINE INBOX")


async def test_news_may_show_in_status_alone(server: ImapServer, wire: Wire) -> None:
    server.behave(noop_tells=False, reopening_tells=False)
    await wire.ask("EXAMINE INBOX")
    server.deliver("alice", mail.plausible(0))
    assert await wire.ask("NOOP") == ["OK done"]
    opened = await wire.ask("EXAMINE INBOX")
    assert "* 0 EXISTS" in opened
    assert "* OK [UIDNEXT 1] next UID" in opened
    assert await wire.ask("STATUS INBOX (UIDNEXT)") == ["* 1 EXISTS", '* STATUS "INBOX" (UIDNEXT 2)', "OK done"]
    assert (await wire.ask("UID FETCH 1 (UID)"))[0] == "* 1 FETCH (UID 1)"


async def test_a_replica_that_lags_fetches_nothing_so_many_times(server: ImapServer, wire: Wire) -> None:
    server.behave(fetches_lag=2)
    await wire.ask("EXAMINE INBOX")
    await wire.idle()
    server.deliver("alice", mail.plausible(0))
    assert await wire.done() == ["* 1 EXISTS"]
    assert [len(await wire.ask("UID FETCH 1:* (UID)")) for _ in range(3)] == [1, 1, 2]


async def test_a_clock_may_differ_and_a_date_may_be_given(server: ImapServer, wire: Wire) -> None:
    server.behave(clock_offset=timedelta(days=-2))
    now = datetime.now(UTC)
    inbox = server.mailbox("alice")
    uid = server.deliver("alice", mail.plausible(0))
    assert timedelta(days=1) < now - inbox.messages[uid].internal_date < timedelta(days=3)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    uid = server.deliver("alice", mail.plausible(1), internal_date=old, flags=frozenset({"\\Seen"}))
    await wire.ask("EXAMINE INBOX")
    assert (await wire.ask(f"UID FETCH {uid} (FLAGS INTERNALDATE)"))[0].endswith(
        'FLAGS (\\Seen) INTERNALDATE " 1-Jan-2020 00:00:00 +0000")'
    )


async def test_keep_alives_go_to_all_sessions(server: ImapServer, wire: Wire) -> None:
    await wire.idle()
    server.say(KEEP_ALIVE)
    assert await wire.line() == "* OK Still here"


async def test_icloud_enables_without_a_word(server: ImapServer) -> None:
    server.behave(**ICLOUD)
    async with logged_in(server) as wire:
        assert await wire.ask("ENABLE QRESYNC CONDSTORE") == ["OK done"]
        assert (await wire.ask("EXAMINE INBOX (QRESYNC (1 1))"))[-1].startswith("OK")


async def test_netease_opens_nothing_before_id(server: ImapServer) -> None:
    server.behave(**NETEASE)
    async with logged_in(server) as wire:
        assert "Unsafe Login" in (await wire.ask("EXAMINE INBOX"))[-1]
        await wire.ask('ID ("name" "idlebell")')
        assert (await wire.ask("EXAMINE INBOX"))[-1].startswith("OK")


async def test_exchange_is_authenticated_but_not_connected(server: ImapServer) -> None:
    server.behave(**EXCHANGE)
    planned = server.plan("command", NOT_CONNECTED, user="alice")
    async with logged_in(server) as wire:
        assert await wire.ask("EXAMINE INBOX") == ["BAD User is authenticated but not connected."]
        await planned.hit()
        server.plan("command", SERVER_UNAVAILABLE)
        wire.say("x NOOP")
        assert await wire.line() == "Server Unavailable. 15"


async def test_a_plan_for_any_command_lets_logins_and_logout_pass(server: ImapServer) -> None:
    server.plan("command", NOT_CONNECTED, times=None)
    async with logged_in(server) as wire:
        assert (await wire.ask("NOOP"))[-1].startswith("BAD")
        assert (await wire.ask("LOGOUT"))[0].startswith("* BYE")


async def test_yandex_says_bye_again_and_again(server: ImapServer, wire: Wire) -> None:
    [session] = server.of("alice")
    session.bye("Autologout; idle for too long", repeat=3)
    assert await wire.lines(4) == ["* BYE Autologout; idle for too long"] * 3 + [""]


async def test_a_bye_may_have_a_code_and_leave_the_connection_open(server: ImapServer, wire: Wire) -> None:
    [session] = server.of("alice")
    session.bye(code="UNAVAILABLE", linger=True)
    assert await wire.line() == "* BYE [UNAVAILABLE] going down"
    assert server.of("alice") == [session]
    server.plan("connect", Bye("later", repeat=2))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await reader.read() == b"* BYE later\r\n" * 2
    writer.close()


async def test_courier_greets_no_more_than_its_limit(server: ImapServer) -> None:
    server.behave(**COURIER)
    server.behave(greets_at_most=1)
    async with logged_in(server) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await server.until(lambda: server.connections == 2)
        await wire.ask("NOOP")
        assert not reader._buffer  # type: ignore[attr-defined]
        assert not any("UIDNEXT" in line for line in await wire.ask("EXAMINE INBOX"))
        assert (await wire.ask("NAMESPACE"))[0] == '* NAMESPACE (("INBOX." ".")) NIL NIL'
        writer.close()


async def test_a_user_may_have_so_many_sessions(server: ImapServer, wire: Wire) -> None:
    server.behave(sessions_per_user=1)
    with pytest.raises(AssertionError):
        async with logged_in(server):
            pass
    await wire.ask("NOOP")


async def test_a_refusal_may_have_no_code(server: ImapServer) -> None:
    server.behave(refusal_code=None)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    wire = Wire(reader, writer)
    await wire.line()
    assert await wire.ask("LOGIN alice wrong") == ["NO wrong user name or password"]
    writer.close()


async def test_gmx_says_nil_for_strings_and_ok_in_small_letters(server: ImapServer) -> None:
    server.behave(**GMX)
    server.deliver("alice", mail.make())
    async with logged_in(server, ok="ok") as wire:
        await wire.ask("EXAMINE INBOX")
        fetched = await wire.ask("UID FETCH 1 (BODYSTRUCTURE)")
        assert fetched[0] == "* 1 FETCH (UID 1 BODYSTRUCTURE (NIL NIL (NIL NIL) NIL NIL NIL 30 1))"
        assert fetched[1] == "ok done"
        assert (await wire.ask("ID NIL"))[0] == "* ID (NIL NIL)"


async def test_hoodiecrow_has_no_text_after_a_code(server: ImapServer) -> None:
    server.behave(**HOODIECROW)
    async with logged_in(server) as wire:
        assert "* OK [UIDVALIDITY 1]" in await wire.ask("EXAMINE INBOX")


async def test_yahoo_ends_a_session_for_a_long_line(server: ImapServer) -> None:
    server.behave(**YAHOO)
    async with logged_in(server) as wire:
        assert (await wire.ask(f"UID FETCH {','.join(['1'] * 600)} (UID)"))[0].startswith("* BYE")


@pytest.mark.parametrize("name", KINDS)
async def test_a_kind_of_server_lets_one_in_and_opens_its_mailbox(server: ImapServer, name: str) -> None:
    kind: Kind = KINDS[name]
    server.behave(**kind)
    server.deliver("alice", mail.make())
    async with logged_in(server, ok="") as wire:
        await wire.ask("ID NIL" if name == "netease" else "NOOP")
        assert "* 1 EXISTS" in await wire.ask("EXAMINE INBOX")


@pytest.mark.parametrize(
    ("name", "quirk"),
    [
        ("netease", "id-before-select"),
        ("icloud", "enable-without-enabled"),
        ("exchange", "authenticated-not-connected"),
        ("courier", "no-uidnext"),
        ("dovecot-2.3", "badevent-without-list"),
    ],
)
def test_a_kind_of_server_is_recognised_as_what_it_plays(name: str, quirk: str) -> None:
    kind = KINDS[name]
    listed = frozenset(str(one) for one in (*kind["always"], *kind["after_login"]))  # type: ignore[misc]
    found = detect(str(kind["greeting"]), listed, "127.0.0.1")
    assert quirk in {one.name for one in found}
