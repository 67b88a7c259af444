"""COI's "IMAP WebPush Extension" 1.0: METADATA entries by which a client registers a Web Push endpoint of its own.

``…/vapid`` is read, ``…/subscriptions/ID`` set, read and ended, ``…/subscriptions/ID/validate`` set to the code that came in
the first push. A registration that is not validated in five minutes is dropped.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from idlebell.front.annotations import (
    GET,
    Get,
    bad,
    cannot,
    claims,
    found,
    is_below,
    name_below,
    read_get,
    read_set,
    within,
)
from idlebell.front.own import Answer, Here, OwnCommand
from idlebell.front.registering import TOO_MANY, RegisteringFamily, answering
from idlebell.gateway.endpoints import decoded
from idlebell.gateway.json_object import decode
from idlebell.gateway.reading import Faults, read
from idlebell.gateway.shapes import SubscriptionRequest, SubscriptionView
from idlebell.imap.responses import Condition, PlainCode
from idlebell.model.endpoint import form_of
from idlebell.model.form import Dialect, Form
from idlebell.model.subscription import Subscription
from idlebell.push.payload import instant
from idlebell.push.vapid import pem

ROOT: Final = "/private/vendor/vendor.dovecot/webpush"
VAPID: Final = ROOT + "/vapid"
SUBSCRIPTIONS: Final = ROOT + "/subscriptions"
VALIDATE: Final = "/validate"
VALUE_BYTES: Final = 4_096
"""Of a subscription: its members make 2 KiB at most, and others are dropped unread."""
CLIENT_BYTES: Final = 128
DEVICE_BYTES: Final = 128
ENDPOINT_BYTES: Final = 512
P256DH_CHARACTERS: Final = 256
AUTH_BYTES: Final = 16
MESSAGE_TYPES: Final = ("chat", "mail", "all")
CHAT: Final = "$chat"
"""The keyword that makes a message a chat's."""
NO_RECEIPT: Final = {"operator": "NOT", "conditions": [{"header": ["Content-Type", "disposition-notification"]}]}
"""A message disposition notification (RFC 8098) never rings."""
_NAME: Final = re.compile(r"[0-9A-Za-z_-]{10,36}")
_POINTERS: Final = {
    "/endpoints/new_mail/url": "/resource/endpoint",
    "/endpoints/new_mail/keys/p256dh": "/resource/keys/p256dh",
    "/endpoints/new_mail/keys/auth": "/resource/keys/auth",
}


class Coi(RegisteringFamily):
    def capabilities(self, upstream: frozenset[str]) -> frozenset[str]:
        return frozenset({"WEBPUSH"})

    def claims(self, name: str, opening: bytes, here: Here) -> bool:
        return claims(name, opening, ROOT)

    async def answer(self, command: OwnCommand, here: Here) -> Answer:
        doing = self._get(command, here) if command.name == GET else self._set(command, here)
        return await answering(doing, _POINTERS, TOO_MANY)

    async def _get(self, command: OwnCommand, here: Here) -> Answer:
        get = read_get(command, ROOT)
        values: list[tuple[str, bytes | None]] = []
        if any(within(VAPID, asked, get.depth) for asked in get.entries):
            values.append((VAPID, pem(await self._registering.vapid()).encode()))
        if any(is_below(asked, SUBSCRIPTIONS) or within(SUBSCRIPTIONS, asked, get.depth) for asked in get.entries):
            values += [
                (f"{SUBSCRIPTIONS}/{form.name}", spelled(one, view, form))
                for one, view in await self._registering.all(here)
                if (form := form_of(one.endpoints.new_mail)) is not None and form.dialect is Dialect.COI
            ]
        return found(get, selected(get, values))

    async def _set(self, command: OwnCommand, here: Here) -> Answer:
        wanted = read_set(command, ROOT)
        name = name_below(SUBSCRIPTIONS, wanted.entry)
        if name.lower().endswith(VALIDATE):
            known = await self._known(here, name[: -len(VALIDATE)])
            await self._registering.validate(here, known and known[0], wanted.value)
            return Answer(Condition.OK, "SETMETADATA completed")
        if _NAME.fullmatch(name) is None:
            raise bad("the name of a subscription is 10 to 36 letters, digits, _ and -")
        if wanted.value is None:
            known = await self._known(here, name)
            if known is not None:
                await self._registering.end(here, known[0].id)
            return Answer(Condition.OK, "SETMETADATA completed")
        request, form = read_subscription(name, wanted.value)
        await self._registering.register(here, request, label(name), form)
        return Answer(Condition.OK, "SETMETADATA completed")

    async def _known(self, here: Here, name: str) -> tuple[Subscription, SubscriptionView] | None:
        return await self._registering.labelled(here, label(name))


def label(name: str) -> str:
    """Names of entries have no case, so two that differ in it only are one."""
    return f"coi:{name.lower()}"


def selected(get: Get, values: list[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """What is asked for by its very name and is not there is NIL; the others of a tree are left out."""
    wanted = [(name, value) for name, value in values if any(within(name, asked, get.depth) for asked in get.entries)]
    there = {name.lower() for name, _ in wanted}
    return wanted + [(asked, None) for asked in get.entries if asked.lower() not in there and get.depth == 0]


def read_subscription(name: str, value: bytes) -> tuple[SubscriptionRequest, Form]:
    """ProblemError with pointers into the value, Refused. Members that are not known are dropped."""
    if len(value) > VALUE_BYTES:
        raise cannot("the value is too long", PlainCode("METADATA", b"MAXSIZE %d" % VALUE_BYTES))
    given = decode(value, "value")
    faults = Faults()
    client = _string(faults, given, "client", CLIENT_BYTES, "/client")
    device = _string(faults, given, "device", DEVICE_BYTES, "/device")
    kind = given.get("msgtype", "all")
    if kind not in MESSAGE_TYPES:
        faults.add("/msgtype", "must be one of " + ", ".join(MESSAGE_TYPES))
    resource = _object(faults, given, "resource", "/resource")
    keys = _object(faults, resource, "keys", "/resource/keys")
    endpoint = _string(faults, resource, "endpoint", ENDPOINT_BYTES, "/resource/endpoint", needed=True)
    point = _string(faults, keys, "p256dh", P256DH_CHARACTERS, "/resource/keys/p256dh", needed=True)
    auth = _string(faults, keys, "auth", P256DH_CHARACTERS, "/resource/keys/auth", needed=True)
    if auth and len(decoded(auth) or b"") != AUTH_BYTES:
        faults.add("/resource/keys/auth", f"must be base64url of {AUTH_BYTES} bytes")
    faults.raise_any()
    note = {"client": client, "device": device, "msgtype": kind}
    request = read(
        SubscriptionRequest,
        {
            "endpoints": {"new_mail": {"type": "webpush", "url": endpoint, "keys": {"p256dh": point, "auth": auth}}},
            "payload": "content",
            "filter": filter_of(kind),
        },
    )
    return request, Form(Dialect.COI, name, json.dumps({key: own for key, own in note.items() if own is not None}))


def filter_of(kind: str) -> dict[str, Any]:
    """In the gateway's language, which mail rings."""
    chosen: dict[str, list[dict[str, Any]]] = {
        "chat": [{"hasKeyword": CHAT}],
        "mail": [{"notKeyword": CHAT}],
        "all": [],
    }
    return {"operator": "AND", "conditions": [*chosen[kind], NO_RECEIPT]} if chosen[kind] else NO_RECEIPT


def spelled(subscription: Subscription, view: SubscriptionView, form: Form) -> bytes:
    """What is read back. The endpoint and its keys are not: they are a right to ring (RFC 8620 section 7.2.1 has it so)."""
    told = json.loads(form.note) | {
        "created": instant(subscription.created_at, "seconds"),
        "validated": not view.unverified,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _object(faults: Faults, given: dict[str, Any] | None, member: str, at: str) -> dict[str, Any] | None:
    """None: a fault was added, here or to what it should stand in."""
    if given is None:
        return None
    value = given.get(member)
    if not isinstance(value, dict):
        faults.add(at, "is missing" if value is None else "must be an object")
        return None
    return value


def _string(
    faults: Faults, given: dict[str, Any] | None, member: str, most: int, at: str, *, needed: bool = False
) -> str | None:
    value = None if given is None else given.get(member)
    if value is None:
        if needed and given is not None:
            faults.add(at, "is missing")
    elif not isinstance(value, str):
        faults.add(at, "must be a string")
    elif len(value.encode("utf-8", "replace")) > most:
        faults.add(at, f"must have at most {most} bytes")
    else:
        return value
    return None
