"""Requests to bytes, bytes to answers (RFC 3261 sections 7, 8.1.1 and 20)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from idlebell.push.exchange import SipRequest, SipResponse
from idlebell.push.sip.uri import Transport

MESSAGE_BYTES_MAX: Final = 65_535
"""Of an answer: the longest datagram."""
HEADERS_MAX: Final = 128
COOKIE: Final = "z9hG4bK"
"""What every branch begins with (section 8.1.1.7)."""
VERSION: Final = "SIP/2.0"
USER_AGENT: Final = "Idlebell"

_STATUS: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: [^\r\n]*)?\r?")
_COMPACT: Final = {"v": "via", "i": "call-id", "l": "content-length", "f": "from", "t": "to"}
"""Section 7.3.3; those that are looked at."""
_BRANCH: Final = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)
_CSEQ: Final = re.compile(r"\s*([0-9]{1,10})\s+([A-Za-z]+)\s*")
_CONTENT_LENGTH: Final = re.compile(rb"(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,7})[ \t]*\Z", re.IGNORECASE)


class SipGarbageError(ValueError):
    """What came is no SIP, or more of it than there may be."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One sending of a request: where it comes from, over what, and as what. ``cseq`` grows with each transaction of a request,
    ``branch`` (without its cookie) is each one's own. ``authorization``: header and value."""

    sent_by: str
    transport: Transport
    branch: str
    cseq: int
    authorization: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """What an answer has to name (section 17.1.3)."""
        return COOKIE + self.branch


def encode(request: SipRequest, hop: Hop) -> bytes:
    """Every value is checked by who made it: none has a line break."""
    # Who shows a password says whose it is; else it is us.
    own = f"sip:idlebell@{hop.sent_by.rpartition(':')[0]}"
    sender = own if request.uri.password is None else request.uri.address
    lines = [
        f"{request.method} {request.uri.target} {VERSION}",
        # RFC 3581: the answer comes back to the port that we send from, through translators too.
        f"Via: {VERSION}/{hop.transport.value.upper()} {hop.sent_by};branch={hop.key};rport",
        "Max-Forwards: 70",
        f"From: <{sender}>;tag={request.from_tag}",
        f"To: <{request.uri.address}>",
        f"Call-ID: {request.call_id}",
        f"CSeq: {hop.cseq} {request.method}",
        f"Contact: <sip:idlebell@{hop.sent_by};transport={hop.transport.value}>",
        *(f"{name}: {value}" for name, value in request.headers),
        *(() if hop.authorization is None else (f"{hop.authorization[0]}: {hop.authorization[1]}",)),
        f"User-Agent: {USER_AGENT}",
        f"Content-Length: {len(request.body)}",
    ]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + request.body


def parse_response(data: bytes) -> SipResponse:
    """SipGarbageError for anything else: a request, other protocols, a message without what it is told by."""
    head, _, body = data[:MESSAGE_BYTES_MAX].partition(b"\r\n\r\n")
    first, _, rest = head.partition(b"\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise SipGarbageError("no status line")
    headers = _headers(rest)
    branch = _BRANCH.search(headers.get("via", ("",))[0])
    cseq = _CSEQ.fullmatch(headers.get("cseq", ("",))[0])
    if branch is None or cseq is None:
        raise SipGarbageError("no Via with a branch, or no CSeq")
    return SipResponse(int(status[1]), branch[1], cseq[2].upper(), headers, body)


def _headers(rest: bytes) -> dict[str, tuple[str, ...]]:
    """By name in lower case, each value as often as it stands there. Folded lines are one (section 7.3.1)."""
    text = rest.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = re.sub(r"\n[ \t]+", " ", text).split("\n")
    if len(lines) > HEADERS_MAX:
        raise SipGarbageError("too many headers")
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon:
            name = _COMPACT.get(name, name)
            found[name] = (*found.get(name, ()), value.strip())
    return found


class StreamReader:
    """Cuts a stream into messages (section 18.3). At most one message is kept."""

    def __init__(self) -> None:
        self._buffer = b""

    def receive(self, data: bytes) -> list[bytes]:
        """SipGarbageError: the stream cannot be read any further."""
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        if len(self._buffer) > MESSAGE_BYTES_MAX:
            raise SipGarbageError("a message that is too long")
        return messages

    def _next(self) -> bytes | None:
        self._buffer = self._buffer.lstrip(b"\r\n")  # keep-alives (RFC 5626 section 3.5.1)
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lengths = [found for line in self._buffer[:end].split(b"\r\n") if (found := _CONTENT_LENGTH.match(line))]
        if len(lengths) != 1:
            raise SipGarbageError("a message on a stream without one Content-Length")
        whole = end + 4 + int(lengths[0][1])
        if whole > MESSAGE_BYTES_MAX:
            raise SipGarbageError("a message that is too long")
        if len(self._buffer) < whole:
            return None
        message, self._buffer = self._buffer[:whole], self._buffer[whole:]
        return message
