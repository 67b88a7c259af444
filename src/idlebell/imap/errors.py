"""Whose fault: :class:`LocalProtocolError` is ours, :class:`RemoteProtocolError` is the peer's and ends the connection."""


class ProtocolError(Exception):
    """Base of both; never raised itself."""


class LocalProtocolError(ProtocolError):
    """We asked for something the protocol, the state or the list of permitted commands does not allow. A bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the grammar or a bound. This connection is finished; nothing received later is looked at.

    ``reason`` is a stable word for metrics and tests (``line-too-long``, ``bad-literal``, ``unexpected-tag``, ...);
    ``where`` holds at most 80 offending bytes for the operator, never what the client sent.
    """

    def __init__(self, reason: str, detail: str, where: bytes = b"") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.where = where[:80]
