"""The server's side of LOGIN and AUTHENTICATE, as steps: a message in, a :class:`Verdict` or a challenge out."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from idlebell.imap import sasl_server
from idlebell.imap.sasl import SCRAM_ENTROPY_BYTES, BearerFailure
from idlebell.testing.mail_store import MailStore, User

_DECOY_KEY = b"a server for tests hides nobody"


@dataclass(frozen=True, slots=True)
class Challenge:
    data: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """``user`` None: refused."""

    user: User | None


class Exchange:
    """One AUTHENTICATE. ``tried`` collects the names that were tried. RemoteProtocolError: a message without sense."""

    __slots__ = ("_mechanism", "_names_count", "_refused", "_scram", "_store", "_tried")

    def __init__(self, store: MailStore, mechanism: str, tried: list[str], *, names_count: bool = True) -> None:
        """``names_count``: see :attr:`Habits.looks_at_token_names <idlebell.testing.habits.Habits.looks_at_token_names>`."""
        self._names_count = names_count
        self._store = store
        self._mechanism = mechanism
        self._tried = tried
        self._refused = False
        self._scram = sasl_server.ScramSha256Server(
            self._verifier, secrets.token_bytes(SCRAM_ENTROPY_BYTES), _DECOY_KEY
        )

    def step(self, message: bytes) -> Challenge | Verdict:
        match self._mechanism:
            case "PLAIN":
                identity = sasl_server.read_plain(message)
                return check_password(self._store, identity.username, identity.secret, self._tried)
            case "SCRAM-SHA-256":
                return self._step_scram(message)
            case "OAUTHBEARER" | "XOAUTH2":
                if self._refused:
                    return Verdict(None)
                read = sasl_server.read_xoauth2 if self._mechanism == "XOAUTH2" else sasl_server.read_oauthbearer
                return self._check_token(read(message))
            case _:
                return Verdict(None)

    def _step_scram(self, message: bytes) -> Challenge | Verdict:
        if self._scram.authenticated is not None:
            return Verdict(self._store.find(self._scram.authenticated))
        challenge = self._scram.step(message)
        return Verdict(None) if challenge.startswith(b"e=") else Challenge(challenge)

    def _verifier(self, name: str) -> sasl_server.ScramVerifier | None:
        self._tried.append(name)
        user = self._store.find(name)
        return user.verifier() if user is not None else None

    def _check_token(self, identity: sasl_server.Identity) -> Challenge | Verdict:
        self._tried.append(identity.username)
        user = self._store.find(identity.username) if self._names_count else self._store.of_token(identity.secret)
        if user is not None and user.token is not None and hmac.compare_digest(user.token, identity.secret):
            return Verdict(user)
        self._refused = True  # RFC 7628 section 3.2.2: the refusal is a challenge, the NO follows its answer
        return Challenge(sasl_server.spell_failure(BearerFailure("invalid_token")))


def check_password(store: MailStore, username: str, password: str, tried: list[str]) -> Verdict:
    tried.append(username)
    user = store.find(username)
    if user is None or not hmac.compare_digest(user.password.encode(), password.encode()):
        return Verdict(None)
    return Verdict(user)
