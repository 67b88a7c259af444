"""SASL (RFC 4422) as pure steps: bytes in, bytes out, secrets in no ``repr``, entropy from the caller.

Here is the client's side, the :class:`Mechanism` classes. Send ``Authenticate(mechanism.name, mechanism.initial())``, answer
each :class:`~idlebell.imap.events.Challenged` with :meth:`~Mechanism.step`, and after OK look at
:attr:`~Mechanism.satisfied`: False means that the server has not proven itself, so the OK is not to be believed.
The server's side is :mod:`.sasl_server`.

Messages that break a mechanism's grammar raise :class:`~idlebell.imap.errors.RemoteProtocolError`; a user name or
password that a mechanism cannot carry is a ValueError of its constructor.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, Literal, Protocol, TypeAlias

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.sasl_message import attributes, bad_message, decode, escape, unbase64, xor
from idlebell.imap.saslprep import saslprep

SCRAM_ITERATIONS_MINIMUM: Final = 4_096
"""RFC 7677 section 4: fewer makes a stolen exchange cheap to search."""
SCRAM_ITERATIONS_MAXIMUM: Final = 600_000
"""The server chooses how long we compute. This many take about 0.3 s; :meth:`Scram.step` belongs in a thread
(hashlib lets go of the interpreter lock meanwhile)."""
SCRAM_ENTROPY_BYTES: Final = 18
"""Bytes of randomness for a nonce; RFC 5802 asks for an unguessable one. Multiples of 3 spell without padding."""

LOGIN_COMMAND: Final = "LOGIN"
"""What :func:`choose` calls the LOGIN command (RFC 9051 section 6.2.3). It is not the old SASL mechanism of that name."""


class Proof(StrEnum):
    """What a user proves himself with."""

    PASSWORD = "password"  # noqa: S105
    TOKEN = "token"  # noqa: S105
    KEYS = "keys"
    """Of SCRAM, in place of the password."""
    CERTIFICATE = "certificate"
    """That TLS has shown already."""


_PREFERENCE: Final = {
    Proof.PASSWORD: ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", LOGIN_COMMAND),
    Proof.TOKEN: ("OAUTHBEARER", "XOAUTH2"),
    Proof.KEYS: ("SCRAM-SHA-256", "SCRAM-SHA-1"),
    Proof.CERTIFICATE: ("EXTERNAL",),
}


def choose(capabilities: frozenset[str], proof: Proof) -> tuple[str, ...]:
    """The mechanisms that the server lists for this kind of proof, best first; empty where there is none.

    SCRAM keeps the password from the server and proves the server; PLAIN carries UTF-8, which the LOGIN command may not
    (RFC 6855 section 5). OAUTHBEARER is the standard one of the two for tokens. A password goes by SCRAM-SHA-1 only where
    SCRAM-SHA-256 is not listed: a server that has no keys for the one may have none for the other either, and each try counts
    as a failed login there.
    """
    listed = tuple(
        name
        for name in _PREFERENCE[proof]
        if (f"AUTH={name}" in capabilities if name != LOGIN_COMMAND else "LOGINDISABLED" not in capabilities)
    )
    if proof is Proof.PASSWORD and "SCRAM-SHA-256" in listed:
        return tuple(name for name in listed if name != "SCRAM-SHA-1")
    return listed


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


class RemoteMechanism(Protocol):
    """As :class:`Mechanism`, where somebody else has the secret and is asked over a network."""

    @property
    def name(self) -> str:
        """As in ``AUTH=``."""

    @property
    def satisfied(self) -> bool:
        """Whether the server has done all that the mechanism asks of it."""

    def initial(self) -> bytes:
        """The first message."""

    async def answer(self, challenge: bytes) -> bytes:
        """The answer to a challenge."""


AnyMechanism: TypeAlias = Mechanism | RemoteMechanism


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
class External:
    """RFC 4422 appendix A: who one is was shown elsewhere, here by TLS. ``authorization``: who one wants to be; empty: whoever
    the server takes one for."""

    authorization: str = ""

    name = "EXTERNAL"
    satisfied = True

    def __post_init__(self) -> None:
        if "\0" in self.authorization:
            raise ValueError("EXTERNAL cannot carry NUL")

    def initial(self) -> bytes:
        return self.authorization.encode()

    def step(self, challenge: bytes) -> bytes:
        raise RemoteProtocolError("unexpected-challenge", "a challenge after the one message of EXTERNAL")


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
        self._message = f"n,a={escape(username)},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()
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


Digest: TypeAlias = Literal["sha1", "sha256"]


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What of a password one exchange needs (RFC 5802 section 3): good with this hash, salt and iteration count, so for one
    account at one server until its password is set anew. The password is found from them by guessing only."""

    salt: bytes
    iterations: int
    client_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int, digest: Digest = "sha256") -> ScramKeys:
        """``password``: prepared. Takes as long as ``iterations`` say."""
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, iterations)
        client_key, server_key = (hmac.digest(salted, one, digest) for one in (b"Client Key", b"Server Key"))
        return cls(salt, iterations, client_key, server_key)


class Scram:
    """RFC 5802 without channel binding; :class:`ScramSha256` and :class:`ScramSha1` are its mechanisms. ``entropy``:
    :data:`SCRAM_ENTROPY_BYTES` random bytes.

    ``password``: or the keys that an earlier exchange has left; RemoteProtocolError ``scram-other-keys`` where the server's
    salt or iteration count is no more that of these. Nothing has been proven to it then.
    """

    __slots__ = ("_bare", "_keys", "_nonce", "_password", "_server_signature", "challenged", "satisfied")

    name: ClassVar[str]
    digest: ClassVar[Digest]

    def __init__(self, username: str, password: str | ScramKeys, entropy: bytes) -> None:
        self._keys = password if isinstance(password, ScramKeys) else None
        self._password = saslprep(password) if isinstance(password, str) else ""
        self._nonce = base64.b64encode(entropy).decode()
        self._bare = f"n={escape(saslprep(username))},r={self._nonce}"
        self._server_signature = b""
        self.challenged = False
        """From then on a refusal may be one of the password."""
        self.satisfied = False

    def initial(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def step(self, challenge: bytes) -> bytes:
        """First the server's salt, then its signature. The second is answered with nothing."""
        self.challenged = True
        if self._server_signature:
            return self._verify(challenge)
        text = decode(challenge)
        fields = attributes(text)
        nonce, salt, count = fields.get("r", ""), unbase64(fields.get("s", "")), fields.get("i", "")
        if "m" in fields:
            raise bad_message("a mandatory extension (RFC 5802 section 5.1)")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise bad_message("a nonce that does not begin with ours")
        iterations = int(count) if count.isascii() and count.isdecimal() and len(count) < 10 else 0
        if not SCRAM_ITERATIONS_MINIMUM <= iterations <= SCRAM_ITERATIONS_MAXIMUM:
            raise RemoteProtocolError("scram-iterations", "an iteration count out of bounds")
        final = f"c=biws,r={nonce}"
        message = f"{self._bare},{text},{final}".encode()
        if self._keys is None:
            self._keys = ScramKeys.of(self._password, salt, iterations, self.digest)
            self._password = ""
        elif (self._keys.salt, self._keys.iterations) != (salt, iterations):
            raise RemoteProtocolError("scram-other-keys", "a salt or an iteration count that is not that of the keys")
        client_key = self._keys.client_key
        stored_key = hashlib.new(self.digest, client_key).digest()
        proof = xor(client_key, hmac.digest(stored_key, message, self.digest))
        self._server_signature = hmac.digest(self._keys.server_key, message, self.digest)
        return f"{final},p={base64.b64encode(proof).decode()}".encode()

    @property
    def keys(self) -> ScramKeys | None:
        """For another exchange with this server; None until it has proven that it knows the password."""
        return self._keys if self.satisfied else None

    def _verify(self, challenge: bytes) -> bytes:
        fields = attributes(decode(challenge))
        if "e" in fields:
            return b""  # a refusal (RFC 5802 section 7); the tagged NO follows
        if not hmac.compare_digest(unbase64(fields.get("v", "")), self._server_signature):
            raise RemoteProtocolError("bad-server-signature", "the server does not know the password")
        self.satisfied = True
        return b""


class ScramSha256(Scram):
    """RFC 7677."""

    __slots__ = ()
    name = "SCRAM-SHA-256"
    digest = "sha256"


class ScramSha1(Scram):
    """RFC 5802 itself. That SHA-1 has collisions is of no use against HMAC and PBKDF2; a stolen exchange is a little cheaper to
    search than one of SHA-256."""

    __slots__ = ()
    name = "SCRAM-SHA-1"
    digest = "sha1"


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
