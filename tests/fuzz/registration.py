"""Commands by which clients register in IMAP: read, or refused with a sentence that can be sent."""

from __future__ import annotations

from typing import Final

from idlebell.front import coi, draft, metadata
from idlebell.front.annotations import Refused, Set, arguments, claims, found, read_get, read_set
from idlebell.front.own import Answer, OwnCommand
from idlebell.front.registering import answered
from idlebell.imap.encode_response import encode_response
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.responses import Condition, TaggedResponse
from idlebell.model.problem import ProblemError

ROOTS: Final = (coi.ROOT, metadata.ROOT)


def registration(data: bytes) -> None:
    """Switches: 1 our own entries instead of COI's."""
    root = ROOTS[data[0] & 1]
    framer = Framer(DEFAULT_LIMITS, server_side=True)
    framer.feed(data[2:])
    try:
        while (event := framer.next_frame()) is not None:
            if not isinstance(event, LiteralAnnounced):
                _hold(event, root)
    except RemoteProtocolError:
        pass


def _hold(frame: Frame, root: str) -> None:
    tag, _, opening = frame.parts[0].partition(b" ")
    name = opening.partition(b" ")[0].decode("ascii", "replace").upper()
    command = OwnCommand(tag.decode("latin-1"), name, frame, len(tag) + 1 + len(name))
    try:
        match name:
            case "GETMETADATA":
                claims(name, opening, root)
                get = read_get(command, root)
                _can_be_sent(found(get, [(entry, b"\0\xff") for entry in get.entries]))
            case "SETMETADATA":
                claims(name, opening, root)
                _set(read_set(command, root), root)
            case "WEBPUSH":
                draft.read_request(arguments(command).values)
            case _:
                arguments(command)
    except Refused as refused:
        _can_be_sent(refused.answer)
    except ProblemError as error:
        _can_be_sent(answered(error))


def _set(wanted: Set, root: str) -> None:
    if wanted.value is None:
        return
    if root == coi.ROOT:
        coi.read_subscription("phone-000001", wanted.value)
    else:
        metadata.read_request(wanted.value)


def _can_be_sent(answer: Answer) -> None:
    assert answer.condition in (Condition.OK, Condition.NO, Condition.BAD)
    encode_response(TaggedResponse("a1", answer.condition, answer.code, answer.text))
