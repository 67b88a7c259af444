"""What a push kind asks the rim to do, as a value, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from idlebell.model.endpoint import PushUrl
from idlebell.push.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Sent as it stands: no redirect is followed, nothing is added but Host, Content-Length, User-Agent and Accept."""

    method: str
    url: PushUrl
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """``headers`` with lower-case names; ``body`` at most as much of it as was to be read."""

    status: int
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class AppriseCall:
    """One notification by Apprise, in a process of its own. ``title`` may be empty."""

    url: PushUrl
    title: str = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppriseAnswered:
    """``accepted``: the service took it, as Apprise reads its answer. ``status`` and ``retry_after`` are of the last HTTP
    response; None where there was none. ``silence``: why, as far as Apprise tells."""

    accepted: bool
    status: int | None = None
    retry_after: str | None = None
    silence: str | None = None


@dataclass(frozen=True, slots=True)
class FcmMessage:
    """``messages:send`` of FCM's HTTP v1, to be signed. Answered by HTTP."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApnsPush:
    """One push to Apple's service, to be signed. Answered by HTTP. ``headers``: without topic and authorization."""

    device: str = field(repr=False)
    sandbox: bool
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommandInput:
    """One run: variables added to its environment, and what it can read."""

    environment: tuple[tuple[str, str], ...] = field(repr=False)
    stdin: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommandRun:
    """``command`` by ``sh -c``, once for each of ``inputs``, in order."""

    command: str = field(repr=False)
    inputs: tuple[CommandInput, ...]


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """``status``: of the first run that failed, else 0; negative: ended by that signal."""

    status: int


@dataclass(frozen=True, slots=True)
class Lines:
    """For the terminal that this process was started from."""

    lines: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinesWritten:
    pass


@dataclass(frozen=True, slots=True)
class Tokens:
    """For the canary of this process: what it wrote into the subjects of its mails."""

    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokensHeard:
    pass


@dataclass(frozen=True, slots=True)
class SipRequest:
    """Outside of any dialog. ``cseq``: of its first sending; a retry has the same ``call_id`` and a greater one. ``headers``
    come after those that every request has."""

    method: str
    uri: SipUri
    call_id: str
    from_tag: str
    cseq: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SipResponse:
    """``branch`` and ``method``: of the request that it answers. ``headers`` with lower-case names."""

    status: int
    branch: str
    method: str
    headers: dict[str, tuple[str, ...]] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NoResponse:
    """Nothing usable came back. ``reason`` is a stable word: ``timeout``, ``refused``, ``tls``, ``dns``, ``not-allowed``,
    ``broken``; ``detail`` is for the operator."""

    reason: str
    detail: str = ""


Exchange: TypeAlias = HttpRequest | AppriseCall | FcmMessage | ApnsPush | SipRequest | CommandRun | Lines | Tokens
Answer: TypeAlias = HttpResponse | NoResponse
"""To an HTTP request."""
AnyAnswer: TypeAlias = (
    HttpResponse | AppriseAnswered | SipResponse | CommandEnded | LinesWritten | TokensHeard | NoResponse
)
"""To any exchange."""


def body_bytes(exchange: Exchange) -> int:
    """How much of it could be given up if the other side says that it is too large; 0: nothing."""
    return len(exchange.body) if isinstance(exchange, HttpRequest | FcmMessage | ApnsPush) else 0


def status_of(answer: AnyAnswer) -> int | None:
    """HTTP's or a command's; None: it has none."""
    return answer.status if isinstance(answer, HttpResponse | AppriseAnswered | SipResponse | CommandEnded) else None
