"""What must hold of every TLS record that a server could send to a parked session: beneath the encryption, where an attacker
never gets, but a server does; and of bytes that nobody sealed, which an attacker can send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from idlebell.net.errors import ConnectionLost
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_parked import (
    CIPHERTEXT_BYTES,
    HEADER_BYTES,
    MESSAGE_BYTES,
    QUIET_RECORDS,
    ParkedTls,
    TlsRecordError,
)
from idlebell.net.traffic_keys import QUIET, RECEIVE
from record_peer import ALERT, APPLICATION_DATA, HANDSHAKE, SUITES, TICKET, RecordPeer

UNSEALED: Final = 4
"""The switch for bytes that go to the session as they are; below it the number of the suite."""

_SHORT: Final = 128
_TIMES: Final = 140
"""A size byte from 128 on means so many times its rest, so that short inputs reach the bound of a record."""
_PIECES: Final = 100
"""A stream is cut into some hundred at most: more take long and show no more."""


def hold_records(data: bytes, cut: Callable[[bytes, int], list[bytes]]) -> None:
    """``data``: switches, how the rest is cut, and records: content type, padding, size of the content, content."""
    switches, wire = data[0], data[2:]
    suite = list(SUITES)[switches % len(SUITES)]
    if switches & UNSEALED:
        peer, tls = _session(suite)
        content, replies, _ = _heard(tls, cut(wire, data[1]))
        assert content == b""
        assert [kind for kind, _ in peer.open(replies)] in ([], [ALERT])
        return
    peer, tls = _session(suite)
    stream, said = b"", b""
    open_, expected = True, b""
    for kind, padding, content in _records(wire):
        inner = content + bytes((kind,))
        record = peer.seal(inner + bytes(padding))
        inner = inner.rstrip(b"\0")  # of type zero there is nothing: the type is what stands before it
        stream += record
        if not open_:
            continue
        secret = _receive_secret(tls)
        got, replies, end = _heard(tls, [record])
        said += replies
        assert got == (inner[:-1] if inner[-1:] == bytes((APPLICATION_DATA,)) and not end else b"")
        expected += got
        open_ = end == ""
        if _receive_secret(tls) != secret:
            peer.sending.update()  # it took a KeyUpdate
    opened = peer.open(said)
    assert all(kind == HANDSHAKE or (kind == ALERT and at == len(opened) - 1) for at, (kind, _) in enumerate(opened))
    # Any cut says and answers the same; but what came along with an error alert of the server is not answered.
    _, again = _session(suite)
    content, replies, end = _heard(again, cut(stream, max(data[1], len(stream) // _PIECES)))
    assert content == expected
    assert replies == said or (said.startswith(replies) and end.startswith("the server sent"))


def seeds() -> Iterator[bytes]:
    """Dialogues of real servers' kind."""
    line, update, bye = b"* OK Still here\r\n", b"\x18\0\0\1", b"\1\0"
    tickets = [(HANDSHAKE, 0, TICKET), (HANDSHAKE, 0, TICKET)]
    yield _spelt(0, [*tickets, (APPLICATION_DATA, 0, line), (ALERT, 0, bye)])
    yield _spelt(1, [(APPLICATION_DATA, 9, line), (APPLICATION_DATA, 40, b""), (APPLICATION_DATA, 0, line)])
    yield _spelt(2, [(HANDSHAKE, 0, update + b"\1"), (APPLICATION_DATA, 0, line), (HANDSHAKE, 3, update + b"\0")])
    yield _spelt(0, [(HANDSHAKE, 0, TICKET[:9]), (HANDSHAKE, 0, TICKET[9:] + TICKET[:2]), (HANDSHAKE, 0, TICKET[2:])])
    yield _spelt(0, [(HANDSHAKE, 0, update[:2]), (HANDSHAKE, 0, update[2:] + b"\1"), (ALERT, 0, b"\2\x50")])
    yield _spelt(1, [(20, 0, b"\1")])
    yield bytes((UNSEALED, 3)) + b"\x17\x03\x03\x00\x20" + bytes(32)
    yield bytes((UNSEALED, 3)) + b"\x15\x03\x03\x00\x02\x02\x50"


def _session(suite: str) -> tuple[RecordPeer, ParkedTls]:
    size = SUITES[suite][0].digest_size
    peer = RecordPeer(suite, client=b"c" * size, server=b"s" * size)
    return peer, peer.parked(SecretArena())


def _records(wire: bytes) -> Iterator[tuple[int, int, bytes]]:
    while len(wire) >= 3:
        kind, padding, size = wire[:3]
        end = 3 + size % _SHORT
        content, wire = wire[3:end], wire[end:]
        yield kind, padding, content * (1 if size < _SHORT else _TIMES)


def _spelt(switches: int, records: list[tuple[int, int, bytes]]) -> bytes:
    return bytes((switches, 5)) + b"".join(
        bytes((kind, padding, len(content))) + content for kind, padding, content in records
    )


def _heard(tls: ParkedTls, pieces: list[bytes]) -> tuple[bytes, bytes, str]:
    """Content, answers, and how it ended."""
    content = replies = b""
    for piece in pieces:
        try:
            received = tls.receive(piece)
        except TlsRecordError as error:
            for call in (lambda: tls.receive(b"x"), lambda: tls.seal(b"x")):
                try:
                    call()
                except ConnectionLost:
                    continue
                raise AssertionError("it goes on after an error") from None
            return content + error.content, replies + error.farewell, error.detail
        content += received.content
        replies += received.reply
        assert len(tls._record) < HEADER_BYTES + CIPHERTEXT_BYTES
        assert len(tls._message) < 4 + MESSAGE_BYTES
        assert tls._view()[QUIET] <= QUIET_RECORDS
        if received.closed:
            return content, replies, "closed"
    return content, replies, ""


def _receive_secret(tls: ParkedTls) -> bytes:
    return bytes(tls._view()[RECEIVE.secret : RECEIVE.secret + tls.suite.hash_bytes])
