"""Declarative Web Push (Push API, "declarative push message"; Safari 18.4 and later): what a browser shows by itself.

Its members stand beside those of the JSON body, for an endpoint that asks for them. A browser that knows them shows the
notification, and first asks the site's worker, if one answers, for a better one (``mutable``); any other browser hands the
same JSON to the worker. Pure, and bounded.
"""

from __future__ import annotations

from typing import Final

from idlebell.model.endpoint import Declarative
from idlebell.model.notification import NewMail, Notification
from idlebell.model.shown_text import cut, shown
from idlebell.push.payload import Members
from idlebell.push.wording import worded

WEB_PUSH: Final = 8030
"""By which a browser knows such a message."""
TITLE_CHARACTERS: Final = 80
TEXT_CHARACTERS: Final = 160
"""About what a locked phone shows. With a title and a URL at their longest, in any script, under 2,000 bytes: half the body
stays for the messages."""
UNNAMED: Final = "New mail"
"""A title must not be empty, and a sender may consist of what is not shown."""
UNSEEN_BY_PEOPLE: Final = frozenset({"seen", "heartbeat", "verification"})
"""For a program alone: there are no words for it."""


def beside(notification: Notification, wish: Declarative, tag: str) -> Members:
    """What comes to the body; nothing of what no person is to see. ``tag``: a newer notification with the same one takes the
    place of an older. A worker gets the notification and not the JSON from a browser that knows it: ``data`` says whose it
    is."""
    content = notification.content
    if content.type in UNSEEN_BY_PEOPLE:
        return {}
    said = worded(notification)
    lines = [*([said.title] if wish.title else []), *said.body.split("\n")]
    members: Members = {
        "web_push": WEB_PUSH,
        "notification": {
            "title": wish.title or shown(said.title, TITLE_CHARACTERS) or UNNAMED,
            "body": cut("\n".join(filter(None, (shown(one, TEXT_CHARACTERS) for one in lines))), TEXT_CHARACTERS),
            "navigate": wish.navigate,
            "tag": tag,
            "silent": False,
            "data": {
                "type": content.type,
                "subscription": notification.subscription_id,
                "version": notification.version,
            },
        },
    }
    # As on a phone's home screen: the badge is INBOX's, other mailboxes' figures would replace it.
    if isinstance(content, NewMail) and content.unseen is not None and content.mailbox == "INBOX":
        members["app_badge"] = content.unseen
    return members | {"mutable": True}
