"""Values to bytes and back: what a store writes down of endpoints, contents and subscriptions. Explicit, versioned, pure.

JSON in ASCII: every string goes through it, lone surrogates from broken mail included. Times are microseconds since the
epoch, exact. IMAP credentials have no encoding here: they never enter a store.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, Final

from idlebell.model.account import Retention
from idlebell.model.endpoint import (
    ApnsEndpoint,
    AppriseEndpoint,
    CanaryEndpoint,
    CommandEndpoint,
    Declarative,
    Endpoint,
    Endpoints,
    Failing,
    FcmEndpoint,
    MwiEndpoint,
    PushUrl,
    Role,
    SimplePushEndpoint,
    TerminalEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
)
from idlebell.model.form import Dialect, Form
from idlebell.model.message import MessageSummary, Textless
from idlebell.model.notification import (
    Content,
    Expiring,
    Heartbeat,
    LossReason,
    NewMail,
    Reconnect,
    Reminder,
    Seen,
    Test,
    Told,
    Verification,
)
from idlebell.model.preferences import NO_PREFERENCES, Preferences
from idlebell.model.proof import PROVEN, UNPROVEN, Asked, Proof, Proven, Unproven
from idlebell.model.secret import Secret
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.subscription import Floor, Loss, Payload, StandingProblem, Subscription
from idlebell.store.contract import StoreError
from idlebell.store.json_text import dump, dump_ascii, load
from idlebell.store.preferences_codec import decode_preferences, encode_preferences
from idlebell.store.routes import DIGEST_BYTES, Route, microseconds, moment

FORMAT: Final = 1
"""``v`` of every encoding. A reader refuses a greater one: it was written by a newer program."""
ROLE_OF_TYPE: Final = {
    content.type: content.role
    for content in (NewMail, Seen, Reminder, Reconnect, Expiring, Heartbeat, Test, Verification)
}


_ROLES: Final = tuple(role.value for role in Role)
_NUMBER_OF_ROLE: Final = {role: number for number, role in enumerate(Role)}
_ROUTE_BYTES: Final = 2 + 3 * DIGEST_BYTES
_PATIENCE_BYTES: Final = 4


def encode_endpoints(endpoints: Endpoints) -> bytes:
    roles = {role.value: getattr(endpoints, role.value) for role in Role}
    members: dict[str, Any] = {name: _endpoint(own) for name, own in roles.items() if own is not None}
    if endpoints.fallbacks:
        members["fallbacks"] = [_endpoint(own) for own in endpoints.fallbacks]
    if endpoints.failing:
        members["failing"] = [
            [one.place, microseconds(one.since), _optional(one.probe_at), one.probes, *([True] if one.spent else [])]
            for one in endpoints.failing
        ]
    return _dump(members)


def decode_endpoints(encoded: bytes) -> Endpoints:
    value = _load(encoded)
    found = {name: _read_endpoint(value[name]) for name in _ROLES if name in value}
    fallbacks = tuple(_read_endpoint(one) for one in value.get("fallbacks", ()))
    failing = tuple(
        Failing(place, moment(since), _moment(probe_at), probes, *spent)
        for place, since, probe_at, probes, *spent in value.get("failing", ())
    )
    return Endpoints(**{"new_mail": None, **found}, fallbacks=fallbacks, failing=failing)


def encode_content(content: Content) -> bytes:
    match content:
        case NewMail():
            members: dict[str, Any] = {
                "mailbox": content.mailbox,
                "uid_validity": content.uid_validity,
                "count": content.count,
                "unseen": content.unseen,
                "messages": [_message(message) for message in content.messages],
            }
            if content.mailboxes:
                members["mailboxes"] = content.mailboxes
            if content.vip:
                members["vip"] = True
            if content.told:
                members["told"] = content.told
        case Seen():
            members = {
                "mailbox": content.mailbox,
                "uid_validity": content.uid_validity,
                "uids": content.uids,
                "unseen": content.unseen,
            }
        case Reminder():
            members = {"mailbox": content.mailbox, "uid_validity": content.uid_validity, "uids": content.uids}
        case Reconnect():
            members = {"reason": content.reason.value}
        case Expiring():
            members = {"expires_at": microseconds(content.expires_at)}
        case Verification():
            members = {"code": content.code}
        case Heartbeat() | Test():
            members = {}
    return _dump({"type": content.type, **members})


def decode_content(encoded: bytes) -> Content:
    value = _load(encoded)
    match value["type"]:
        case NewMail.type:
            messages = tuple(_read_message(message) for message in value["messages"])
            return NewMail(
                value["mailbox"],
                value["uid_validity"],
                value["count"],
                value["unseen"],
                messages,
                tuple((name, count) for name, count in value.get("mailboxes", ())),
                value.get("vip", False),
                tuple(Told(*one) for one in value.get("told", ())),
            )
        case Seen.type:
            return Seen(value["mailbox"], value["uid_validity"], tuple(value["uids"]), value["unseen"])
        case Reminder.type:
            return Reminder(value["mailbox"], value["uid_validity"], tuple(value["uids"]))
        case Reconnect.type:
            return Reconnect(LossReason(value["reason"]))
        case Expiring.type:
            return Expiring(moment(value["expires_at"]))
        case Verification.type:
            return Verification(value["code"])
        case Heartbeat.type:
            return Heartbeat()
        case Test.type:
            return Test()
        case unknown:
            raise StoreError(
                f"A stored notification has the unknown type {unknown}: it was written by a newer Idlebell."
            )


def encode_details(subscription: Subscription) -> str:
    """What no query asks for. Endpoints are not among it: they lie sealed."""
    loss, problem = subscription.loss, subscription.problem
    return dump_ascii(
        {
            "v": FORMAT,
            "payload": subscription.payload.value,
            "retention": subscription.retention.value,
            "lease": subscription.lease_seconds,
            "expires": microseconds(subscription.expires_at),
            "over": _optional(subscription.over_since),
            "paused": subscription.paused,
            "declared": subscription.declared,
            "expiring_sent": subscription.expiring_sent,
            "loss": loss and [loss.reason.value, microseconds(loss.since), loss.reminders, _optional(loss.next_at)],
            "problem": problem and [problem.code, problem.detail, microseconds(problem.since)],
            "floors": [[floor.mailbox, floor.uid_validity, floor.uid_next] for floor in subscription.floors],
            "tokens": [token_hash.hex() for token_hash in subscription.token_hashes],
            "also": sorted(subscription.also),
            "heartbeat": subscription.heartbeat_seconds,
            "resolved": subscription.resolved,
            **({} if subscription.source is None else {"source": subscription.source}),
            **({} if subscription.invitation is None else {"invitation": subscription.invitation}),
            **({"label": subscription.label} if subscription.label else {}),
            **_preferences(subscription.preferences),
        }
    )


def decode_details(encoded: str) -> dict[str, Any]:
    """The members of :class:`~idlebell.model.subscription.Subscription` that :func:`encode_details` wrote down."""
    value = _load(encoded)
    loss, problem = value["loss"], value["problem"]
    return {
        "payload": Payload(value["payload"]),
        "retention": Retention(value["retention"]),
        "lease_seconds": value["lease"],
        "expires_at": moment(value["expires"]),
        "over_since": _moment(value["over"]),
        "paused": value["paused"],
        "declared": value["declared"],
        "expiring_sent": value["expiring_sent"],
        "loss": loss and Loss(LossReason(loss[0]), moment(loss[1]), loss[2], _moment(loss[3])),
        "problem": problem and StandingProblem(problem[0], problem[1], moment(problem[2])),
        "floors": tuple(Floor(*floor) for floor in value["floors"]),
        "token_hashes": tuple(bytes.fromhex(token_hash) for token_hash in value["tokens"]),
        # Not in what was written under schema 1.
        "also": frozenset(value.get("also", ())),
        "heartbeat_seconds": value.get("heartbeat"),
        "resolved": value.get("resolved", False),
        "source": value.get("source"),
        "invitation": value.get("invitation"),
        "label": value.get("label", ""),
        "preferences": decode_preferences(value["preferences"]) if "preferences" in value else NO_PREFERENCES,
    }


def decode_wish(encoded: str) -> Preferences:
    """The preferences of what :func:`encode_details` wrote down."""
    value = _load(encoded)
    return decode_preferences(value["preferences"]) if "preferences" in value else NO_PREFERENCES


def _preferences(preferences: Preferences) -> dict[str, Any]:
    return {} if preferences == NO_PREFERENCES else {"preferences": encode_preferences(preferences)}


def encode_selection(selection: Selection) -> str:
    match selection:
        case Personal():
            return dump_ascii("personal")
        case Subscribed():
            return dump_ascii("subscribed")
        case Subtree(root):
            return dump_ascii({"subtree": root})


def decode_selection(encoded: str) -> Selection:
    match load(encoded):
        case "personal":
            return Personal()
        case "subscribed":
            return Subscribed()
        case {"subtree": str(root)}:
            return Subtree(root)
        case unknown:
            raise StoreError(f"A stored selection is the unknown {unknown}: it was written by a newer Idlebell.")


def encode_routes(routes: dict[Role, Route]) -> bytes:
    """50 bytes a role: its number, whether the kind collapses, three digests. Behind them, where there is something to tell,
    how long new mail waits."""
    found = b"".join(
        bytes((_NUMBER_OF_ROLE[role], to.collapses)) + to.endpoint + to.url + to.lane for role, to in routes.items()
    )
    bell = routes.get(Role.NEW_MAIL)
    patience = 0 if bell is None else bell.patience_seconds
    return found + patience.to_bytes(_PATIENCE_BYTES, "big") if patience else found


def decode_route(encoded: bytes, role: Role) -> Route | None:
    number, digest = _NUMBER_OF_ROLE[role], DIGEST_BYTES
    behind = len(encoded) % _ROUTE_BYTES
    for at in range(0, len(encoded) - behind, _ROUTE_BYTES):
        if encoded[at] == number:
            one = at + 2
            endpoint = encoded[one : one + digest]
            patient = role is Role.NEW_MAIL or (role is Role.REMINDER and _rings_at(encoded, endpoint))
            return Route(
                endpoint,
                encoded[one + digest : one + 2 * digest],
                encoded[one + 2 * digest : one + 3 * digest],
                bool(encoded[at + 1]),
                int.from_bytes(encoded[len(encoded) - behind :], "big") if patient else 0,
            )
    return None


def _rings_at(encoded: bytes, endpoint: bytes) -> bool:
    """Is it where new mail goes?"""
    bell = decode_route(encoded, Role.NEW_MAIL)
    return bell is not None and bell.endpoint == endpoint


def encode_strings(strings: tuple[str, ...]) -> str:
    return dump_ascii(strings)


def decode_strings(encoded: str) -> tuple[str, ...]:
    return tuple(load(encoded))


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    members: dict[str, Any] = {"kind": endpoint.kind, "url": endpoint.url.reveal()}
    match endpoint:
        case SimplePushEndpoint() | MwiEndpoint():
            return members
        case AppriseEndpoint():
            return members | _proof(endpoint.proof)
        case WebPushEndpoint():
            keys = {"p256dh": _base64(endpoint.p256dh), "auth": _base64(endpoint.auth.reveal())}
            wish = endpoint.declarative
            declarative = {} if wish is None else {"declarative": [wish.navigate, wish.title]}
            ours = endpoint.application_server_key
            signed = {} if ours is None else {"signed": ours}
            return members | keys | _proof(endpoint.proof) | declarative | signed | _form(endpoint.form)
        case WebhookEndpoint():
            return members | {"secret": _base64(endpoint.secret.reveal())} | _proof(endpoint.proof)
        case FcmEndpoint():
            return members | {"token": endpoint.token}
        case ApnsEndpoint():
            return members | {"token": endpoint.token, "sandbox": endpoint.sandbox}
        case CommandEndpoint():
            return members | {"command": endpoint.command}
        case TerminalEndpoint() | CanaryEndpoint():
            return members


def _read_endpoint(value: dict[str, Any]) -> Endpoint:
    url = PushUrl(value["url"])
    match value["kind"]:
        case SimplePushEndpoint.kind:
            return SimplePushEndpoint(url)
        case WebPushEndpoint.kind:
            auth = Secret(base64.b64decode(value["auth"]))
            wish = value.get("declarative")
            declarative = None if wish is None else Declarative(*wish)
            point = base64.b64decode(value["p256dh"])
            form = None if "form" not in value else _read_form(*value["form"])
            return WebPushEndpoint(url, point, auth, _read_proof(value), declarative, value.get("signed"), form)
        case WebhookEndpoint.kind:
            return WebhookEndpoint(url, Secret(base64.b64decode(value["secret"])), _read_proof(value))
        case AppriseEndpoint.kind:
            return AppriseEndpoint(url, _read_proof(value))
        case FcmEndpoint.kind:
            return FcmEndpoint(value["token"])
        case ApnsEndpoint.kind:
            return ApnsEndpoint(value["token"], value["sandbox"])
        case MwiEndpoint.kind:
            return MwiEndpoint(url)
        case CommandEndpoint.kind:
            return CommandEndpoint(value["command"])
        case TerminalEndpoint.kind:
            return TerminalEndpoint()
        case CanaryEndpoint.kind:
            return CanaryEndpoint()
        case unknown:
            raise StoreError(f"A stored endpoint has the unknown kind {unknown}: it was written by a newer Idlebell.")


def _form(form: Form | None) -> dict[str, Any]:
    return {} if form is None else {"form": [form.dialect.value, form.name, form.note]}


def _read_form(dialect: str, name: str, note: str) -> Form:
    if dialect not in tuple(Dialect):
        raise StoreError(f"A stored endpoint has the unknown form {dialect}: it was written by a newer Idlebell.")
    return Form(Dialect(dialect), name, note)


def _proof(proof: Proof) -> dict[str, Any]:
    match proof:
        case Unproven():
            return {}
        case Asked():
            return {"asked": [_base64(proof.code.reveal()), microseconds(proof.until), proof.tries, proof.sent]}
        case Proven():
            return {"verified": True}


def _read_proof(value: dict[str, Any]) -> Proof:
    if value.get("verified"):
        return PROVEN
    if "asked" in value:
        code, until_us, tries, *sent = value["asked"]  # what was written under schema 13 was not resent either
        return Asked(Secret(base64.b64decode(code)), moment(until_us), tries, *(sent or (True,)))
    return UNPROVEN


def _message(message: MessageSummary) -> list[Any]:
    return [
        message.uid,
        message.message_id,
        message.sender,
        message.subject,
        message.size,
        message.preview,
        _optional(message.received_at),
        message.truncated,
        *_later_members(message),
    ]


def _later_members(message: MessageSummary) -> list[str | int | None]:
    """What not every message has, and none had at first: those at the end that are not set are left out."""
    members = [message.mailbox, message.text, message.textless, message.number]
    while members and members[-1] is None:
        members.pop()
    return members


def _read_message(value: list[Any]) -> MessageSummary:
    uid, message_id, sender, subject, size, preview, received_at, *later = value
    truncated, mailbox, text, textless, number = [*later, None, None, None, None][:5]
    return MessageSummary(
        uid,
        message_id,
        sender,
        subject,
        size,
        preview,
        _moment(received_at),
        bool(truncated),
        mailbox,
        text,
        None if textless is None else Textless(textless),
        number,
    )


def _dump(value: dict[str, Any]) -> bytes:
    return dump({"v": FORMAT, **value})


def _load(encoded: bytes | str) -> dict[str, Any]:
    value: dict[str, Any] = load(encoded)
    if value["v"] > FORMAT:
        raise StoreError("A stored value was written by a newer Idlebell: run that one.")
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _optional(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)


def _moment(since_epoch_us: int | None) -> datetime | None:
    return None if since_epoch_us is None else moment(since_epoch_us)
