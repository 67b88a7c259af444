"""Ways in that give a gateway less than a password: a sign-in at the provider, and a login that the app answers. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from idlebell.client.problems import ApiError, NotGenuineError


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a provider sent a browser back with (:meth:`SignIn.returned`). Good once."""

    sign_in: str = field(repr=False)
    state: str = field(repr=False)
    code: str = field(repr=False)
    iss: str | None = None

    def json(self) -> dict[str, str]:
        found = {"type": "sign_in", "sign_in": self.sign_in, "state": self.state, "code": self.code}
        return found if self.iss is None else {**found, "iss": self.iss}


class Provider(msgspec.Struct, frozen=True):
    """Signs in users of the IMAP servers in ``hosts``, and of those in their domains."""

    name: str
    title: str
    hosts: tuple[str, ...]
    redirect_uri: str

    def serves(self, host: str) -> bool:
        return any(host == one or host.endswith(f".{one}") for one in self.hosts)


class SignIns(msgspec.Struct, frozen=True):
    """``retentions``: what credentials of any kind may be kept as; empty: the gateway does not say."""

    items: tuple[Provider, ...] = ()
    retentions: tuple[str, ...] = ()


class SignIn(msgspec.Struct, frozen=True):
    """One that is under way: a browser has to go to ``authorization_url``, and comes back to ``redirect_uri``."""

    sign_in: str
    name: str
    authorization_url: str
    redirect_uri: str
    expires_at: datetime

    def returned(self, url: str) -> SignedIn:
        """``url``: where the browser came back to. NotGenuineError: that is the answer to another sign-in, which anybody may
        have begun. ApiError: the provider says no, with its word for it (RFC 6749 section 4.1.2.1)."""
        given = parse_qs(urlsplit(url).query)
        state, code, iss, error = (given.get(name, [""])[0] for name in ("state", "code", "iss", "error"))
        if not state or state != parse_qs(urlsplit(self.authorization_url).query).get("state", [""])[0]:
            raise NotGenuineError("The browser came back from another sign-in.")
        if not code:
            raise ApiError(0, {"type": "/problems/sign-in-refused", "detail": error[:100]}, None)
        return SignedIn(self.sign_in, state, code, iss or None)

    def __repr__(self) -> str:
        return f"SignIn({self.name!r})"


class ScramClient(Protocol):
    """The app's SCRAM (RFC 5802), without channel binding: its own, or :class:`~idlebell.imap.sasl.ScramSha256`. A new one for
    each login."""

    @property
    def name(self) -> str:
        """``SCRAM-SHA-256`` or ``SCRAM-SHA-1``."""

    @property
    def satisfied(self) -> bool:
        """Has the server shown that it knows the password?"""

    def initial(self) -> bytes: ...

    def step(self, challenge: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ScramRelay:
    """The first message of a login that the app answers itself."""

    scram: ScramClient = field(repr=False)

    def json(self) -> dict[str, str]:
        return {"type": "scram-relay", "mechanism": self.scram.name, "client_first": self.scram.initial().decode()}


class Challenge(msgspec.Struct, frozen=True):
    token: str
    server_first: str

    def __repr__(self) -> str:
        return "Challenge(…)"


class Challenged(msgspec.Struct, frozen=True):
    login: Challenge


class ServerFinal(msgspec.Struct, frozen=True):
    server_final: str = ""


def check_server(scram: ScramClient, said: ServerFinal) -> None:
    """NotGenuineError, or what the app's SCRAM raises: whatever let the gateway in does not know the password, so it is not the
    user's mail server."""
    scram.step(said.server_final.encode())
    if not scram.satisfied:
        raise NotGenuineError("The mail server has not shown that it knows the password.")
