"""SASL (RFC 4422) from the server's side, for tests, the demo and the front: what :mod:`.sasl` says, read and answered.

A first message of one step is read by a ``read_`` function; :class:`ScramSha256Server` walks its two. Messages that break a
mechanism's grammar raise :class:`~idlebell.imap.errors.RemoteProtocolError`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from idlebell.imap.sasl import SCRAM_ITERATIONS_MINIMUM, BearerFailure
from idlebell.imap.sasl_message import attributes, bad_message, decode, hmac_sha256, unbase64, unescape, xor
from idlebell.imap.saslprep import saslprep


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client says it is, and its proof: a password or a token."""

    username: str
    secret: str = field(repr=False)
    authorization: str = ""


def read_plain(message: bytes) -> Identity:
    """RFC 4616."""
    parts = decode(message).split("\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise bad_message("not authzid NUL authcid NUL password")
    return Identity(parts[1], parts[2], parts[0])


def read_xoauth2(message: bytes) -> Identity:
    """``user=`` and ``auth=Bearer``."""
    fields = _pairs(decode(message))
    return Identity(_required(fields, "user"), _bearer(fields))


def read_oauthbearer(message: bytes) -> Identity:
    """RFC 7628 section 3.1. Channel binding is refused."""
    header, separator, rest = decode(message).partition("\x01")
    parts = header.split(",")
    if not separator or len(parts) != 3 or parts[0] not in ("n", "y") or parts[2] or parts[1][:2] not in ("", "a="):
        raise bad_message("not a GS2 header")
    return Identity(unescape(parts[1][2:]), _bearer(_pairs(rest)))


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
            salt,
            iterations,
            hashlib.sha256(hmac_sha256(salted, b"Client Key")).digest(),
            hmac_sha256(salted, b"Server Key"),
        )


class ScramSha256Server:
    """The server's side of SCRAM-SHA-256. ``lookup`` gives a user's verifier, or None. ``decoy_key``: a secret that the
    server keeps, from which the salts of users that do not exist are made.

    :meth:`step` takes the client's two messages in turn and gives the two challenges; then :attr:`authenticated` is the
    user name, or None where the proof is wrong. After the second challenge the client sends an empty message.
    """

    __slots__ = ("_bare", "_decoy_key", "_first", "_lookup", "_nonce", "_user", "_verifier", "authenticated")

    def __init__(self, lookup: Callable[[str], ScramVerifier | None], entropy: bytes, decoy_key: bytes) -> None:
        self._lookup = lookup
        self._decoy_key = decoy_key
        self._nonce = base64.b64encode(entropy).decode()
        self._bare = ""
        self._first = ""
        self._user = ""
        self._verifier: ScramVerifier | None = None
        self.authenticated: str | None = None

    def step(self, message: bytes) -> bytes:
        """The next challenge. An unknown user gets a salt too, the same each time and none that a stranger could work out,
        so that names cannot be told apart (RFC 5802 section 9)."""
        text = decode(message)
        if self._first:
            return self._final(text)
        header, _, rest = text.partition(",")
        authorization, _, self._bare = rest.partition(",")
        fields = attributes(self._bare)
        if header not in ("n", "y") or authorization or not fields.get("n") or not fields.get("r"):
            raise bad_message("not a SCRAM client-first-message")
        self._user = unescape(fields["n"])
        self._nonce = fields["r"] + self._nonce
        self._verifier = self._lookup(self._user)
        salt = self._verifier.salt if self._verifier else hmac_sha256(self._decoy_key, self._user.encode())[:16]
        iterations = self._verifier.iterations if self._verifier else SCRAM_ITERATIONS_MINIMUM
        self._first = f"r={self._nonce},s={base64.b64encode(salt).decode()},i={iterations}"
        return self._first.encode()

    def _final(self, text: str) -> bytes:
        without_proof, _, proof = text.rpartition(",p=")
        fields = attributes(without_proof)
        if fields.get("r") != self._nonce or fields.get("c") not in ("biws", "eSws"):
            raise bad_message("not the SCRAM client-final-message of this exchange")
        given = unbase64(proof)
        if self._verifier is None or len(given) != 32:
            return b"e=invalid-proof"
        message = f"{self._bare},{self._first},{without_proof}".encode()
        client_key = xor(given, hmac_sha256(self._verifier.stored_key, message))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key):
            return b"e=invalid-proof"
        self.authenticated = self._user
        return b"v=" + base64.b64encode(hmac_sha256(self._verifier.server_key, message))


def _bearer(fields: dict[str, str]) -> str:
    scheme, _, token = _required(fields, "auth").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise bad_message("no bearer token")
    return token


def _pairs(text: str) -> dict[str, str]:
    """``key=value`` each ended by 0x01, and one more 0x01 at the end."""
    if not text.endswith("\x01\x01"):
        raise bad_message("not ended by two 0x01")
    return {key: value for key, _, value in (pair.partition("=") for pair in text[:-2].split("\x01"))}


def _required(fields: dict[str, str], key: str) -> str:
    value = fields.get(key)
    if not value:
        raise bad_message(f"no {key}")
    return value
