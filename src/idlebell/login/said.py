"""What a server says beside its answer to a login, without what it was sent. Pure."""

from __future__ import annotations

from idlebell.imap.responses import Condition, PlainCode, ResponseCode, StatusResponse
from idlebell.login.echo import unechoed
from idlebell.login.mechanism import has_secret, revealed
from idlebell.model.account import Credentials
from idlebell.net.reply import Reply


def without_secret(text: str, sent: Credentials) -> str:
    return unechoed(text, revealed(sent)) if has_secret(sent) else text


def said_of(reply: Reply, sent: Credentials) -> tuple[Condition, ResponseCode | None, str]:
    return reply.completed.condition, reply.completed.code, without_secret(reply.completed.text, sent)


def alerts_of(reply: Reply, sent: Credentials | None = None) -> list[str]:
    """What the server wants its user to read (RFC 9051 section 7.1), in the order in which it was said, without what it was
    sent."""
    said = [(one.code, one.text) for one in reply.untagged if isinstance(one, StatusResponse)]
    said.append((reply.completed.code, reply.completed.text))
    found = [text for code, text in said if isinstance(code, PlainCode) and code.name == "ALERT"]
    return found if sent is None else [without_secret(text, sent) for text in found]
