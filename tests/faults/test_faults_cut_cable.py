"""F3: a cable is cut, and nothing comes back. The kernel notices, by the options that every socket of ours has."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from faults.cable import FAR, Cable
from faults.watched import Noticed, timed, watched
from idlebell.compose import engine
from idlebell.net.connector import Connector, KeepAlive, set_options
from idlebell.net.errors import ConnectionLost
from idlebell.net.wire import Wire

QUICK = KeepAlive(idle_seconds=1, interval_seconds=1, probes=2)
PATIENT = KeepAlive(idle_seconds=1, interval_seconds=1, probes=60)
WAITED_SECONDS = 60.0
"""What no run comes near to."""
PROBES_BYTE = 3
"""Of ``struct tcp_info`` (<linux/tcp.h>): probes that are unanswered."""

pytestmark = [pytest.mark.long, pytest.mark.needs("cable")]


@pytest.fixture
def cable() -> Iterator[Cable]:
    with Cable() as cable:
        yield cable


@pytest.fixture
def pair(cable: Cable) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end, without options yet, and the server's."""
    with ExitStack() as stack:
        listener = stack.enter_context(cable.far(lambda: socket.create_server((FAR, 143))))
        ours = stack.enter_context(cable.near(lambda: socket.create_connection((FAR, 143), 5)))
        theirs = stack.enter_context(listener.accept()[0])
        yield ours, theirs


async def lost(wire: Wire) -> ConnectionLost:
    with pytest.raises(ConnectionLost) as caught:
        async with asyncio.timeout(WAITED_SECONDS):
            await wire.receive(100)
    return caught.value


@pytest.mark.parametrize("says", [b"", b"DONE\r\n"], ids=["idle", "data in flight"])
async def test_a_cut_cable_ends_the_connection(
    cable: Cable, pair: tuple[socket.socket, socket.socket], says: bytes, record_property: pytest.RecordProperty
) -> None:
    """The session's own options differ from these in their numbers only."""
    ours, _ = pair
    set_options(ours, QUICK)
    wire = Wire(ours)
    cable.pull()
    started = time.monotonic()
    wire.send_now(says)
    error = await lost(wire)
    wire.close()

    assert error.reason == "timeout"
    record_property("noticed_seconds", round(time.monotonic() - started, 1))
    record_property("formula_seconds", QUICK.noticed_seconds)


async def test_a_peer_that_is_there_is_not_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    """Silence alone is no reason: half as long again as the time that a cut cable has."""
    ours, theirs = pair
    set_options(ours, QUICK)
    wire = Wire(ours)
    assert not await wire.ready(1.5 * QUICK.noticed_seconds)
    theirs.sendall(b"* 1 EXISTS\r\n")
    assert await wire.receive(100) == b"* 1 EXISTS\r\n"
    wire.close()


async def test_a_cable_that_is_mended_before_the_last_probe_costs_no_session(
    cable: Cable, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    set_options(ours, PATIENT)
    wire = Wire(ours)
    cable.pull()
    async with asyncio.timeout(WAITED_SECONDS):
        while unanswered(ours) < 2:
            await asyncio.sleep(0.05)
    cable.plug()
    theirs.sendall(b"* 1 EXISTS\r\n")
    async with asyncio.timeout(WAITED_SECONDS):
        assert await wire.receive(100) == b"* 1 EXISTS\r\n"
    wire.close()


def test_a_gateway_that_is_cut_off_notices_and_comes_back(
    cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noticed: Noticed
) -> None:
    """All of it, with nothing but the kernel to notice by: nothing of ours is due for ten minutes."""
    monkeypatch.setattr(engine, "Connector", partial(Connector, keep_alive=QUICK))
    listener = cable.far(lambda: socket.create_server((FAR, 993)))

    async def run() -> None:
        async with watched(tmp_path, host=FAR, listener=listener) as alice:
            cable.pull()
            await alice.mail()
            seconds = await timed(alice.until_state("reconnecting"))
            before = alice.proxy.accepted
            cable.plug()
            await alice.reconnected(before)
            await alice.rung()
            await alice.still_there()
            assert alice.calls() == []
            noticed("F3 cable cut in IDLE (keep-alive 3 s, in life 85)", "reconnecting, back once mended", seconds)

    cable.near(lambda: asyncio.run(run()))


def unanswered(sock: socket.socket) -> int:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[PROBES_BYTE]
