"""What a family of commands that we answer ourselves, and whoever keeps sessions, see of a client at the front. Pure.

The relay passes on everything that no family claims. A command that one claims waits until every command before it has its
tagged response, and whatever the client sends behind it waits until it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from idlebell.imap.framing import Frame
from idlebell.imap.responses import Condition, ResponseCode, TaggedResponse, UntaggedResponse
from idlebell.model.account import ImapTarget

if TYPE_CHECKING:
    from idlebell.imap.commands import Command
    from idlebell.net.imap_connection import ImapConnection

OWN_COMMAND_BYTES: Final = 65_536
"""A command that we answer ourselves, its literals included: a subscription with a filter has a few hundred. More is answered
BAD before it is read."""


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A client's command that we answer, whole. ``name``: upper-cased; ``UID FETCH`` is one. ``frame``: to be read with
    :class:`~idlebell.imap.tokens.Cursor`, from ``start`` on, where its arguments are: at the space behind the name, or at the
    end."""

    tag: str
    name: str
    frame: Frame
    start: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets: ``untagged`` responses, each encoded with its CRLF, in order, then the tagged one.
    ``condition``: OK, NO or BAD."""

    condition: Condition
    text: str
    code: ResponseCode | None = None
    untagged: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the upstream answered to a command of ours, which the client does not see."""

    completed: TaggedResponse
    untagged: tuple[UntaggedResponse, ...]

    @property
    def ok(self) -> bool:
        return self.completed.condition is Condition.OK


class Departed(Exception):  # noqa: N818 - named as the fact it is
    """The client or the upstream has gone, or goes: nothing can be asked or told any more."""


class Unreadable(Departed):
    """What the upstream answered is more than is held of an answer, or makes no sense. The session goes on."""


class Here(Protocol):
    """One client that has logged in through the front. The same object from then on until :meth:`Own.over`: it may be a key."""

    @property
    def target(self) -> ImapTarget:
        """The upstream."""

    @property
    def username(self) -> str:
        """As the upstream let it in."""

    @property
    def address(self) -> str:
        """The client's own, also where it came through a proxy."""

    @property
    def secure(self) -> bool:
        """Whether what the client sends can be read on the way: it comes under TLS, or on this machine."""

    @property
    def capabilities(self) -> frozenset[str]:
        """The upstream's after login, upper-cased."""

    @property
    def enabled(self) -> frozenset[str]:
        """What the upstream has told this client to be ENABLED."""

    @property
    def utf8(self) -> bool:
        """Whether mailbox names travel as UTF-8."""

    @property
    def selected(self) -> str | None:
        """The mailbox that the client has open."""

    @property
    def idling(self) -> bool:
        """Whether the client waits in IDLE, at the upstream or in one that a family answers."""

    @property
    def busy(self) -> bool:
        """Whether the upstream has a command of the client's to answer, other than an IDLE that is on."""

    async def ask(self, command: Command | Callable[[], Command], *, anytime: bool = False) -> Asked:
        """A command of ours on the client's own upstream session: STATUS, LIST, FETCH ... , none that changes which mailbox
        is open. It waits until that is safe: while a family answers, or no command is in flight and either nothing is open
        or the client idles (which is interrupted and resumed, unseen), for an EXPUNGE may pass at no other time (RFC 9051
        section 7.5.1). ``anytime``: no command in flight is enough, for the client has said that it bears an EXPUNGE then (RFC
        5465 section 6.1.1), or none can come. A function is called once it is safe: message numbers hold from then on.
        Responses of the kind that is asked for are the asker's, all others pass on to the client. Departed, Unreadable."""

    def tell(self, line: bytes) -> bool:
        """An untagged response for the client, encoded with its CRLF, in order between those of the upstream. False: it was
        not taken, for the client does not read and its bound is full."""

    async def converse(self, text: bytes) -> bytes:
        """While a family answers: ``+ text`` to the client, and the line that it sends next, without the CRLF. What is told
        meanwhile passes. Departed."""


class Own(Protocol):
    """A family of commands: one object for all clients. Its methods are called in the event loop and raise nothing but what
    is said here; an error ends the client's session."""

    def capabilities(self, upstream: frozenset[str]) -> frozenset[str]:
        """What is added to the upstream's list after login. Upper-cased."""

    def claims(self, name: str, opening: bytes, here: Here) -> bool:
        """Is this command ours? ``opening``: its text without the tag, as it came, up to the first literal's announcement
        or the line's end; cut at :data:`~idlebell.front.limits.OPENING_BYTES`. False: the upstream's, untouched."""

    async def answer(self, command: OwnCommand, here: Here) -> Answer:
        """Cancelled where the client goes. Departed where it notices that first."""

    def ended(self, name: str, here: Here, *, ok: bool) -> None:
        """A command of the client's that was passed on has its tagged response, and what it changes is changed."""

    def heard(self, line: bytes, here: Here) -> bool:
        """An untagged response of the upstream on its way to the client: its first text, without the CRLF, cut as above.
        False: the client shall not see it (its literals included). Called for each, so it has to be quick."""

    async def over(self, here: Here) -> None:
        """The client has gone; called once for each that logged in. Whatever runs for it ends now."""


class Keeping(Protocol):
    """What becomes of upstream sessions whose clients have gone."""

    async def arrived(self, here: Here) -> None:
        """A client has logged in."""

    def wants(self, here: Here) -> bool:
        """Its client leaves, by LOGOUT or by being cut: is its upstream session to be kept? All families are
        :meth:`Own.over` by then."""

    async def keep(self, here: Here, session: ImapConnection) -> None:
        """Takes the session, which is logged in, has nothing in flight and nothing unread, and may have a mailbox open; it is
        the callee's from now on, whatever happens."""

    async def left(self, here: Here) -> None:
        """The client has gone, and its upstream session was not wanted or is lost. Either this or :meth:`keep`."""
