"""TLS where we are the server: the front's clients. From the handshake on as :mod:`.tls_engine`; under TLS 1.3 they can be
parked as well."""

from __future__ import annotations

import ssl
from typing import Final

from idlebell.net.hardening import overwrite
from idlebell.net.tls_engine import FLIGHT_BYTES, TlsChannel
from idlebell.net.traffic_keys import keep_secrets, suite_named
from idlebell.net.traffic_secrets import TrafficSecrets, client_random_of
from idlebell.net.wire import Wire

_OURS: Final = b"SERVER_TRAFFIC_SECRET_0 "
_THEIRS: Final = b"CLIENT_TRAFFIC_SECRET_0 "


class TlsServerChannel(TlsChannel):
    """OpenSSL tells a server's own secret in the middle of the handshake and the client's with its Finished. The context has to
    send no tickets (:func:`~idlebell.net.tls_policy.server_context`): they would be records that nobody has counted."""

    __slots__ = ("_ours",)

    def __init__(self, wire: Wire, context: ssl.SSLContext, said: bytes, secrets: TrafficSecrets | None) -> None:
        super().__init__(wire, context, None, secrets, said)
        self._ours: bytes | None = None

    def _step(self) -> None:
        try:
            self._tls.do_handshake()
        except BaseException:
            if self._secrets is not None:
                if self._ours is None and self._client_random:
                    self._ours = self._secrets.taken(_OURS, self._client_random, self._suite())
                else:
                    self._secrets.discard()
            raise

    def _note_random(self) -> None:
        """It comes with what the client sends."""

    async def _feed_what_comes(self) -> None:
        data, self._ahead = self._ahead or await self._wire.receive(FLIGHT_BYTES), b""
        if not data:
            self._incoming.write_eof()
            return
        if not self._client_random:
            self._client_random = client_random_of(
                data
            )  # of a ClientHello in pieces it is none: that session stays awake
        self._incoming.write(data)

    def _collect(self, secrets: TrafficSecrets) -> int | None:
        theirs = secrets.taken(_THEIRS, self._client_random, self._suite())
        ours, self._ours = self._ours, None
        suite = suite_named(self._suite())
        slot = None
        if suite is not None and ours is not None and theirs is not None:
            slot = secrets.arena.take()
            keep_secrets(secrets.arena, slot, suite, receive=theirs, send=ours)
        for secret in (ours, theirs):
            if secret is not None:
                overwrite(secret)
        return slot

    def close(self) -> None:
        if self._ours is not None:
            overwrite(self._ours)
            self._ours = None
        super().close()


async def accept_tls(
    wire: Wire, context: ssl.SSLContext, said: bytes = b"", secrets: TrafficSecrets | None = None
) -> TlsServerChannel:
    """A handshake over ``wire``; ``said``: what the client has sent already. ``secrets`` listens to ``context``. TlsFailed,
    ConnectionLost; no deadline of its own. Closed where it raises."""
    channel = TlsServerChannel(wire, context, said, secrets)
    try:
        await channel.handshake()
    except BaseException:
        channel.close()
        raise
    return channel
