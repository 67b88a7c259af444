"""The mechanisms, on the RFCs' own examples, against each other, and against peers that lie."""

import base64
import inspect

import pytest

from idlebell.imap import sasl
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.sasl import (
    BearerFailure,
    External,
    Mechanism,
    OAuthBearer,
    Plain,
    Proof,
    ScramKeys,
    ScramSha1,
    ScramSha256,
    XOAuth2,
    choose,
)
from idlebell.imap.sasl_server import Identity, read_oauthbearer, read_plain, read_xoauth2, spell_failure

# RFC 7677 section 3
CLIENT_ENTROPY = base64.b64decode("rOprNGfwEbeRWgbNEkqO")
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def reason(raised: pytest.ExceptionInfo[RemoteProtocolError]) -> str:
    return raised.value.reason


# --- the choice ---


@pytest.mark.parametrize(
    ("listed", "secret", "expected"),
    [
        ({"AUTH=PLAIN", "AUTH=SCRAM-SHA-256"}, Proof.PASSWORD, ("SCRAM-SHA-256", "PLAIN", "LOGIN")),
        ({"AUTH=SCRAM-SHA-1", "AUTH=SCRAM-SHA-256"}, Proof.PASSWORD, ("SCRAM-SHA-256", "LOGIN")),
        ({"AUTH=SCRAM-SHA-1", "AUTH=PLAIN"}, Proof.PASSWORD, ("SCRAM-SHA-1", "PLAIN", "LOGIN")),
        ({"AUTH=SCRAM-SHA-1", "AUTH=SCRAM-SHA-256"}, Proof.KEYS, ("SCRAM-SHA-256", "SCRAM-SHA-1")),
        ({"AUTH=PLAIN", "LOGINDISABLED"}, Proof.PASSWORD, ("PLAIN",)),
        ({"AUTH=LOGIN", "LOGINDISABLED"}, Proof.PASSWORD, ()),
        ({"IMAP4REV1"}, Proof.PASSWORD, ("LOGIN",)),
        ({"AUTH=XOAUTH2", "AUTH=OAUTHBEARER", "AUTH=PLAIN"}, Proof.TOKEN, ("OAUTHBEARER", "XOAUTH2")),
        ({"AUTH=XOAUTH2"}, Proof.TOKEN, ("XOAUTH2",)),
        ({"AUTH=PLAIN"}, Proof.TOKEN, ()),
        ({"AUTH=PLAIN", "AUTH=EXTERNAL"}, Proof.CERTIFICATE, ("EXTERNAL",)),
        ({"AUTH=PLAIN", "AUTH=EXTERNAL"}, Proof.PASSWORD, ("PLAIN", "LOGIN")),
        ({"AUTH=PLAIN"}, Proof.CERTIFICATE, ()),
    ],
)
def test_the_best_mechanism_that_is_listed_comes_first(
    listed: set[str], secret: Proof, expected: tuple[str, ...]
) -> None:
    assert choose(frozenset(listed), secret) == expected


# --- EXTERNAL ---


def test_external_names_whom_one_wants_to_be_or_nobody() -> None:
    """RFC 4422 appendix A.4, and a name that is no ASCII."""
    assert External("fred@example.com").initial() == b"fred@example.com"
    assert External("żółw").initial() == "żółw".encode()
    assert (External().initial(), External().satisfied, External().name) == (b"", True, "EXTERNAL")
    with pytest.raises(ValueError, match="NUL"):
        External("a\0b")
    with pytest.raises(RemoteProtocolError) as raised:
        External("a").step(b"")
    assert reason(raised) == "unexpected-challenge"


# --- PLAIN ---


def test_plain_is_three_parts_divided_by_nul() -> None:
    assert base64.b64encode(Plain("bob@example.org", "s3cret").initial()) == b"AGJvYkBleGFtcGxlLm9yZwBzM2NyZXQ="


def test_plain_carries_utf8_and_an_authorization() -> None:
    assert read_plain(Plain("bob", "пароль", "alice").initial()) == Identity("bob", "пароль", "alice")


@pytest.mark.parametrize(("username", "password"), [("b\0b", "p"), ("bob", "p\0"), ("", "p"), ("bob", "")])
def test_plain_refuses_what_it_cannot_carry(username: str, password: str) -> None:
    with pytest.raises(ValueError):
        Plain(username, password)


def test_plain_has_one_message() -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        Plain("bob", "p").step(b"")
    assert reason(raised) == "unexpected-challenge"


# --- bearer tokens ---


def test_oauthbearer_is_spelled_as_in_rfc_7628() -> None:
    assert (
        OAuthBearer("bob@example.org", "tok-123", "imap.example.org", 993).initial()
        == b"n,a=bob@example.org,\x01host=imap.example.org\x01port=993\x01auth=Bearer tok-123\x01\x01"
    )


def test_oauthbearer_escapes_the_name() -> None:
    message = OAuthBearer("a=b,c", "t", "h", 993).initial()
    assert message.startswith(b"n,a=a=3Db=2Cc,\x01")
    assert read_oauthbearer(message) == Identity("a=b,c", "t")


def test_xoauth2_is_spelled_as_google_does() -> None:
    message = XOAuth2("bob@example.org", "tok-123").initial()
    assert base64.b64encode(message) == b"dXNlcj1ib2JAZXhhbXBsZS5vcmcBYXV0aD1CZWFyZXIgdG9rLTEyMwEB"
    assert read_xoauth2(message) == Identity("bob@example.org", "tok-123")


def test_a_refused_token_is_acknowledged_with_0x01_or_an_empty_line() -> None:
    """RFC 7628 section 3.2.3; without the answer both sides wait."""
    assert OAuthBearer("bob", "t", "h", 993).step(b"{}") == b"\x01"
    assert XOAuth2("bob", "t").step(b"{}") == b""


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        (b'{"status":"invalid_token","scope":"mail"}', BearerFailure("invalid_token", "mail")),
        (b'{"status":"401","schemes":"Bearer"}', BearerFailure("401")),
        (b'{"status":400,"scope":7}', BearerFailure("400")),
        (b'{"status":["x"]}', BearerFailure(None)),
        (b"[]", BearerFailure(None)),
        (b"", BearerFailure(None)),
        (b"\xff", BearerFailure(None)),
        (b"[" * 60_000, BearerFailure(None)),
    ],
)
def test_the_servers_status_is_kept_where_there_is_one(challenge: bytes, expected: BearerFailure) -> None:
    for mechanism in (OAuthBearer("bob", "t", "h", 993), XOAuth2("bob", "t")):
        assert mechanism.failure is None
        mechanism.step(challenge)
        assert mechanism.failure == expected


def test_a_failure_is_spelled_so_that_it_is_read_back() -> None:
    mechanism = XOAuth2("bob", "t")
    mechanism.step(spell_failure(BearerFailure("insufficient_scope", "mail")))
    assert mechanism.failure == BearerFailure("insufficient_scope", "mail")
    mechanism.step(spell_failure(BearerFailure(None)))
    assert mechanism.failure == BearerFailure("invalid_token", "")


@pytest.mark.parametrize(
    ("username", "token", "host"),
    [
        ("b\x01b", "t", "h"),
        ("b\0b", "t", "h"),
        ("bob", "t", "h\x01"),
        ("", "t", "h"),
        ("bob", "", "h"),
        ("bob", "a b", "h"),
        ("bob", "t\n", "h"),
        ("bob", "é", "h"),
    ],
)
def test_bearer_mechanisms_refuse_what_they_cannot_carry(username: str, token: str, host: str) -> None:
    with pytest.raises(ValueError):
        OAuthBearer(username, token, host, 993)


# --- SCRAM ---


def test_scram_follows_the_example_of_rfc_7677() -> None:
    client = ScramSha256("user", "pencil", CLIENT_ENTROPY)
    assert client.initial() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert client.step(SERVER_FIRST) == CLIENT_FINAL
    assert not client.satisfied
    assert client.step(SERVER_FINAL) == b""
    assert client.satisfied


def test_scram_with_sha1_follows_the_example_of_rfc_5802() -> None:
    """Section 5."""
    client = ScramSha1("user", "pencil", base64.b64decode("fyko+d2lbbFgONRv9qkxdawL"))
    assert client.initial() == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
    assert not client.challenged
    first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    proof = b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    assert client.step(first) == b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j," + proof
    assert client.challenged
    client.step(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")
    assert client.satisfied
    assert client.keys == ScramKeys.of("pencil", base64.b64decode("QSXCR+Q6sek8bf92"), 4096, "sha1")


def test_scram_does_not_believe_a_server_that_skips_its_signature() -> None:
    client = ScramSha256("user", "pencil", CLIENT_ENTROPY)
    client.step(SERVER_FIRST)
    assert not client.satisfied


@pytest.mark.parametrize("final", [b"v=" + base64.b64encode(bytes(32)), b"v=", b"", b"x=1"])
def test_scram_ends_where_the_signature_is_wrong(final: bytes) -> None:
    client = ScramSha256("user", "pencil", CLIENT_ENTROPY)
    client.step(SERVER_FIRST)
    with pytest.raises(RemoteProtocolError) as raised:
        client.step(final)
    assert reason(raised) == "bad-server-signature"
    assert not client.satisfied


def test_scram_answers_a_refusal_with_nothing() -> None:
    client = ScramSha256("user", "pencil", CLIENT_ENTROPY)
    client.step(SERVER_FIRST)
    assert client.step(b"e=invalid-proof") == b""
    assert not client.satisfied


@pytest.mark.parametrize("iterations", ["4095", "600001", "99999999999999999999", "0", "-1", "", "4096x", "٤٠٩٦"])
def test_scram_bounds_the_work_a_server_may_ask_for(iterations: str) -> None:
    client = ScramSha256("user", "pencil", CLIENT_ENTROPY)
    with pytest.raises(RemoteProtocolError) as raised:
        client.step(SERVER_FIRST.replace(b"4096", iterations.encode()))
    assert reason(raised) == "scram-iterations"


@pytest.mark.parametrize(
    "first",
    [
        SERVER_FIRST.replace(b"r=r", b"r=x"),
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"m=ext," + SERVER_FIRST,
        SERVER_FIRST.replace(b"s=W22", b"s=W2"),
        "r=é".encode("latin-1"),
        b"",
    ],
)
def test_scram_refuses_a_broken_first_message(first: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        ScramSha256("user", "pencil", CLIENT_ENTROPY).step(first)
    assert reason(raised) == "bad-sasl-message"


def test_scram_goes_on_by_the_keys_of_an_exchange() -> None:
    client = ScramSha256("user", "pencil", CLIENT_ENTROPY)
    client.step(SERVER_FIRST)
    assert client.keys is None, "a server that has not proven itself may have made them up"
    client.step(SERVER_FINAL)
    assert client.keys is not None
    again = ScramSha256("user", client.keys, CLIENT_ENTROPY)
    assert again.step(SERVER_FIRST) == CLIENT_FINAL
    again.step(SERVER_FINAL)
    assert again.satisfied
    assert again.keys == client.keys
    assert repr(client.keys.client_key) not in repr(client.keys)


@pytest.mark.parametrize(
    "other", [SERVER_FIRST.replace(b"s=W22", b"s=X22"), SERVER_FIRST.replace(b"i=4096", b"i=4097")]
)
def test_scram_proves_nothing_by_keys_to_a_server_with_others(other: bytes) -> None:
    client = ScramSha256("user", "pencil", CLIENT_ENTROPY)
    client.step(SERVER_FIRST)
    client.step(SERVER_FINAL)
    assert client.keys is not None
    with pytest.raises(RemoteProtocolError) as raised:
        ScramSha256("user", client.keys, CLIENT_ENTROPY).step(other)
    assert reason(raised) == "scram-other-keys"


def test_scram_refuses_a_password_that_cannot_be_prepared() -> None:
    with pytest.raises(ValueError):
        ScramSha256("user", "pen\x07cil", CLIENT_ENTROPY)


# --- all of them ---


@pytest.mark.parametrize(
    "mechanism",
    [
        Plain("bob", "hunter2"),
        OAuthBearer("bob", "hunter2", "h", 993),
        XOAuth2("bob", "hunter2"),
        ScramSha256("bob", "hunter2", b"e" * 18),
    ],
)
def test_no_secret_is_in_a_repr(mechanism: Mechanism) -> None:
    assert "hunter2" not in repr(mechanism)
    assert f"AUTH={mechanism.name}" in {"AUTH=PLAIN", "AUTH=OAUTHBEARER", "AUTH=XOAUTH2", "AUTH=SCRAM-SHA-256"}
    assert mechanism.satisfied is (mechanism.name != "SCRAM-SHA-256")


def test_entropy_is_an_argument() -> None:
    """The module draws none itself; the same entropy gives the same message."""
    assert "import secrets" not in inspect.getsource(sasl)
    assert ScramSha256("u", "p", b"x" * 18).initial() == ScramSha256("u", "p", b"x" * 18).initial()
