"""Declarative Web Push (Push API, "declarative push message"; Safari 18.4 and later): what a browser shows by itself.

Its members stand beside those of the JSON body, for an endpoint that asks for them. A browser that knows them shows the
notification, and first asks the site's worker, if one answers, for a better one (``mutable``); any other browser hands the
same JSON to the worker. Pure, and bounded.
"""

from __future__ import annotations

from typing import Final

from idlebell.model.endpoint import Declarative
from idlebell.model.notification import NewMail, Notification, Seen
from idlebell.model.shown_text import cut, shown
from idlebell.push.payload import Members, members_of
from idlebell.push.wording import worded

WEB_PUSH: Final = 8030
"""By which a browser knows such a message."""
TITLE_CHARACTERS: Final = 80
TEXT_CHARACTERS: Final = 160
"""About what a locked phone shows. With a title and a URL at their longest, in any script, under 2,000 bytes: half the body
stays for the messages."""
UNNAMED: Final = "New mail"
"""A title must not be empty, and a sender may consist of what is not shown."""
QUIET: Final = frozenset({"seen", "verification"})
"""For a program, mostly: where it does not act on them a card comes all the same, without a sound. A push that shows nothing
counts against the app, and after some its browser ends the subscription."""


def beside(notification: Notification, wish: Declarative, tag: str) -> Members:
    """What comes to the body. ``tag``: a newer notification with the same one takes the place of an older. A worker gets the
    notification and not the JSON from a browser that knows it, so ``data`` is the JSON without its messages."""
    content = notification.content
    said = worded(notification)
    lines = [*([said.title] if wish.title else []), *said.body.split("\n")]
    members: Members = {
        "web_push": WEB_PUSH,
        "notification": {
            "title": wish.title or shown(said.title, TITLE_CHARACTERS) or UNNAMED,
            "body": cut("\n".join(filter(None, (shown(one, TEXT_CHARACTERS) for one in lines))), TEXT_CHARACTERS),
            "navigate": wish.navigate,
            "tag": tag,
            "silent": content.type in QUIET,
            "data": {name: value for name, value in members_of(notification).items() if name != "messages"},
        },
    }
    # As on a phone's home screen: the badge is INBOX's, other mailboxes' figures would replace it.
    if isinstance(content, NewMail | Seen) and content.unseen is not None and content.mailbox == "INBOX":
        members["app_badge"] = content.unseen
    return members | {"mutable": True}
