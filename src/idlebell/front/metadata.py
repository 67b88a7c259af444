"""METADATA entries of our own: a subscription as ``POST /v1/subscriptions`` takes it, less the account and its credentials.

Below ``/private/vendor/vendor.idlebell``: ``vapid`` is read; ``subscriptions/NAME`` is set to a request, read as what REST
shows, and ended by NIL; ``subscriptions/NAME/validate`` is set to a code that an endpoint was sent. All subscriptions of the
account are read here: those of REST and of the other dialects under their ``id``.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from idlebell.front.annotations import GET, bad, cannot, claims, found, is_below, name_below, read_get, read_set, within
from idlebell.front.coi import VALIDATE, selected
from idlebell.front.own import Answer, Here, OwnCommand
from idlebell.front.registering import TOO_MANY, RegisteringFamily, answering
from idlebell.gateway.json_object import decode
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import SubscriptionRequest
from idlebell.imap.responses import Condition, PlainCode
from idlebell.model.subscription import Subscription

ROOT: Final = "/private/vendor/vendor.idlebell"
VAPID: Final = ROOT + "/vapid"
SUBSCRIPTIONS: Final = ROOT + "/subscriptions"
VALUE_BYTES: Final = 32_768
"""A filter of a hundred conditions has half of it."""
LABEL: Final = "metadata:"
CAPABILITY: Final = "XIDLEBELL"
"""Also where the mail server has METADATA a client can tell whether these entries are there."""
_NAME: Final = re.compile(r"(?!sub_)[0-9A-Za-z_-]{1,64}", re.IGNORECASE)
_STRANGERS: Final = ("imap", "link", "retention", "tls_pin_sha256", "wait_seconds")
"""What the session stands for, or what nobody waits for."""


class Metadata(RegisteringFamily):
    def capabilities(self, upstream: frozenset[str]) -> frozenset[str]:
        return frozenset({CAPABILITY})

    def claims(self, name: str, opening: bytes, here: Here) -> bool:
        return claims(name, opening, ROOT)

    async def answer(self, command: OwnCommand, here: Here) -> Answer:
        doing = self._get(command, here) if command.name == GET else self._set(command, here)
        return await answering(doing, most=TOO_MANY)

    async def _get(self, command: OwnCommand, here: Here) -> Answer:
        get = read_get(command, ROOT)
        values: list[tuple[str, bytes | None]] = []
        if any(within(VAPID, asked, get.depth) for asked in get.entries):
            values.append((VAPID, (await self._registering.vapid()).encode()))
        if any(is_below(asked, SUBSCRIPTIONS) or is_below(SUBSCRIPTIONS, asked.lower()) for asked in get.entries):
            values += [
                (f"{SUBSCRIPTIONS}/{name_of(one)}", msgspec.json.encode(view))
                for one, view in await self._registering.all(here)
            ]
        return found(get, selected(get, values))

    async def _set(self, command: OwnCommand, here: Here) -> Answer:
        wanted = read_set(command, ROOT)
        name = name_below(SUBSCRIPTIONS, wanted.entry)
        if name.lower().endswith(VALIDATE):
            await self._registering.validate(here, await self._known(here, name[: -len(VALIDATE)]), wanted.value)
        elif wanted.value is None:
            known = await self._known(here, name)
            if known is not None:
                await self._registering.end(here, known.id)
        elif _NAME.fullmatch(name) is None:
            raise bad("a name is 1 to 64 letters, digits, _ and -; those that begin with sub_ are the gateway's")
        else:
            request = read_request(wanted.value)
            await self._registering.register(here, request, LABEL + name.lower())
        return Answer(Condition.OK, "SETMETADATA completed")

    async def _known(self, here: Here, name: str) -> Subscription | None:
        names = ((one, name_of(one)) for one, _ in await self._registering.all(here))
        return next((one for one, own in names if own == name.lower()), None)


def name_of(subscription: Subscription) -> str:
    """As an entry names it: by what its client chose, or by its ``id``."""
    return subscription.label.removeprefix(LABEL) if subscription.label.startswith(LABEL) else subscription.id


def read_request(value: bytes) -> SubscriptionRequest:
    """ProblemError with pointers into the value, Refused where it is too long."""
    if len(value) > VALUE_BYTES:
        raise cannot("the value is too long", PlainCode("METADATA", b"MAXSIZE %d" % VALUE_BYTES))
    given: dict[str, Any] = decode(value, "value")
    for name in _STRANGERS:
        if name in given:
            raise bad(f"/{name} must be left out: the session stands for the account, and nobody waits")
    return read(SubscriptionRequest, given)
