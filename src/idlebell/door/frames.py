"""What the gateway and its door say to each other: one packet each, in order. Pure.

A *ticket* stands for a secret that the door keeps (:class:`~idlebell.model.secret.HeldSecret`). The door counts who needs it: a
request until it is answered, and whatever the gateway holds; what nobody needs is wiped.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from idlebell.gateway.limits import Quota
from idlebell.model.account import Tls
from idlebell.model.problem import Fault, Problem
from idlebell.net.handover import HandedSession


class Frame(msgspec.Struct, frozen=True, array_like=True):
    pass


# from the gateway


class Configure(Frame, frozen=True, tag=1):
    """The first one. Paths and networks are spelled as in the configuration."""

    allow: list[str]
    imap_ports: list[int]
    endpoint_ports: list[int]
    allow_plaintext: bool
    only_hosts: list[str]
    source_addresses: list[str]
    ca_file: str
    proxy: str
    support_url: str
    host: str
    port: int
    connections: int
    connections_per_address: int
    requests_per_minute: int
    public_url: str
    tls_certificate: str
    tls_key: str
    trusted_proxies: list[str]
    cors: list[str]


class Password(Frame, frozen=True, tag="password"):
    ticket: str


class Token(Frame, frozen=True, tag="token"):
    """An access token, whatever it takes to get the next."""

    ticket: str


class ToBeKeys(Frame, frozen=True, tag="to-be-keys"):
    """A password that is to become keys."""

    ticket: str


class ScramKeys(Frame, frozen=True, tag="keys"):
    client_key: str
    server_key: str
    salt: bytes
    iterations: int
    mechanism: str


class Renewable(Frame, frozen=True, tag="renewable"):
    """``client_secret``: a ticket, or the operator's own."""

    refresh_token: str
    token_url: str
    client_id: str
    client_secret: str | None


class Relayed(Frame, frozen=True, tag="relayed"):
    """No ticket: an app answers the challenge (:class:`Challenge`)."""

    mechanism: str
    client_first: str


class Certificate(Frame, frozen=True, tag="certificate"):
    """By its files, which the door reads. An empty ``ticket``: no password goes with it."""

    certificate: str
    key: str
    ticket: str
    names_user: bool


Sort: TypeAlias = Password | Token | ToBeKeys | ScramKeys | Relayed | Certificate
Sealable: TypeAlias = Password | Renewable


class Whose(Frame, frozen=True):
    """An account. ``trust``, ``seen``: as they are stored."""

    account: str
    host: str
    port: int
    tls: Tls
    trust: str
    seen: bytes | None
    username: str


class LogIn(Frame, frozen=True, tag=2):
    """Answered by :class:`LoggedIn` or :class:`NotLoggedIn`."""

    number: int
    whose: Whose
    by: Sort


class Answer(Frame, frozen=True, tag=18):
    """To a :class:`Challenge`."""

    number: int
    client_final: str


class Refresh(Frame, frozen=True, tag=3):
    """Answered by :class:`Refreshed` or :class:`NotRefreshed`. An empty ``access_token``: there is none yet.
    ``client_secret`` is a ticket, or the operator's own."""

    number: int
    token_url: str
    client_id: str
    refresh_token: str
    client_secret: str | None
    access_token: str


class Redeem(Frame, frozen=True, tag=14):
    """An authorization code, by this request to a token endpoint; none of ``secrets`` is to be in what is told. Answered by
    :class:`Refreshed` or :class:`NotRefreshed`."""

    number: int
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    secrets: list[str]


class PrintToken(Frame, frozen=True, tag=60):
    """Of an account of the configuration, by its command. Answered by :class:`Refreshed` or :class:`NotRefreshed`."""

    number: int
    command: str


class ReadPassword(Frame, frozen=True, tag=4):
    """Of an account of the configuration. Answered by :class:`PasswordRead`."""

    number: int
    whose: Whose
    file: str
    command: str


class ReadVaultKey(Frame, frozen=True, tag=15):
    """As :func:`idlebell.login.vault_source.read_vault_keys`. Answered by :class:`VaultKeyRead`."""

    number: int
    file: str
    command: str
    may_make: bool


class Seal(Frame, frozen=True, tag=16):
    """For the vault. Answered by :class:`Sealed`, in the order of what is asked."""

    number: int
    subscription: str
    whose: Whose
    by: Sealable


class Unseal(Frame, frozen=True, tag=17):
    """A row of the vault, for its account as it stands now. Answered by :class:`Unsealed` or :class:`NotUnsealed`."""

    number: int
    subscription: str
    whose: Whose
    key: bytes
    content: bytes


class HandOn(Frame, frozen=True, tag=39):
    """With a descriptor, for all that is kept: another door takes its place. What is under way it ends itself, sessions that it
    relays among it, and then itself."""


class TakeOn(Frame, frozen=True, tag=40):
    """With the other end of that. Answered by :class:`TakenOn`, before anything that is said after."""


class Ping(Frame, frozen=True, tag=19):
    """Answered by :class:`Pong`, by a door that is alive."""


class Cancel(Frame, frozen=True, tag=5):
    """Nobody waits for that answer any more; it may have gone out already."""

    number: int


class Hold(Frame, frozen=True, tag=6):
    ticket: str


class Release(Frame, frozen=True, tag=7):
    ticket: str


class Head(Frame, frozen=True, tag=8):
    """Of an answer to a request. ``counted``, ``keyed``: what the caller's key was found to be, for the intake."""

    request: int
    status: int
    headers: list[tuple[bytes, bytes]]
    counted: list[Quota]
    keyed: bool


class Piece(Frame, frozen=True, tag=9):
    """Of its body; :class:`Taken` follows where there is ``more``."""

    request: int
    data: bytes
    more: bool


class Done(Frame, frozen=True, tag=10):
    """With a request, answered or not: its tickets are needed by what was held and by nothing else."""

    request: int


class Listen(Frame, frozen=True, tag=11):
    """With the listening socket. Answered by :class:`Listening` or :class:`CannotListen`."""


class ListenNoMore(Frame, frozen=True, tag=12):
    """Answered by :class:`NotListening` once all answers under way are out, or their time is over."""


class RenewCertificate(Frame, frozen=True, tag=13):
    """Of the listener; what keeps it from being used is told."""


# from the door


class Listening(Frame, frozen=True, tag=20):
    """Requests can come."""


class CannotListen(Frame, frozen=True, tag=21):
    sentence: str


class Request(Frame, frozen=True, tag=22):
    """One that the intake has let through. ``unreadable``: what is wrong with its body."""

    number: int
    method: str
    scheme: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int] | None
    head: bool
    peer: tuple[str, bool, bool]
    body: bytes
    unreadable: Problem | None


class Taken(Frame, frozen=True, tag=23):
    """The client has taken that piece."""

    request: int


class Gone(Frame, frozen=True, tag=24):
    """The client has."""

    request: int


class Challenge(Frame, frozen=True, tag=33):
    """What a mail server said first in a login that an app answers itself."""

    number: int
    server_first: str


class LoggedIn(Frame, frozen=True, tag=25):
    """With the descriptor. ``keys``: two tickets, held for the gateway already, where a password has become keys.
    ``server_final``: for an app that has answered a challenge."""

    number: int
    session: HandedSession
    keys: ScramKeys | None
    server_final: str = ""


class NotLoggedIn(Frame, frozen=True, tag=26):
    """As :class:`~idlebell.login.opener.LoginFailed`."""

    number: int
    fault: Fault
    unexplained: bool
    ours: bool


class Refreshed(Frame, frozen=True, tag=27):
    """Tickets that are held for the gateway already."""

    number: int
    access_token: str
    refresh_token: str | None
    seconds: float
    id_token: str | None


class NotRefreshed(Frame, frozen=True, tag=28):
    number: int
    fault: Fault


class PasswordRead(Frame, frozen=True, tag=29):
    """A ticket that is held for the gateway already, or why there is none."""

    number: int
    ticket: str
    sentence: str


class VaultKeyRead(Frame, frozen=True, tag=34):
    """What is the matter with it, or nothing."""

    number: int
    sentence: str


class Sealed(Frame, frozen=True, tag=35):
    """A row's two parts; both empty where the credentials were not at hand any more."""

    number: int
    key: bytes
    content: bytes


class Unsealed(Frame, frozen=True, tag=36):
    """Tickets that are held for the gateway already."""

    number: int
    by: Sealable


class NotUnsealed(Frame, frozen=True, tag=37):
    number: int
    other_key: bool


class Pong(Frame, frozen=True, tag=38):
    pass


class TakenOn(Frame, frozen=True, tag=41):
    """False: nothing came, or not all of it."""

    whole: bool


class Told(Frame, frozen=True, tag=30):
    """A fact, by the name of its class."""

    fact: str
    members: dict[str, Any]


class NotListening(Frame, frozen=True, tag=31):
    pass


FromGateway: TypeAlias = (
    Configure
    | LogIn
    | Answer
    | Refresh
    | Redeem
    | ReadPassword
    | PrintToken
    | ReadVaultKey
    | Seal
    | Unseal
    | Ping
    | HandOn
    | TakeOn
    | Cancel
    | Hold
    | Release
    | Head
    | Piece
    | Done
    | Listen
    | ListenNoMore
    | RenewCertificate
)
FromDoor: TypeAlias = (
    Listening
    | CannotListen
    | Request
    | Taken
    | Gone
    | Challenge
    | LoggedIn
    | NotLoggedIn
    | Refreshed
    | NotRefreshed
    | PasswordRead
    | VaultKeyRead
    | Sealed
    | Unsealed
    | NotUnsealed
    | Pong
    | TakenOn
    | Told
    | NotListening
)

encode: Final = msgspec.msgpack.Encoder().encode
decode_from_gateway: Final = msgspec.msgpack.Decoder(FromGateway).decode
decode_from_door: Final = msgspec.msgpack.Decoder(FromDoor).decode
