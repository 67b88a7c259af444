"""What a registration asks for, checked as far as that goes without a network. Pure.

In: a :class:`~idlebell.gateway.shapes.SubscriptionRequest` and the operator's policy. Out: a :class:`Wish`, or every
fault with its pointer.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final

from idlebell.gateway.endpoints import payload_fault, read_endpoints
from idlebell.gateway.policy import SUPPORTED_RETENTIONS, Policy
from idlebell.gateway.reading import NOT_SUPPORTED, Faults
from idlebell.gateway.shapes import WAIT_SECONDS_MAX, Auth, ImapShape, OAuth2Auth, PasswordAuth, SubscriptionRequest
from idlebell.model.account import BearerCredentials, Credentials, ImapTarget, PasswordCredentials, Retention, Tls
from idlebell.model.endpoint import Endpoints
from idlebell.model.subscription import LEASE_SECONDS_MAX, LEASE_SECONDS_MIN, Payload
from idlebell.net.host_name import BadHost, parse_host

USERNAME_BYTES: Final = 1_000
PASSWORD_BYTES: Final = 4_096
ACCESS_TOKEN_BYTES: Final = 16_384
"""Some providers' tokens hold a whole signed document."""
MAILBOX_BYTES: Final = 1_000
DEFAULT_MAILBOXES: Final = ("INBOX",)


@dataclass(frozen=True, slots=True)
class Wish:
    """None: the member is absent, and a repeat keeps what it is. ``credentials`` are owned: whoever takes a wish wipes
    them."""

    target: ImapTarget
    username: str
    endpoints: Endpoints
    mailboxes: tuple[str, ...] | None
    payload: Payload | None
    retention: Retention | None
    lease_seconds: int | None
    wait_seconds: float = field(compare=False)
    credentials: Credentials | None = field(compare=False, default=None)


def read_wish(request: SubscriptionRequest, policy: Policy) -> Wish:
    """ProblemError ``invalid-request`` with all that is wrong."""
    faults = Faults()
    target = _target(faults, request.imap, policy)
    _check_text(faults, "/imap/username", request.imap.username, USERNAME_BYTES)
    credentials = None if request.imap.auth is None else read_auth(faults, request.imap.auth, "/imap/auth")
    endpoints = read_endpoints(faults, request.endpoints, allow_plaintext=policy.allow_plaintext)
    mailboxes = None if request.mailboxes is None else read_mailboxes(faults, request.mailboxes, policy)
    if request.filter is not None:
        faults.add("/filter", NOT_SUPPORTED)
    payload = None if request.payload is None else read_payload(faults, request.payload)
    if payload is not None:
        fault = payload_fault(payload, endpoints, allow_plaintext=policy.allow_plaintext)
        if fault is not None:
            faults.add("/payload", fault)
    retention = None if request.retention is None else _retention(faults, request, policy)
    if request.lease_seconds is not None:
        check_lease(faults, request.lease_seconds)
    check_wait(faults, request.wait_seconds)
    faults.raise_any()
    return Wish(
        target,
        request.imap.username,
        endpoints,
        mailboxes,
        payload,
        retention,
        request.lease_seconds,
        request.wait_seconds,
        credentials,
    )


def read_auth(faults: Faults, auth: Auth, at: str) -> Credentials:
    match auth:
        case PasswordAuth(password=password):
            _check_text(faults, f"{at}/password", password.text(), PASSWORD_BYTES)
            return PasswordCredentials(password)
        case OAuth2Auth(access_token=token):
            text = token.text()
            if not text or len(text) > ACCESS_TOKEN_BYTES or any(not "!" <= one <= "~" for one in text):
                faults.add(f"{at}/access_token", "must be visible ASCII characters (RFC 6750 section 2.1)")
            return BearerCredentials(token)


def read_mailboxes(faults: Faults, given: Any, policy: Policy, at: str = "/mailboxes") -> tuple[str, ...]:
    """Names in the order given, each once. INBOX is the same in any case (RFC 9051 section 5.1)."""
    if not isinstance(given, list):
        known = given in ("personal", "subscribed") or (isinstance(given, dict) and "subtree" in given)
        faults.add(at, NOT_SUPPORTED if known else "must be a list of names")
        return DEFAULT_MAILBOXES
    names: dict[str, None] = {}
    for index, name in enumerate(given[: policy.max_mailboxes]):
        if not isinstance(name, str):
            faults.add(f"{at}/{index}", "must be a string")
        else:
            _check_text(faults, f"{at}/{index}", name, MAILBOX_BYTES)
            names["INBOX" if name.upper() == "INBOX" else name] = None
    if not given:
        faults.add(at, "must name a mailbox")
    if len(given) > policy.max_mailboxes:
        faults.add(at, f"must be at most {policy.max_mailboxes}")
    return tuple(names)


def read_payload(faults: Faults, given: Any, at: str = "/payload") -> Payload:
    if given not in tuple(Payload):
        faults.add(at, "must be one of alert, summary, content")
        return Payload.ALERT
    if given == Payload.CONTENT:
        faults.add(at, f"content is {NOT_SUPPORTED}")
    return Payload(given)


def check_lease(faults: Faults, given: Any, at: str = "/lease_seconds") -> None:
    whole = isinstance(given, int) and not isinstance(given, bool)
    if not whole or not LEASE_SECONDS_MIN <= given <= LEASE_SECONDS_MAX:
        faults.add(at, f"must be a whole number from {LEASE_SECONDS_MIN} to {LEASE_SECONDS_MAX}")


def check_wait(faults: Faults, seconds: float, at: str = "/wait_seconds") -> None:
    if not 0 <= seconds <= WAIT_SECONDS_MAX:
        faults.add(at, f"must be from 0 to {WAIT_SECONDS_MAX}")


def _target(faults: Faults, imap: ImapShape, policy: Policy) -> ImapTarget:
    tls = Tls(imap.tls)
    if tls is Tls.NONE and not policy.allow_plaintext:
        faults.add("/imap/tls", "must be implicit or starttls here")
    port = tls.default_port if imap.port is None else imap.port
    if not 1 <= port <= 65_535:
        faults.add("/imap/port", "must be from 1 to 65535")
    host = ""
    if imap.host is None:
        faults.add("/imap/host", f"is missing, and discovery is {NOT_SUPPORTED}")
    else:
        try:
            host = parse_host(imap.host)
        except BadHost as error:
            faults.add("/imap/host", str(error))
    return ImapTarget(host, port, tls)


def _retention(faults: Faults, request: SubscriptionRequest, policy: Policy) -> Retention:
    retention = Retention(request.retention or Retention.SESSION)
    if retention not in SUPPORTED_RETENTIONS:
        faults.add("/retention", NOT_SUPPORTED)
    elif retention not in policy.retentions:
        faults.add("/retention", "is not allowed by the operator")
    elif retention is not Retention.SESSION and isinstance(request.imap.auth, OAuth2Auth):
        faults.add("/retention", "must be session with an access token alone: it ends before it could be used again")
    return retention


def _check_text(faults: Faults, at: str, text: str, most: int) -> None:
    if not text:
        faults.add(at, "must not be empty")
    elif len(text.encode("utf-8", "surrogatepass")) > most:
        faults.add(at, f"must have at most {most} bytes")
    elif any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        faults.add(at, "must hold no control characters")
