"""The commands of draft-gougeon-imap-webpush: ``GETVAPID``, ``WEBPUSH`` and ``ACKWEBPUSH``.

From -02 section 5.2, certain: the order of WEBPUSH's arguments, NIL to end, idempotence, that what is new or changed is
inactive until it is confirmed, that an inactive one is answered with exactly one untagged WEBPUSH and one VAPID, and that a
key of the server's that has changed makes inactive. :class:`Profile` below is ours: the text that we have leaves it open.
"""

from __future__ import annotations

import re
from typing import Final

from idlebell.front.annotations import arguments, bad, cannot
from idlebell.front.own import Answer, Here, OwnCommand
from idlebell.front.registering import RegisteringFamily, answering
from idlebell.gateway.endpoints import decoded
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import SubscriptionRequest
from idlebell.imap.arguments import Argument
from idlebell.imap.responses import Condition
from idlebell.model.form import Dialect, Form

COMMANDS: Final = frozenset({"GETVAPID", "WEBPUSH", "ACKWEBPUSH"})


class Profile:
    """What the draft leaves open, or what we could not read of it."""

    NAME: Final = re.compile(r"[A-Za-z0-9_-]{10,64}")
    ENDPOINT_BYTES: Final = 1_000
    POINT_BYTES: Final = 65
    AUTH_BYTES: Final = 16
    TOKEN_BYTES: Final = 200
    PAYLOAD: Final = "summary"
    """Enough for an ENVELOPE."""

    @staticmethod
    def vapid(key: str) -> bytes:
        """base64url of the uncompressed point, as RFC 9749 has it."""
        return b'* VAPID "%b"\r\n' % key.encode()

    @staticmethod
    def inactive(name: str) -> bytes:
        return b"* WEBPUSH %b INACTIVE\r\n" % name.encode()


_POINTERS: Final = {
    "/endpoints/new_mail/url": "argument 2",
    "/endpoints/new_mail/keys/p256dh": "argument 3",
    "/endpoints/new_mail/keys/auth": "argument 4",
}


class Draft(RegisteringFamily):
    def capabilities(self, upstream: frozenset[str]) -> frozenset[str]:
        return frozenset({"WEBPUSH"})

    def claims(self, name: str, opening: bytes, here: Here) -> bool:
        return name in COMMANDS

    async def answer(self, command: OwnCommand, here: Here) -> Answer:
        doing = {"GETVAPID": self._get_vapid, "WEBPUSH": self._register, "ACKWEBPUSH": self._acknowledge}
        return await answering(doing[command.name](command, here), _POINTERS)

    async def _get_vapid(self, command: OwnCommand, here: Here) -> Answer:
        if arguments(command).values:
            raise bad("GETVAPID takes no arguments")
        key = await self._registering.vapid()
        return Answer(Condition.OK, "GETVAPID completed", None, (Profile.vapid(key),))

    async def _register(self, command: OwnCommand, here: Here) -> Answer:
        values = arguments(command).values
        name = _name(values)
        if len(values) == 2 and values[1] is None:
            known = await self._registering.labelled(here, label(name))
            if known is not None:
                await self._registering.end(here, known[0].id)
            return Answer(Condition.OK, "WEBPUSH completed, it is gone")
        request = read_request(values)
        registration = await self._registering.register(here, request, label(name), Form(Dialect.DRAFT, name))
        if not registration.view.unverified:
            return Answer(Condition.OK, "WEBPUSH completed, it is active")
        told = Profile.inactive(name), Profile.vapid(await self._registering.vapid())
        return Answer(Condition.OK, "WEBPUSH completed, confirm it with what the push says", None, told)

    async def _acknowledge(self, command: OwnCommand, here: Here) -> Answer:
        values = arguments(command).values
        name = _name(values)
        token = _string(values, 1, Profile.TOKEN_BYTES, "the token of the push")
        if len(values) != 2:
            raise bad("ACKWEBPUSH takes a subscription and a token")
        known = await self._registering.labelled(here, label(name))
        if known is None:
            raise cannot("there is no such subscription to confirm")
        await self._registering.verify(here, known[0].id, token)
        return Answer(Condition.OK, "ACKWEBPUSH completed, it is active")


def label(name: str) -> str:
    return f"draft:{name}"


def read_request(values: tuple[Argument, ...]) -> SubscriptionRequest:
    """Of WEBPUSH's arguments. Refused: BAD with the place."""
    if len(values) != 4:
        raise bad("WEBPUSH takes a subscription and NIL, or a subscription, an endpoint, a key and a secret")
    endpoint = _string(values, 1, Profile.ENDPOINT_BYTES, "an endpoint")
    point = _string(values, 2, 2 * Profile.POINT_BYTES, "a key")
    auth = _string(values, 3, 2 * Profile.POINT_BYTES, "a secret")
    keys = {}
    for at, name, value, size in ((3, "p256dh", point, Profile.POINT_BYTES), (4, "auth", auth, Profile.AUTH_BYTES)):
        spelled = value.decode("ascii", "replace")
        if len(decoded(spelled) or b"") != size:
            raise bad(f"argument {at} must be base64url of {size} bytes")
        keys[name] = spelled
    new_mail = {"type": "webpush", "url": endpoint.decode("ascii", "replace"), "keys": keys}
    return read(SubscriptionRequest, {"endpoints": {"new_mail": new_mail}, "payload": Profile.PAYLOAD})


def _name(values: tuple[Argument, ...]) -> str:
    name = _string(values, 0, 64, "the name of a subscription").decode("ascii", "replace")
    if Profile.NAME.fullmatch(name) is None:
        raise bad("argument 1: the name of a subscription is 10 to 64 letters, digits, _ and -")
    return name


def _string(values: tuple[Argument, ...], place: int, most: int, what: str) -> bytes:
    if len(values) <= place:
        raise bad(f"argument {place + 1} is missing: {what}")
    value = values[place]
    if not isinstance(value, bytes) or not value:
        raise bad(f"argument {place + 1} must be {what}")
    if len(value) > most:
        raise bad(f"argument {place + 1} must have at most {most} bytes")
    return value
