"""What a push kind asks the rim to do, as a value. One variant today; SIP messages, calls and commands join it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from idlebell.model.endpoint import PushUrl


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Sent as it stands: no redirect is followed, nothing is added but Host, Content-Length, User-Agent and Accept."""

    method: str
    url: PushUrl
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """``headers`` with lower-case names; ``body`` at most the first 4 KiB."""

    status: int
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NoResponse:
    """Nothing usable came back. ``reason`` is a stable word: ``timeout``, ``refused``, ``tls``, ``dns``, ``not-allowed``,
    ``broken``; ``detail`` is for the operator."""

    reason: str
    detail: str = ""


Exchange: TypeAlias = HttpRequest
Answer: TypeAlias = HttpResponse | NoResponse
