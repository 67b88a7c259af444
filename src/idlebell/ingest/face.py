"""The face: who reports is asked for its key and held to its rate before anything that it says is looked at further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from idlebell.gateway.limits import RateLimit
from idlebell.gateway.report_shapes import DeliveryReport
from idlebell.ingest import dovecot, signed
from idlebell.ingest.proof import by_password, by_signature
from idlebell.ingest.reading import decoded, shaped
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.source import Source
from idlebell.net.clock import Clock

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway

SOURCE_BYTES: Final = 200


class Ingest:
    """``sources``: by id. Nothing is remembered of a report but what the store keeps."""

    def __init__(self, gateway: Gateway, sources: Mapping[str, Source], clock: Clock) -> None:
        self._gateway = gateway
        self._sources = sources
        self._clock = clock
        self._limits = {one.id: RateLimit(one.reports_per_minute) for one in sources.values()}

    async def take_dovecot(self, headers: Mapping[str, str], body: bytes, secure: bool) -> None:
        """PUT /v1/ingest/dovecot. ProblemError where it is not taken."""
        if not secure:
            raise ProblemError(Problem("needs-tls", "The key came over a connection that others can read."))
        source = by_password(self._sources.values(), headers.get("authorization", ""))
        self._count(source)
        # A header may hold any bytes, and Dovecot's Lua hands them on.
        given = decoded(body.decode("utf-8", "replace").encode())
        report = dovecot.report_of(given, source.form, self._clock.now())
        if report is not None:
            await self._gateway.report(source, report)

    async def take_signed(self, headers: Mapping[str, str], body: bytes, secure: bool) -> None:
        """POST /v1/ingest. ProblemError where it is not taken. The signature is asked for first, so what names its source is
        looked for in bytes that anybody may have sent: within bounds, and for nothing else."""
        source = by_signature(self._sources, _named(body), headers, body, self._clock.now().timestamp())
        self._count(source)
        report = signed.report_of(shaped(decoded(body), DeliveryReport), self._clock.now())
        await self._gateway.report(source, report)

    def _count(self, source: Source) -> None:
        wait = self._limits[source.id].wait_seconds(source.id, self._clock.monotonic())
        if wait:
            detail = "This source reports more in a minute than it may."
            raise ProblemError(Problem("too-many-requests", detail, retry_after_seconds=wait))


class _Names(msgspec.Struct):
    source: str = ""


def _named(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Names).source[:SOURCE_BYTES]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
