"""Whose fault: :class:`LocalProtocolError` is ours, :class:`RemoteProtocolError` is the peer's and ends the connection."""

from typing import Final

WHERE_BYTES: Final = 80
"""Kept of what broke the protocol: a terminal's line, enough to see which response it was."""


class ProtocolError(Exception):
    """Base of both; never raised itself."""


class LocalProtocolError(ProtocolError):
    """We asked for something the protocol, the state or the list of permitted commands does not allow. A bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the grammar or a bound. This connection is finished; nothing received later is looked at.

    ``reason`` is a stable word for metrics and tests (``line-too-long``, ``bad-literal``, ``unexpected-tag``, ...);
    ``where`` holds at most :data:`WHERE_BYTES` offending bytes, never what the client sent. They are in no text of this
    error; the operator sees them by :func:`~idlebell.imap.redacted.offence`.
    """

    def __init__(self, reason: str, detail: str, where: bytes = b"") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.where = where[:WHERE_BYTES]
