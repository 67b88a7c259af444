"""What a server says beside its answer to a login, without what it was sent. Pure."""

from __future__ import annotations

from idlebell.imap.responses import Condition, PlainCode, ResponseCode, StatusResponse
from idlebell.login.echo import unechoed
from idlebell.login.mechanism import revealed
from idlebell.model.account import Credentials
from idlebell.net.reply import Reply


def said_of(reply: Reply, sent: Credentials) -> tuple[Condition, ResponseCode | None, str]:
    return reply.completed.condition, reply.completed.code, unechoed(reply.completed.text, revealed(sent))


def alerts_of(reply: Reply, sent: Credentials | None = None) -> list[str]:
    """What the server wants its user to read (RFC 9051 section 7.1), in the order in which it was said, without what it was
    sent."""
    said = [(one.code, one.text) for one in reply.untagged if isinstance(one, StatusResponse)]
    said.append((reply.completed.code, reply.completed.text))
    found = [text for code, text in said if isinstance(code, PlainCode) and code.name == "ALERT"]
    return found if sent is None else [unechoed(text, revealed(sent)) for text in found]
