"""What mail servers showed at their latest logins, and which of it ends soon."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn, TypeAlias

from idlebell.model.account import ImapTarget, Tls
from idlebell.model.trust import identity
from idlebell.net.certificate import read_certificate_file
from idlebell.net.clock import Clock
from idlebell.net.errors import CertificateFacts
from idlebell.telemetry.facts import CertificateEnds, ClientCertificateEnds, Emit

ENDS_SOON: Final = timedelta(days=14)
"""Ahead of its end: who renews by a machine has done so weeks ago, who does it by hand still has time."""
TOLD_EVERY: Final = timedelta(days=1)
REVIEWED_EVERY_SECONDS: Final = 6 * 3_600.0
SERVERS: Final = 4_096
"""Remembered, those that were logged in to last; of others nothing is told until the next login."""

_Server: TypeAlias = tuple[str, int, Tls, str]


@dataclass(slots=True)
class _Shown:
    certificate: CertificateFacts
    told_at: datetime | None = None


class Certificates:
    """One for a process. By server and trust, not by account: what all of a server have in common is held once."""

    def __init__(self, clock: Clock, emit: Emit) -> None:
        self._clock = clock
        self._emit = emit
        self._shown: OrderedDict[_Server, _Shown] = OrderedDict()
        self._own: dict[str, _Shown | None] = {}

    async def mind(self, files: Collection[str]) -> None:
        """Our own, that servers are shown, by their files; in place of those of before."""
        self._own = {file: self._own.get(file) for file in files}
        await self._review_own()

    def saw(self, target: ImapTarget, certificate: CertificateFacts | None) -> None:
        """At a login."""
        if certificate is None:
            return
        server = _server(target)
        shown = self._shown.get(server)
        if shown is None or shown.certificate != certificate:
            shown = self._shown[server] = _Shown(certificate)
            self._review(server, shown)
        self._shown.move_to_end(server)
        if len(self._shown) > SERVERS:
            self._shown.popitem(last=False)

    def of(self, target: ImapTarget) -> CertificateFacts | None:
        """None: nobody has logged in there since the process began."""
        shown = self._shown.get(_server(target))
        return None if shown is None else shown.certificate

    def ending(self) -> int:
        """Servers whose certificate ends soon, or has ended."""
        now = self._clock.now()
        return sum(ends_soon(one.certificate, now) for one in self._shown.values())

    def own_ending(self) -> int:
        """As :meth:`ending`, of our own."""
        now = self._clock.now()
        return sum(one is not None and ends_soon(one.certificate, now) for one in self._own.values())

    async def review(self) -> NoReturn:
        """A session may last longer than the certificate that it began with."""
        while True:
            await self._clock.sleep(REVIEWED_EVERY_SECONDS)
            for server, shown in tuple(self._shown.items()):
                self._review(server, shown)
            await self._review_own()

    async def _review_own(self) -> None:
        """What cannot be read is told by whoever wants to show it."""
        now = self._clock.now()
        for file, known in tuple(self._own.items()):
            certificate = await asyncio.to_thread(read_certificate_file, file)
            if file not in self._own or certificate is None:
                continue
            shown = known if known is not None and known.certificate == certificate else _Shown(certificate)
            self._own[file] = shown
            if ends_soon(certificate, now) and (shown.told_at is None or now - shown.told_at >= TOLD_EVERY):
                shown.told_at = now
                self._emit(ClientCertificateEnds(file, certificate.not_after))

    def _review(self, server: _Server, shown: _Shown) -> None:
        now = self._clock.now()
        if not ends_soon(shown.certificate, now):
            return
        if shown.told_at is None or now - shown.told_at >= TOLD_EVERY:
            shown.told_at = now
            self._emit(CertificateEnds(server[0], shown.certificate.not_after))


def ends_soon(certificate: CertificateFacts, now: datetime) -> bool:
    return datetime.fromisoformat(certificate.not_after) - now < ENDS_SOON


def _server(target: ImapTarget) -> _Server:
    return target.host, target.port, target.tls, identity(target.trust)
