"""Questions and answers of ours on a client's session, as they stand on the wire. Pure."""

from __future__ import annotations

from typing import Final

from idlebell.front.own import Answer
from idlebell.imap.commands import Command, UnknownCommand, name_of
from idlebell.imap.encode_response import encode_response
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.responses import Condition, PlainCode, TaggedResponse

_KINDS: Final = {
    "FETCH": frozenset({"FETCH"}),
    "SEARCH": frozenset({"SEARCH", "ESEARCH"}),
    "STATUS": frozenset({"STATUS"}),
    "LIST": frozenset({"LIST", "STATUS"}),
    "LSUB": frozenset({"LSUB"}),
    "ID": frozenset({"ID"}),
    "NAMESPACE": frozenset({"NAMESPACE"}),
    "UID FETCH": frozenset({"FETCH"}),
    "UID SEARCH": frozenset({"SEARCH", "ESEARCH"}),
}
"""Commands of ours on a client's session, and the responses that answer them."""

NOT_NOW: Final = Answer(Condition.BAD, "Not now")
UNREADABLE: Final = Answer(Condition.NO, "What the mail server said to this cannot be read", PlainCode("SERVERBUG"))
"""RFC 5530: of the mail server's, and whoever looks after it is to be told."""


def answering(command: Command) -> frozenset[str]:
    """The names of the responses that answer it."""
    name = command.name if isinstance(command, UnknownCommand) else name_of(type(command))
    return _KINDS.get(name, frozenset())


def encoded(tag: str, answer: Answer, *, utf8: bool) -> bytes:
    """All that the client gets for the command ``tag``."""
    try:
        tagged = encode_response(TaggedResponse("x", answer.condition, answer.code, answer.text), utf8=utf8)[1:]
    except LocalProtocolError:  # a text that would be read as a code
        tagged = encode_response(TaggedResponse("x", answer.condition, answer.code, "Done"), utf8=utf8)[1:]
    return b"".join(answer.untagged) + tag.encode("latin-1") + tagged
