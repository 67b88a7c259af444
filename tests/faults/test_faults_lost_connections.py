"""Connections that are lost, half lost, or only slow: each is noticed, and nothing is lost or said twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.unruly_proxy import BOTH, Way, Welcome
from faults.watched import CYCLE, QUICK, Noticed, Watched, timed, watched
from idlebell.testing.faults import Bye
from idlebell.watch import fleet
from idlebell.watch.cadence import Cadence
from servers.dovecot_server import DovecotServer

SERVERS = ["scripted", "dovecot"]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> DovecotServer | None:
    """None: the scripted one."""
    return request.getfixturevalue("dovecot") if request.param == "dovecot" else None


@pytest.fixture(scope="module")
def own_dovecot() -> Iterator[DovecotServer]:
    """One to be ended and started again."""
    with DovecotServer() as server:
        yield server


@pytest.fixture
async def alice(server: DovecotServer | None, tmp_path: Path) -> AsyncIterator[Watched]:
    """In IDLE for as long as nothing happens."""
    async with watched(tmp_path, server) as one:
        yield one


@pytest.fixture
async def probed(server: DovecotServer | None, tmp_path: Path) -> AsyncIterator[Watched]:
    """Looked after every second."""
    async with watched(tmp_path, server, cadence=CYCLE, deadlines=QUICK) as one:
        yield one


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_connection_that_is_cut_is_opened_again_and_the_gap_rings_once(
    alice: Watched, reset: bool, noticed: Noticed
) -> None:
    before = alice.proxy.accepted
    alice.proxy.cut(reset=reset)
    await alice.mail()
    seconds = await timed(alice.reconnected(before))
    await alice.rung()
    await alice.still_there()
    assert alice.calls() == []
    noticed(f"F1 cut by {'RST' if reset else 'FIN'}", "watching again, gap rung once, app not asked", seconds)


async def test_a_session_that_cannot_be_opened_again_is_asked_for_once(
    server: DovecotServer | None, tmp_path: Path, noticed: Noticed
) -> None:
    async with watched(tmp_path, server, retention="session") as alice:
        alice.proxy.cut()
        seconds = await timed(alice.called())
        shown = await alice.until_state("needs_credentials")
        assert shown["problem"]["type"] == "/problems/session-lost"
        await alice.mail()
        await alice.resupply(alice.password)
        await alice.rung()
        await alice.still_there()
        assert len(alice.calls()) == 1
    noticed("F1 cut, retention session", "needs_credentials, asked once, gap rung once", seconds)


async def test_a_port_that_refuses_for_a_while_is_tried_until_it_does_not(alice: Watched, noticed: Noticed) -> None:
    await alice.proxy.shut()
    alice.proxy.cut()
    shown = await alice.until_state("reconnecting")
    assert shown["problem"]["type"] in ("/problems/session-lost", "/problems/unreachable")
    before = alice.proxy.accepted
    await alice.mail()
    await alice.proxy.open()
    seconds = await timed(alice.reconnected(before))
    await alice.rung()
    await alice.still_there()
    assert alice.calls() == []
    noticed("F1 nobody listens, then somebody does", "watching again, gap rung once, app not asked", seconds)


async def test_a_server_that_accepts_and_never_greets_is_given_up_and_tried_again(
    server: DovecotServer | None, tmp_path: Path, noticed: Noticed
) -> None:
    """F15: Courier's connection above its limit."""
    async with watched(tmp_path, server, deadlines=QUICK) as alice:
        before = alice.proxy.accepted
        alice.proxy.welcome = Welcome.MUTE
        alice.proxy.cut()
        await alice.proxy.until(lambda: alice.proxy.accepted > before)
        seconds = await timed(alice.proxy.until(lambda: alice.proxy.accepted > before + 1))
        assert await alice.state() == "reconnecting"
        alice.proxy.welcome = Welcome.RELAY
        alice.proxy.cut()
        await alice.mail()
        await alice.rung()
        await alice.still_there()
        assert alice.calls() == []
    noticed("F15 accepted, never greeted (deadline 2 s)", "given up and tried again, app not asked", seconds)


@pytest.mark.parametrize("swallows", [BOTH, {Way.DOWN}, {Way.UP}], ids=["both ways", "from server", "to server"])
async def test_a_half_open_connection_is_noticed_within_one_cycle(
    probed: Watched, swallows: set[Way], noticed: Noticed
) -> None:
    """F3, F5: the kernel of the other side, or a box on the way, acknowledges all that we send."""
    before = probed.proxy.accepted
    for connection in probed.proxy.connections:
        connection.behave(swallows=frozenset(swallows))
    await probed.mail()
    seconds = await timed(probed.reconnected(before))
    await probed.rung()
    await probed.still_there()
    assert probed.calls() == []
    way = "both ways" if len(swallows) == 2 else next(iter(swallows)).value
    noticed(f"F3 half-open, {way} (cycle 1 s, answer due in 1 s)", "watching again, gap rung once", seconds)


async def test_a_network_that_forgets_quiet_connections_is_noticed_within_one_cycle(
    probed: Watched, noticed: Noticed
) -> None:
    """F4: a NAT whose time is shorter than the cycle."""
    before = probed.proxy.accepted
    for connection in probed.proxy.connections:
        connection.behave(forgets_after_seconds=0.5)
    await probed.proxy.until(lambda: any(one.swallowed[Way.UP] for one in probed.proxy.connections), 60)
    await probed.mail()
    seconds = await timed(probed.reconnected(before))
    await probed.rung()
    await probed.still_there()
    assert probed.calls() == []
    noticed("F4 forgotten by a NAT, from the DONE on (answer due in 1 s)", "watching again, gap rung once", seconds)


async def test_the_cycle_is_learnt_until_a_forgetful_network_is_outrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noticed: Noticed
) -> None:
    """F4. Each silent loss halves it; then a session lives."""
    monkeypatch.setattr(fleet, "HUNG_UP_SECONDS", 0.5)
    learning = Cadence(idle=4.0, poll=600.0, probe=4.0, shortest=0.5)
    async with watched(tmp_path, cadence=learning, deadlines=QUICK) as alice:
        alice.proxy.behave(forgets_after_seconds=1.4)
        server = alice.scene.server

        def outrun() -> bool:
            """A session of which every cycle went well, and there were several."""
            return any(session.commands.count("NOOP") >= 4 for session in server.of("alice"))

        seconds = await timed(server.until(outrun, 150))
        assert alice.proxy.accepted >= 2
        await alice.still_there()
        assert alice.calls() == []
    noticed("F4 cycle 4 s, NAT forgets after 1.4 s", "cycle learnt by silent losses, then the session lives", seconds)


async def test_a_stall_shorter_than_the_deadlines_costs_nothing_but_its_time(alice: Watched, noticed: Noticed) -> None:
    before = alice.proxy.accepted
    alice.proxy.behave(stalls=BOTH)
    await alice.mail()
    for _ in range(2):
        await asyncio.sleep(0.1)
        assert alice.announced() < alice.sent
    alice.proxy.behave(stalls=frozenset())
    seconds = await timed(alice.rung())
    await alice.still_there()
    assert alice.proxy.accepted == before
    noticed("stalled for 0.2 s", "same session, rung", seconds)


async def test_a_stall_longer_than_the_deadlines_is_a_lost_connection(probed: Watched, noticed: Noticed) -> None:
    before = probed.proxy.accepted
    for connection in probed.proxy.connections:
        connection.behave(stalls=BOTH)
    await probed.mail()
    seconds = await timed(probed.reconnected(before))
    await probed.rung()
    await probed.still_there()
    noticed("stalled for good (cycle 1 s, answer due in 1 s)", "watching again, gap rung once", seconds)


@pytest.mark.parametrize("manner", [{"slice_bytes": 1}, {"delay_seconds": 0.05}], ids=["a byte at a time", "slow"])
async def test_a_bad_line_is_used_as_it_is(alice: Watched, manner: dict[str, Any], noticed: Noticed) -> None:
    """Also a whole new session goes over it."""
    before = alice.proxy.accepted
    alice.proxy.behave(**manner)
    seconds = await timed(alice.still_there())
    alice.proxy.cut()
    await alice.mail()
    await alice.reconnected(before)
    await alice.rung()
    await alice.still_there()
    assert alice.proxy.accepted == before + 1
    noticed(f"line with {manner}", "rung, also over a new session", seconds)


async def test_a_server_that_says_goodbye_is_left_at_once(tmp_path: Path, noticed: Noticed) -> None:
    """F1: Dovecot leaves the connection open for ten seconds after its BYE."""
    async with watched(tmp_path) as alice:
        before = alice.proxy.accepted
        alice.scene.server.of("alice")[0].bye("Server shutting down.", linger=True)
        seconds = await timed(alice.reconnected(before))
        await alice.still_there()
        assert alice.calls() == []
    noticed("F1 BYE with the connection left open", "watching again, app not asked", seconds)


async def test_a_goodbye_instead_of_a_greeting_says_nothing_of_the_password(tmp_path: Path, noticed: Noticed) -> None:
    """F8."""
    async with watched(tmp_path) as alice:
        before = alice.proxy.accepted
        planned = alice.scene.server.plan("connect", Bye("too busy"), times=2)
        alice.proxy.cut()
        seconds = await timed(alice.proxy.until(lambda: alice.proxy.accepted >= before + 3, 60))
        await alice.until_state("watching")
        await alice.still_there()
        assert planned.hits == 2
        assert alice.calls() == []
    noticed("F8 BYE instead of a greeting, twice", "watching again, app not asked", seconds)


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_a_server_that_is_restarted_is_found_again(
    own_dovecot: DovecotServer, tmp_path: Path, ending: str, noticed: Noticed
) -> None:
    """F1: by SIGTERM with a BYE, by SIGKILL without."""
    async with watched(tmp_path, own_dovecot) as alice:
        before = alice.proxy.accepted
        await asyncio.to_thread(getattr(own_dovecot, ending))
        await alice.until_state("reconnecting")
        await asyncio.to_thread(own_dovecot.start)
        await alice.mail()
        seconds = await timed(alice.reconnected(before))
        await alice.rung()
        await alice.still_there()
        assert alice.calls() == []
    noticed(f"F1 Dovecot restarted ({ending}), from its start on", "watching again, gap rung once", seconds)


async def test_a_server_process_that_stands_still_is_noticed_within_one_cycle(
    own_dovecot: DovecotServer, tmp_path: Path, noticed: Noticed
) -> None:
    """F5: its kernel answers keep-alives for it. In life the cycle is at most nine minutes to begin with; a peer was seen to
    need 514 s."""
    async with watched(tmp_path, own_dovecot, cadence=CYCLE, deadlines=QUICK) as alice:
        stopped = imap_processes(own_dovecot)
        assert stopped
        before = alice.proxy.accepted
        began = time.monotonic()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            await alice.mail()
            await alice.reconnected(before)
            await alice.rung()
            seconds = time.monotonic() - began
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        await alice.still_there()
        assert alice.calls() == []
    noticed("F5 server process stopped (cycle 1 s, answer due in 1 s)", "watching again, gap rung once", seconds)


def imap_processes(server: DovecotServer) -> list[int]:
    """Those that serve a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, owner = (folder / "comm").read_text().strip(), folder.stat().st_uid
        except OSError:
            continue  # it has ended
        if name == "imap" and owner == server.sandbox.uid:
            found.append(int(folder.name))
    return found
