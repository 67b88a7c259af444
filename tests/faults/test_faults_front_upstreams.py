"""Upstreams of the front that lie, flood, stop in the middle, or speak out of turn: the front and its clients outlive them."""

from __future__ import annotations

import asyncio
import hashlib
import os

import pytest

from faults.front_scene import CAPABILITIES, SECONDS, End, Upstream, obey, scene
from idlebell.front import departures

FORGED = (
    b"WEBPUSH STARTTLS COMPRESS=DEFLATE LOGIN-REFERRALS UNAUTHENTICATE AUTH=SCRAM-SHA-256-PLUS AUTH=EXTERNAL XVAPID"
)
NEVER_TOLD = (b"WEBPUSH", b"STARTTLS", b"COMPRESS", b"LOGIN-REFERRALS", b"UNAUTHENTICATE", b"-PLUS", b"EXTERNAL")
LARGE_BYTES = 16 * 1024 * 1024
IN_BETWEEN_BYTES = 12 * 1024 * 1024
"""What the kernel's buffers of four sockets take on this machine, with room: tcp_wmem and tcp_rmem grow to 4 and 6 MiB."""


async def drain(end: End) -> None:
    while await end.line():
        pass


async def test_no_capability_that_an_upstream_forges_reaches_a_client() -> None:
    """Wherever a list can stand: greeting, login, an untagged response, the text of any status response, in any case."""
    lists = (
        b"* CAPABILITY " + CAPABILITIES + b" " + FORGED,
        b"* capability " + CAPABILITIES + b" " + FORGED.lower(),
        b"* OK [CAPABILITY IMAP4rev1 " + FORGED + b"] by the way",
        b"* NO [capability imap4rev1 " + FORGED.lower() + b"] by the way",
        b"* BAD [CAPABILITY " + FORGED + b"] by the way",
        b"* PREAUTH [CAPABILITY " + FORGED + b"] again",
        b"*  CAPABILITY " + FORGED,
        b"* 1 CAPABILITY " + FORGED,
    )

    async def act(end: End) -> None:
        while line := await end.line():
            said = b"".join(one + b"\r\n" for one in lists)
            await end.say(
                said + line.split(b" ")[0] + b" OK [CAPABILITY " + CAPABILITIES + b" " + FORGED + b"] so there\r\n"
            )

    forged = CAPABILITIES + b" " + FORGED
    greeting, logged_in = b"* OK [CAPABILITY " + forged + b"] hello\r\n", b" OK [CAPABILITY " + forged + b"] in\r\n"
    async with scene(Upstream(act, greeting=greeting, logged_in=logged_in)) as stage:
        client = await stage.stranger()
        await client.line()
        await client.ask(b"CAPABILITY")
        await client.ask(b"LOGIN alice secret", b"b")
        await client.ask(b"CAPABILITY", b"c")
        told = b"".join(client.heard)
        assert b"UIDPLUS" in told
        assert [name for name in NEVER_TOLD if name.lower() in told.lower()] == [], told


@pytest.mark.parametrize("said", [b" OK [REFERRAL %b] in", b" NO [REFERRAL %b] go", b"* BYE [REFERRAL %b] go"])
async def test_a_referral_at_a_login_leads_no_client_around_us(said: bytes) -> None:
    """RFC 2221: the client would go there with its password."""
    async with scene(Upstream(logged_in=said % b"imap://elsewhere.example/" + b"\r\n")) as stage:
        client = await stage.stranger()
        await client.line()
        told = b"".join(await client.ask(b"LOGIN alice secret"))
        assert b"a " in told
        assert b"elsewhere" not in told


@pytest.mark.parametrize(
    "moment", ["connected", "greeted", "logging in", "logged in", "asked", "in a literal", "idling"]
)
async def test_whenever_an_upstream_goes_its_client_is_told_and_the_next_is_served(moment: str) -> None:
    async def act(end: End) -> None:
        if moment == "logged in":
            return
        line = await end.line()
        if moment == "in a literal":
            await end.say(b"* 1 FETCH (BODY[] {1000}\r\nhalf of it")
        if moment == "idling":
            await end.say(b"+ idling\r\n")
            await end.line()
        assert line

    upstream = Upstream(act)
    if moment == "connected":
        upstream.greeting = b""
    elif moment == "greeted":
        upstream.greeting = b"* BYE not today\r\n"
    elif moment == "logging in":
        upstream.logged_in = b""
    async with scene(upstream) as stage:
        client = await stage.stranger()
        await client.line()
        said = await client.ask(b"LOGIN alice secret")
        if moment in ("connected", "greeted", "logging in"):
            assert said[-1].startswith((b"a NO ", b"a BAD ")), said
            assert (await client.ask(b"LOGOUT"))[0].startswith(b"* BYE")
        else:
            if moment != "logged in":
                await client.say(b"b IDLE\r\nDONE\r\n")
            rest = await client.rest()
            if moment == "in a literal":
                # A BYE in there would be taken for a part of the message.
                assert rest.endswith(b"half of it"), rest
            else:
                assert b"* BYE " in rest, rest
        await stage.until(lambda: not stage.front.sessions)
        upstream.act = obey
        upstream.greeting = b"* OK hello\r\n"
        upstream.logged_in = b" OK in\r\n"
        assert (await (await stage.client()).ask(b"NOOP"))[-1] == b"a OK done\r\n"


async def test_a_message_of_any_size_passes_byte_for_byte_and_is_not_collected() -> None:
    block = os.urandom(65_536)

    async def act(end: End) -> None:
        await end.line()
        await end.say(b"* 1 FETCH (BODY[] {%d}\r\n" % LARGE_BYTES)
        for _ in range(LARGE_BYTES // len(block)):
            await end.say(block)
        await end.say(b")\r\nb OK done\r\n")
        await drain(end)

    async with scene(Upstream(act)) as stage:
        client = await stage.client()
        await client.say(b"b FETCH 1 BODY[]\r\n")
        assert await client.line() == b"* 1 FETCH (BODY[] {%d}\r\n" % LARGE_BYTES
        got, left = hashlib.sha256(), LARGE_BYTES
        while left:
            data = await client.reader.read(min(left, 1 << 20))
            assert data
            got.update(data)
            left -= len(data)
        assert got.digest() == hashlib.sha256(block * (LARGE_BYTES // len(block))).digest()
        assert await client.until(b"b ") == [b")\r\n", b"b OK done\r\n"]


async def test_what_never_ends_is_held_back_by_a_client_that_does_not_read() -> None:
    """Nothing on the way grows but the kernel's buffers."""
    given = 0
    stuck = asyncio.Event()

    async def act(end: End) -> None:
        nonlocal given
        await end.line()
        end.writer.write(b"* 1 FETCH (BODY[] {9999999999}\r\n")
        block = b"a" * 65_536
        while given < 4 * IN_BETWEEN_BYTES:
            end.writer.write(block)
            given += len(block)
            try:
                async with asyncio.timeout(0.2):
                    await end.writer.drain()
            except TimeoutError:
                stuck.set()
                await end.reader.read()
                return

    async with scene(Upstream(act)) as stage:
        client = await stage.client()
        client.writer.transport.pause_reading()
        await client.say(b"b NOOP\r\n")
        async with asyncio.timeout(SECONDS):
            await stuck.wait()
        assert given <= IN_BETWEEN_BYTES
        # The others are served meanwhile.
        assert (await (await stage.stranger()).line()).startswith(b"* OK")
        client.leave()
        await stage.until(lambda: not stage.front.sessions)


async def test_answers_that_nobody_asked_for_pass_and_confuse_nothing() -> None:
    noise = (
        b"zz OK of a tag never sent\r\n", b"Front1 OK of a tag that the front might send\r\n", b"+ go on\r\n" * 50,
        b"* 5 EXISTS\r\n", b"b OK too early\r\n", b"\xff\xfe\x00 garbage\r\n", b"\r\n", b"*\r\n", b"* \r\n",
        b"* 1 FETCH (FLAGS (\r\n", b"* LIST {3}\r\nabc\r\n",
        b"* OK [ALERT] {5}\r\n", b"* ENABLED " + b"X" * 9_000 + b"\r\n", b"* CAPABILITY\r\n",
    )  # fmt: skip

    async def act(end: End) -> None:
        while line := await end.line():
            await end.say(b"".join(noise) + line.split(b" ")[0] + b" OK done\r\n")

    async with scene(Upstream(act)) as stage:
        client = await stage.client()
        await client.say(b"c NOOP\r\n")
        expected = b"".join(noise)
        said = await client.until(b"c ")
        assert b"".join(said) == expected + b"c OK done\r\n"
        said = await client.ask(b"LOGOUT", b"d")
        assert said[-1].startswith(b"d OK")
        assert any(line.startswith(b"* BYE") for line in said)


async def test_a_client_that_goes_while_its_upstream_is_silent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has sent last waits for answers that do not come, and its end stands behind that."""
    monkeypatch.setattr(departures, "LOGOUT_SECONDS", 0.1)
    async with scene(Upstream(drain)) as stage:
        client = await stage.client()
        await client.say(b"b SELECT INBOX\r\nc LOGOUT\r\nd NOOP\r\n")
        client.writer.write_eof()
        await stage.until(lambda: not stage.front.sessions)
