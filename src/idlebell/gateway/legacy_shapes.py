"""The form of 2013, as faces hand it in."""

from __future__ import annotations

import msgspec

from idlebell.gateway.shape import Shape
from idlebell.model.secret import Secret


class RegisterRequest(Shape, frozen=True, kw_only=True):
    """POST /register, the form of 2013."""

    username: str
    password: Secret
    new_mail_url: str = msgspec.field(name="onNewMessageURL")
    reconnect_url: str = msgspec.field(name="onReconnectURL")
    imap_server: str = msgspec.field(name="IMAPServer")

    def __repr__(self) -> str:
        return "RegisterRequest(…)"


class UnregisterRequest(Shape, frozen=True, kw_only=True):
    """POST /unregister. ``password`` may be left out where the subscription's own token is the bearer's."""

    username: str
    new_mail_url: str = msgspec.field(name="onNewMessageURL")
    imap_server: str = msgspec.field(name="IMAPServer")
    password: Secret | None = None

    def __repr__(self) -> str:
        return "UnregisterRequest(…)"
