"""The record layer after the handshake: on the vectors of RFC 8448, and against all that a server may and may not say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.net import tls_parked
from idlebell.net.errors import ConnectionLost
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_parked import (
    CONTENT_BYTES,
    MESSAGE_BYTES,
    QUIET_RECORDS,
    RECORDS_A_KEY,
    Alert,
    ParkedTls,
    TlsRecordError,
)
from idlebell.net.traffic_keys import RECEIVE, SEND, SEQUENCE_END, Keys, keep_counts, keep_secrets, suite_named
from record_peer import ALERT, APPLICATION_DATA, HANDSHAKE, SUITES, TICKET, RecordPeer

SUITE = pytest.mark.parametrize("suite", SUITES)
KEPT = pytest.mark.parametrize("kept", [False, True], ids=["derived for each call", "kept"])


def h(text: str) -> bytes:
    return bytes.fromhex(text)


# --- RFC 8448 section 3, the simple 1-RTT handshake, from the server's Finished on ---

CLIENT_SECRET = h("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
SERVER_SECRET = h("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
CLIENT_KEY, CLIENT_IV = h("17422dda596ed5d9acd890e3c63f5051"), h("5b78923dee08579033e523d9")
SERVER_KEY, SERVER_IV = h("9f02283b6c9c07efc26bb9f2ac92e356"), h("cf782b88dd83549aadf1e984")
TICKET_RECORD = h(
    "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a"
    "015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e0"
    "9c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77"
    "f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74"
    "bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f"
)
PAYLOAD = bytes(range(50))
CLIENT_RECORD = h(
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b"
    "62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"
)
SERVER_RECORD = h(
    "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8"
    "fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d"
)
CLIENT_ALERT = h("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3")
SERVER_ALERT = h("1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9")


@pytest.fixture
def trace() -> ParkedTls:
    return RecordPeer(client=CLIENT_SECRET, server=SERVER_SECRET).parked()


def test_the_keys_of_rfc_8448_are_derived():
    arena, suite = SecretArena(), suite_named("TLS_AES_128_GCM_SHA256")
    slot = arena.take()
    keep_secrets(arena, slot, suite, receive=SERVER_SECRET, send=CLIENT_SECRET)
    for way, key, iv in ((SEND, CLIENT_KEY, CLIENT_IV), (RECEIVE, SERVER_KEY, SERVER_IV)):
        with Keys(arena.view(slot), way) as keys:
            assert (keys._key, keys._iv) == (key, int.from_bytes(iv, "big"))


def test_the_records_of_rfc_8448_are_sealed_and_opened(trace):
    assert trace.receive(TICKET_RECORD).content == b""
    assert trace.seal(PAYLOAD) == CLIENT_RECORD
    received = trace.receive(SERVER_RECORD)
    assert (received.content, received.reply, received.closed) == (PAYLOAD, b"", False)
    assert trace.close_notify() == CLIENT_ALERT
    assert trace.receive(SERVER_ALERT).closed
    assert trace.at_rest


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_any_cut_of_the_trace_says_the_same(cuts):
    tls = RecordPeer(client=CLIENT_SECRET, server=SERVER_SECRET).parked()
    stream = TICKET_RECORD + SERVER_RECORD + SERVER_ALERT
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    said = [tls.receive(stream[start:end]) for start, end in pairwise(bounds)]
    assert b"".join(one.content for one in said) == PAYLOAD
    assert said[-1].closed


# --- what a server may say ---


@SUITE
def test_both_directions_pass_under_every_suite(suite):
    peer = RecordPeer(suite, sent=3, received=5)
    tls = peer.parked()
    assert tls.suite.name == suite
    assert tls.receive(peer.record(b"one") + peer.record(b"two")).content == b"onetwo"
    assert peer.open(tls.seal(b"three") + tls.seal(b"four")) == [
        (APPLICATION_DATA, b"three"),
        (APPLICATION_DATA, b"four"),
    ]


def test_large_content_takes_several_records_and_none_takes_none():
    peer = RecordPeer()
    tls = peer.parked()
    records = peer.open(tls.seal(bytes(CONTENT_BYTES) + b"x"))
    assert [len(content) for _, content in records] == [CONTENT_BYTES, 1]
    assert tls.seal(b"") == b""


def test_padding_is_taken_off():
    peer = RecordPeer()
    tls = peer.parked()
    stream = peer.record(b"a\0", padding=300) + peer.record(b"", padding=9) + peer.record(bytes(CONTENT_BYTES))
    assert tls.receive(stream).content == b"a\0" + bytes(CONTENT_BYTES)
    assert tls.receive(peer.record(b"", padding=CONTENT_BYTES)).content == b""


def test_the_version_of_a_record_is_ignored_but_authenticated():
    """RFC 8446 section 5.1: legacy_record_version is ignored for all purposes; section 5.2: it is additional data."""
    peer = RecordPeer()
    tls = peer.parked()
    assert tls.receive(peer.record(b"x", head=b"\x17\x03\x01")).content == b"x"
    record = peer.record(b"y")
    with pytest.raises(TlsRecordError) as caught:
        tls.receive(record[:2] + b"\x01" + record[3:])
    assert caught.value.alert is Alert.BAD_RECORD_MAC


@SUITE
def test_tickets_are_ignored_also_in_pieces_and_several_in_a_record(suite):
    peer = RecordPeer(suite)
    tls = peer.parked()
    for cut in range(1, len(TICKET)):
        tls.receive(peer.record(TICKET + TICKET[:cut], HANDSHAKE))
        assert not tls.at_rest
        tls.receive(peer.record(TICKET[cut:], HANDSHAKE))
        assert tls.at_rest
        assert tls.receive(peer.record(b"x")).content == b"x"


@SUITE
@KEPT
@pytest.mark.parametrize("request_update", [0, 1])
def test_a_key_update_changes_their_key_and_ours_where_asked(suite, request_update, kept):
    peer = RecordPeer(suite, sent=7)
    tls = peer.parked()
    if kept:
        tls.keep_keys()
    for round_ in range(3):
        received = tls.receive(peer.record(b"before") + peer.key_update(request_update) + peer.record(b"after"))
        assert received.content == b"beforeafter"
        assert peer.open(received.reply) == ([(HANDSHAKE, b"\x18\0\0\1\0")] if request_update else [])
        assert peer.receiving.sequence == (0 if request_update else round_)
        assert peer.open(tls.seal(b"now")) == [(APPLICATION_DATA, b"now")]


def test_a_key_update_may_come_in_pieces():
    peer = RecordPeer()
    tls = peer.parked()
    tls.receive(peer.record(b"\x18\0", HANDSHAKE))
    received = tls.receive(peer.record(b"\0\1\1", HANDSHAKE))
    peer.sending.update()
    assert peer.open(received.reply) == [(HANDSHAKE, b"\x18\0\0\1\0")]
    assert tls.receive(peer.record(b"x")).content == b"x"


@KEPT
def test_our_own_key_is_changed_before_its_limit(kept):
    """RFC 8446 section 5.5: 2^24.5 records under one key of AES-GCM."""
    peer = RecordPeer(received=RECORDS_A_KEY - 1)
    tls = peer.parked()
    if kept:
        tls.keep_keys()
    opened = peer.open(tls.seal(bytes(2 * CONTENT_BYTES)) + tls.seal(b"x"))
    assert [kind for kind, _ in opened] == [APPLICATION_DATA, HANDSHAKE, APPLICATION_DATA, APPLICATION_DATA]
    assert opened[1] == (HANDSHAKE, b"\x18\0\0\1\0")
    assert peer.receiving.sequence == 2
    assert RECORDS_A_KEY < 2**24.5


def test_close_notify_ends_it_and_what_follows_is_ignored():
    peer = RecordPeer()
    tls = peer.parked()
    received = tls.receive(peer.record(b"bye") + peer.record(b"\1\0", ALERT) + b"anything at all")
    assert (received.content, received.closed) == (b"bye", True)
    assert tls.receive(b"\x15more").closed
    assert tls.peer_closed
    assert peer.open(tls.seal(b"we may still speak")) == [(APPLICATION_DATA, b"we may still speak")]  # section 6.1
    assert peer.open(tls.close_notify()) == [(ALERT, b"\1\0")]
    assert tls.close_notify() == b""
    with pytest.raises(ConnectionLost):
        tls.seal(b"x")


def test_user_canceled_is_followed_by_close_notify():
    peer = RecordPeer()
    assert not peer.parked().receive(peer.record(b"\1\x5a", ALERT)).closed


def test_a_session_at_rest_is_nothing_but_its_slot():
    arena, peer = SecretArena(), RecordPeer()
    tls = peer.parked(arena)
    record = peer.record(b"x")
    tls.receive(record[:9])
    assert not tls.at_rest
    assert tls.receive(record[9:]).content == b"x"
    again = ParkedTls(arena, tls.slot)
    assert peer.open(again.seal(b"y")) == [(APPLICATION_DATA, b"y")]
    assert again.receive(peer.record(b"z")).content == b"z"


def taken_over(peer: RecordPeer, last: bytes, *, received: int, sent: int = 0) -> ParkedTls | None:
    tls = peer.parked()
    return ParkedTls.take_over(tls._arena, tls.slot, received=received, sent=sent, last=last)


def test_a_session_is_taken_over_where_its_last_record_opens_as_data():
    peer = RecordPeer(sent=4, received=2)
    parked = RecordPeer(client=peer.receiving.secret, server=peer.sending.secret)
    tls = taken_over(parked, peer.record(b"x", padding=3), received=5, sent=2)
    assert tls is not None
    assert tls.receive(peer.record(b"y")).content == b"y"
    assert peer.open(tls.seal(b"z")) == [(APPLICATION_DATA, b"z")]
    fresh = RecordPeer()
    assert taken_over(fresh, b"", received=0) is not None


@pytest.mark.parametrize(
    "last",
    [
        lambda peer: peer.record(TICKET, HANDSHAKE),
        lambda peer: peer.record(TICKET[:9], HANDSHAKE),
        lambda peer: peer.key_update(0),
        lambda peer: peer.key_update(1),
        lambda peer: peer.record(b"\1\0", ALERT),
        lambda peer: peer.record(b"miscounted") and peer.record(b"x"),
        lambda peer: peer.key_update(0) and peer.record(b"under another key"),
        lambda peer: peer.seal(bytes(9)),
        lambda peer: b"\x17\x03\x03\0\x20" + b"x" * 32,
    ],
)
def test_a_session_is_not_taken_over_after_anything_else(last):
    peer = RecordPeer(sent=4)
    parked = RecordPeer(client=peer.receiving.secret, server=peer.sending.secret)
    assert taken_over(parked, last(peer), received=5) is None


def test_what_is_forgotten_is_gone():
    arena, peer = SecretArena(), RecordPeer()
    tls = peer.parked(arena)
    slot = tls.slot
    tls.forget()
    assert bytes(arena.view(slot)) == bytes(len(arena.view(slot)))
    assert arena.used == 0
    tls.forget()
    for call in (lambda: tls.seal(b"x"), lambda: tls.receive(b"x"), tls.close_notify):
        with pytest.raises(ConnectionLost):
            call()


def test_no_secret_is_in_a_repr():
    peer = RecordPeer(client=CLIENT_SECRET, server=SERVER_SECRET)
    tls = peer.parked()
    said = f"{tls!r} {tls.suite!r} {tls.receive(peer.record(b'x'))!r} {tls._arena!r}"
    assert CLIENT_SECRET.hex() not in said
    assert repr(CLIENT_SECRET) not in said


# --- what a server may not say: each ends the session, with the alert that the RFC names ---

MALFORMED = {
    "change_cipher_spec in clear": (lambda p: b"\x14\x03\x03\0\1\1", Alert.UNEXPECTED_MESSAGE),
    "an alert in clear": (lambda p: b"\x15\x03\x03\0\2\1\0", Alert.UNEXPECTED_MESSAGE),
    "a handshake record in clear": (lambda p: b"\x16\x03\x03\0\1x", Alert.UNEXPECTED_MESSAGE),
    "no TLS at all": (lambda p: b"* BYE\r\n", Alert.UNEXPECTED_MESSAGE),
    "change_cipher_spec under protection": (lambda p: p.record(b"\1", 20), Alert.UNEXPECTED_MESSAGE),
    "heartbeat": (lambda p: p.record(b"x", 24), Alert.UNEXPECTED_MESSAGE),
    "a type beyond all": (lambda p: p.record(b"x", 255), Alert.UNEXPECTED_MESSAGE),
    "nothing but padding": (lambda p: p.seal(bytes(40)), Alert.UNEXPECTED_MESSAGE),
    "an empty inner plaintext": (lambda p: p.seal(b""), Alert.UNEXPECTED_MESSAGE),
    "an empty record": (lambda p: b"\x17\x03\x03\0\0", Alert.BAD_RECORD_MAC),
    "a record shorter than a tag": (lambda p: b"\x17\x03\x03\0\x0fxxxxxxxxxxxxxxx", Alert.BAD_RECORD_MAC),
    "a record that nobody sealed": (lambda p: b"\x17\x03\x03\0\x20" + b"x" * 32, Alert.BAD_RECORD_MAC),
    "a record too long": (lambda p: b"\x17\x03\x03\x41\x01", Alert.RECORD_OVERFLOW),
    "a plaintext too long": (lambda p: p.record(bytes(CONTENT_BYTES + 1)), Alert.RECORD_OVERFLOW),
    "padding beyond a full record": (lambda p: p.record(b"x", padding=CONTENT_BYTES), Alert.RECORD_OVERFLOW),
    "an empty alert": (lambda p: p.record(b"", ALERT), Alert.UNEXPECTED_MESSAGE),
    "half an alert": (lambda p: p.record(b"\1", ALERT), Alert.DECODE_ERROR),
    "two alerts in a record": (lambda p: p.record(b"\1\0\1\0", ALERT), Alert.DECODE_ERROR),
    "an empty handshake record": (lambda p: p.record(b"", HANDSHAKE), Alert.UNEXPECTED_MESSAGE),
    "CertificateRequest": (lambda p: p.record(b"\x0d\0\0\0", HANDSHAKE), Alert.UNEXPECTED_MESSAGE),
    "HelloRequest": (lambda p: p.record(b"\0\0\0\0", HANDSHAKE), Alert.UNEXPECTED_MESSAGE),
    "Finished": (lambda p: p.record(b"\x14", HANDSHAKE), Alert.UNEXPECTED_MESSAGE),
    "a KeyUpdate without a request": (lambda p: p.record(b"\x18\0\0\0", HANDSHAKE), Alert.DECODE_ERROR),
    "a KeyUpdate of two bytes": (lambda p: p.record(b"\x18\0\0\2\0\0", HANDSHAKE), Alert.DECODE_ERROR),
    "a KeyUpdate that requests 2": (lambda p: p.record(b"\x18\0\0\1\2", HANDSHAKE), Alert.ILLEGAL_PARAMETER),
    "a message after KeyUpdate in its record": (
        lambda p: p.record(b"\x18\0\0\1\0" + TICKET, HANDSHAKE),
        Alert.UNEXPECTED_MESSAGE,
    ),
    "data within a message": (
        lambda p: p.record(TICKET[:9], HANDSHAKE) + p.record(b"x"),
        Alert.UNEXPECTED_MESSAGE,
    ),
    "an alert within a message": (
        lambda p: p.record(TICKET[:9], HANDSHAKE) + p.record(b"\1\0", ALERT),
        Alert.UNEXPECTED_MESSAGE,
    ),
    "a message too long": (
        lambda p: p.record(b"\4" + (MESSAGE_BYTES + 1).to_bytes(3, "big"), HANDSHAKE),
        Alert.DECODE_ERROR,
    ),
    "empty records without end": (
        lambda p: b"".join(p.record(b"") for _ in range(QUIET_RECORDS + 1)),
        Alert.UNEXPECTED_MESSAGE,
    ),
    "tickets without end": (
        lambda p: b"".join(p.record(TICKET, HANDSHAKE) for _ in range(QUIET_RECORDS + 1)),
        Alert.UNEXPECTED_MESSAGE,
    ),
    "KeyUpdates without end": (
        lambda p: b"".join(p.key_update(1) for _ in range(QUIET_RECORDS + 1)),
        Alert.UNEXPECTED_MESSAGE,
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_no_server_may_say_ends_the_session_by_the_alert_of_the_rfc(what):
    make, alert = MALFORMED[what]
    peer = RecordPeer()
    tls = peer.parked()
    stream = peer.record(b"before") + make(peer)
    with pytest.raises(TlsRecordError) as caught:
        tls.receive(stream)
    error = caught.value
    assert (error.alert, error.content, error.reason) == (alert, b"before", "tls")
    assert peer.open(error.farewell)[-1] == (ALERT, bytes((2, alert)))
    for call in (lambda: tls.receive(b""), lambda: tls.seal(b"x")):
        with pytest.raises(ConnectionLost):
            call()
    assert tls.close_notify() == b""


def test_data_in_between_makes_quiet_records_harmless():
    peer = RecordPeer()
    tls = peer.parked()
    for _ in range(3):
        tls.receive(b"".join(peer.record(b"") for _ in range(QUIET_RECORDS)) + peer.record(b"x"))


@pytest.mark.parametrize(("number", "name"), [(20, "bad_record_mac"), (80, "internal_error"), (199, "199")])
def test_an_alert_of_the_server_ends_the_session_by_its_name_and_is_not_answered(number, name):
    """RFC 8446 section 6: the level says nothing."""
    peer = RecordPeer()
    with pytest.raises(TlsRecordError, match=name) as caught:
        peer.parked().receive(peer.record(b"x") + peer.record(bytes((1, number)), ALERT))
    assert (caught.value.alert, caught.value.content, caught.value.farewell) == (None, b"x", b"")


def test_a_sequence_number_never_wraps():
    peer = RecordPeer()
    tls = peer.parked()
    keep_counts(tls._arena, tls.slot, received=SEQUENCE_END, sent=0)
    with pytest.raises(ConnectionLost):
        tls.receive(peer.record(b"x"))


# --- what somebody in between may do ---


@SUITE
@given(data=st.data())
def test_any_altered_byte_ends_the_session_and_nothing_of_its_record_is_believed(suite, data):
    peer = RecordPeer(suite)
    tls = peer.parked()
    first, second = peer.record(b"first"), peer.record(b"second", padding=data.draw(st.integers(0, 20)))
    at = data.draw(st.integers(0, len(second) - 1))
    altered = bytearray(second)
    altered[at] ^= data.draw(st.integers(1, 255))
    content, _, detail = heard(tls, [first, bytes(altered), bytes(CONTENT_BYTES)])  # the last: for a length that grew
    assert content == b"first"
    assert detail.split(":")[0] in ("bad_record_mac", "unexpected_message", "record_overflow")


@pytest.mark.parametrize("order", [(0, 0), (1, 0), (0, 2), (1,)])
def test_a_record_again_or_out_of_turn_or_left_out_ends_the_session(order):
    peer = RecordPeer()
    tls = peer.parked()
    records = [peer.record(b"%d" % number) for number in range(3)]
    with pytest.raises(TlsRecordError) as caught:
        tls.receive(b"".join(records[number] for number in order))
    assert caught.value.alert is Alert.BAD_RECORD_MAC


def test_a_record_from_before_a_key_update_ends_the_session():
    peer = RecordPeer()
    tls = peer.parked()
    old = peer.record(b"old")
    tls.receive(old + peer.key_update())
    with pytest.raises(TlsRecordError):
        tls.receive(old)


SAYINGS = st.lists(
    st.one_of(
        st.tuples(st.just("data"), st.binary(max_size=40), st.integers(0, 40)),
        st.tuples(st.just("ticket"), st.integers(1, len(TICKET)), st.just(0)),
        st.tuples(st.just("update"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("malformed"), st.sampled_from(sorted(MALFORMED)), st.just(0)),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
    ),
    max_size=8,
)


def spoken(peer: RecordPeer, sayings) -> bytes:
    stream = b""
    for what, value, padding in sayings:
        match what:
            case "data":
                stream += peer.record(value, padding=padding)
            case "ticket":
                stream += peer.record(TICKET[:value], HANDSHAKE)
                if TICKET[value:]:
                    stream += peer.record(TICKET[value:], HANDSHAKE)
            case "update":
                stream += peer.key_update(value)
            case "malformed":
                stream += MALFORMED[value][0](peer)
            case "close":
                stream += peer.record(b"\1\0", ALERT)
    return stream


def heard(tls: ParkedTls, pieces: list[bytes]) -> tuple[bytes, bytes, str]:
    content = sent = b""
    for piece in pieces:
        try:
            received = tls.receive(piece)
        except TlsRecordError as error:
            return content + error.content, sent + error.farewell, error.detail
        content += received.content
        sent += received.reply
        if received.closed:
            return content, sent, "closed"
    return content, sent, ""


@SUITE
@given(sayings=SAYINGS, cuts=st.lists(st.integers(0, 2_000), max_size=12))
def test_any_cut_of_anything_says_and_answers_the_same(suite, sayings, cuts):
    size = SUITES[suite][0].digest_size
    whole, cut, again = (RecordPeer(suite, client=b"c" * size, server=b"s" * size) for _ in range(3))
    stream = spoken(whole, sayings)
    bounds = [0, *sorted(min(at, len(stream)) for at in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(bounds)]
    at_work = cut.parked()
    at_work.keep_keys()
    assert heard(at_work, pieces) == heard(again.parked(), [stream])


@SUITE
def test_keys_that_are_kept_are_derived_once_and_go_when_they_are_dropped(suite, monkeypatch):
    derived = []
    monkeypatch.setattr(tls_parked, "Keys", lambda view, way: derived.append(way) or Keys(view, way))
    peer = RecordPeer(suite)
    tls = peer.parked()
    tls.keep_keys()
    for _ in range(3):
        assert peer.open(tls.seal(b"out")) == [(APPLICATION_DATA, b"out")]
        assert tls.receive(peer.record(b"in")).content == b"in"
        tls.keep_keys()
    assert derived == [SEND, RECEIVE]

    tls.drop_keys()
    assert tls.receive(peer.record(b"in")).content == b"in"
    assert derived == [SEND, RECEIVE, RECEIVE]
    tls.drop_keys()
