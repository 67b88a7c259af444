"""What a registration asks for, checked as far as that goes without a network. Pure.

In: a :class:`~idlebell.gateway.shapes.SubscriptionRequest` and the operator's policy. Out: a :class:`Wish`, or every
fault with its pointer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import msgspec

from idlebell.gateway.credentials import check_text, read_auth, retention_fault
from idlebell.gateway.discovery import domain_of
from idlebell.gateway.endpoints import heartbeat_fault, payload_fault, read_endpoints, withdraw_fault
from idlebell.gateway.policy import Policy
from idlebell.gateway.preferences import members, read_preferences
from idlebell.gateway.reading import Faults, unknown_member
from idlebell.gateway.shapes import WAIT_SECONDS_MAX, ImapShape, SubscriptionRequest
from idlebell.gateway.trusting import read_trust
from idlebell.model.account import Credentials, ImapTarget, Retention, Tls
from idlebell.model.endpoint import Endpoints
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.subscription import (
    ALSO,
    HEARTBEAT_SECONDS_MAX,
    HEARTBEAT_SECONDS_MIN,
    LEASE_SECONDS_MAX,
    LEASE_SECONDS_MIN,
    Payload,
    Subscription,
)
from idlebell.model.trust import AUTHORITIES
from idlebell.net.host_name import BadHost, parse_host

USERNAME_BYTES: Final = 1_000
MAILBOX_BYTES: Final = 1_000
TO_DISCOVER: Final = ImapTarget("", 0, Tls.IMPLICIT)
"""What a wish without a host has as its target, until :mod:`idlebell.gateway.discovery` has found one."""
DEFAULT_MAILBOXES: Final = ("INBOX",)
"""Also those of a selection, until what it selects is found."""
Mailboxes: TypeAlias = tuple[str, ...] | Selection


@dataclass(frozen=True, slots=True)
class Wish:
    """None: the member is absent, and a repeat keeps what it is; so does UNSET, where None is a value. ``credentials`` are
    owned: whoever takes a wish wipes them."""

    target: ImapTarget
    username: str
    endpoints: Endpoints
    mailboxes: Mailboxes | None
    payload: Payload | None
    retention: Retention | None
    lease_seconds: int | None
    also: frozenset[str] | None
    heartbeat_seconds: int | msgspec.UnsetType | None
    preferences: Mapping[str, Any]
    """Members of :class:`~idlebell.model.preferences.Preferences` that are present."""
    wait_seconds: float = field(compare=False)
    credentials: Credentials | None = field(compare=False, default=None)


def read_wish(request: SubscriptionRequest, policy: Policy) -> Wish:
    """ProblemError ``invalid-request`` with all that is wrong."""
    faults = Faults()
    imap = request.imap
    if imap is None:
        faults.add("/imap", "is missing")
        faults.raise_any()
    assert imap is not None
    target = _target(faults, imap, policy)
    trust = read_trust(faults, request.tls_pin_sha256, policy, target.tls)
    if trust != AUTHORITIES:
        if target == TO_DISCOVER:
            faults.add("/imap/host", "is missing: a server whose keys are given is not discovered")
        target = replace(target, trust=trust)
    check_text(faults, "/imap/username", imap.username, USERNAME_BYTES)
    name = imap.username
    credentials = None if imap.auth is None else read_auth(faults, imap.auth, "/imap/auth", policy, username=name)
    endpoints = read_endpoints(
        faults, request.endpoints, allow_plaintext=policy.allow_plaintext, offered=policy.offered
    )
    mailboxes = None if request.mailboxes is None else read_mailboxes(faults, request.mailboxes, policy)
    preferences = read_preferences(faults, members(request))
    payload = None if request.payload is None else read_payload(faults, request.payload)
    if payload is not None:
        fault = payload_fault(payload, endpoints, allow_plaintext=policy.allow_plaintext)
        if fault is not None:
            faults.add("/payload", fault)
    retention = None if request.retention is None else _retention(faults, request.retention, credentials, policy)
    if request.lease_seconds is not None:
        check_lease(faults, request.lease_seconds)
    also = None if request.also is None else read_also(faults, request.also)
    if request.heartbeat_seconds is not msgspec.UNSET and read_heartbeat(faults, request.heartbeat_seconds) is not None:
        fault = heartbeat_fault(endpoints)
        if fault is not None:
            faults.add("/heartbeat_seconds", fault)
    fault = withdraw_fault(endpoints) if preferences.get("withdraw") else None
    if fault is not None:
        faults.add("/withdraw", fault)
    check_wait(faults, request.wait_seconds)
    faults.raise_any()
    return Wish(
        target,
        imap.username,
        endpoints,
        mailboxes,
        payload,
        retention,
        request.lease_seconds,
        also,
        request.heartbeat_seconds,
        preferences,
        request.wait_seconds,
        credentials,
    )


def read_mailboxes(faults: Faults, given: Any, policy: Policy, at: str = "/mailboxes") -> Mailboxes:
    """Names in the order given, each once, or which mailboxes are to be found (RFC 5465 section 6)."""
    match given:
        case list():
            return _names(faults, given, policy, at)
        case "personal":
            return Personal()
        case "subscribed":
            return Subscribed()
        case {"subtree": root}:
            for name in given:
                if name != "subtree":
                    unknown_member(faults, at, name, ())
            return Subtree(_name(faults, root, f"{at}/subtree"))
        case _:
            faults.add(at, 'must be a list of names, "personal", "subscribed" or {"subtree": a name}')
            return DEFAULT_MAILBOXES


def with_mailboxes(subscription: Subscription, mailboxes: Mailboxes | None) -> Subscription:
    """None: as they are. Where others are to be found than before, it has those that it had until they are: what comes
    meanwhile is not missed."""
    if mailboxes is None:
        return subscription
    if isinstance(mailboxes, tuple):
        return replace(subscription, mailboxes=mailboxes, selection=None, resolved=False)
    resolved = subscription.resolved and subscription.selection == mailboxes
    return replace(subscription, selection=mailboxes, resolved=resolved)


def read_also(faults: Faults, given: Any, at: str = "/also") -> frozenset[str]:
    if not isinstance(given, list):
        faults.add(at, "must be a list")
        return frozenset()
    for index, one in enumerate(given):
        if one not in tuple(ALSO):
            faults.add(f"{at}/{index}", "must be one of " + ", ".join(sorted(ALSO)))
    return frozenset(one for one in given if isinstance(one, str))


def read_heartbeat(faults: Faults, given: Any, at: str = "/heartbeat_seconds") -> int | None:
    if given is None:
        return None
    if not _is_whole(given) or not HEARTBEAT_SECONDS_MIN <= given <= HEARTBEAT_SECONDS_MAX:
        faults.add(at, f"must be a whole number from {HEARTBEAT_SECONDS_MIN} to {HEARTBEAT_SECONDS_MAX}, or null")
        return None
    return int(given)


def _names(faults: Faults, given: list[Any], policy: Policy, at: str) -> tuple[str, ...]:
    names = {_name(faults, name, f"{at}/{index}"): None for index, name in enumerate(given[: policy.max_mailboxes])}
    if not given:
        faults.add(at, "must name a mailbox")
    if len(given) > policy.max_mailboxes:
        faults.add(at, f"must be at most {policy.max_mailboxes}")
    return tuple(names)


def _name(faults: Faults, given: Any, at: str) -> str:
    """INBOX is the same in any case (RFC 9051 section 5.1)."""
    if not isinstance(given, str):
        faults.add(at, "must be a string")
        return ""
    check_text(faults, at, given, MAILBOX_BYTES)
    return "INBOX" if given.upper() == "INBOX" else given


def read_payload(faults: Faults, given: Any, at: str = "/payload") -> Payload:
    if given not in tuple(Payload):
        faults.add(at, "must be one of alert, summary, content")
        return Payload.ALERT
    return Payload(given)


def check_lease(faults: Faults, given: Any, at: str = "/lease_seconds") -> None:
    if not _is_whole(given) or not LEASE_SECONDS_MIN <= given <= LEASE_SECONDS_MAX:
        faults.add(at, f"must be a whole number from {LEASE_SECONDS_MIN} to {LEASE_SECONDS_MAX}")


def _is_whole(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


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
        if domain_of(imap.username) is None:
            faults.add(
                "/imap/host", "is missing, and the user name is no mail address whose server could be discovered"
            )
        if imap.port is not None:
            faults.add("/imap/port", "must be left out with the host")
        if tls is not Tls.IMPLICIT:
            faults.add("/imap/tls", "must be left out with the host")
        return TO_DISCOVER
    try:
        host = parse_host(imap.host)
    except BadHost as error:
        faults.add("/imap/host", str(error))
    return ImapTarget(host, port, tls)


def _retention(faults: Faults, given: str, credentials: Credentials | None, policy: Policy) -> Retention:
    retention = Retention(given)
    if retention not in policy.retentions:
        faults.add("/retention", "is not allowed by the operator")
    elif (fault := retention_fault(credentials, retention)) is not None:
        faults.add("/retention", fault)
    return retention
