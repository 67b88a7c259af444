"""The server's side of the mechanisms, against the client's side and against clients that lie."""

from __future__ import annotations

import base64

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.sasl import ScramSha256
from idlebell.imap.sasl_server import (
    Identity,
    ScramSha256Server,
    ScramVerifier,
    read_oauthbearer,
    read_plain,
    read_xoauth2,
)

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
DECOY_KEY = b"kept by the server"


def reason(raised: pytest.ExceptionInfo[RemoteProtocolError]) -> str:
    return raised.value.reason


@pytest.mark.parametrize("message", [b"", b"bob\0p", b"\0\0p", b"\0bob\0", b"\0bob\0p\0x", b"\0\xff\0p"])
def test_a_broken_plain_message_is_refused(message: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        read_plain(message)
    assert reason(raised) == "bad-sasl-message"


@pytest.mark.parametrize(
    "message",
    [
        b"n,a=bob,",
        b"n,a=bob\x01auth=Bearer t\x01\x01",
        b"p=x,a=bob,\x01auth=Bearer t\x01\x01",
        b"n,bob,\x01auth=Bearer t\x01\x01",
        b"n,a=bob,x\x01auth=Bearer t\x01\x01",
        b"n,a=bob,\x01auth=Bearer t\x01",
        b"n,a=bob,\x01auth=Basic t\x01\x01",
        b"n,a=bob,\x01auth=Bearer \x01\x01",
        b"n,a=bob,\x01host=h\x01\x01",
    ],
)
def test_a_broken_oauthbearer_message_is_refused(message: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        read_oauthbearer(message)
    assert reason(raised) == "bad-sasl-message"


def test_a_broken_xoauth2_message_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        read_xoauth2(b"auth=Bearer t\x01\x01")


def server_for(username: str, password: str, entropy: bytes = b"server-entropy-018") -> ScramSha256Server:
    return ScramSha256Server({username: ScramVerifier.of(password, SALT)}.get, entropy, DECOY_KEY)


@pytest.mark.parametrize(("username", "password"), [("user", "pencil"), ("a=b,c", "x"), ("jürgen", "Ⅸ пароль")])
def test_both_sides_of_scram_agree(username: str, password: str) -> None:
    client, server = ScramSha256(username, password, b"client-entropy-018"), server_for(username, password)
    final = server.step(client.step(server.step(client.initial())))
    assert server.authenticated == username
    assert client.step(final) == b""
    assert client.satisfied


def test_a_wrong_password_authenticates_nobody() -> None:
    client, server = ScramSha256("user", "pen", b"client-entropy-018"), server_for("user", "pencil")
    final = server.step(client.step(server.step(client.initial())))
    assert final == b"e=invalid-proof"
    assert server.authenticated is None
    assert client.step(final) == b""
    assert not client.satisfied


def test_an_unknown_user_looks_like_a_wrong_password() -> None:
    """RFC 5802 section 9: names are not to be guessed."""
    client, server = ScramSha256("nobody", "pencil", b"client-entropy-018"), server_for("user", "pencil")
    assert server.step(client.step(server.step(client.initial()))) == b"e=invalid-proof"
    assert server.authenticated is None


def test_the_salt_of_an_unknown_user_stays_the_same_and_cannot_be_worked_out() -> None:
    """Whoever could would know it from the random salt of a user that exists."""
    salts = [
        ScramSha256Server({}.get, entropy, key).step(b"n,,n=nobody,r=abc").split(b",")[1]
        for entropy, key in ((b"1" * 18, b"one"), (b"2" * 18, b"one"), (b"1" * 18, b"two"))
    ]
    assert salts[0] == salts[1] != salts[2]


def test_a_proof_of_the_wrong_size_is_refused() -> None:
    server = server_for("user", "pencil")
    nonce = server.step(b"n,,n=user,r=abc").split(b",")[0]
    assert server.step(b"c=biws," + nonce + b",p=AAAA") == b"e=invalid-proof"


@pytest.mark.parametrize(
    "first", [b"", b"p=tls-exporter,,n=user,r=abc", b"n,a=eve,n=user,r=abc", b"n,,n=,r=abc", b"n,,n=user"]
)
def test_a_broken_client_first_message_is_refused(first: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        server_for("user", "pencil").step(first)


@pytest.mark.parametrize("final", [b"c=biws,r=other,p=AAAA", b"c=xxxx,{nonce},p=AAAA", b"c=biws,{nonce},p=!", b"x"])
def test_a_broken_client_final_message_is_refused(final: bytes) -> None:
    server = server_for("user", "pencil")
    nonce = server.step(b"y,,n=user,r=abc").split(b",")[0]
    with pytest.raises(RemoteProtocolError):
        server.step(final.replace(b"{nonce}", nonce))


def test_no_secret_is_in_the_repr_of_an_identity_or_a_verifier() -> None:
    assert "hunter2" not in repr(Identity("bob", "hunter2"))
    assert repr(ScramVerifier.of("hunter2", SALT)) == "ScramVerifier(iterations=4096)"


def test_no_error_repeats_what_the_peer_sent() -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        read_plain(b"hunter2")
    assert "hunter2" not in str(raised.value)
    assert raised.value.where == b""
