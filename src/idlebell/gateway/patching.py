"""JSON Merge Patch (RFC 7396) of a subscription. Pure: what it needs of the network and the store is done around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from idlebell.gateway.credentials import read_auth
from idlebell.gateway.endpoint_shapes import EndpointsShape
from idlebell.gateway.endpoints import (
    heartbeat_fault,
    payload_fault,
    read_endpoints,
    spelled_all,
    with_proofs,
    withdraw_fault,
)
from idlebell.gateway.policy import Policy
from idlebell.gateway.preferences import READERS, read_preferences
from idlebell.gateway.reading import Faults, read_into, unknown_member
from idlebell.gateway.shapes import Auth
from idlebell.gateway.telling import check_told
from idlebell.gateway.when import quiet_hours_json
from idlebell.gateway.wish import (
    DEFAULT_MAILBOXES,
    check_lease,
    read_also,
    read_heartbeat,
    read_mailboxes,
    read_payload,
    with_mailboxes,
)
from idlebell.model.account import Credentials
from idlebell.model.endpoint import Endpoints
from idlebell.model.preferences import Preferences
from idlebell.model.subscription import LEASE_SECONDS_DEFAULT, Payload, Subscription

MEMBERS: Final = frozenset(
    {
        "mailboxes",
        "payload",
        "endpoints",
        "lease_seconds",
        "paused",
        "also",
        "heartbeat_seconds",
        "tls_pin_sha256",
        *READERS,
    }
)


def read_patch_auth(patch: Mapping[str, Any], policy: Policy) -> Credentials | None:
    """``auth`` of a patch, owned by the caller from now on. ProblemError where it is not valid."""
    if patch.get("auth") is None:
        return None
    faults = Faults()
    auth = read_into(faults, Auth, patch["auth"], "/auth")
    credentials = None if faults.count else read_auth(faults, auth, "/auth", policy)
    faults.raise_any()
    return credentials


def patched(subscription: Subscription, patch: Mapping[str, Any], policy: Policy, now: datetime) -> Subscription:
    """``subscription`` as ``patch`` wants it; null stands for the default. Its key, floors and revision are not touched.
    ProblemError ``invalid-request`` with all that is wrong."""
    faults = Faults()
    for name in patch:
        if name not in MEMBERS and name != "auth":
            unknown_member(faults, "", name, sorted({*MEMBERS, "auth"} - patch.keys()), "is no member to change")
    changes: dict[str, Any] = {}
    wished = read_preferences(faults, _whole(subscription.preferences, patch))
    if wished:
        changes["preferences"] = replace(subscription.preferences, **wished)
    if "mailboxes" in patch:
        given = patch["mailboxes"]
        mailboxes = DEFAULT_MAILBOXES if given is None else read_mailboxes(faults, given, policy)
        subscription = with_mailboxes(subscription, mailboxes)
    if "payload" in patch:
        changes["payload"] = Payload.ALERT if patch["payload"] is None else read_payload(faults, patch["payload"])
    if "also" in patch:
        changes["also"] = frozenset() if patch["also"] is None else read_also(faults, patch["also"])
    if "heartbeat_seconds" in patch:
        changes["heartbeat_seconds"] = read_heartbeat(faults, patch["heartbeat_seconds"])
    if "lease_seconds" in patch:
        seconds = LEASE_SECONDS_DEFAULT if patch["lease_seconds"] is None else patch["lease_seconds"]
        before = faults.count
        check_lease(faults, seconds)
        if faults.count == before:
            changes |= {
                "lease_seconds": seconds,
                "expires_at": now + timedelta(seconds=seconds),
                "expiring_sent": False,
            }
    if "paused" in patch:
        if not (patch["paused"] is None or isinstance(patch["paused"], bool)):
            faults.add("/paused", "must be true or false")
        changes["paused"] = patch["paused"] is True
    if "endpoints" in patch:
        endpoints = _endpoints(faults, subscription.endpoints, patch["endpoints"], policy)
        if endpoints is not None:
            changes["endpoints"] = with_proofs(endpoints, subscription.endpoints)
    faults.raise_any()
    found = replace(subscription, **changes)
    fault = payload_fault(found.payload, found.endpoints, allow_plaintext=policy.allow_plaintext)
    if fault is not None:
        faults.add("/payload" if "payload" in patch else "/endpoints/new_mail", f"payload {fault}")
    fault = None if found.heartbeat_seconds is None else heartbeat_fault(found.endpoints)
    if fault is not None:
        at = "/heartbeat_seconds" if "heartbeat_seconds" in patch else "/endpoints/heartbeat"
        faults.add(at, f"heartbeat_seconds {fault}")
    fault = withdraw_fault(found.endpoints) if found.preferences.withdraw else None
    if fault is not None:
        faults.add("/withdraw" if "withdraw" in patch else "/endpoints/new_mail", f"withdraw {fault}")
    faults.raise_any()
    if found.source is not None:
        _check_source(found, found.source, patch, policy)
    return found


def _check_source(found: Subscription, source: str, patch: Mapping[str, Any], policy: Policy) -> None:
    """One that a mail server tells of can have no more than that tells, and has no session to make."""
    faults = Faults()
    for name in ("auth", "tls_pin_sha256"):
        if patch.get(name) is not None:
            faults.add(f"/{name}", "must be left out: a mail server reports its mail, and no session is opened")
    faults.raise_any()
    if (known := policy.sources.get(source)) is not None:
        check_told(found, known)


def _whole(known: Preferences, patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """With all members of quiet hours of which some are changed."""
    given = patch.get("quiet_hours")
    if not isinstance(given, dict):
        return patch
    before = {} if known.quiet_hours is None else quiet_hours_json(known.quiet_hours)
    return {**patch, "quiet_hours": merged(before, given)}


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396 section 2."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def _endpoints(faults: Faults, known: Endpoints, patch: Any, policy: Policy) -> Endpoints | None:
    if not isinstance(patch, dict):
        faults.add("/endpoints", "must be an object; new_mail has no default")
        return None
    before = spelled_all(known)
    for name, value in patch.items():
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(before.get(name), list) or isinstance(value, list):
            before.pop(name, None)  # a list is replaced whole (RFC 7396 section 1)
        elif name in before and kind is not None and kind != before[name]["type"]:
            del before[name]  # of another kind nothing can be kept
        elif name in before and isinstance(value, dict) and "endpoint" in value:
            before[name].pop("url", None)  # a browser spells it so
    shape = read_into(faults, EndpointsShape, merged(before, patch), "/endpoints")
    if shape is None:
        return None
    return read_endpoints(faults, shape, allow_plaintext=policy.allow_plaintext, offered=policy.offered)
