"""SCRAM whose client is an app at the other end of a REST call: messages go through, neither password nor keys are here.

What the app sends first is compared with the account before (:func:`first_fault`), or it would prove one user and watch as
another. No channel binding: the app does not see the channel.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from idlebell.imap.sasl_message import attributes, bad_message, decode, escape
from idlebell.imap.saslprep import saslprep

ANSWER_SECONDS: Final = 15.0
"""For the app's answer to the challenge: a round trip and PBKDF2 on a phone. Servers wait for a minute at least (Dovecot:
three), but a login that waits holds a place of others meanwhile."""
MESSAGE_CHARACTERS: Final = 4_096
_FIRST: Final = re.compile(r"n,,n=([^,]+),r=([\x21-\x2b\x2d-\x7e]{8,256})")
_FINAL: Final = re.compile(r"c=biws,r=([\x21-\x2b\x2d-\x7e]+),p=([A-Za-z0-9+/]{26,43}=)")


class Unanswered(Exception):  # noqa: N818 - named as the fact it is
    """The app did not answer the challenge in time."""


class Relay:
    """One exchange. :attr:`challenged` has the server's first message as soon as it is there, :meth:`answer_with` takes the
    app's last one, and :attr:`server_final` is what the server has proven itself with, for the app to check: here nobody can.
    """

    __slots__ = ("_final", "_first", "_given_up", "challenged", "name", "nonce", "server_final")

    satisfied = True  # the app sees to that

    def __init__(self, mechanism: str, client_first: str) -> None:
        loop = asyncio.get_running_loop()
        self.name = mechanism
        self._first = client_first
        self._given_up = False
        self.challenged: asyncio.Future[str] = loop.create_future()
        self._final: asyncio.Future[str] = loop.create_future()
        self.nonce = ""
        """Of both sides."""
        self.server_final = ""

    @property
    def client_first(self) -> str:
        return self._first

    def initial(self) -> bytes:
        return self._first.encode()

    async def answer(self, challenge: bytes) -> bytes:
        """Unanswered: the app has gone, or was too slow."""
        text = decode(challenge)
        if self.challenged.done():
            self.server_final = text
            return b""
        own = attributes(self._first.removeprefix("n,,"))["r"]
        nonce = attributes(text).get("r", "")
        if not nonce.startswith(own) or len(nonce) == len(own) or len(text) > MESSAGE_CHARACTERS:
            raise bad_message("a nonce that does not begin with the app's")
        self.nonce = nonce
        if self._given_up:
            raise Unanswered
        self.challenged.set_result(text)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return (await self._final).encode()
        except TimeoutError:
            raise Unanswered from None

    def prove(self, server_final: str) -> None:
        """Of an exchange that runs in another process."""
        self.server_final = server_final

    def answer_with(self, client_final: str) -> bool:
        """False: it was answered already, or it is too late."""
        if self._final.done():
            return False
        self._final.set_result(client_final)
        return True

    def give_up(self) -> None:
        """Nobody is going to answer."""
        self._given_up = True
        self._final.cancel()


def first_fault(client_first: str, username: str) -> str | None:
    """Why the app's first message cannot be sent for this user; None: it can."""
    found = _FIRST.fullmatch(client_first)
    if found is None:
        return "must be n,,n=USER,r=NONCE with a nonce of 8 to 256 characters (RFC 5802 section 7; no channel binding)"
    try:
        names = {escape(username), escape(saslprep(username))}
    except ValueError:
        names = {escape(username)}
    return None if found[1] in names else "must be of imap.username"


def final_fault(client_final: str, nonce: str) -> str | None:
    found = _FINAL.fullmatch(client_final)
    if found is None or found[1] != nonce:
        return "must be c=biws,r=NONCE,p=PROOF with the nonce of server_first (RFC 5802 section 7)"
    return None
