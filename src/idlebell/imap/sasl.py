"""SASL (RFC 4422) as pure steps: bytes in, bytes out, secrets in no ``repr``, entropy from the caller.

The client's side are the :class:`Mechanism` classes. Send ``Authenticate(mechanism.name, mechanism.initial())``, answer
each :class:`~idlebell.imap.events.Challenged` with :meth:`~Mechanism.step`, and after OK look at
:attr:`~Mechanism.satisfied`: False means that the server has not proven itself, so the OK is not to be believed.
The server's side, for tests, the demo and the front, are the ``read_`` functions and :class:`ScramSha256Server`.

Messages that break a mechanism's grammar raise :class:`~idlebell.imap.errors.RemoteProtocolError`; a user name or
password that a mechanism cannot carry is a ValueError of its constructor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import stringprep
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from idlebell.imap.errors import RemoteProtocolError

SCRAM_ITERATIONS_MINIMUM: Final = 4_096
"""RFC 7677 section 4: fewer makes a stolen exchange cheap to search."""
SCRAM_ITERATIONS_MAXIMUM: Final = 600_000
"""The server chooses how long we compute. This many take about 0.3 s; :meth:`ScramSha256.step` belongs in a thread
(hashlib lets go of the interpreter lock meanwhile)."""
SCRAM_ENTROPY_BYTES: Final = 18
"""Bytes of randomness for a nonce; RFC 5802 asks for an unguessable one. Multiples of 3 spell without padding."""

LOGIN_COMMAND: Final = "LOGIN"
"""What :func:`choose` calls the LOGIN command (RFC 9051 section 6.2.3). It is not the old SASL mechanism of that name."""


class Secret(StrEnum):
    """What a user proves himself with."""

    PASSWORD = "password"  # noqa: S105
    TOKEN = "token"  # noqa: S105


_PREFERENCE: Final = {
    Secret.PASSWORD: ("SCRAM-SHA-256", "PLAIN", LOGIN_COMMAND),
    Secret.TOKEN: ("OAUTHBEARER", "XOAUTH2"),
}


def choose(capabilities: frozenset[str], secret: Secret) -> tuple[str, ...]:
    """The mechanisms that the server lists for this kind of secret, best first; empty where there is none.

    SCRAM keeps the password from the server and proves the server; PLAIN carries UTF-8, which the LOGIN command may not
    (RFC 6855 section 5). OAUTHBEARER is the standard one of the two for tokens.
    """
    return tuple(
        name
        for name in _PREFERENCE[secret]
        if (f"AUTH={name}" in capabilities if name != LOGIN_COMMAND else "LOGINDISABLED" not in capabilities)
    )


class Mechanism(Protocol):
    """The client's side of one exchange."""

    @property
    def name(self) -> str:
        """As in ``AUTH=``."""

    @property
    def satisfied(self) -> bool:
        """Whether the server has done all that the mechanism asks of it."""

    def initial(self) -> bytes:
        """The first message; all mechanisms here let the client speak first."""

    def step(self, challenge: bytes) -> bytes:
        """The answer to a challenge."""


@dataclass(frozen=True, slots=True)
class Plain:
    """RFC 4616. ``authorization`` is left empty unless one acts for another."""

    username: str
    password: str = field(repr=False)
    authorization: str = ""

    name = "PLAIN"
    satisfied = True

    def __post_init__(self) -> None:
        if "\0" in self.username + self.password + self.authorization:
            raise ValueError("PLAIN cannot carry NUL")
        if not self.username or not self.password:
            raise ValueError("PLAIN needs a user name and a password")

    def initial(self) -> bytes:
        return "\0".join((self.authorization, self.username, self.password)).encode()

    def step(self, challenge: bytes) -> bytes:
        raise RemoteProtocolError("unexpected-challenge", "a challenge after the one message of PLAIN")


@dataclass(frozen=True, slots=True)
class BearerFailure:
    """Why a server refused a token (RFC 7628 section 3.2.2). None: it did not say."""

    status: str | None
    """``invalid_token``, ``insufficient_scope``, ``invalid_request``; XOAUTH2 says ``400``, ``401``, ``403`` instead."""
    scope: str | None = None


class OAuthBearer:
    """RFC 7628. ``host`` and ``port`` are those connected to; servers may compare them."""

    __slots__ = ("_message", "failure")

    name = "OAUTHBEARER"
    satisfied = True
    _ACKNOWLEDGEMENT = b"\x01"  # RFC 7628 section 3.2.3

    def __init__(self, username: str, token: str, host: str, port: int) -> None:
        _check_bearer(username, token, host)
        # RFC 5801 section 4: the name in the GS2 header is escaped as in SCRAM.
        self._message = (
            f"n,a={_escape(username)},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()
        )
        self.failure: BearerFailure | None = None

    def initial(self) -> bytes:
        return self._message

    def step(self, challenge: bytes) -> bytes:
        """A challenge is the refusal. It must be answered, or both sides wait for ever."""
        self.failure = _read_failure(challenge)
        return self._ACKNOWLEDGEMENT


class XOAuth2:
    """Google's and Microsoft's forerunner of OAUTHBEARER."""

    __slots__ = ("_message", "failure")

    name = "XOAUTH2"
    satisfied = True
    _ACKNOWLEDGEMENT = b""  # an empty line

    def __init__(self, username: str, token: str) -> None:
        _check_bearer(username, token)
        self._message = f"user={username}\x01auth=Bearer {token}\x01\x01".encode()
        self.failure: BearerFailure | None = None

    def initial(self) -> bytes:
        return self._message

    def step(self, challenge: bytes) -> bytes:
        """A challenge is the refusal, here too."""
        self.failure = _read_failure(challenge)
        return self._ACKNOWLEDGEMENT


class ScramSha256:
    """RFC 5802 with SHA-256 (RFC 7677), without channel binding. ``entropy``: :data:`SCRAM_ENTROPY_BYTES` random bytes."""

    __slots__ = ("_bare", "_nonce", "_password", "_server_signature", "satisfied")

    name = "SCRAM-SHA-256"

    def __init__(self, username: str, password: str, entropy: bytes) -> None:
        self._password = saslprep(password)
        self._nonce = base64.b64encode(entropy).decode()
        self._bare = f"n={_escape(saslprep(username))},r={self._nonce}"
        self._server_signature = b""
        self.satisfied = False

    def initial(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def step(self, challenge: bytes) -> bytes:
        """First the server's salt, then its signature. The second is answered with nothing."""
        if self._server_signature:
            return self._verify(challenge)
        text = _decode(challenge)
        fields = _attributes(text)
        nonce, salt, count = fields.get("r", ""), _unbase64(fields.get("s", "")), fields.get("i", "")
        if "m" in fields:
            raise _bad_message("a mandatory extension (RFC 5802 section 5.1)")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise _bad_message("a nonce that does not begin with ours")
        iterations = int(count) if count.isascii() and count.isdecimal() and len(count) < 10 else 0
        if not SCRAM_ITERATIONS_MINIMUM <= iterations <= SCRAM_ITERATIONS_MAXIMUM:
            raise RemoteProtocolError("scram-iterations", "an iteration count out of bounds")
        final = f"c=biws,r={nonce}"
        message = f"{self._bare},{text},{final}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, iterations)
        self._password = ""
        client_key = _hmac(salted, b"Client Key")
        proof = _xor(client_key, _hmac(hashlib.sha256(client_key).digest(), message))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), message)
        return f"{final},p={base64.b64encode(proof).decode()}".encode()

    def _verify(self, challenge: bytes) -> bytes:
        fields = _attributes(_decode(challenge))
        if "e" in fields:
            return b""  # a refusal (RFC 5802 section 7); the tagged NO follows
        if not hmac.compare_digest(_unbase64(fields.get("v", "")), self._server_signature):
            raise RemoteProtocolError("bad-server-signature", "the server does not know the password")
        self.satisfied = True
        return b""


def saslprep(text: str) -> str:
    """RFC 4013, as a query (unassigned code points are let through). ValueError for what it prohibits."""
    mapped = "".join(" " if stringprep.in_table_c12(one) else one for one in text if not stringprep.in_table_b1(one))
    prepared = unicodedata.normalize("NFKC", mapped)
    if not prepared:
        raise ValueError("nothing is left of it after SASLprep")
    if any(prohibited(one) for prohibited in _PROHIBITED for one in prepared):
        raise ValueError("it holds a character that SASLprep prohibits (RFC 4013 section 2.3)")
    if any(stringprep.in_table_d1(one) for one in prepared) and (
        any(stringprep.in_table_d2(one) for one in prepared)
        or not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1]))
    ):
        raise ValueError("it mixes writing directions (RFC 3454 section 6)")
    return prepared


_PROHIBITED: Final[tuple[Callable[[str], bool], ...]] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


# --- the server's side ---


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client says it is, and its proof: a password or a token."""

    username: str
    secret: str = field(repr=False)
    authorization: str = ""


def read_plain(message: bytes) -> Identity:
    """RFC 4616."""
    parts = _decode(message).split("\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise _bad_message("not authzid NUL authcid NUL password")
    return Identity(parts[1], parts[2], parts[0])


def read_xoauth2(message: bytes) -> Identity:
    """``user=`` and ``auth=Bearer``."""
    fields = _pairs(_decode(message))
    return Identity(_required(fields, "user"), _bearer(fields))


def read_oauthbearer(message: bytes) -> Identity:
    """RFC 7628 section 3.1. Channel binding is refused."""
    header, separator, rest = _decode(message).partition("\x01")
    parts = header.split(",")
    if not separator or len(parts) != 3 or parts[0] not in ("n", "y") or parts[2] or parts[1][:2] not in ("", "a="):
        raise _bad_message("not a GS2 header")
    return Identity(_unescape(parts[1][2:]), _bearer(_pairs(rest)))


def spell_failure(failure: BearerFailure) -> bytes:
    """The challenge with which a server refuses a token."""
    return json.dumps({"status": failure.status or "invalid_token", "scope": failure.scope or ""}).encode()


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """What a server keeps instead of a password (RFC 5802 section 3)."""

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = SCRAM_ITERATIONS_MINIMUM) -> ScramVerifier:
        """``salt``: 16 random bytes."""
        salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)
        return cls(
            salt, iterations, hashlib.sha256(_hmac(salted, b"Client Key")).digest(), _hmac(salted, b"Server Key")
        )


class ScramSha256Server:
    """The server's side of SCRAM-SHA-256. ``lookup`` gives a user's verifier, or None.

    :meth:`step` takes the client's two messages in turn and gives the two challenges; then :attr:`authenticated` is the
    user name, or None where the proof is wrong. After the second challenge the client sends an empty message.
    """

    __slots__ = ("_bare", "_first", "_lookup", "_nonce", "_user", "_verifier", "authenticated")

    def __init__(self, lookup: Callable[[str], ScramVerifier | None], entropy: bytes) -> None:
        self._lookup = lookup
        self._nonce = base64.b64encode(entropy).decode()
        self._bare = ""
        self._first = ""
        self._user = ""
        self._verifier: ScramVerifier | None = None
        self.authenticated: str | None = None

    def step(self, message: bytes) -> bytes:
        """The next challenge. An unknown user gets a salt too, so that names cannot be guessed (RFC 5802 section 9)."""
        text = _decode(message)
        if self._first:
            return self._final(text)
        header, _, rest = text.partition(",")
        authorization, _, self._bare = rest.partition(",")
        fields = _attributes(self._bare)
        if header not in ("n", "y") or authorization or not fields.get("n") or not fields.get("r"):
            raise _bad_message("not a SCRAM client-first-message")
        self._user = _unescape(fields["n"])
        self._nonce = fields["r"] + self._nonce
        self._verifier = self._lookup(self._user)
        salt = self._verifier.salt if self._verifier else hashlib.sha256(self._user.encode()).digest()[:16]
        iterations = self._verifier.iterations if self._verifier else SCRAM_ITERATIONS_MINIMUM
        self._first = f"r={self._nonce},s={base64.b64encode(salt).decode()},i={iterations}"
        return self._first.encode()

    def _final(self, text: str) -> bytes:
        without_proof, _, proof = text.rpartition(",p=")
        fields = _attributes(without_proof)
        if fields.get("r") != self._nonce or fields.get("c") not in ("biws", "eSws"):
            raise _bad_message("not the SCRAM client-final-message of this exchange")
        given = _unbase64(proof)
        if self._verifier is None or len(given) != 32:
            return b"e=invalid-proof"
        message = f"{self._bare},{self._first},{without_proof}".encode()
        client_key = _xor(given, _hmac(self._verifier.stored_key, message))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key):
            return b"e=invalid-proof"
        self.authenticated = self._user
        return b"v=" + base64.b64encode(_hmac(self._verifier.server_key, message))


# --- the grammar they share ---


def _check_bearer(username: str, token: str, host: str = "") -> None:
    if "\x01" in username + host or "\0" in username + host:
        raise ValueError("a bearer mechanism cannot carry control characters")
    if not username or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("a bearer token is visible ASCII (RFC 6750 section 2.1)")


def _read_failure(challenge: bytes) -> BearerFailure:
    try:
        found = json.loads(challenge)
    except (ValueError, RecursionError):
        return BearerFailure(None)
    if not isinstance(found, dict):
        return BearerFailure(None)
    status, scope = found.get("status"), found.get("scope")
    return BearerFailure(
        str(status)[:80] if isinstance(status, str | int) else None, scope[:200] if isinstance(scope, str) else None
    )


def _bearer(fields: dict[str, str]) -> str:
    scheme, _, token = _required(fields, "auth").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _bad_message("no bearer token")
    return token


def _pairs(text: str) -> dict[str, str]:
    """``key=value`` each ended by 0x01, and one more 0x01 at the end."""
    if not text.endswith("\x01\x01"):
        raise _bad_message("not ended by two 0x01")
    return {key: value for key, _, value in (pair.partition("=") for pair in text[:-2].split("\x01"))}


def _required(fields: dict[str, str], key: str) -> str:
    value = fields.get(key)
    if not value:
        raise _bad_message(f"no {key}")
    return value


def _attributes(text: str) -> dict[str, str]:
    """RFC 5802 section 7: ``a=value`` divided by commas."""
    return {key: value for key, _, value in (pair.partition("=") for pair in text.split(","))}


def _escape(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def _unescape(name: str) -> str:
    return name.replace("=2C", ",").replace("=3D", "=")


def _decode(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError as error:
        raise _bad_message("not UTF-8") from error


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad_message("not base64") from error


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(one: bytes, two: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, two, strict=True))


def _bad_message(detail: str) -> RemoteProtocolError:
    return RemoteProtocolError("bad-sasl-message", detail)
