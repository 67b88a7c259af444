"""A command of ours on a client's upstream session, which the client does not see. Where the client idles its IDLE is ended for
that long and asked for again under the same tag, so that its DONE ends the new one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from idlebell.front.own import Asked
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import ContinuationRequest, TaggedResponse, UntaggedResponse
from idlebell.imap.sequence_set import SequenceSet

ASKED_BYTES: Final = 4_194_304
"""Of all that answers one command: STATUS or LIST of 50,000 mailboxes."""


_UID: Final = re.compile(rb"[( ]UID ([0-9]{1,10})[ )]", re.IGNORECASE)


class Stage(Enum):
    ENDING = auto()
    """The client's IDLE was ended; its tagged response is awaited."""
    ASKED = auto()
    RESUMING = auto()
    """IDLE was asked for again; ``+`` is awaited."""
    OVER = auto()


@dataclass(frozen=True, slots=True)
class Finished:
    answer: Asked | None
    """None: it was too much, or no sense could be made of it."""


class Aside:
    """``chunks``: the command; ``idle``: the tag of the client's IDLE, empty where it does not idle."""

    __slots__ = (
        "_bytes",
        "_chunks",
        "_framer",
        "_tag",
        "_tagged",
        "_uids",
        "_untagged",
        "_utf8",
        "collecting",
        "idle",
        "kinds",
        "resumes",
        "stage",
    )

    def __init__(
        self,
        chunks: list[bytes],
        kinds: frozenset[str],
        tag: bytes,
        idle: bytes,
        *,
        utf8: bool,
        uids: SequenceSet | None = None,
    ) -> None:
        """``uids``: the messages that are asked for, of a UID FETCH."""
        self.kinds = kinds
        self.idle = idle
        self.stage = Stage.ENDING if idle else Stage.ASKED
        self.resumes = bool(idle)
        """Is IDLE asked for again?"""
        self.collecting = False
        """A response to it is under way."""
        self._chunks = chunks
        self._tag = tag + b" "
        self._utf8 = utf8
        self._uids = uids
        self._framer: Framer | None = Framer(DEFAULT_LIMITS)
        self._bytes = 0
        self._tagged = False  # the response under way is the last one
        self._untagged: list[UntaggedResponse] = []

    def begin(self) -> bytes:
        """What to send first."""
        return b"DONE\r\n" if self.idle else self._chunks.pop(0)

    def ended(self) -> bytes:
        """The client's IDLE is over: what to send now."""
        self.stage = Stage.ASKED
        return self._chunks.pop(0)

    def continued(self) -> bytes | None:
        """The upstream said ``+``: what to send now; None: that was not ours."""
        if self.stage is Stage.ASKED and self._chunks:
            return self._chunks.pop(0)
        if self.stage is Stage.RESUMING:
            self.stage = Stage.OVER
            return b""
        return None

    def answers(self, opening: bytes) -> bool:
        """Is this the tagged response? Before the question there may be one of the client's under the same tag."""
        return self.stage is Stage.ASKED and opening.startswith(self._tag)

    def asks_for(self, name: str, opening: bytes) -> bool:
        """Is this untagged response part of the answer? A FETCH that names no message of ours is news of flags, and the
        client's: a UID FETCH is answered with UIDs (RFC 9051 section 6.4.9)."""
        if self.stage is not Stage.ASKED or name not in self.kinds:
            return False
        if name != "FETCH" or self._uids is None:
            return True
        found = _UID.search(opening)
        if found is None:
            return opening.endswith(b"}\r\n")  # it may stand behind a literal
        return int(found[1]) in self._uids

    def collect(self, data: bytes) -> None:
        """Some of a response that is ours."""
        if not self.collecting:
            self._tagged = data.startswith(self._tag)
        self.collecting = True
        self._bytes += len(data)
        if self._framer is None:
            return
        try:
            if self._bytes > ASKED_BYTES:
                raise RemoteProtocolError("too-much", "more than the bound answers a command of ours")
            self._framer.feed(data)
        except RemoteProtocolError:
            self._lose()

    def collected(self) -> Finished | None:
        """That response has ended. None: more of them follow."""
        self.collecting = False
        if self._framer is None:
            return Finished(None) if self._tagged else None
        try:
            frame = self._framer.next_frame()
            response = parse_response(frame, DEFAULT_LIMITS, self._utf8) if isinstance(frame, Frame) else None
        except RemoteProtocolError:
            self._lose()
            return Finished(None) if self._tagged else None
        if isinstance(response, TaggedResponse):
            return Finished(Asked(response, tuple(self._untagged)))
        if response is not None and not isinstance(response, ContinuationRequest):
            self._untagged.append(response)
        return None

    def resume(self) -> bytes:
        """The answer is there: what to send now."""
        self.stage = Stage.RESUMING if self.resumes else Stage.OVER
        return self.idle + b" IDLE\r\n" if self.resumes else b""

    def _lose(self) -> None:
        self._framer = None
        self._untagged = []
