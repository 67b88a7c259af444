"""SIP as far as a lamp needs it: URIs, messages, digests, and when a request is sent again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.push.exchange import SipRequest, SipResponse
from idlebell.push.sip import digest
from idlebell.push.sip.message import Hop, SipGarbageError, StreamReader, encode, parse_response
from idlebell.push.sip.transaction import STRAYS_MAX, T1, T2, TIMEOUT_SECONDS, Step, Transaction
from idlebell.push.sip.uri import BadSipUri, Transport, parse

OK = b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP 192.0.2.1:9;rport=9;branch=z9hG4bKa\r\nCSeq: 1 NOTIFY\r\nl: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "target", "address"),
    [
        ("sip:1001@192.0.2.7", "sip:1001@192.0.2.7:5060", "sip:1001@192.0.2.7"),
        ("sip:1001@192.0.2.7:5070;transport=udp", "sip:1001@192.0.2.7:5070", "sip:1001@192.0.2.7"),
        ("SIP:a%20b:s%40crt@Phone.test;transport=TCP", "sip:a%20b@phone.test:5060;transport=tcp", "sip:a%20b@phone.test"),
        ("sips:1@[2001:db8::7]", "sip:1@[2001:db8::7]:5061;transport=tls", "sip:1@[2001:db8::7]"),
    ],
)  # fmt: skip
def test_a_uri_names_a_phone_and_its_password_goes_nowhere(text: str, target: str, address: str) -> None:
    found = parse(text)
    assert (found.target, found.address) == (target, address)
    assert "crt" not in f"{found!r}{found.target}"


@pytest.mark.parametrize(
    "text",
    [
        "", "sip:192.0.2.7", "tel:123", "http://a@b", "sip:1@h:0", "sip:1@h:70000", "sip:1@h;transport=sctp",
        "sips:1@h;transport=udp", "sip:1@h;lr", "sip:1@h?Subject=x", "sip:1@h\r\nX: y", "sip:a%0d%0ab@h", "sip:a:b%00@h",
        "sip:" + "1" * 65 + "@h", "sip:1@" + "h" * 254, "sip:1@h;transport=udp;x=y",
    ],
)  # fmt: skip
def test_what_is_no_phone_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadSipUri) as caught:
        parse(text)
    assert not text or text not in str(caught.value)


def request(uri: str = "sip:1001:pw@192.0.2.7") -> SipRequest:
    return SipRequest("NOTIFY", parse(uri), "ntf_1@idlebell", "7b", 1, (("Event", "message-summary"),), b"x\r\n")


def test_a_request_has_what_a_phone_wants() -> None:
    hop = Hop("192.0.2.1:5060", Transport.UDP, "abc", 3, ("Authorization", "Digest x"))
    assert encode(request(), hop).decode().split("\r\n") == [
        "NOTIFY sip:1001@192.0.2.7:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport",
        "Max-Forwards: 70",
        "From: <sip:1001@192.0.2.7>;tag=7b",
        "To: <sip:1001@192.0.2.7>",
        "Call-ID: ntf_1@idlebell",
        "CSeq: 3 NOTIFY",
        "Contact: <sip:idlebell@192.0.2.1:5060;transport=udp>",
        "Event: message-summary",
        "Authorization: Digest x",
        "User-Agent: Idlebell",
        "Content-Length: 3",
        "",
        "x",
        "",
    ]
    nobody = encode(request("sip:1001@192.0.2.7"), hop)
    assert b"From: <sip:idlebell@192.0.2.1>;tag=7b" in nobody


def test_an_answer_is_known_by_its_branch() -> None:
    found = parse_response(OK.replace(b"l: 0", b"Retry-After: 5\r\n (busy)\r\nl: 0"))
    assert (found.status, found.branch, found.method) == (200, "z9hG4bKa", "NOTIFY")
    assert found.headers["retry-after"] == ("5 (busy)",)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"HTTP/1.1 200 OK\r\n\r\n", b"SIP/2.0 999 X\r\n\r\n", b"NOTIFY sip:a@b SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n",
        OK.replace(b"CSeq: 1 NOTIFY", b"CSeq: x"), OK.replace(b";branch=z9hG4bKa", b""), OK.replace(b"l: 0", b"x:\r\n" * 200),
    ],
)  # fmt: skip
def test_garbage_is_told_from_an_answer(data: bytes) -> None:
    with pytest.raises(SipGarbageError):
        parse_response(data)


@settings(max_examples=30)
@given(st.binary(max_size=300))
def test_whatever_comes_it_is_an_answer_or_garbage(data: bytes) -> None:
    for given_data in (data, b"SIP/2.0 401 x\r\n" + data):
        try:
            digest.authorization(request(), parse_response(given_data), "c")
        except SipGarbageError:
            continue


@pytest.mark.parametrize("size", [1, 7, 500])
def test_a_stream_is_cut_where_its_messages_end(size: int) -> None:
    body = OK.replace(b"l: 0", b"Content-Length: 3") + b"abc"
    stream = b"\r\n\r\n" + OK + body + OK
    reader, found = StreamReader(), []
    for at in range(0, len(stream), size):
        found += reader.receive(stream[at : at + size])
    assert found == [OK, body, OK]


@pytest.mark.parametrize("data", [b"x" * 70_000, OK.replace(b"l: 0\r\n", b""), OK.replace(b"l: 0", b"l: 99999")])
def test_a_stream_that_cannot_be_cut_ends(data: bytes) -> None:
    with pytest.raises(SipGarbageError):
        StreamReader().receive(data)


def test_the_digest_is_that_of_the_rfcs() -> None:
    """RFC 7616 section 3.9.1 with SIP's members: computed apart, by the formula."""
    import hashlib

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    value = 'Digest realm="a\\"b", nonce="n1", qop="auth,auth-int", opaque="o", algorithm=MD5'
    response = SipResponse(401, "b", "NOTIFY", {"www-authenticate": ("Basic x", value)})
    found = digest.authorization(request(), response, "c1")
    assert found is not None
    uri = "sip:1001@192.0.2.7:5060"
    expected = md5(f"{md5(chr(49) + '001:a' + chr(34) + 'b:pw')}:n1:00000001:c1:auth:{md5('NOTIFY:' + uri)}")
    assert found[0] == "Authorization"
    assert f'response="{expected}"' in found[1]
    assert 'realm="a\\"b"' in found[1]
    assert "qop=auth, nc=00000001" in found[1]
    assert "pw" not in found[1]


def test_the_best_challenge_that_we_know_is_answered() -> None:
    plain = 'Digest realm="r", nonce="n"'
    values = (plain, 'Digest realm="r", nonce="m", algorithm=SHA-256', plain + ", algorithm=SHA-512")
    best = digest.best(values)
    assert best is not None
    assert (best.algorithm, best.nonce, best.qop) == ("SHA-256", "m", False)
    proxy = SipResponse(407, "b", "NOTIFY", {"proxy-authenticate": (values[0],)})
    assert (digest.authorization(request(), proxy, "c") or ("",))[0] == "Proxy-Authorization"
    assert digest.authorization(request("sip:1@h"), proxy, "c") is None, "no password, no answer"
    long = "n" * 600
    for bad in ("Digest realm=r", f'{plain}, qop="auth-int"', f'{plain}, opaque="{long}"', 'Digest realm="r" nonce'):
        assert digest.read(bad) is None


def begun(*, stream: bool = False, timeout: float = 60.0) -> Transaction:
    return Transaction.begun("z9hG4bKa", "NOTIFY", 100.0, timeout, stream=stream)


def test_it_is_sent_again_at_growing_pauses_until_timer_f() -> None:
    state, sent, now = begun(), [], 100.0
    while True:
        step, state = state.step(now)
        if step is Step.GIVE_UP:
            break
        if step is Step.SEND:
            sent.append(now - 100.0)
        now = state.next_at
    assert sent[:5] == [0.5, 1.5, 3.5, 7.5, 11.5]
    assert now - 100.0 == TIMEOUT_SECONDS
    assert len(sent) == 10
    assert begun(stream=True).next_at == 100.0 + TIMEOUT_SECONDS
    assert begun(timeout=5).ends_at == 105.0


def test_only_its_own_final_answer_ends_it() -> None:
    ours = parse_response(OK)
    ringing = parse_response(OK.replace(b"200 OK", b"100 Trying"))
    state = begun().received(None).received(parse_response(OK.replace(b"z9hG4bKa", b"z9hG4bKb"))).received(ringing)
    assert (state.strays, state.answer, state.pause) == (3, None, T2)
    assert state.step(100.0 + T1)[0] is Step.SEND
    assert state.received(ours).step(100.0) == (Step.ANSWERED, state.received(ours))
    for _ in range(STRAYS_MAX):
        state = state.received(None)
    assert state.step(100.1)[0] is Step.GIVE_UP
