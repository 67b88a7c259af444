"""A parked session as a channel: what TlsChannel promises holds here too."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

import pytest

from idlebell.net.errors import ConnectionLost
from idlebell.net.record_channel import RecordChannel
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_parked import Alert, TlsRecordError
from idlebell.net.wire import Wire
from record_peer import ALERT, APPLICATION_DATA, HANDSHAKE, RecordPeer


@dataclass
class Stage:
    """``far``: the server's socket."""

    peer: RecordPeer
    channel: RecordChannel
    far: socket.socket
    arena: SecretArena

    async def send(self, *records: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.far, b"".join(records))

    async def sent(self) -> list[tuple[int, bytes]]:
        return self.peer.open(await asyncio.get_running_loop().sock_recv(self.far, 1_000_000))


@pytest.fixture
def stage():
    near, far = socket.socketpair()
    far.setblocking(False)
    arena, peer = SecretArena(), RecordPeer()
    stage = Stage(peer, RecordChannel(Wire(near), peer.parked(arena)), far, arena)
    yield stage
    stage.channel.close()
    far.close()
    assert arena.used == 0


async def test_bytes_pass_both_ways(stage):
    await stage.send(stage.peer.record(b"one"), stage.peer.record(b"two"))
    assert await stage.channel.read(100) == b"onetwo"
    await stage.channel.write(b"three")
    assert await stage.sent() == [(APPLICATION_DATA, b"three")]
    assert stage.channel.description == "TLSv1.3 TLS_AES_128_GCM_SHA256"


async def test_content_that_was_not_asked_for_is_ready_and_is_not_given_away(stage):
    await stage.send(stage.peer.record(b"a" * 60 + b"b" * 40))
    assert await stage.channel.read(60) == b"a" * 60
    assert await stage.channel.ready(60.0)
    assert stage.channel.release() is None
    assert await stage.channel.read(60) == b"b" * 40
    assert not await stage.channel.ready(0.0)


async def test_what_is_released_goes_on_in_another_channel_but_not_within_a_record(stage):
    record = stage.peer.record(b"hello")
    await stage.send(record[:9])
    reading = asyncio.ensure_future(stage.channel.read(100))
    while stage.channel._tls.at_rest:
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert stage.channel.release() is None
    await stage.send(record[9:])
    assert await stage.channel.read(100) == b"hello"
    released = stage.channel.release()
    assert released is not None
    stage.channel = RecordChannel(*released, b"again")
    assert await stage.channel.read(100) == b"again"
    await stage.channel.write(b"world")
    assert await stage.sent() == [(APPLICATION_DATA, b"world")]


async def test_interrupt_ends_a_wait_that_takes_nothing(stage):
    waiting = asyncio.ensure_future(stage.channel.ready(60.0))
    await asyncio.sleep(0)
    stage.channel.interrupt()
    assert not await waiting
    await stage.send(stage.peer.record(b"x"))
    assert await stage.channel.ready(60.0)
    assert await stage.channel.read(9) == b"x"


async def test_a_cancelled_read_loses_no_byte_wherever_it_was_cut(stage):
    for byte in stage.peer.record(b"hello"):
        reading = asyncio.ensure_future(stage.channel.read(100))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await stage.send(bytes([byte]))
    assert await stage.channel.read(100) == b"hello"


async def test_large_data_passes_through_a_small_socket(stage):
    data = bytes(range(256)) * 2_000
    writing = asyncio.ensure_future(stage.channel.write(data))
    stream, loop = b"", asyncio.get_running_loop()
    while not writing.done() or len(stream) < len(data):
        stream += await loop.sock_recv(stage.far, 100_000)
    assert b"".join(content for _, content in stage.peer.open(stream)) == data


async def test_long_reads_of_two_sessions_share_a_buffer_and_mix_nothing_up(stage):
    near, far = socket.socketpair()
    far.setblocking(False)
    peer = RecordPeer()
    other = Stage(peer, RecordChannel(Wire(near), peer.parked(stage.arena)), far, stage.arena)
    wanted = {0: bytes(range(256)) * 4_000, 1: bytes(range(255, -1, -1)) * 4_000}

    async def says(one: Stage, data: bytes) -> None:
        stream = b"".join(one.peer.record(data[at : at + 16_384]) for at in range(0, len(data), 16_384))
        for at in range(0, len(stream), 50_001):
            await one.send(stream[at : at + 50_001])

    async def hears(one: Stage, size: int) -> bytes:
        heard = b""
        while len(heard) < size:
            heard += await one.channel.read(131_072)
            await asyncio.sleep(0)
        return heard

    try:
        async with asyncio.TaskGroup() as tasks:
            heard = {}
            for number, one in enumerate((stage, other)):
                tasks.create_task(says(one, wanted[number]))
                heard[number] = tasks.create_task(hears(one, len(wanted[number])))
        assert {number: task.result() for number, task in heard.items()} == wanted
    finally:
        other.channel.close()
        far.close()


async def test_the_answer_to_a_key_update_goes_before_what_is_written_next(stage):
    await stage.send(stage.peer.key_update(1), stage.peer.record(b"x"))
    assert await stage.channel.read(9) == b"x"
    await stage.channel.write(b"y")
    assert await stage.sent() == [(HANDSHAKE, b"\x18\0\0\1\0"), (APPLICATION_DATA, b"y")]


async def test_an_answer_that_the_kernel_does_not_take_waits_for_the_next_write(stage, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(Wire, "send_now", lambda wire, data: 0)
        await stage.send(stage.peer.key_update(1), stage.peer.record(b"x"))
        assert await stage.channel.read(9) == b"x"
        assert stage.channel.release() is None
    await stage.channel.write(b"y")
    assert [kind for kind, _ in await stage.sent()] == [HANDSHAKE, APPLICATION_DATA]


async def test_close_notify_is_an_end_and_what_came_before_it_is_read_first(stage):
    await stage.send(stage.peer.record(b"bye"), stage.peer.record(b"\1\0", ALERT))
    assert await stage.channel.read(100) == b"bye"
    assert await stage.channel.ready(60.0)
    assert await stage.channel.read(100) == b""
    assert await stage.channel.read(100) == b""
    assert stage.channel.release() is None
    stage.channel.shut_down()
    assert await stage.sent() == [(ALERT, b"\1\0")]


async def test_a_bare_close_is_not_an_end(stage):
    stage.far.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionLost) as caught:
        await stage.channel.read(100)
    assert caught.value.reason == "truncated"


async def test_a_bad_record_is_told_to_both_sides_after_what_came_before_it(stage):
    await stage.send(stage.peer.record(b"good"), b"\x17\x03\x03\x00\x20" + b"x" * 32)
    assert await stage.channel.read(100) == b"good"
    assert await stage.channel.ready(60.0)
    assert stage.channel.release() is None
    with pytest.raises(TlsRecordError) as caught:
        await stage.channel.read(100)
    assert (caught.value.reason, caught.value.alert) == ("tls", Alert.BAD_RECORD_MAC)
    assert await stage.sent() == [(ALERT, b"\2\x14")]
    for call in (lambda: stage.channel.read(100), lambda: stage.channel.write(b"x")):
        with pytest.raises(ConnectionLost):
            await call()
    stage.channel.shut_down()


async def test_a_peer_that_is_gone_keeps_nobody_from_reading_what_it_said(stage):
    await stage.send(stage.peer.key_update(1), stage.peer.record(b"last"))
    stage.far.close()
    assert await stage.channel.read(100) == b"last"
    with pytest.raises(ConnectionLost):
        await stage.channel.read(100)


async def test_closing_forgets_the_secrets_and_tells_the_one_who_waits(stage):
    reading = asyncio.ensure_future(stage.channel.read(10))
    await asyncio.sleep(0)
    stage.channel.close()
    assert stage.arena.used == 0
    with pytest.raises(ConnectionLost):
        await reading
    with pytest.raises(ConnectionLost):
        await stage.channel.write(b"x")
    stage.channel.shut_down()
