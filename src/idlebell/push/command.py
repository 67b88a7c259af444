"""A command for each message: ``exec`` of ``[[watch]]`` and of ``idlebell watch``. Never an app's endpoint.

The notification's JSON comes on standard input, and its members in the environment, so that a one-liner needs no parser.
What a sender wrote is only ever a value there, never a part of the command.
"""

from __future__ import annotations

from datetime import datetime

from idlebell.model.endpoint import CommandEndpoint
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import CommandEnded, CommandInput, CommandRun, NoResponse
from idlebell.push.outcome import Accepted, Outcome, Refused
from idlebell.push.payload import fit

BODY_LIMITS = (65_536,)
"""On standard input."""


def build(notification: Notification, endpoint: CommandEndpoint, attempt: Attempt) -> CommandRun:
    """Once for each message that is described; once with a count where none is."""
    body = fit(notification, attempt.limit_bytes or BODY_LIMITS[0])
    content = notification.content
    common = [
        ("IDLEBELL_TYPE", content.type),
        ("IDLEBELL_SUBSCRIPTION", notification.subscription_id),
        ("IDLEBELL_VERSION", str(notification.version)),
    ]
    if not isinstance(content, NewMail):
        return CommandRun(endpoint.command, (CommandInput(tuple(common), body),))
    common += [("IDLEBELL_MAILBOX", content.mailbox or ""), ("IDLEBELL_COUNT", str(content.count))]
    if not content.messages:
        return CommandRun(endpoint.command, (CommandInput(tuple(common), body),))
    return CommandRun(
        endpoint.command, tuple(CommandInput((*common, *_described(message)), body) for message in content.messages)
    )


def read(answer: CommandEnded | NoResponse, now: datetime) -> Outcome:
    """A command that fails is not run again: what it did before it failed would be done twice."""
    match answer:
        case CommandEnded(0):
            return Accepted(0)
        case CommandEnded(status):
            return Refused(f"the command ended with status {status}", status)
        case NoResponse():
            return Refused(answer.detail or answer.reason)


def _described(message: MessageSummary) -> list[tuple[str, str]]:
    members = {
        "MAILBOX": message.mailbox,
        "UID": str(message.uid),
        "MESSAGE_ID": message.message_id,
        "FROM": message.sender,
        "SUBJECT": message.subject,
        "SIZE": None if message.size is None else str(message.size),
        "RECEIVED_AT": None if message.received_at is None else message.received_at.isoformat(),
    }
    # NUL cannot stand in an environment; descriptions are free of it, but that is somebody else's promise.
    return [(f"IDLEBELL_{name}", value.replace("\0", "")) for name, value in members.items() if value is not None]
