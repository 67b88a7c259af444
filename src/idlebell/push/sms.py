"""One SMS: a line for a person, and a token that an app on the phone can take up. Pure.

One segment, in the alphabet of 3GPP TS 23.038 (GSM 7-bit): 160 septets. One character outside of it would make the message one
of UCS-2, with 70, and a longer one is paid for as two.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from idlebell.model.notification import NewMail, Notification
from idlebell.push.wording import line

SEGMENT_SEPTETS: Final = 160
TOKEN_FORMAT: Final = 1
"""The number behind ``idlebell:``; another one would mean other fields."""

# 3GPP TS 23.038 section 6.2.1, in order of the table; ESC, which leads to the extension, is left out.
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Section 6.2.1.1: after ESC, so two septets each.
_EXTENSION: Final = frozenset("^{}\\[~]|€\f")
_INSTEAD: Final = {
    **dict.fromkeys("‘’‚‛`´", "'"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("‐‑‒–—―", "-"),
    "…": "...", "•": "-", "ç": "Ç", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th",
}  # fmt: skip
_TOKEN: Final = re.compile(r"\bidlebell:1:(?P<id>[A-Za-z0-9_]+):(?P<version>[0-9]{1,16}):(?P<count>[0-9]{1,9})$")


@dataclass(frozen=True, slots=True)
class Token:
    """``idlebell:1:ID:VERSION:COUNT``. ``count``: new messages; 0 where it tells of something else."""

    subscription: str
    version: int
    count: int

    def __str__(self) -> str:
        return f"idlebell:{TOKEN_FORMAT}:{self.subscription}:{self.version}:{self.count}"


def segment(notification: Notification) -> str:
    """At most :data:`SEGMENT_SEPTETS`: as much of the line as fits, and the whole token."""
    content = notification.content
    count = content.count if isinstance(content, NewMail) else 0
    token = str(Token(notification.subscription_id, notification.version, count))
    return f"{_fitting(gsm(line(notification)), SEGMENT_SEPTETS - septets(token) - 1)} {token}".lstrip()


def token_of(text: str) -> Token | None:
    """The receiver's side: the token at the end of an SMS; None: it has none that is known here."""
    found = _TOKEN.search(text.rstrip())
    return None if found is None else Token(found["id"], int(found["version"]), int(found["count"]))


def gsm(text: str) -> str:
    """In the alphabet: what is not in it loses its accents, or becomes a question mark; white space becomes one space."""
    text = " ".join(text.split())
    return "".join(one if one in _BASIC or one in _EXTENSION else _instead(one) for one in text)


def septets(text: str) -> int:
    """ValueError: a character is outside the alphabet."""
    for one in text:
        if one not in _BASIC and one not in _EXTENSION:
            raise ValueError(f"U+{ord(one):04X} is not in the GSM 7-bit alphabet")
    return len(text) + sum(one in _EXTENSION for one in text)


def _instead(one: str) -> str:
    found = _INSTEAD.get(one)
    if found is None:
        found = "".join(part for part in unicodedata.normalize("NFKD", one) if not unicodedata.combining(part))
        found = " ".join(found.split())
    return found if found and all(part in _BASIC for part in found) else "?"


def _fitting(text: str, room: int) -> str:
    taken = 0
    for at, one in enumerate(text):
        taken += 2 if one in _EXTENSION else 1
        if taken > room:
            return text[:at].rstrip()
    return text.rstrip()
