"""The scripted server, seen by an independent client (IMAPClient, in a thread) and byte by byte."""

from __future__ import annotations

import asyncio
import email.message
import ssl
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, LoginError

from idlebell.imap import commands
from idlebell.testing import mail
from idlebell.testing.faults import Bye, Drop, Hold, Refuse, Say, Silence
from idlebell.testing.imap_server import ImapServer
from imap_wire import Wire

T = TypeVar("T")
SECONDS = 10


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as running:
        running.add_user("alice", "secret", token="opaque-token")
        yield running


def connect(server: ImapServer, *, tls: bool = True) -> IMAPClient:
    context = ssl.create_default_context(cadata=server.ca_pem.decode())
    if tls:
        return IMAPClient("localhost", port=server.tls_port, ssl_context=context, timeout=SECONDS)
    client = IMAPClient("localhost", port=server.port, ssl=False, timeout=SECONDS)
    client.starttls(context)
    return client


async def with_client(server: ImapServer, use: Callable[[IMAPClient], T], *, tls: bool = True) -> T:
    """``use`` with a logged-in client, in a thread; the server runs in this loop."""

    def run() -> T:
        with connect(server, tls=tls) as client:
            client.login("alice", "secret")
            return use(client)

    return await asyncio.to_thread(run)


@pytest.fixture
async def wire(server: ImapServer) -> AsyncIterator[Wire]:
    """Connected, the greeting not yet read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield Wire(reader, writer)
    writer.close()


async def test_a_delivery_is_told_in_idle(server: ImapServer) -> None:
    def idle(client: IMAPClient) -> tuple[list[object], object]:
        client.select_folder("INBOX", readonly=True)
        client.idle()
        asyncio.run_coroutine_threadsafe(deliver(), loop).result(SECONDS)
        news = client.idle_check(timeout=SECONDS)
        client.idle_done()
        return news, client.fetch([1], ["ENVELOPE", "RFC822.SIZE"])[1][b"ENVELOPE"]

    async def deliver() -> None:
        await server.until(lambda: server.idling("alice") == 1)
        server.deliver("alice", mail.make(subject="Lunch?"))

    loop = asyncio.get_running_loop()
    news, envelope = await with_client(server, idle)
    assert (1, b"EXISTS") in news
    assert envelope.subject == b"Lunch?"
    assert str(envelope.from_[0]) == "Boss <boss@example.org>"


@pytest.mark.parametrize("tls", [True, False])
async def test_implicit_tls_and_starttls_verify_against_its_authority(server: ImapServer, tls: bool) -> None:
    assert await with_client(server, lambda client: client.noop(), tls=tls)
    assert server.logins == ["alice"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "XOAUTH2", "OAUTHBEARER"])
async def test_the_sasl_mechanisms_let_in_who_belongs_in(server: ImapServer, mechanism: str) -> None:
    def log_in() -> None:
        with connect(server) as client:
            if mechanism == "PLAIN":
                client.plain_login("alice", "secret")
            elif mechanism == "XOAUTH2":
                client.oauth2_login("alice", "opaque-token")
            else:
                client.oauthbearer_login("alice", "opaque-token")
            client.noop()

    await asyncio.to_thread(log_in)


async def test_a_wrong_token_gets_a_challenge_and_then_no(server: ImapServer) -> None:
    def log_in() -> None:
        with connect(server) as client, pytest.raises(LoginError):
            client.oauth2_login("alice", "another")

    await asyncio.to_thread(log_in)


async def test_everything_that_fetch_gives_is_of_the_message(server: ImapServer) -> None:
    content = mail.make(subject="Grüße", html="<p>Hi</p>", attachment=b"\0\1\2", headers={"List-Id": "<bells.example>"})
    server.deliver("alice", content)

    def fetch(client: IMAPClient) -> dict[bytes, object]:
        client.select_folder("INBOX", readonly=True)
        items = [
            "BODY.PEEK[]",
            "BODY.PEEK[HEADER.FIELDS (LIST-ID)]",
            "BODY.PEEK[]<3.5>",
            "BODYSTRUCTURE",
            "BODY.PEEK[1.1]",
        ]
        return dict(client.fetch([1], items)[1])

    found = await with_client(server, fetch)
    assert found[b"BODY[]"] == content
    assert found[b"BODY[HEADER.FIELDS (LIST-ID)]"] == b"List-Id: <bells.example>\r\n\r\n"
    assert found[b"BODY[]<3>"] == content[3:8]
    assert found[b"BODYSTRUCTURE"].is_multipart  # type: ignore[attr-defined]
    assert found[b"BODY[1.1]"] == b"At noon, in the usual place?\r\n"


async def test_search_knows_uids_flags_headers_and_logic(server: ImapServer) -> None:
    for number in range(6):
        server.deliver("alice", mail.plausible(number))
    server.mailbox("alice").set_flags(2, frozenset({"\\Seen"}))

    def find(client: IMAPClient) -> list[list[int]]:
        client.select_folder("INBOX", readonly=True)
        keys: list[object] = [
            "UNSEEN", ["UID", "4:*"], ["SUBJECT", "moth"], ["OR", "UID", "1", "SEEN"], ["NOT", "UID", "2:6"], ["UID", "9:*"],
        ]  # fmt: skip
        return [list(client.search(key)) for key in keys]

    assert await with_client(server, find) == [[1, 3, 4, 5, 6], [4, 5, 6], [2], [1, 2], [1], [6]]


async def test_expunged_messages_are_told_by_number_and_never_during_a_fetch(server: ImapServer, wire: Wire) -> None:
    for number in range(3):
        server.deliver("alice", mail.plausible(number))
    await wire.line()
    await wire.ask("LOGIN alice secret")
    await wire.ask("EXAMINE INBOX")
    server.mailbox("alice").expunge(2)
    server.deliver("alice", mail.plausible(4))
    fetched = await wire.ask("UID FETCH 1:* (UID)")
    assert fetched[:2] == ["* 1 FETCH (UID 1)", "* 3 FETCH (UID 3)"]
    assert (await wire.ask("NOOP"))[:2] == ["* 2 EXPUNGE", "* 3 EXISTS"]


async def test_a_server_may_leave_out_uidnext(server: ImapServer, wire: Wire) -> None:
    server.behave(uid_next=False)
    await wire.line()
    await wire.ask("LOGIN alice secret")
    assert not any("UIDNEXT" in line for line in await wire.ask("EXAMINE INBOX"))
    assert "UIDNEXT" not in (await wire.ask("STATUS INBOX (MESSAGES UIDNEXT)"))[0]


async def test_a_rebuilt_mailbox_has_another_uidvalidity(server: ImapServer, wire: Wire) -> None:
    server.mailbox("alice").skip_uids(7)
    server.deliver("alice", mail.plausible(1))
    server.mailbox("alice").rebuild(99)
    await wire.line()
    await wire.ask("LOGIN alice secret")
    opened = "".join(await wire.ask("EXAMINE INBOX"))
    assert "[UIDVALIDITY 99]" in opened
    assert "[UIDNEXT 2]" in opened


async def test_an_independent_client_reads_what_the_extensions_tell(server: ImapServer) -> None:
    server.offer("CONDSTORE", "QRESYNC")
    server.create("alice", "Entwürfe", subscribed=True)
    server.deliver("alice", mail.plausible(0))

    def use(client: IMAPClient) -> list[object]:
        return [
            client.enable("QRESYNC"),
            client.id_({"name": "idlebell"}),
            [name for _, _, name in client.list_folders()],
            client.namespace().personal,
            client.folder_status("Entwürfe", ["MESSAGES", "UIDNEXT", "HIGHESTMODSEQ"]),
            client.select_folder("INBOX", readonly=True)[b"HIGHESTMODSEQ"],
            client.fetch([1], ["FLAGS"], ["CHANGEDSINCE 1"])[1][b"MODSEQ"],
        ]

    assert await with_client(server, use) == [
        [b"QRESYNC"],
        ((b"name", b"idlebell-testing"),),
        ["INBOX", "Entwürfe"],
        (("", "/"),),
        {b"MESSAGES": 0, b"UIDNEXT": 1, b"HIGHESTMODSEQ": 1},
        2,
        (2,),
    ]
    assert server.identities == [{"name": "idlebell"}]


async def test_a_planned_refusal_strikes_once(server: ImapServer, wire: Wire) -> None:
    planned = server.plan(commands.Login, Refuse("try later", "UNAVAILABLE"))
    await wire.line()
    assert await wire.ask("LOGIN alice secret") == ["NO [UNAVAILABLE] try later"]
    await planned.hit()
    assert (await wire.ask("LOGIN alice secret"))[-1].startswith("OK")


async def test_a_held_command_is_answered_when_released_and_what_came_meanwhile_after_it(
    server: ImapServer, wire: Wire
) -> None:
    hold = Hold()
    planned = server.plan(commands.Noop, hold)
    await wire.line()
    await wire.ask("LOGIN alice secret")
    wire.writer.write(b"b NOOP\r\nc CAPABILITY\r\n")
    await planned.hit()
    hold.release()
    assert (await wire.line()).startswith("b OK")
    assert (await wire.line()).startswith("* CAPABILITY")


async def test_silence_leaves_the_connection_open_and_says_nothing(server: ImapServer, wire: Wire) -> None:
    server.plan("connect", Silence())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await server.until(lambda: server.connections == 2)
    await wire.line()
    assert not reader._buffer  # type: ignore[attr-defined]
    assert not reader.at_eof()
    writer.close()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Bye("maintenance"), "* BYE maintenance\r\n"),
        (Drop(), ""),
        (Say(b"\0garbage\r\n", instead=True), "\0garbage\r\n"),
    ],
)
async def test_a_connection_can_begin_badly(server: ImapServer, fault: Bye | Drop | Say, expected: str) -> None:
    server.plan("connect", fault)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert (await reader.readline()).decode() == expected
    writer.close()


async def test_a_stopped_server_comes_back_on_its_ports_with_its_mail(server: ImapServer) -> None:
    server.deliver("alice", mail.plausible(0))
    ports = server.port, server.tls_port
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
    await server.start()
    assert (server.port, server.tls_port) == ports
    assert (await with_client(server, lambda client: client.select_folder("INBOX", readonly=True)))[b"EXISTS"] == 1


async def test_a_session_that_is_reset_fails_at_the_client(server: ImapServer) -> None:
    def use(client: IMAPClient) -> None:
        asyncio.run_coroutine_threadsafe(reset(), loop).result(SECONDS)
        with pytest.raises((OSError, IMAPClientAbortError)):
            client.noop()
        client.shutdown()

    async def reset() -> None:
        for session in server.of("alice"):
            session.drop(reset=True)
        await server.until(lambda: not server.sessions)

    def run() -> None:
        client = connect(server)
        client.login("alice", "secret")
        use(client)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(run)


async def test_only_listed_mechanisms_are_offered(server: ImapServer, wire: Wire) -> None:
    server.behave(login_disabled_in_clear=True)
    greeting = await wire.line()
    listed = await wire.ask("CAPABILITY")
    assert "LOGINDISABLED" in listed[0]
    assert "STARTTLS" in greeting
    assert (await wire.ask("AUTHENTICATE PLAIN"))[0].startswith("NO")


def test_messages_are_plausible_and_always_the_same() -> None:
    """Eight correspondents, no two messages alike, and every one parses."""
    letters = [mail.plausible(number) for number in range(40)]
    assert letters == [mail.plausible(number) for number in range(40)]
    parsed = [email.message_from_bytes(letter) for letter in letters]
    assert len({message["Message-ID"] for message in parsed}) == 40
    assert all(not message.defects for message in parsed)
