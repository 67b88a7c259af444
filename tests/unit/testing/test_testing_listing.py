"""LIST, NAMESPACE and ID of the scripted server (RFC 5258, 5819, 6154, 2342, 2971)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer
from imap_wire import Wire, logged_in


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as running:
        user = running.add_user("alice", "secret")
        user.add_mailbox("Sent", attributes=frozenset({"\\Sent"}))
        user.add_mailbox("Lists", selectable=False)
        user.add_mailbox("Lists/bell", subscribed=True)
        user.subscribed.add("Gone")
        yield running


@pytest.fixture
async def wire(server: ImapServer) -> AsyncIterator[Wire]:
    async with logged_in(server) as connected:
        yield connected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('LIST "" "%"', ["INBOX", "Lists \\Noselect", "Sent \\Sent"]),
        ('LIST "Lists/" "*"', ["Lists/bell"]),
        ('LIST "" ""', [" \\Noselect"]),
        (
            'LIST (SUBSCRIBED) "" "*"',
            ["INBOX \\Subscribed", "Gone \\NonExistent \\Subscribed", "Lists/bell \\Subscribed"],
        ),
        ('LIST (SPECIAL-USE) "" "*"', ["Sent \\Sent"]),
        (
            'LIST "" "*" RETURN (SPECIAL-USE SUBSCRIBED CHILDREN)',
            [
                "INBOX \\HasNoChildren \\Subscribed",
                "Lists \\HasChildren \\Noselect",
                "Lists/bell \\HasNoChildren \\Subscribed",
                "Sent \\HasNoChildren \\Sent",
            ],
        ),
    ],
)
async def test_mailboxes_are_found_by_pattern_and_option(wire: Wire, command: str, expected: list[str]) -> None:
    found = []
    for line in (await wire.ask(command))[:-1]:
        attributes, _, name = line.removeprefix("* LIST (").partition(') "/" ')
        found.append(" ".join([name.strip('"'), *attributes.split()]))
    assert found == expected


async def test_lsub_has_names_of_mailboxes_that_are_gone(wire: Wire) -> None:
    assert (await wire.ask('LSUB "" "*"'))[:-1] == [
        '* LSUB () "/" "Gone"',
        '* LSUB () "/" "INBOX"',
        '* LSUB () "/" "Lists/bell"',
    ]


async def test_status_comes_with_the_list(server: ImapServer, wire: Wire) -> None:
    server.deliver("alice", mail.make(), "Lists/bell")
    told = await wire.ask('LIST (SUBSCRIBED) "" "*" RETURN (STATUS (UIDNEXT UIDVALIDITY))')
    assert [line for line in told if "STATUS" in line] == [
        '* STATUS "INBOX" (UIDNEXT 1 UIDVALIDITY 1)',
        '* STATUS "Lists/bell" (UIDNEXT 2 UIDVALIDITY 1)',
    ]


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ("LIST-EXTENDED", 'LIST (SUBSCRIBED) "" "*"'),
        ("LIST-EXTENDED", 'LIST "" "*" RETURN (CHILDREN)'),
        ("LIST-STATUS", 'LIST "" "*" RETURN (STATUS (UIDNEXT))'),
        ("SPECIAL-USE", 'LIST "" "*" RETURN (SPECIAL-USE)'),
        ("", 'LIST "" "*" RETURN (ODD)'),
    ],
)
async def test_an_option_that_is_not_offered_is_bad(server: ImapServer, wire: Wire, missing: str, command: str) -> None:
    server.withhold(missing)
    assert (await wire.ask(command))[-1].startswith("BAD")


async def test_namespaces_are_told(server: ImapServer, wire: Wire) -> None:
    assert (await wire.ask("NAMESPACE"))[0] == '* NAMESPACE (("" "/")) NIL NIL'
    server.behave(prefix="INBOX.", shared_prefix="#shared.", delimiter=".")
    assert (await wire.ask("NAMESPACE"))[0] == '* NAMESPACE (("INBOX." ".")) NIL (("#shared." "."))'


async def test_what_is_shared_is_not_personal(server: ImapServer, wire: Wire) -> None:
    server.offer("NOTIFY")
    server.user("alice").add_mailbox("#shared/team", personal=False)
    told = await wire.ask("NOTIFY SET STATUS (personal (MessageNew MessageExpunge))")
    assert not any("#shared" in line for line in told)


async def test_what_id_told_is_remembered(server: ImapServer, wire: Wire) -> None:
    assert (await wire.ask('ID ("name" "idlebell" "support-url" "https://bell.example")'))[0].startswith("* ID (")
    [session] = server.of("alice")
    assert session.identity == {"name": "idlebell", "support-url": "https://bell.example"}
    assert server.identities == [session.identity]


@pytest.mark.parametrize("capability", ["IDLE", "ID", "ENABLE", "NAMESPACE", "UNSELECT"])
async def test_a_command_that_is_not_offered_is_unknown(server: ImapServer, wire: Wire, capability: str) -> None:
    server.withhold(capability)
    await wire.ask("EXAMINE INBOX" if capability == "UNSELECT" else "NOOP")
    arguments = {"ID": " NIL", "ENABLE": " CONDSTORE"}.get(capability, "")
    assert (await wire.ask(capability + arguments))[-1].startswith("BAD")
