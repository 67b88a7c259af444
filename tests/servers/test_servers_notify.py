"""NOTIFY (RFC 5465) through the front, on servers that have none: what Cassandane, the test suite of Cyrus, demands of Cyrus'
own in 3.12, one behaviour a test.

Nothing waits for a time: where nothing more may come, what is caused next is what is told next.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from idlebell.front.notify.pace import Pace
from imap_wire import Wire
from servers.cyrus_server import CyrusServer
from servers.mail_server import SandboxedServer, User
from servers.notify_stage import BRISK, Client, Stage, direct, staged

RARELY = Pace(poll=600.0, gather=0.05)
HEADERS = "UID BODY.PEEK[HEADER.FIELDS (From Subject)]"


@dataclass
class Place:
    server: SandboxedServer
    stage: Stage
    user: User
    client: Client
    """Through the front."""
    other: Wire
    """Around it."""

    def name(self, *parts: str) -> str:
        return self.server.spell(*parts)

    async def deliver(self, subject: str) -> None:
        text = f"From: someone@example.net\r\nSubject: {subject}\r\n\r\nText\r\n".encode()
        await asyncio.to_thread(self.server.deliver, self.user.name, text)

    async def told(self, *patterns: str) -> str:
        """The next lines are these, RECENT left out; the last one."""
        line = ""
        for pattern in patterns:
            while "RECENT" in (line := await self.client.line()):
                pass
            assert re.fullmatch(pattern, line), f"{pattern} expected: {line}"
        return line

    async def told_header(self, number: int, subject: str) -> None:
        uid = r"UID [0-9]+ BODY\[HEADER\.FIELDS \(\"?From\"? \"?Subject\"?\)\]"
        await self.told(rf"\* {number} FETCH \({uid} {{[0-9]+}}", "From: .*", f"Subject: {subject}", "", r"\)")

    def status(self, name: str, messages: int, **more: int) -> str:
        """A pattern; UIDNEXT is left to the server, for Courier does without."""
        rest = "".join(rf"(?=.* {item.upper()} {value}\b)" for item, value in more.items())
        return rf'{rest}\* STATUS "{re.escape(name)}" \((?=.*\bUIDVALIDITY [0-9])MESSAGES {messages}\b.*\)'

    async def notify(self, groups: str) -> list[str]:
        answer = await self.client.ask(f"NOTIFY SET {groups}")
        assert answer[-1].startswith("OK"), answer
        return answer[:-1]

    async def alter(self, *commands: str) -> None:
        """In the other session."""
        for command in commands:
            answer = await self.other.ask(command)
            assert answer[-1].startswith("OK"), (command, answer)


ALL = ["cyrus, further session", "cyrus, own session", "courier, further session"]


@pytest.fixture
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    name, way, *rarely = getattr(request, "param", ALL[0]).split(", ")
    server: SandboxedServer = request.getfixturevalue(name)
    user = server.add_user()
    async with staged(
        server.ports.imaps, server.ca_file, RARELY if rarely else BRISK, further=way == "further session"
    ) as stage:
        client = await stage.client(user.name, user.password)
        other = await direct(server.ports.imaps, server.client_context(), user.name, user.password)
        yield Place(server, stage, user, client, other)
        for wire in (client, other):
            wire.writer.close()


@pytest.mark.parametrize("place", ["cyrus, further session, no polls"], indirect=True)
async def test_at_once(place: Place) -> None:
    """Not Cassandane's: by IDLE alone."""
    assert (
        await place.notify("(SELECTED (MessageNew (UID) MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))") == []
    )
    await place.client.ask("SELECT INBOX")
    await place.deliver("Message 1")
    await place.told(r"\* 1 EXISTS", r"\* 1 FETCH \(UID 1\)")
    await place.client.ask("UNSELECT")
    await place.deliver("Message 2")
    await place.told(place.status("INBOX", 2))
    await place.client.ask("SELECT INBOX")
    await place.client.idle()
    await place.deliver("Message 3")
    await place.told(r"\* 3 EXISTS", r"\* 3 FETCH \(UID 3\)")
    await place.client.done()
    await place.deliver("Message 4")
    await place.told(r"\* 4 EXISTS", r"\* 4 FETCH \(UID 4\)")


@pytest.mark.parametrize("place", ALL[:1], indirect=True)
async def test_bad(place: Place) -> None:
    """The rest of them, without a server: tests/unit/front/notify/test_notify_wanted.py."""
    assert "NOTIFY" in (await place.client.ask("CAPABILITY"))[0].split()
    for arguments in ("", "FOO", "SET", "SET (FOO (MessageNew MessageExpunge))", "SET (MAILBOXES () (MailboxName))"):
        assert (await place.client.ask(f"NOTIFY {arguments}"))[-1].startswith("BAD ")
    answer = await place.client.ask("NOTIFY SET (INBOXES (MessageNew MessageExpunge Foo))")
    assert answer[-1].startswith("NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)] ")


@pytest.mark.parametrize("place", ALL[::2], indirect=True)
async def test_message(place: Place) -> None:
    foo, bar = place.name("foo"), place.name("bar")
    await place.alter(f"CREATE {foo}", f"CREATE {bar}")
    await place.deliver("Message 1")
    await place.client.ask(f"EXAMINE {foo}")
    found = await place.notify(
        f"STATUS (SELECTED (MessageNew ({HEADERS}) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge))"
    )
    assert len(found) == 2
    for pattern, line in zip((place.status("INBOX", 1), place.status(bar, 0)), found, strict=True):
        assert re.fullmatch(pattern, line), line
    await place.deliver("Message 2")
    await place.told(place.status("INBOX", 2))
    await place.alter("SELECT INBOX", "STORE 1 +FLAGS.SILENT (\\Deleted)", "EXPUNGE")
    await place.told(place.status("INBOX", 1))
    await place.client.ask("EXAMINE INBOX")
    await place.deliver("Message 3")
    await place.told(r"\* 2 EXISTS")
    await place.told_header(2, "Message 3")
    await place.alter("NOOP", "STORE 1 +FLAGS.SILENT (\\Deleted)")
    await place.told(r"\* 1 FETCH \(UID 2 FLAGS \(.*\\Deleted.*\)\)")
    await place.alter("EXPUNGE")
    await place.told(r"\* 1 EXPUNGE")
    assert (await place.client.ask("NOTIFY NONE"))[-1] == "OK NOTIFY completed"
    await place.client.idle()
    await place.deliver("Message 4")
    await place.alter("NOOP", f"CREATE {place.name('baz')}")
    assert await place.client.done() == []
    assert "* 2 EXISTS" in await place.client.ask("NOOP")  # of what a command brings nobody can take anything back


@pytest.mark.parametrize("place", ALL[::2], indirect=True)
async def test_change_selected(place: Place) -> None:
    foo = place.name("foo")
    await place.alter(f"CREATE {foo}")
    assert await place.notify("(SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))") == []
    await place.client.ask("EXAMINE INBOX")
    await place.deliver("Message 1")
    await place.told(r"\* 1 EXISTS")
    assert "* 0 EXISTS" in await place.client.ask(f"EXAMINE {foo}")
    await place.alter("SELECT INBOX", f"COPY 1 {foo}", "STORE 1 +FLAGS.SILENT (\\Deleted)", "EXPUNGE")
    waits = {r"\* 1 EXISTS", place.status("INBOX", 0)}
    allowed = "|".join(waits)
    while waits:  # Courier's UIDNEXT comes late, and is told again
        line = await place.told(allowed)
        waits = {pattern for pattern in waits if not re.fullmatch(pattern, line)}


@pytest.mark.parametrize("place", ALL[:1], indirect=True)
async def test_selected_delayed(place: Place) -> None:
    await place.notify("(SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))")
    await place.client.ask("EXAMINE INBOX")
    await place.deliver("Message 1")
    await place.told(r"\* 1 EXISTS")
    await place.alter("SELECT INBOX", "STORE 1 +FLAGS.SILENT (\\Deleted)")
    await place.told(r"\* 1 FETCH \(UID 1 FLAGS \(.*\\Deleted.*\)\)")
    await place.alter("EXPUNGE")
    await place.deliver("Message 2")
    # Told while no command of the client's runs: the new message, and not the one that is gone.
    exists = await place.told(r"\* [12] EXISTS")
    found = [line for line in await place.client.ask("NOOP") if "RECENT" not in line]
    if exists == "* 2 EXISTS":
        assert found[0] == "* 1 EXPUNGE"


@pytest.mark.parametrize("place", ALL[:1], indirect=True)
async def test_mailbox(place: Place) -> None:
    old, new = place.name("rename-me"), place.name("delete-me")
    assert await place.notify("(PERSONAL (MailboxName SubscriptionChange))") == []
    await place.alter(f"CREATE {old}")
    listed = r'\* LIST \(.*\) "[./]" '
    line = await place.told(rf'{listed}"{old}"')
    await place.alter(f"SUBSCRIBE {old}")
    line = await place.told(rf'{listed}"INBOX"|{listed}"{old}"')  # that INBOX has children now shows on Courier
    if '"INBOX"' in line:
        line = await place.told(rf'{listed}"{old}"')
    assert "\\Subscribed" in line
    await place.alter(f"UNSUBSCRIBE {old}", f"RENAME {old} {new}")
    if isinstance(place.server, CyrusServer):
        found = await place.told(rf'{listed}"({old}"|{new}" \("OLDNAME" \("{old}"\)\))')
        if "OLDNAME" not in found:
            await place.told(rf'{listed}"{new}" \("OLDNAME" \("{old}"\)\)')
    else:  # nothing says without a STATUS each that it is the same
        seen = ""
        while not ("NonExistent" in seen and f'"{new}"' in seen):
            seen += await place.told(rf'{listed}"({old}|{new}|INBOX)"')
    await place.alter(f"DELETE {new}")
    line = await place.told(rf'{listed}"{new}"|{listed}"INBOX"')
    if '"INBOX"' in line:
        line = await place.told(rf'{listed}"{new}"')
    assert "(\\NonExistent)" in line
    await place.client.ask("NOTIFY NONE")
    await place.client.idle()
    await place.alter(f"CREATE {old}")
    assert await place.client.done() == []


@pytest.mark.parametrize("place", ALL[:2], indirect=True)
async def test_idle(place: Place) -> None:
    foo = place.name("foo")
    selected = f"(SELECTED (MessageNew ({HEADERS}) MessageExpunge))"
    assert await place.notify(f"{selected} (PERSONAL (MessageNew MessageExpunge MailboxName))") == []
    await place.client.ask("EXAMINE INBOX")
    await place.client.idle()
    await place.deliver("Message 1")
    await place.told(r"\* 1 EXISTS")
    await place.told_header(1, "Message 1")
    await place.alter(f"CREATE {foo}")
    listed = r'\* LIST \(.*\) "[./]" '
    await place.told(rf'{listed}"{foo}"')
    if foo.startswith("INBOX"):
        await place.told(rf'{listed}"INBOX"')
    # A flag is not told, for nobody asked.
    await place.alter("SELECT INBOX", "STORE 1 +FLAGS.SILENT (\\Flagged)", f"COPY 1 {foo}")
    await place.told(place.status(foo, 1))
    await place.alter("STORE 1 +FLAGS.SILENT (\\Deleted)", "EXPUNGE")
    await place.told(r"\* 1 EXPUNGE")
    assert await place.client.done() == []
    await place.deliver("Message 2")
    await place.told(r"\* 1 EXISTS")
    await place.told_header(1, "Message 2")
    await place.client.ask("CLOSE")
    await place.deliver("Message 3")
    await place.told(place.status("INBOX", 2))
    await place.alter(f"DELETE {foo}")
    await place.told(rf'\* LIST \(\\NonExistent\) "[./]" "{foo}"')
