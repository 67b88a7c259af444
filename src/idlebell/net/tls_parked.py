"""The record layer of TLS 1.3 after the handshake, for a client: what is left of a session whose OpenSSL object is freed.

Bytes in, bytes out; no socket. All that lasts is in a slot of the arena. Section numbers are RFC 8446's.

Not here, because the handshake is OpenSSL's: certificates, key exchange, resumption. Tickets are ignored, for we never
resume; a request for a client certificate is an error, for we did not offer it (section 4.6.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from idlebell.net.errors import ConnectionLost
from idlebell.net.secret_arena import SecretArena
from idlebell.net.traffic_keys import (
    QUIET,
    RECEIVE,
    SEND,
    STATE,
    TAG_BYTES,
    Keys,
    Suite,
    Way,
    keep_counts,
    next_secret,
    sequence,
    suite_in,
)

HEADER_BYTES: Final = 5
"""opaque_type, legacy_record_version, length (section 5.2)."""
CONTENT_BYTES: Final = 2**14
"""Of one record, as plaintext (section 5.1)."""
CIPHERTEXT_BYTES: Final = CONTENT_BYTES + 256
"""Of one record, as ciphertext (section 5.2)."""
RECORDS_A_KEY: Final = 2**23
"""Sealed under one key before we change it. Section 5.5 allows 2^24.5 full-size records to AES-GCM; ChaCha20-Poly1305 would
bear all 2^64, but a second rule is not worth its line."""
QUIET_RECORDS: Final = 32
"""Records in a row without application data: empty ones, tickets, KeyUpdates. OpenSSL bounds empty ones at the same number; a
server that sends more is working against us."""
MESSAGE_BYTES: Final = 32_768
"""Of one handshake message. A ticket that holds a client's whole certificate chain stays under it."""

_PEER_CLOSED: Final = 1  # bits of the state in the slot; none: open both ways
_WE_CLOSED: Final = 2
_FAILED: Final = 4

_HEADER_START: Final = b"\x17\x03\x03"  # application_data; TLS 1.2's version number, for middleboxes (section 5.2)


class Alert(IntEnum):
    """AlertDescription (section 6): what we send."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    RECORD_OVERFLOW = 22
    ILLEGAL_PARAMETER = 47
    DECODE_ERROR = 50


_USER_CANCELED: Final = 90
_ALERT_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {alert.value: alert.name.lower() for alert in Alert}
    | {40: "handshake_failure", 48: "unknown_ca", 49: "access_denied", 51: "decrypt_error", 70: "protocol_version"}
    | {71: "insufficient_security", 80: "internal_error", 116: "certificate_required"}
)
"""Those that a server may send, for the operator."""


class ContentType(IntEnum):
    """Section 5.1."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


_NEW_SESSION_TICKET: Final = 4  # HandshakeType (section 4)
_KEY_UPDATE: Final = 24
_KEY_UPDATE_ANSWER: Final = b"\x18\x00\x00\x01\x00"  # KeyUpdate { update_not_requested } (section 4.6.3)


class TlsRecordError(ConnectionLost):
    """The session is over: the peer broke the protocol, or somebody altered its bytes, or it has sent an error alert.

    ``alert``: the one that says so, None where the peer has said it. ``content``: what came in order before the fault.
    ``farewell``: the record with the alert, to be sent before closing.
    """

    def __init__(self, alert: Alert | None, detail: str) -> None:
        super().__init__("tls", detail if alert is None else f"{alert.name.lower()}: {detail}")
        self.alert = alert
        self.content = b""
        self.farewell = b""


@dataclass(frozen=True, slots=True)
class Received:
    """``content``: application data in order. ``reply``: records to send before anything else is sealed. ``closed``: the
    peer has said close_notify; nothing comes after it."""

    content: bytes = b""
    reply: bytes = b""
    closed: bool = False


class ParkedTls:
    """One session. ``slot``: of ``arena``, filled by :func:`keep_secrets`; this object owns it until :meth:`forget`.

    While :attr:`at_rest` nothing but the slot is needed: the object may be dropped and made again from it.
    """

    __slots__ = ("_arena", "_kept", "_message", "_record", "slot")

    def __init__(self, arena: SecretArena, slot: int) -> None:
        self._arena = arena
        self.slot = slot
        """-1 once forgotten."""
        self._record = b""  # the part of a record that has come; at most HEADER_BYTES + CIPHERTEXT_BYTES
        self._message = b""  # the part of a handshake message that has come; at most MESSAGE_BYTES
        self._kept: dict[Way, Keys] | None = None  # while keys are kept: those derived so far

    @classmethod
    def take_over(cls, arena: SecretArena, slot: int, *, received: int, sent: int, last: bytes) -> ParkedTls | None:
        """A session that somebody else has conducted so far, under the first secrets as he believes, which are in ``slot``.
        ``received``, ``sent``: how many records under them; ``last``: the last one received, as it came.

        None, and the slot is still the caller's, unless that record is application data under our key and number. If it is,
        no KeyUpdate has come (and ours goes only in answer to one), no record was miscounted, and no handshake message is
        half read, for nothing may come between its parts (section 5.1).
        """
        keep_counts(arena, slot, received=max(0, received - 1), sent=sent)
        if received:
            with Keys(arena.view(slot), RECEIVE) as keys:
                try:
                    content_type, _ = _open(keys, last[:HEADER_BYTES], last[HEADER_BYTES:])
                except TlsRecordError:
                    return None
            if content_type != ContentType.APPLICATION_DATA:
                return None
        return cls(arena, slot)

    def __repr__(self) -> str:
        return f"<ParkedTls, slot {self.slot}>"

    @property
    def arena(self) -> SecretArena:
        """Where its slot is."""
        return self._arena

    @property
    def suite(self) -> Suite:
        return suite_in(self._view())

    @property
    def at_rest(self) -> bool:
        """No part of a record or message waits for its rest."""
        return not (self._record or self._message)

    @property
    def peer_closed(self) -> bool:
        """It has said close_notify."""
        return bool(self._view()[STATE] & _PEER_CLOSED)

    def keep_keys(self) -> None:
        """Until :meth:`drop_keys` a key that was derived is used for the records that follow: a session at work has several
        in each direction. May be called again."""
        if self._kept is None:
            self._kept = {}

    def drop_keys(self) -> None:
        """Wipes what was kept; from now on keys are derived for each call again. May be called again."""
        kept, self._kept = self._kept, None
        for keys in (kept or {}).values():
            keys.wipe()

    def forget(self) -> None:
        """The secrets are zeroed; every further call raises ConnectionLost. May be called again."""
        self.drop_keys()
        slot, self.slot = self.slot, -1
        self._record = self._message = b""
        if slot >= 0:
            self._arena.free(slot)

    # --- sending ---

    def seal(self, content: bytes) -> bytes:
        """Records with ``content`` in order, as many as it takes; none for nothing. They are to be sent in the order in which
        they were sealed, each exactly once. ConnectionLost: we have said close_notify."""
        return self._records(ContentType.APPLICATION_DATA, content)

    def close_notify(self) -> bytes:
        """The record that says that we send no more (section 6.1); nothing where that was said."""
        view = self._view()
        if view[STATE] & _WE_CLOSED:
            return b""
        record = self._records(ContentType.ALERT, bytes((1, Alert.CLOSE_NOTIFY)))  # 1: warning, which nobody reads
        view[STATE] |= _WE_CLOSED
        return record

    def _records(self, content_type: ContentType, content: bytes) -> bytes:
        view = self._view()
        if view[STATE] & _WE_CLOSED:
            raise ConnectionLost("closed")
        records = []
        for start in range(0, len(content), CONTENT_BYTES):
            if sequence(view, SEND) >= RECORDS_A_KEY:
                records.append(self._change_own_key(view))
            keys = self._keys(view, SEND)
            try:
                records.append(_seal(keys, content_type, content[start : start + CONTENT_BYTES]))
            finally:
                self._used(keys)
        return b"".join(records)

    def _change_own_key(self, view: memoryview) -> bytes:
        """Section 4.6.3: KeyUpdate goes under the old key; what follows is under the new one."""
        with self._last(view, SEND) as keys:
            record = _seal(keys, ContentType.HANDSHAKE, _KEY_UPDATE_ANSWER)
        next_secret(view, SEND)
        return record

    def _keys(self, view: memoryview, way: Way) -> Keys:
        if self._kept is None:
            return Keys(view, way)
        keys = self._kept.get(way)
        if keys is None:
            keys = self._kept[way] = Keys(view, way)
        return keys

    def _used(self, keys: Keys) -> None:
        """By one call, which may have been the only one."""
        if self._kept is None:
            keys.wipe()

    def _last(self, view: memoryview, way: Way) -> Keys:
        """To be used once more and wiped: another secret follows."""
        kept = self._kept.pop(way, None) if self._kept is not None else None
        return kept or Keys(view, way)

    # --- receiving ---

    def receive(self, data: bytes | memoryview) -> Received:
        """What ``data``, the next bytes of the stream in any cut, says. TlsRecordError: the session is over."""
        view = self._view()
        if view[STATE] & _FAILED:
            raise ConnectionLost("closed")
        if view[STATE] & _PEER_CLOSED:
            return Received(closed=True)  # section 6.1: what comes after close_notify is ignored
        stream = memoryview(self._record + data if self._record else data)
        self._record = b""
        content: list[bytes] = []
        replies: list[bytes] = []
        at = 0
        keys: Keys | None = None
        try:
            while not view[STATE] & _PEER_CLOSED:
                end = _end_of_record(stream, at)
                if end is None:
                    self._record = bytes(stream[at:])
                    break
                keys = keys or self._keys(view, RECEIVE)
                content_type, fragment = _open(keys, stream[at : at + HEADER_BYTES], stream[at + HEADER_BYTES : end])
                at = end
                if self._take(view, content_type, fragment, content, replies):
                    (self._kept or {}).pop(RECEIVE, None)
                    keys.wipe()
                    keys = None
        except TlsRecordError as error:
            error.content = b"".join(content)
            # Section 6.2: after an error alert neither side sends or expects anything.
            if error.alert is not None and not view[STATE] & _WE_CLOSED:
                replies.append(self._records(ContentType.ALERT, bytes((2, error.alert))))
                error.farewell = b"".join(replies)
            view[STATE] = _FAILED | _WE_CLOSED
            raise
        finally:
            if keys is not None:
                self._used(keys)
        return Received(b"".join(content), b"".join(replies), bool(view[STATE] & _PEER_CLOSED))

    def _take(
        self, view: memoryview, content_type: int, fragment: bytes, content: list[bytes], replies: list[bytes]
    ) -> bool:
        """One record's content; True where the peer's key has changed."""
        if self._message and content_type != ContentType.HANDSHAKE:
            # Section 5.1: no other record between two of one handshake message.
            raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, "another record within a handshake message")
        if content_type == ContentType.APPLICATION_DATA and fragment:
            content.append(fragment)
            view[QUIET] = 0
            return False
        if content_type == ContentType.ALERT:
            self._take_alert(view, fragment)
        if view[QUIET] >= QUIET_RECORDS:
            raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, f"{QUIET_RECORDS} records without application data")
        view[QUIET] += 1
        match content_type:
            case ContentType.APPLICATION_DATA | ContentType.ALERT:
                return False  # section 5.1: data may be empty, against traffic analysis
            case ContentType.HANDSHAKE:
                return self._take_handshake(view, fragment, replies)
            case ContentType.CHANGE_CIPHER_SPEC:
                # Section 5: only between the first ClientHello and the peer's Finished, and never protected.
                raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, "change_cipher_spec after the handshake")
            case _:
                raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, f"a record of unknown type {content_type}")

    def _take_alert(self, view: memoryview, fragment: bytes) -> None:
        if len(fragment) != 2:
            # Section 5.1: exactly one alert a record, not fragmented, never empty.
            raise TlsRecordError(
                Alert.DECODE_ERROR if fragment else Alert.UNEXPECTED_MESSAGE, "an alert that is not of two bytes"
            )
        if fragment[1] == Alert.CLOSE_NOTIFY:
            view[STATE] |= _PEER_CLOSED
        elif fragment[1] != _USER_CANCELED:  # section 6.1: close_notify follows it
            # Section 6: the level says nothing in TLS 1.3; all but the two closure alerts are fatal.
            name = _ALERT_NAMES.get(fragment[1], str(fragment[1]))
            raise TlsRecordError(None, f"the server sent the alert {name}")

    def _take_handshake(self, view: memoryview, fragment: bytes, replies: list[bytes]) -> bool:
        if not fragment:
            # Section 5.1: handshake records are never empty.
            raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, "an empty handshake record")
        stream = self._message + fragment
        self._message = b""
        at = 0
        while at < len(stream):
            size = int.from_bytes(stream[at + 1 : at + 4], "big") if len(stream) >= at + 4 else 0
            kind = stream[at]
            if kind not in (_NEW_SESSION_TICKET, _KEY_UPDATE):
                # Section 4.6: a server sends these two after the handshake, and CertificateRequest where we had offered it.
                raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, f"a handshake message of type {kind}")
            if size > MESSAGE_BYTES or (kind == _KEY_UPDATE and len(stream) >= at + 4 and size != 1):
                raise TlsRecordError(Alert.DECODE_ERROR, f"a handshake message of {size} bytes")
            if len(stream) < at + 4 + size:
                break
            end = at + 4 + size
            if kind == _KEY_UPDATE:
                if end != len(stream):
                    # Section 5.1: messages before a key change end where a record ends.
                    raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, "more in a record after a KeyUpdate")
                self._take_key_update(view, stream[at + 4], replies)
                return True
            at = end  # section 4.6.1: a ticket is an offer, and we do not resume
        self._message = stream[at:]
        return False

    def _take_key_update(self, view: memoryview, request: int, replies: list[bytes]) -> None:
        """Section 4.6.3."""
        if request > 1:
            raise TlsRecordError(Alert.ILLEGAL_PARAMETER, f"a KeyUpdate that requests {request}")
        next_secret(view, RECEIVE)
        if request and not view[STATE] & _WE_CLOSED:
            # To be sent before our next application data; it asks for nothing, so that two do not update for ever.
            replies.append(self._change_own_key(view))

    def _view(self) -> memoryview:
        if self.slot < 0:
            raise ConnectionLost("closed")
        return self._arena.view(self.slot)


def _end_of_record(stream: memoryview, at: int) -> int | None:
    """Where the record that begins ``at`` ends; None where it is not all there. Its header is judged as soon as it is."""
    if len(stream) < at + HEADER_BYTES:
        return None
    opaque_type = stream[at]
    if opaque_type != ContentType.APPLICATION_DATA:
        # Section 5.2: all protected records look like this one; section 5: an unprotected one is unexpected.
        raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, f"an unprotected record of type {opaque_type}")
    # legacy_record_version is ignored for all purposes (section 5.1), but it is authenticated.
    size = int.from_bytes(stream[at + 3 : at + HEADER_BYTES], "big")
    if size > CIPHERTEXT_BYTES:
        raise TlsRecordError(Alert.RECORD_OVERFLOW, f"a record of {size} bytes")  # section 5.2
    end = at + HEADER_BYTES + size
    return end if len(stream) >= end else None


def _seal(keys: Keys, content_type: ContentType, content: bytes) -> bytes:
    """TLSCiphertext of one TLSInnerPlaintext without padding (section 5.2)."""
    header = _HEADER_START + (len(content) + 1 + TAG_BYTES).to_bytes(2, "big")
    return header + keys.seal(content + bytes((content_type,)), header)


def _open(keys: Keys, header: bytes | memoryview, ciphertext: bytes | memoryview) -> tuple[int, bytes]:
    """Type and content of one TLSInnerPlaintext (section 5.2)."""
    inner = keys.open(ciphertext, header)
    if inner is None:
        raise TlsRecordError(Alert.BAD_RECORD_MAC, "a record that does not decrypt")  # section 5.2
    if len(inner) > CONTENT_BYTES + 1:
        # Section 5.4: padding does not make a record longer than a full one.
        raise TlsRecordError(Alert.RECORD_OVERFLOW, f"a record with {len(inner)} bytes of plaintext")
    unpadded = inner.rstrip(b"\0")
    if not unpadded:
        raise TlsRecordError(Alert.UNEXPECTED_MESSAGE, "a record of nothing but padding")  # section 5.4
    return unpadded[-1], unpadded[:-1]
